# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An import that ends midway, and a source that gives its messages other UIDs before the next one goes on."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import batch, patience
from fakes.imap_mail import Folder, Message
from fakes.imap_server import Command, FakeServer, Session
from support.mail import small_message

from .bench import Bench, Run, digests, messages
from .test_renumbered import Mail, renumbered

each_store = pytest.mark.parametrize("store", ["auto", "imap"])
each_mailbox = pytest.mark.parametrize("has_mail", [False, True], ids=["empty", "with mail"])


@pytest.fixture(autouse=True)
def short_outages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LONGEST_OUTAGE", 0.05)


def one_before_all(mail: Mail) -> Mail:
    return renumbered([Message(0, small_message(500)), *mail])


def first_removed(mail: Mail) -> Mail:
    return renumbered(mail[1:])


def one_of_those_that_came_removed(mail: Mail) -> Mail:
    return renumbered([*mail[:1], *mail[2:], Message(0, small_message(501))])


def inserted_among_those_that_came(mail: Mail) -> Mail:
    return renumbered([*mail[:2], Message(0, small_message(501)), *mail[2:]])


def last_that_came_is_another(mail: Mail) -> Mail:
    return renumbered([*mail[:2], Message(0, small_message(501)), *mail[3:]])


def others_instead(mail: Mail) -> Mail:
    return renumbered([Message(0, small_message(501)), Message(0, small_message(502))])


def counted_from_below(mail: Mail) -> Mail:
    return [Message(message.uid - mail[0].uid + 1, message.body) for message in mail]


def sent_so_far(server: FakeServer, count: int) -> None:
    """From now on the source sends so many messages of each folder, and then it is gone."""

    def act(session: Session, command: Command) -> None:
        if b"BODY.PEEK[])" in command.rest:
            session.send_messages(command, list(session.wanted(command))[:count])
            server.on("GREETING", lambda session, command: session.hang_up())
            session.hang_up()
        session.behave(command)

    server.on("UID FETCH", act)


def sent_of_each(server: FakeServer, count: int) -> None:
    """The source sends so many messages of each folder, as if that were all, and is gone when it is to list them."""

    def act(session: Session, command: Command) -> None:
        if b"BODY.PEEK[])" in command.rest:
            session.send_messages(command, list(session.wanted(command))[:count])
            session.answer(command)
            return
        server.on("GREETING", lambda session, command: session.hang_up())
        session.hang_up()

    server.on("UID FETCH", act)


def heal(server: FakeServer) -> None:
    server.on("UID FETCH", Session.behave)
    server.on("GREETING", Session.behave)


def told(run: Run) -> int:
    """Of how many folders it is told that their UIDs are others."""
    return sum("other UIDs under the same UIDVALIDITY" in line for line in run.lines)


def told_renewed(run: Run) -> int:
    """Of how many folders it is told that their UIDVALIDITY is another one."""
    return sum("another UIDVALIDITY" in line for line in run.lines)


def options(store: str, own: Mail) -> dict[str, str]:
    return {"message_store": store, "existing_content": "merge" if own else "replace"}


def prepare(bench: Bench, has_mail: bool, *folders: bytes) -> Mail:
    """Make the mailbox, with messages of its owner's in these folders, or leave it to the import."""
    own = messages(2, 900) if has_mail else []
    if own:
        with FakeServer([Folder(name, own) for name in (b"INBOX", *folders)]) as another:
            assert bench.run(another.port, source_user="another@example.org").result.state == "completed"
    return own


def expect(bench: Bench, before: Mail, after: Mail, own: Mail, folder: str = "INBOX") -> None:
    """All that the source has now is here, nothing twice, and nothing from elsewhere."""
    here = Counter(bench.digests(folder))
    assert set(digests([*after, *own])) <= set(here), "something of %s is missing" % folder
    assert set(here) <= set(digests([*before, *after, *own]))
    assert set(here.values()) == {1}, "something of %s is here twice" % folder


SHIFTS: list[Callable[[Mail], Mail]] = [
    one_before_all,
    first_removed,
    one_of_those_that_came_removed,
    inserted_among_those_that_came,
    last_that_came_is_another,
    others_instead,
    counted_from_below,
]


@each_mailbox
@each_store
def test_a7_uids_that_shift_before_an_import_goes_on(bench: Bench, store: str, has_mail: bool) -> None:
    """Each folder in a way of its own."""
    before = {shift: messages(6, 101 if shift is counted_from_below else 1) for shift in SHIFTS}
    folders = {shift: Folder(shift.__name__.encode(), mail) for shift, mail in before.items()}
    own = prepare(bench, has_mail, *(folder.name for folder in folders.values()))
    with FakeServer([Folder(b"INBOX"), *folders.values()]) as server:
        sent_of_each(server, 3)
        assert bench.run(server.port, **options(store, own)).result.state == "failed"
        heal(server)
        for shift, folder in folders.items():
            folder.messages = shift(before[shift])
        looked = bench.look(server.port, **options(store, own))
        assert told(looked) == len(SHIFTS)
        result = bench.run(server.port, **options(store, own))
        assert (result.result.state, result.reasons, told(result)) == ("completed", [], len(SHIFTS))
        for shift, folder in folders.items():
            expect(bench, before[shift], [*folder.messages], own, shift.__name__)
        assert not bench.run(server.port, **options(store, own), state="latest").result.changed


@pytest.mark.parametrize("changed", [False, True], ids=["same UIDVALIDITY", "another UIDVALIDITY"])
@each_mailbox
@each_store
def test_a7_again_before_it_is_done(bench: Bench, store: str, has_mail: bool, changed: bool) -> None:
    """Broken off twice, with other UIDs each time."""
    before = now = messages(9)
    own = prepare(bench, has_mail)
    with FakeServer([Folder(b"INBOX", before)]) as server:
        for number in range(2):
            sent_so_far(server, 3)
            assert bench.run(server.port, **options(store, own)).result.state == "failed"
            heal(server)
            now = renumbered([Message(0, small_message(500 + number)), *now])
            server.folders[0].messages = now
            server.folders[0].uidvalidity += changed
        # What waits to be shown under another UIDVALIDITY is not compared: it goes, and comes again.
        renewed = int(changed and (store == "imap" or has_mail))
        looked = bench.look(server.port, **options(store, own))
        assert (told(looked), told_renewed(looked)) == (int(not changed), renewed)
        result = bench.run(server.port, **options(store, own))
        assert (result.result.state, told_renewed(result)) == ("completed", renewed)
        expect(bench, before, now, own)
        assert not bench.run(server.port, **options(store, own), state="latest").result.changed


@pytest.mark.parametrize("when", ["before it is recorded", "after it is recorded"])
@each_mailbox
@each_store
def test_a7_uids_that_shift_after_a_kill(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, store: str, has_mail: bool, when: str
) -> None:
    """Killed as soon as a batch is durable, and with it once more while it goes on with the other UIDs."""
    monkeypatch.setattr(batch, "BATCH_MESSAGES", 3)
    tell_committed = batch.tell_committed

    def killed(*news: object) -> None:
        if when == "after it is recorded":
            tell_committed(*news)  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGKILL)

    before = messages(8)
    own = prepare(bench, has_mail)
    with FakeServer([Folder(b"INBOX", before)]) as server:
        after = before
        for shift in (one_before_all, first_removed):
            with monkeypatch.context() as patched:
                patched.setattr(batch, "tell_committed", killed)
                assert bench.run(server.port, **options(store, own)).result.state == "failed"
            after = server.folders[0].messages = shift(after)
        assert bench.run(server.port, **options(store, own)).result.state == "completed"
        expect(bench, [*before, Message(0, small_message(500))], after, own)


@each_store
def test_a7_uids_that_shift_and_a_state_that_is_lost(bench: Bench, store: str) -> None:
    """Lost before the import goes on, and once more when it is done."""
    before = messages(6)
    with FakeServer([Folder(b"INBOX", before)]) as server:
        sent_so_far(server, 3)
        bench.run(server.port, **options(store, []))
        heal(server)
        after = before
        for shift in (one_before_all, first_removed):
            shutil.rmtree(bench.state_dir)
            after = server.folders[0].messages = shift(after)
            assert bench.run(server.port, **options(store, [])).result.state == "completed"
        shutil.rmtree(bench.state_dir)
        assert bench.run(server.port, **options(store, [])).result.messages_copied == 0
        expect(bench, [*before, Message(0, small_message(500))], after, [])


@each_store
def test_a7_mail_that_came_after_a_first_import_shifts(bench: Bench, store: str) -> None:
    """Only what the broken run brought has other UIDs."""
    own: Mail = []
    before = messages(4)
    with FakeServer([Folder(b"INBOX", before)]) as server:
        bench.completed(server, message_store=store)
        server.folders[0].messages = more = [*before, *messages(6, 5)]
        sent_so_far(server, 3)
        assert bench.run(server.port, **options(store, own), state="latest").result.state == "failed"
        heal(server)
        server.folders[0].messages = after = renumbered([*more[:5], *more[6:]])
        assert bench.run(server.port, **options(store, own), state="latest").result.state == "completed"
        expect(bench, more, after, [])


@each_mailbox
@each_store
def test_a7_an_honest_source_is_asked_once_and_sends_nothing_twice(bench: Bench, store: str, has_mail: bool) -> None:
    before = messages(6)
    own = prepare(bench, has_mail)
    with FakeServer([Folder(b"INBOX", before)]) as server:
        sent_so_far(server, 3)
        bench.run(server.port, **options(store, own))
        heal(server)
        del server.commands[:]
        result = bench.run(server.port, **options(store, own))
        assert (result.result.state, result.result.messages_copied, result.result.messages_present) == (
            "completed",
            3,
            3,
        )
        asked = [command for command in server.commands if b"BODY.PEEK[]<0" in command.rest]
        assert (len(asked), told(result)) == (1, 0)
