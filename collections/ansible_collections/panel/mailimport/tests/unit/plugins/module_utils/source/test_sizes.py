# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceFolder
from ansible_collections.panel.mailimport.plugins.module_utils.source.session import SourceSession
from ansible_collections.panel.mailimport.plugins.module_utils.source.sizes import FolderSize, folder_sizes


def folder(name, messages):
    return SourceFolder(name.encode(), tuple(name.split("/")), messages=messages)


def sizes(server, account, answers, folders, capabilities=b"IMAP4rev1"):
    """What comes of it, and what was asked for it."""
    started = server(answers, capabilities=capabilities)
    session = SourceSession(account(started), None)
    found = folder_sizes(session, folders)
    session.close()
    return found, [line.partition(b" ")[2] for line in started.heard]


def told(command):
    """Messages of 1,000 bytes and their number each, for a FETCH of sequence numbers."""
    numbers = [
        number for first, last in re.findall(rb"(\d+):(\d+)", command) for number in range(int(first), int(last) + 1)
    ]
    return b"".join(b"* %d FETCH (RFC822.SIZE %d)\r\n" % (number, 1000 + number) for number in numbers) + b"TAG OK\r\n"


def test_a_source_that_adds_up_itself_is_asked_for_the_sums(server, account):
    answers = {
        b'STATUS "INBOX"': b"* STATUS inbox (SIZE 5000000000)\r\nTAG OK done\r\n",
        b'STATUS "A b"': b'* STATUS "A b" (SIZE 7)\r\nTAG OK done\r\n',
    }
    found, asked = sizes(
        server, account, answers, [folder("INBOX", 3), folder("A b", 1), folder("Empty", 0)], b"IMAP4rev1 STATUS=SIZE"
    )
    assert found == {b"INBOX": FolderSize(5_000_000_000, False), b"A b": FolderSize(7, False)}
    assert not any(b"Empty" in command or b"FETCH" in command for command in asked)


def test_of_others_each_message_is_asked_and_of_many_some(server, account):
    found, asked = sizes(server, account, {b"FETCH": told}, [folder("Few", 3), folder("Many", 100_000)])
    assert found[b"Few"] == FolderSize(3006, False)
    # Their average is that of the first and the last.
    assert found[b"Many"].estimated and abs(found[b"Many"].bytes - 51_000.5 * 100_000) < 100_000
    (some,) = [command for command in asked if command.startswith(b"FETCH") and b"1:3 " not in command]
    assert b"99951:100000" in some and len(some) < 400


def test_what_a_source_does_not_say_is_not_made_up(server, account):
    answers = {
        b'STATUS "A"': b"TAG NO not now\r\n",
        b'EXAMINE "A"': b"TAG NO gone\r\n",
        b'EXAMINE "B"': b"* 2 EXISTS\r\nTAG OK done\r\n",
        # Of the folder that is still open there, perhaps.
        b"FETCH 1:1": b"* 1 FETCH (RFC822.SIZE 99)\r\nTAG OK done\r\n",
        b"FETCH 1:2": b"* 1 FETCH (FLAGS (\\Seen))\r\n* 2 FETCH (RFC822.SIZE )\r\nTAG BAD what?\r\n",
    }
    found, _asked = sizes(
        server, account, answers, [folder("A", 1), folder("B", 2), folder("Bad\n", 3)], b"IMAP4rev1 STATUS=SIZE"
    )
    assert found == {}
