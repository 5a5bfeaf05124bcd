# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.panel.mailimport.plugins.module_utils.imap.responses import Status
from ansible_collections.panel.mailimport.plugins.module_utils.imap.uids import parse_sequence_set
from ansible_collections.panel.mailimport.plugins.module_utils.store.base import FlagChange
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.flags import carry_flags
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.session import HostSession


class Sessions:
    """A host whose messages have no flags, and that refuses the second command of those that change some."""

    def __init__(self, monkeypatch):
        self.changes = 0
        monkeypatch.setattr(HostSession, "change_flags", self.change_flags)

    def flags(self, name, uids):
        return dict.fromkeys(parse_sequence_set(uids, 10000), ())

    def change_flags(self, _session, name, uids, sign, flag):
        self.changes += 1
        return Status("NO" if self.changes == 2 else "OK", b"", "")

    def attempt(self, work):
        return work(self)


def test_only_messages_whose_flags_were_changed_are_counted(monkeypatch):
    """So many ranges that one command does not do, and one of the commands is refused."""
    uids = list(range(1, 2402, 2))  # 340, 340, 340 and 181 ranges
    carried = carry_flags(Sessions(monkeypatch), b"A", dict.fromkeys(uids, FlagChange((b"\\Seen",))))
    assert carried.changed == set(uids[:340] + uids[680:]) and carried.refused == {b"\\Seen"}
