# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a refusal of a login may mean is told where a provider has one text for several things."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.provider.hints import with_hint


def test_the_one_text_of_yandex_is_explained():
    refusal = "imap.yandex.ru refuses the login of a@b.example: Invalid credentials or IMAP is disabled sc=ANQhQk2B"
    told = with_hint(refusal)
    assert told.startswith(refusal + "; ")
    for cause in ("expired token", "app password", "switched off", "never opened"):
        assert cause in told


def test_a_refusal_that_speaks_for_itself_stays_alone():
    assert with_hint("the password has expired") == "the password has expired"


@pytest.mark.parametrize(
    ("refusal", "meaning"),
    [
        (
            "[ALERT] IMAP access is disabled for your domain. Please contact your domain administrator",
            "POP and IMAP access",
        ),
        ("[ALERT] Your account is not enabled for IMAP use. Please visit your Gmail settings page", "in the mailbox"),
        ("[ALERT] Application-specific password required: https://support.google.com/accounts", "apppasswords"),
        ("[WEBALERT https://accounts.google.com/signin] Web login required.", "log in on the web once"),
        ("[ALERT] Please log in via your web browser: https://support.google.com/mail/", "log in on the web once"),
    ],
)
def test_what_gmail_says_of_a_login_is_explained(refusal, meaning):
    told = with_hint("imap.gmail.com:993 refuses the login of anna@one.example: " + refusal)
    assert refusal in told and meaning in told.partition(refusal + "; ")[2]
