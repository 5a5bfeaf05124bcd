# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import FolderRules, SourceConnections
from ansible_collections.panel.mailimport.plugins.module_utils.source.connections import Connections
from ansible_collections.panel.mailimport.plugins.module_utils.source.profiles import EXCHANGE
from ansible_collections.panel.mailimport.plugins.module_utils.store.base import HeldCopy
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.store import MaildirStore
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import patience
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.batch import Batch
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.copy import AccountCopy
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.line import Line
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.memory import Memories
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.news import (
    Copied,
    Failed,
    LeftBehind,
    Note,
    Waiting,
)
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.plan import plan_folders

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def run(location):
    """Copy an account into the mailbox, in this process; return all events."""

    def copy(account, marks=None, sessions=1000, connections="1", memories=None, **options):
        events, opened = [], []

        def open_session():
            if len(opened) == sessions:
                raise MailImportError("auth_failed", "the run ends here")
            opened.append(account.session())
            return opened[-1]

        store = MaildirStore(location)
        patient = patience.Patience(events.append)
        memories = Memories() if memories is None else memories
        batch = Batch(account.request(**options), store, marks or {}, memories, events.append, patient.gained)
        batch.set_source(EXCHANGE, batch.budget)
        several = Connections(open_session, SourceConnections.parse(connections), str)
        copier = AccountCopy(Line(open_session, patient, batch.commit), several, batch, store, marks or {})
        plans = plan_folders(account.session().list_folders(), FolderRules(), location, {})
        try:
            copier.run(plans)
        except MailImportError as error:
            events.append(Failed(error.reason, error.message))
        for session in opened:
            session.abandon()
        return events

    return copy


def copied(events):
    return [event.messages for event in events if isinstance(event, Copied)][-1]


def not_imported(events):
    return [
        (entry.folder, entry.uid, entry.reason)
        for event in events
        if isinstance(event, LeftBehind)
        for entry in event.entries
    ]


def test_all_folders_with_all_messages(account, run, uids, marks_in):
    source = account(INBOX=[1, 5], A=range(1, 30), Empty=[])
    events = run(source)
    assert (uids("."), uids(".A"), uids(".Empty")) == ([1, 5], list(range(1, 30)), [])
    assert copied(events) == 31 and not_imported(events) == []
    marks = marks_in(events)
    assert {name: (mark.last_uid, mark.uidnext, mark.messages, mark.copied) for name, mark in marks.items()} == {
        b"INBOX": (5, 6, 2, True),
        b"A": (29, 30, 29, True),
        b"Empty": (0, 1, 0, True),
    }
    asked = len(source.server.heard)
    assert copied(run(source, marks)) == 0
    assert not any(b"EXAMINE" in line for line in source.server.heard[asked:])


def test_only_new_messages_come_later(account, run, uids, marks_in):
    source = account(A=[1, 2])
    marks = marks_in(run(source))
    source.folders[b"A"][7] = b"new"
    events = run(source, marks)
    assert copied(events) == 1 and uids(".A") == [1, 2, 7]


@pytest.mark.parametrize("number", [3, 30])
def test_copies_are_not_gone_through_for_each_that_is_found(account, number):
    """A label of Gmail may have a hundred thousand messages that are here already."""

    class Copies(list):
        gone_through = 0

        def __iter__(self):
            self.gone_through += 1
            return super().__iter__()

    copies = Copies(HeldCopy(uid, (b"%d" % uid,), 9, ()) for uid in range(1, number + 1))
    store = SimpleNamespace(copy_held=lambda writer, wanted: dict.fromkeys(range(2, number + 1), 9), room=None)
    batch = Batch(account(A=[]).request(), store, {}, Memories(), [].append, lambda: None)
    remembered = {}
    memory = SimpleNamespace(remember=remembered.__setitem__)
    copy = SimpleNamespace(writer=SimpleNamespace(held=()), memory=memory, copied=0)
    batch.receive_copies(copy, copies)
    assert remembered == {uid: (b"%d" % uid,) for uid in range(2, number + 1)}
    assert (copy.copied, copies.gone_through) == (number - 1, 2)


@pytest.mark.parametrize("status", [b"OK", b"NO [UNAVAILABLE]", b"NO some messages could not be read", b"BAD", None])
def test_a_message_that_cannot_be_had_keeps_no_other_back_and_is_told(account, run, uids, status):
    source = account(A=range(1, 20), B=[1])
    source.withheld, source.status = {11}, status
    if status == b"NO [UNAVAILABLE]":
        source.status = b"NO"  # patience is tested elsewhere
    events = run(source)
    assert uids(".A") == [uid for uid in range(1, 20) if uid != 11] and uids(".B") == [1]
    assert not_imported(events) == [("A", 11, "source_unavailable")]


def test_a_message_left_behind_is_tried_again_until_it_comes_or_is_gone(account, run, uids, marks_in):
    source = account(A=[1, 2, 3, 4])
    source.withheld = {2, 3}
    marks = marks_in(run(source))
    assert marks[b"A"].missing == (2, 3) and not marks[b"A"].copied
    source.withheld = {3}
    events = run(source, marks)
    assert uids(".A") == [1, 2, 4] and not_imported(events) == [("A", 3, "source_unavailable")]
    del source.folders[b"A"][3]  # its owner has given it up
    events = run(source, marks_in(events))
    assert not_imported(events) == []
    assert marks_in(events)[b"A"].copied


def test_a_message_left_behind_that_the_disk_had_no_room_for_is_still_left_behind(
    account, run, uids, marks_in, monkeypatch
):
    """It had come, and was not stored: whatever is recorded then, the next run asks for it again."""
    source = account(A=[1, 2, 3])
    source.withheld = {2}
    marks = marks_in(run(source))
    assert marks[b"A"].missing == (2,)
    source.withheld = set()
    with monkeypatch.context() as full:

        def no_room(store):
            raise MailImportError("disk_full", "no room")

        full.setattr(MaildirStore, "commit", no_room)
        marks.update(marks_in(run(source, marks)))
    assert uids(".A") == [1, 3]
    run(source, marks)
    assert uids(".A") == [1, 2, 3]


@pytest.mark.parametrize("status", [b"OK", b"NO"])
def test_a_gap_in_what_came_is_never_taken_for_delivered(account, run, uids, marks_in, status):
    """The folder is there and in sight, so each batch counts at once: a run that ends then must not hide the gap."""
    source = account(A=[1, 2])
    marks = marks_in(run(source))
    source.folders[b"A"].update({uid: b"new %d" % uid for uid in range(3, 10)})
    source.withheld, source.status = {5}, status
    search = source.server.answers[b"UID FETCH"]

    def killed_when_it_looks_for_the_gap(command):
        return search(command) if b"BODY" in command else None

    source.server.answers[b"UID FETCH"] = killed_when_it_looks_for_the_gap
    events = run(source, marks, sessions=1)
    assert events[-1].reason == "auth_failed"
    assert uids(".A") == [1, 2, 3, 4, 6, 7, 8, 9]

    source.server.answers[b"UID FETCH"] = search
    source.withheld = set()
    events = run(source, {**marks, **marks_in(events)})
    assert uids(".A") == list(range(1, 10)) and copied(events) == 1


def test_a_message_that_a_server_leaves_out_in_silence_is_noticed_in_later_runs_too(account, run, uids, marks_in):
    source = account(A=[1, 2])
    marks = marks_in(run(source))
    source.folders[b"A"].update({uid: b"new %d" % uid for uid in range(3, 10)})
    source.withheld = {5}
    events = run(source, marks)
    assert uids(".A") == [1, 2, 3, 4, 6, 7, 8, 9] and not_imported(events) == [("A", 5, "source_unavailable")]


def test_a_connection_that_breaks_at_the_question_whether_a_message_is_still_there_is_opened_again(account, run, uids):
    source = account(A=range(1, 20), B=[1])
    source.withheld = {11}
    fetch, asked = source.server.answers[b"UID FETCH"], []

    def breaking(command):
        if b"BODY" in command or not command.startswith(b"UID FETCH 11 "):
            return fetch(command)
        asked.append(command)
        return None if len(asked) == 1 else fetch(command)

    source.server.answers[b"UID FETCH"] = breaking
    events = run(source)
    assert uids(".A") == [uid for uid in range(1, 20) if uid != 11] and uids(".B") == [1]
    assert not_imported(events) == [("A", 11, "source_unavailable")] and len(asked) == 2


def test_a_message_that_is_too_large(account, run, uids, marks_in):
    events = run(account(A={1: b"x" * 100, 2: b"x" * 101, 3: b"x" * 300_000}), max_message_size=100)
    assert uids(".A") == [1] and not_imported(events) == [("A", 2, "message_refused"), ("A", 3, "message_refused")]
    assert marks_in(events)[b"A"].missing == (2, 3)


NOTICE = (
    b"From: Microsoft Exchange Server\r\nSubject: Retrieval using the IMAP4 protocol failed for the following "
    b"message: 7\r\n\r\nThe server couldn't retrieve the following message\r\n"
)


def test_a_folder_of_notices_alone_holds_no_mail_when_its_name_says_so(account, run, marks_in, tmp_path):
    """Unless mail came of it before."""
    source = account(
        Kalender={1: NOTICE, 2: NOTICE}, Contacts={1: b"Subject: mail\r\n\r\nbody\r\n"}, Projects={1: NOTICE}
    )
    memories = Memories()
    events = run(source, memories=memories)
    assert not_imported(events) == [("Projects", 1, "message_refused")]
    assert not (tmp_path / "Maildir" / ".Kalender").exists()
    del source.folders[b"Projects"]
    notes = [event.message for event in events if isinstance(event, Note)]
    assert any("Kalender is left out" in note for note in notes) and len(notes) == 2
    # Both have put the mail elsewhere.
    for file in (tmp_path / "Maildir" / ".Contacts" / "cur").iterdir():
        file.unlink()
    source.folders[b"Contacts"] = {2: NOTICE}
    events = run(source, marks_in(events), memories=memories)
    assert not_imported(events) == [("Contacts", 2, "message_refused")]


def test_a_connection_that_breaks_in_the_middle_goes_on_where_it_broke(account, run, uids):
    source = account(A=range(1, 10), B=range(1, 10))
    fetch, broken = source.server.answers[b"UID FETCH"], []

    def breaking(command):
        answer = fetch(command)
        if broken or b"BODY" not in command:
            return answer
        broken.append(command)
        return answer[: len(answer) // 2] + b"HANG UP"

    source.server.answers[b"UID FETCH"] = breaking
    events = run(source)
    assert uids(".A") == uids(".B") == list(range(1, 10))
    assert copied(events) == 18 and not_imported(events) == []
    assert any(isinstance(event, Waiting) for event in events)


@pytest.mark.parametrize("examined", [b"", b"* OK [UIDVALIDITY 78] restored meanwhile\r\n"])
def test_uidvalidity_of_examine_counts_where_it_says_one(account, run, marks_in, tmp_path, examined):
    source = account(A=[1, 2])
    source.examined = examined
    marks = marks_in(run(source))
    expected = 78 if examined else 77
    assert marks[b"A"].uidvalidity == expected
    assert (tmp_path / "Maildir" / ".A" / "dovecot-uidlist").read_bytes().startswith(b"3 V%d " % expected)


def test_a_folder_that_is_refused_does_not_end_the_others(account, run, uids):
    source = account(A=[1], B=[1, 2], C=[1])
    examine = source.server.answers[b"EXAMINE"]
    source.server.answers[b"EXAMINE"] = lambda command: (
        b"TAG NO [NOPERM] not yours\r\n" if b'"B"' in command else examine(command)
    )
    events = run(source)
    assert uids(".A") == uids(".C") == [1]
    (refused,) = [event for event in events if isinstance(event, LeftBehind)]
    assert refused.messages == 2 and "not yours" in refused.entries[0].message


@pytest.mark.parametrize("connections", ["1", "auto"])
def test_a_folder_that_breaks_whatever_connection_opens_it_does_not_end_the_others(account, run, uids, connections):
    """Large, so that its sizes are asked for, or small."""
    source = account(A=[1], Large=range(1, 120), Small=[1, 2], Z=[1])
    examine = source.server.answers[b"EXAMINE"]
    source.server.answers[b"EXAMINE"] = source.server.answers[b"SELECT"] = lambda command: (
        None if b'"Large"' in command or b'"Small"' in command else examine(command)
    )
    events = run(source, connections=connections)
    assert uids(".A") == uids(".Z") == [1]
    assert not_imported(events) == [("Large", None, "folder_refused"), ("Small", None, "folder_refused")]


def test_many_folders_do_not_use_up_descriptors(account, run, marks_in, tmp_path):
    """1,024 of them are what a process usually gets."""
    source = account(**{"folder %d" % number: [1] for number in range(400)})
    fetch, most = source.server.answers[b"UID FETCH"], []

    def counting(command):
        most.append(len(os.listdir("/proc/self/fd")))
        return fetch(command)

    source.server.answers[b"UID FETCH"] = counting
    before = len(os.listdir("/proc/self/fd"))
    events = run(source)
    assert copied(events) == 400 and len(list((tmp_path / "Maildir").glob(".folder*"))) == 400
    for folder in source.folders.values():
        folder[2] = b"two"
    assert copied(run(source, marks_in(events))) == 400
    assert max(most) - before < 800
