# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a refusal of a login may mean is told where a provider has one text for several things."""

from __future__ import annotations

from ansible_collections.panel.mailimport.plugins.module_utils.provider.hints import with_hint


def test_the_one_text_of_yandex_is_explained():
    refusal = "imap.yandex.ru refuses the login of a@b.example: Invalid credentials or IMAP is disabled sc=ANQhQk2B"
    told = with_hint(refusal)
    assert told.startswith(refusal + "; ")
    for cause in ("expired token", "app password", "switched off", "never opened"):
        assert cause in told


def test_a_refusal_that_speaks_for_itself_stays_alone():
    assert with_hint("the password has expired") == "the password has expired"
