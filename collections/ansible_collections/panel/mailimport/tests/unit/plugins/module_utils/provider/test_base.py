# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every provider of mailboxes."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import REASONS, SKIP_REASONS
from ansible_collections.panel.mailimport.plugins.module_utils.provider.base import SkipReason


def test_a_skip_reason_is_a_documented_word():
    assert SkipReason("robot", "it is none of ours").reason == "robot"
    with pytest.raises(ValueError, match="unknown skip reason: tired"):
        SkipReason("tired", "it sleeps")


def test_a_word_says_either_failed_or_skipped():
    assert not REASONS & SKIP_REASONS
