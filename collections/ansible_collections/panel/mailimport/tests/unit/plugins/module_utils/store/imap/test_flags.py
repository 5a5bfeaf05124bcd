# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.responses import Status
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap import uid_map
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.flags import carry_flags, split_flags
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.session import HostSession


@pytest.mark.parametrize(
    ("flags", "system", "keywords", "lost"),
    [
        ((), (), (), ()),
        ((b"\\SEEN", b"\\seen", b"\\Draft", b"\\Recent"), (b"\\Draft", b"\\Seen"), (), ()),
        ((b"$Forwarded", b"\\Forwarded", b"work", b"WORK"), (), (b"$Forwarded", b"work"), ()),
        (
            (b"\\Unheard", b"two words", b"{5}", b")", b'"', b"a\r\nb", b""),
            (),
            (),
            (b"\\Unheard", b"two words", b"{5}", b")", b'"', b"a\r\nb", b""),
        ),
    ],
)
def test_flags_are_sorted_out(flags, system, keywords, lost):
    """What is left for a command cannot end it: message data behind it would be read as commands."""
    assert split_flags(flags) == (system, keywords, lost)


class Sessions:
    """A host whose messages have no flags, and that refuses the second command of those that change some."""

    def __init__(self, monkeypatch):
        self.changes = 0
        monkeypatch.setattr(HostSession, "change_flags", self.change_flags)

    def flags(self, name, uids):
        return dict.fromkeys(uid_map.parse_sequence_set(uids, 10000), ())

    def change_flags(self, _session, name, uids, sign, flag):
        self.changes += 1
        return Status("NO" if self.changes == 2 else "OK", b"", "")

    def attempt(self, work):
        return work(self)


def test_only_messages_whose_flags_were_changed_are_counted(monkeypatch):
    """So many ranges that one command does not do, and one of the commands is refused."""
    uids = list(range(1, 2402, 2))  # 500, 500 and 201 ranges
    carried = carry_flags(Sessions(monkeypatch), b"A", dict.fromkeys(uids, (b"\\Seen",)), remove=True)
    assert carried.changed == set(uids[:500] + uids[1000:]) and carried.refused == {b"\\Seen"}
