# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages that come, go or change while they are read, and what a source says beside them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from fakes.imap_mail import Message
from fakes.imap_server import Command, Session, of_folder, times, usual_response

from .bench import Bench, digests, inbox, messages, three_folders


def without_body(how: str) -> object:
    """How a server sends a message that has vanished, or that it cannot read."""

    def render(sequence: int, message: Message, with_body: bool) -> Iterable[bytes]:
        if not with_body or message.uid != 3:
            yield from usual_response(sequence, message, with_body)
        elif how == "NIL":
            yield b'* %d FETCH (UID 3 FLAGS () INTERNALDATE "%s" BODY[] NIL)\r\n' % (sequence, message.date)
        elif how == "no body":
            yield b'* %d FETCH (UID 3 FLAGS () INTERNALDATE "%s")\r\n' % (sequence, message.date)
        elif how == "no items":
            yield b"* %d FETCH ()\r\n" % sequence

    return render


@pytest.mark.parametrize("how", ["NIL", "no body", "no items", "nothing"])
def test_q67_a_message_without_its_body_is_listed(bench: Bench, how: str) -> None:
    """Microsoft's servers do so for broken items."""
    with inbox() as server:
        server.render = without_body(how)
        run = bench.run(server.port)
        assert (run.result.state, run.reasons) == ("failed", [("INBOX", "source_unavailable", 3)])
        assert bench.digests() == digests([message for message in server.folders[0].messages if message.uid != 3])


@pytest.mark.parametrize("how", ["NIL", "no body", "no items", "nothing"])
def test_q67_a_message_that_vanishes_is_no_failure(bench: Bench, how: str) -> None:
    """It was there when the folder was opened, and is gone when its turn comes."""
    with inbox() as server:
        server.render = without_body(how)

        def fetch(session: Session, command: Command) -> None:
            session.behave(command)
            server.folders[0].messages = [message for message in server.folders[0].messages if message.uid != 3]

        server.on("UID FETCH", times(1, fetch))
        bench.completed(server)


def test_q67_a_message_that_vanishes_at_the_last_moment(bench: Bench) -> None:
    """It is still listed when what is missing is listed."""
    with inbox() as server:
        server.render = without_body("nothing")

        def fetch(session: Session, command: Command) -> None:
            if command.rest.startswith(b"3 ") and b"BODY" in command.rest:
                del server.folders[0].messages[2]
            session.behave(command)

        server.on("UID FETCH", times(3, fetch))
        bench.completed(server)


def test_q67_no_because_a_message_vanished(bench: Bench) -> None:
    with inbox() as server:

        def fetch(session: Session, command: Command) -> None:
            del server.folders[0].messages[2]
            session.behave(command._replace(tag=b"* 3 EXPUNGE\r\n" + command.tag))

        server.on("UID FETCH", times(1, fetch))
        bench.completed(server)


# UID stands for that of the message before.
NOISE = [
    b"6 EXISTS",
    b"1 RECENT",
    b"2 FETCH (FLAGS (\\Seen))",
    b"2 FETCH (UID UID FLAGS (\\Seen))",
    b"4 FETCH (MODSEQ (77))",
    b"OK still here",
    b"OK [ALERT] disk is getting full",
    b"NO [ALERT] backup is running",
    b"BAD strange",
    b"FLAGS (\\Seen)",
    b"CAPABILITY IMAP4rev1",
    b"SEARCH",
    b"9 EXPUNGE",
    b"VANISHED 41,43:116",
    b'LIST () "/" "x"',
    b"STATUS x (MESSAGES 1)",
    b"XSOMETHING {5}\r\nhello there",
    b"OK [UIDNEXT 9] later",
]


@pytest.mark.parametrize("noise", NOISE)
def test_q70_untagged_responses_in_the_middle(bench: Bench, noise: bytes) -> None:
    """Flags of others, new mail, alerts: they come at any time and harm nothing."""

    def render(sequence: int, message: Message, with_body: bool) -> Iterable[bytes]:
        yield from usual_response(sequence, message, with_body)
        yield b"* %s\r\n" % noise.replace(b"UID UID", b"UID %d" % message.uid)

    with three_folders() as server:
        server.render = render
        bench.completed(server)
        assert {path: content for path, content in bench.account().folders.items() if "x" in path} == {}


def test_q70_mail_that_arrives_during_the_run(bench: Bench) -> None:
    """Between EXAMINE and FETCH, and while it is answered: in this run or the next, once."""
    with three_folders() as server:
        later = iter(messages(10, 150))

        def act(session: Session, command: Command) -> None:
            server.folders[1].messages.append(next(later))
            session.behave(command._replace(tag=b"* 6 EXISTS\r\n" + command.tag))
            server.folders[1].messages.append(next(later))

        server.on("UID FETCH", of_folder(b"Middle", times(1, act)))
        assert bench.run(server.port).result.state == "completed"
        bench.completed(server, state="latest")
        assert bench.run(server.port, state="latest").result.changed is False


def test_q70_flags_that_change_during_the_run(bench: Bench) -> None:
    with three_folders() as server:

        def act(session: Session, command: Command) -> None:
            session.behave(command)
            server.folders[1].messages[0].flags = (b"\\Seen",)

        server.on("UID FETCH", of_folder(b"Middle", times(1, act)))
        bench.completed(server)
        run = bench.completed(server, state="latest")
        assert run.result.flags_updated == 1
        assert bench.messages("Middle")[101].flags == {"\\Seen"}


def test_q70_messages_removed_during_the_run(bench: Bench) -> None:
    """Sequence numbers shift in the middle of a FETCH; UIDs do not."""
    with three_folders() as server:

        def act(session: Session, command: Command) -> None:
            wanted = list(session.wanted(command))
            session.send_messages(command, wanted[:2])
            session.write(b"* 1 EXPUNGE\r\n")
            session.send_messages(command, [(number - 1, message) for number, message in wanted[2:]])
            session.answer(command)

        server.on("UID FETCH", of_folder(b"Middle", times(1, act)))
        bench.completed(server)


@pytest.mark.parametrize("shown", [5, 0])
def test_q76_a_source_that_shows_less_removes_nothing(bench: Bench, shown: int) -> None:
    """A limit, or an account that somebody emptied: what is on the host stays."""
    with inbox(10) as server:
        bench.completed(server)
        server.folders[0].messages = server.folders[0].messages[10 - shown :]
        run = bench.run(server.port, state="latest")
    assert (run.result.state, run.result.changed) == ("completed", False)
    assert len(bench.messages()) == 10
