# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import FolderRules
from ansible_collections.panel.mailimport.plugins.module_utils.source.session import SourceSession
from ansible_collections.panel.mailimport.plugins.module_utils.state.records import FolderMark, SourceMessages
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.held import MaildirMail
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.store import MaildirStore
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.tree import MaildirTree
from ansible_collections.panel.mailimport.plugins.module_utils.store.origin import Origin
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.flags import FlagUpdate, looks
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.memory import Memories, MessageMemory
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.plan import plan_folders
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.preview import count_flag_changes


class Flagged:
    """Folder A of a source whose messages have flags, a session on it, and what earlier runs brought of it."""

    def __init__(self, account, location, condstore):
        self.account, self.location = account, location
        self.flags = {1: b"\\Seen", 2: b"", 3: b"key"}
        self.modseq = 10
        server = account.server
        if condstore:
            server.answers[b"CAPABILITY"] = b"* CAPABILITY IMAP4rev1 CONDSTORE\r\nTAG OK\r\n"
            server.greeting = b"* OK [CAPABILITY IMAP4rev1 CONDSTORE] hello\r\n"
        status = server.answers[b"STATUS"]
        server.answers[b"STATUS"] = lambda command: (
            status(command).replace(b")", b" HIGHESTMODSEQ %d)" % self.modseq) if condstore else status(command)
        )
        server.answers[b"UID FETCH"] = self._fetched
        self.session = SourceSession(account.request().source, None)
        self.store = MaildirStore(location)
        memory = MessageMemory()
        memory.update(dict.fromkeys((1, 2, 3), ()))
        self.memories = Memories([SourceMessages(b"A", 77, memory.pack())])

    def _fetched(self, command):
        return b"".join(b"* 1 FETCH (UID %d FLAGS (%s))\r\n" % entry for entry in self.flags.items()) + b"TAG OK\r\n"

    def plans(self):
        return plan_folders(self.session.list_folders(), FolderRules(), self.location, {})

    def update(self, mark):
        counted = []
        update = FlagUpdate(self.account.request().key, self.plans(), {b"A": mark}, self.memories)
        current, self.untold = update.carry(self.session, self.store, counted.append)
        return sum(counted), current

    def letters(self):
        cur = self.location.root + "/.A/cur"
        return {int(name[:10]): name.partition(":2,")[2] for name in os.listdir(cur)}


@pytest.fixture
def flagged(account, location):
    opened = []

    def make(condstore=True):
        source = account(A=[1, 2, 3])
        opened.append(Flagged(source, location, condstore))
        origin = Origin(source.request().key, b"A", 77)
        for uid in (1, 2, 3):
            cur = location.root + "/.A/cur"
            os.makedirs(cur, exist_ok=True)
            with open("%s/%s,S=1,W=1:2," % (cur, origin.base_name(uid)), "w") as stream:
                stream.write("x")
        return opened[-1]

    yield make
    for each in opened:
        each.session.close()


MARK = FolderMark(b"A", "A", 77, last_uid=3, uidnext=4, messages=3, highest_modseq=9, copied=True)


@pytest.mark.parametrize("condstore", [False, True])
def test_flags_are_carried_over_once(flagged, condstore):
    source = flagged(condstore)
    mark = MARK if condstore else FolderMark(**{**vars(MARK), "highest_modseq": None})
    changed, (current,) = source.update(mark)
    assert changed == 2 and source.letters() == {1: "S", 2: "", 3: "a"}
    assert current.highest_modseq == (10 if condstore else None) and current.last_uid == 3
    assert source.update(current)[0] == 0


def test_only_what_changed_is_asked_for_where_the_server_counts_changes(flagged):
    source = flagged()
    source.update(MARK)
    assert any(line.endswith(b"UID FETCH 1:3 (UID FLAGS) (CHANGEDSINCE 9)") for line in source.account.server.heard)
    asked = len(source.account.server.heard)
    assert source.update(FolderMark(**{**vars(MARK), "highest_modseq": 10})) == (0, [])
    assert not any(b"EXAMINE" in line for line in source.account.server.heard[asked:])


def test_without_counting_all_that_was_delivered_is_compared(flagged):
    source = flagged(condstore=False)
    source.update(MARK)
    assert any(line.endswith(b"UID FETCH 1:3 (UID FLAGS)") for line in source.account.server.heard)


@pytest.mark.parametrize("mark", [{"uidvalidity": 78}, {"last_uid": 0}])
def test_other_messages_and_none_are_left_alone(flagged, mark):
    source = flagged()
    assert source.update(FolderMark(**{**vars(MARK), **mark})) == (0, [])
    assert source.letters() == {1: "", 2: "", 3: ""}


def test_a_folder_that_turns_out_to_be_another_than_was_listed_is_left_alone(flagged):
    source = flagged()
    source.account.examined = b"* OK [UIDVALIDITY 78] restored meanwhile\r\n"
    assert source.update(MARK) == (0, [])
    assert source.letters() == {1: "", 2: "", 3: ""}


def test_flags_that_were_not_all_told_are_asked_for_again(flagged):
    source = flagged()
    source.account.server.answers[b"UID FETCH"] = b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\nTAG NO the rest later\r\n"
    assert source.update(MARK) == (1, [])


@pytest.mark.parametrize("condstore", [False, True])
def test_what_the_owner_changed_here_stays(flagged, condstore):
    source = flagged(condstore)
    mark = MARK if condstore else FolderMark(**{**vars(MARK), "highest_modseq": None})
    source.update(mark)
    cur = source.location.root + "/.A/cur"
    for name in os.listdir(cur):
        os.rename("%s/%s" % (cur, name), "%s/%s:2,F" % (cur, name.partition(":2,")[0]))
    source.modseq, source.flags[2] = 11, b"\\Answered"
    assert source.update(mark)[0] == 1
    assert source.letters() == {1: "F", 2: "FR", 3: "F"}
    source.modseq, source.flags[3] = 12, b""
    assert source.update(mark)[0] == 0, "what is gone at the source is gone here already"


@pytest.mark.parametrize("condstore", [False, True])
def test_where_nothing_is_remembered_nothing_is_taken_away(flagged, condstore):
    """As after an import by an older version."""
    source = flagged(condstore)
    source.memories = Memories()
    cur = source.location.root + "/.A/cur"
    for name in os.listdir(cur):
        os.rename("%s/%s" % (cur, name), "%s/%sF" % (cur, name))
    assert source.update(MARK)[0] == 2
    assert source.letters() == {1: "FS", 2: "F", 3: "Fa"}
    assert any(line.endswith(b"UID FETCH 1:3 (UID FLAGS)") for line in source.account.server.heard)
    source.modseq, source.flags[1] = 11, b""
    assert source.update(MARK)[0] == 1
    assert source.letters() == {1: "F", 2: "F", 3: "Fa"}


@pytest.mark.parametrize(
    ("condstore", "modseq", "count"), [(True, 9, 2), (True, 10, 0), (True, None, 2), (False, 9, 2)]
)
def test_changed_flags_are_counted(flagged, condstore, modseq, count):
    source = flagged(condstore)
    marks = {b"A": FolderMark(**{**vars(MARK), "highest_modseq": modseq})}
    folders = looks(source.session, source.account.request().key, source.plans(), marks, source.memories)
    tree = MaildirTree(source.location)
    assert count_flag_changes(source.session, folders, MaildirMail(tree))[0] == count
    source.update(marks[b"A"])
    source.memories = Memories()
    folders = looks(source.session, source.account.request().key, source.plans(), marks, source.memories)
    assert count_flag_changes(source.session, folders, MaildirMail(tree))[0] == 0, "the mailbox has them already"
    tree.close()
