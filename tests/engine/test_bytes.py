# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quirks of sizes, bytes and shapes: a message arrives as it was sent, in whatever form the server sends it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from fakes.imap_mail import Folder, Message
from fakes.imap_server import Command, FakeServer, Session, usual_response
from support.mail import small_message

from .bench import Bench, digests, inbox, messages, three_folders


def with_item(item: bytes, sequence: int, message: Message, with_body: bool) -> Iterable[bytes]:
    """A FETCH response with an item that nobody asked for."""
    for piece in usual_response(sequence, message, with_body):
        yield piece.replace(b" FETCH (", b" FETCH (%s " % item) if piece.startswith(b"* ") else piece


@pytest.mark.parametrize("size", [b"0", b"1", b"99999999"])
def test_q01_a_wrong_size_is_not_believed(bench: Bench, size: bytes) -> None:
    with inbox() as server:
        server.render = lambda *what: with_item(b"RFC822.SIZE " + size, *what)
        bench.completed(server)


def test_q02_a_message_without_size_arrives(bench: Bench) -> None:
    with inbox() as server:
        server.render = lambda *what: with_item(b"RFC822.SIZE NIL", *what)
        bench.completed(server)


ODD_BODIES = {
    "NUL": b"Subject: a\r\n\r\na\0b\0\0c\r\n",
    "bare LF": b"Subject: a\n\nline\nline\r\nline\n",
    "bare CR": b"Subject: a\r\n\r\nline\rline\r\r\n\r",
    "no line end": b"Subject: a\r\n\r\nthe end",
    "long line": b"Subject: a\r\n\r\n" + b"x" * 300_000 + b"\r\n",
    "nothing": b"",
    "one byte": b"x",
    "no header": b"\r\nonly text\r\n",
    "8-bit header": "Subject: grüße\r\nFrom: Jörg <j@example.org>\r\n\r\n".encode("latin-1") + b"\xff\xfe\x00\r\n",
    "like protocol": b"Subject: a\r\n\r\n)\r\n* 1 EXPUNGE\r\nM9 OK FETCH done\r\n* BYE\r\n{5}\r\n",
    "just above the reader's buffer": b"Subject: a\r\n\r\n" + b"y" * (256 * 1024 + 1),
}


@pytest.mark.parametrize(
    "number, kind",
    [
        ("q03", "NUL"),
        ("q05", "bare LF"),
        ("q05", "bare CR"),
        ("q06", "no line end"),
        ("q07", "long line"),
        ("q11", "nothing"),
        ("q11", "one byte"),
        ("q11", "no header"),
        ("q16", "8-bit header"),
        ("any", "like protocol"),
        ("any", "just above the reader's buffer"),
    ],
)
@pytest.mark.parametrize("literal", [b"{", b"~{"])
def test_q03_q05_q06_q07_q11_q16_bytes_arrive_as_they_are(bench: Bench, number: str, kind: str, literal: bytes) -> None:
    """Also in a literal8 (RFC 3516)."""
    odd = Message(2, ODD_BODIES[kind])

    def render(sequence: int, message: Message, with_body: bool) -> Iterable[bytes]:
        head, *rest = usual_response(sequence, message, with_body)
        return [head, rest[0].replace(b"{", literal, 1), *rest[1:]]

    with FakeServer([Folder(b"INBOX", [*messages(1), odd, *messages(1, 3)])]) as server:
        server.render = render
        run = bench.run(server.port)

        assert run.result.state == "completed", run
        # Dovecot shows a NUL as 0x80 and a bare LF as CRLF, but what it has is what was sent.
        assert bench.stored() == digests(server.folders[0].messages)
        assert len(bench.messages()) == 3


def test_q08_a_message_over_the_limit_is_listed(bench: Bench) -> None:
    with inbox() as server:
        server.folders[0].messages[2].body = small_message(3, "x" * 10_000)
        run = bench.run(server.port, max_message_size=9_000)

        assert (run.result.state, run.reasons) == ("failed", [("INBOX", "message_refused", 3)])
        (entry,) = run.result.not_imported
        assert entry.size is not None and entry.size > 10_000
        assert bench.digests() == digests([message for message in server.folders[0].messages if message.uid != 3])
        # Whoever raises the limit gets it.
        bench.completed(server)


@pytest.mark.parametrize("large", [3, 5])
@pytest.mark.parametrize("answered", [True, False])
def test_q08_a_message_over_the_limit_is_fetched_once(bench: Bench, large: int, answered: bool) -> None:
    """Later runs ask for the byte behind the limit, which a server may not understand; the limit may be met to the
    byte.
    """
    with inbox() as server:
        server.folders[0].messages[large - 1].body = small_message(large, "x" * 10_000)
        size = len(server.folders[0].messages[large - 1].body)

        def fetch(session: Session, command: Command) -> None:
            partial = b"<" in command.rest and not answered
            session.answer(command, b"BAD no parts of messages here") if partial else session.behave(command)

        server.on("UID FETCH", fetch)
        for state in ("present", "latest", "latest"):
            server.commands.clear()
            run = bench.run(server.port, state=state, max_message_size=size - 1)
            assert (run.result.state, run.reasons) == ("failed", [("INBOX", "message_refused", large)])
            (entry,) = run.result.not_imported
            assert (entry.size, entry.message_id) == (size, "<note-%d@example.net>" % large)
        fetched = [command for command in server.received("UID FETCH") if command.rest.endswith(b"BODY.PEEK[])")]
        assert len(fetched) == (0 if answered else 1)
        assert bench.run(server.port, max_message_size=size).result.state == "completed"
        bench.completed(server)


def test_q12_a_server_that_rewrites_messages_sends_none_twice(bench: Bench) -> None:
    with inbox() as server:
        bench.completed(server)
        before = bench.digests()
        for message in server.folders[0].messages:
            message.body = b"X-Fetched: again\r\n" + message.body
        server.folders[0].messages += messages(1, 6)

        run = bench.run(server.port, state="latest")

        assert (run.result.state, run.result.messages_copied) == ("completed", 1)
        assert bench.digests()[:5] == before


def test_q13_q14_q15_q29_q65_q75_only_what_alters_nothing_is_asked(bench: Bench) -> None:
    """No plain BODY[], which sets \\Seen, no RFC822, ENVELOPE or HEADER.FIELDS, no SEARCH, nothing that writes."""
    with three_folders() as server:
        bench.completed(server)
        server.folders[0].messages += messages(1, 6)
        bench.completed(server, state="latest")

    asked = {command.name for command in server.commands}
    assert asked <= {"GREETING", "CAPABILITY", "LOGIN", "ID", "NAMESPACE", "LIST", "EXAMINE", "UID FETCH", "LOGOUT"}
    items = {command.rest.split(b" ", 1)[1] for command in server.received("UID FETCH")}
    beginnings = b"(UID BODY.PEEK[]<0.2048>)"
    assert items <= {b"(UID FLAGS)", b"(UID FLAGS INTERNALDATE BODY.PEEK[])", beginnings}


def in_quotes(sequence: int, message: Message, with_body: bool) -> Iterable[bytes]:
    body = b"" if isinstance(message.body, bytes) and message.uid == 2 else b'a \\"short\\" body'
    yield b'* %d FETCH (UID %d FLAGS () INTERNALDATE "%s" BODY[] "%s")\r\n' % (
        sequence,
        message.uid,
        message.date,
        body,
    )


def test_q02_a_body_in_quotes_arrives(bench: Bench) -> None:
    with inbox(3) as server:
        server.render = in_quotes
        for message in server.folders[0].messages:
            message.body = b"" if message.uid == 2 else b'a "short" body'
        bench.completed(server)


def reordered(order: bytes, sequence: int, message: Message, with_body: bool) -> Iterable[bytes]:
    """The items in another order: a template of U, F, D and B."""
    items = {
        b"U": b"UID %d" % message.uid,
        b"F": b"FLAGS (%s)" % b" ".join(message.flags),
        b"D": b'INTERNALDATE "%s"' % message.date,
        b"B": b"BODY[] {%d}\r\n%s" % (len(message.body), message.body),
        b"X": b'X-NEW ("a" (b NIL) {3}\r\nc)d)',
        b"M": b"MODSEQ (12)",
    }
    wanted = [items[bytes([letter])] for letter in order]
    yield b"* %d FETCH (%s)\r\n" % (sequence, b" ".join(wanted))


@pytest.mark.parametrize("order", [b"BUFD", b"FDUB", b"FBDU", b"UBFD", b"XUFDB", b"UFDBX", b"UFDBM", b"MXBXUMFD"])
@pytest.mark.parametrize("body_size", [10, 200_000])
def test_q63_items_come_in_any_order(bench: Bench, order: bytes, body_size: int) -> None:
    """The UID behind the body too, as Windows 2003 and old Exchange sent it."""
    with inbox(3) as server:
        for message in server.folders[0].messages:
            message.flags = (b"\\Seen", b"$Label1")
            message.body += b"z" * body_size
        server.render = lambda *what: reordered(order, *what)
        bench.completed(server)
    assert [facts.flags for facts in bench.messages().values()] == [{"\\Seen", "$Label1"}] * 3


def test_q63_a_wrong_sequence_number_does_no_harm(bench: Bench) -> None:
    with inbox() as server:
        server.render = lambda sequence, *what: usual_response(1, *what)
        bench.completed(server)


@pytest.mark.parametrize("body_size", [10, 200_000])
def test_q63_a_message_that_comes_without_uid_is_asked_for_again(bench: Bench, body_size: int) -> None:
    with inbox() as server:
        server.folders[0].messages[2].body += b"z" * body_size
        broken = [3]

        def render(sequence: int, message: Message, with_body: bool) -> Iterable[bytes]:
            if with_body and message.uid in broken:
                broken.remove(message.uid)
                return reordered(b"FDB", sequence, message, with_body)
            return usual_response(sequence, message, with_body)

        server.render = render
        bench.completed(server)


@pytest.mark.parametrize("body_size", [10, 200_000])
def test_q63_a_message_that_never_has_a_uid_is_listed(bench: Bench, body_size: int) -> None:
    with inbox() as server:
        server.folders[0].messages[2].body += b"z" * body_size

        def render(sequence: int, message: Message, with_body: bool) -> Iterable[bytes]:
            whole = not with_body or message.uid != 3
            return (
                usual_response(sequence, message, with_body)
                if whole
                else reordered(b"FDB", sequence, message, with_body)
            )

        server.render = render
        run = bench.run(server.port)

        assert (run.result.state, run.reasons) == ("failed", [("INBOX", "source_unavailable", 3)])
        assert bench.digests() == digests([message for message in server.folders[0].messages if message.uid != 3])


def lower_case(piece: bytes) -> bytes:
    """The server's own words in lower case; names and numbers stay."""
    for word in (
        b"CAPABILITY OK NO LIST STATUS MESSAGES UIDNEXT UIDVALIDITY EXISTS NAMESPACE FETCH UID FLAGS INTERNALDATE"
    ).split():
        piece = piece.replace(word, word.lower())
    return piece


def test_words_in_lower_case(bench: Bench) -> None:
    """Keywords of the protocol are the same in any case of letters (RFC 3501 section 9, note 1)."""
    with inbox() as server:
        server.rewrite = lower_case
        server.greeting = b"* ok ready\r\n"
        server.render = lambda *what: [
            lower_case(piece) if piece.startswith(b"*") else piece.replace(b"BODY", b"body")
            for piece in usual_response(*what)
        ]
        bench.completed(server)


def test_q74_status_without_text(bench: Bench) -> None:
    with inbox() as server:
        server.greeting = b"* OK\r\n"
        server.rewrite = lambda piece: (
            piece[: piece.index(b" OK ") + 3] + b"\r\n" if b" OK " in piece and b"[" not in piece else piece
        )
        bench.completed(server)
