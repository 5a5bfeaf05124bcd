# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes that wait for each other."""

from __future__ import annotations

import os
import time

from ansible_collections.panel.mailimport.plugins.module_utils.process.meeting import Meeting


def test_who_waits_goes_on_when_all_have_come_or_not_at_all_for_ever() -> None:
    meeting = Meeting(3)
    for member in range(2):
        child = os.fork()
        if not child:
            meeting.come(member)
            os._exit(0)
        os.waitpid(child, 0)
    began = time.monotonic()
    meeting.wait(0.05)
    assert time.monotonic() - began >= 0.05
    meeting.come(2)
    meeting.wait(float("inf"))
