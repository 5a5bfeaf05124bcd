# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What servers send against the grammar costs at most what it touches: an attribute, a message or a folder. The rest
arrives, and what does not is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from fakes.imap_mail import Message
from fakes.imap_server import Command, FakeServer, Session, list_response, usual_response
from support.mail import small_message

from .bench import Bench, digests, folders_of, inbox

ALL = (1, 2, 3, 4, 5)
Pieces = Iterable[bytes]


def spoiled(spoil: Callable[[list[bytes]], Pieces], *uids: int) -> Callable[[int, Message, bool], Pieces]:
    """Render some messages in a shape of one's own, made of the pieces of the usual one."""

    def render(sequence: int, message: Message, with_body: bool) -> Pieces:
        pieces = list(usual_response(sequence, message, with_body))
        if not with_body:  # in one line
            pieces = [b"".join(pieces)]
        return spoil(pieces) if message.uid in uids else pieces

    return render


def before(text: bytes) -> Callable[[list[bytes]], Pieces]:
    """Put text before a response."""
    return lambda pieces: [text, *pieces]


def replaced(old: bytes, new: bytes) -> Callable[[list[bytes]], Pieces]:
    """Replace text in the lines around a body."""

    def spoil(pieces: list[bytes]) -> Pieces:
        return [piece if number == 2 else piece.replace(old, new) for number, piece in enumerate(pieces)]

    return spoil


def behind_the_body(text: bytes) -> Callable[[list[bytes]], Pieces]:
    """Put text between a body and the end of its response."""
    return lambda pieces: [*pieces[:-1], text + pieces[-1]] if len(pieces) > 1 else pieces


HARMLESS = {
    "b4 an empty line": before(b"\r\n"),
    "b4 empty lines": before(b"\r\n" * 20),
    "b4 a plus": before(b"+ \r\n"),
    "b4 a plus and a line feed": before(b"+\n"),
    "b4 blanks alone": before(b"  \t\r\n"),
    "b4 an answer once more": before(b"M1 OK once more\r\n"),
    "b5 an extra line end": behind_the_body(b"\r\n"),
    "b5 an extra line feed": behind_the_body(b"\n"),
    "b5 two extra line ends": behind_the_body(b"\r\n\r\n"),
    "doubled blanks": replaced(b" ", b"  "),
    "tabs": replaced(b" FLAGS ", b"\tFLAGS\t"),
    "a tab behind the star": replaced(b"* ", b"*\t"),
    "blanks at the end": replaced(b")\r\n", b") \t\r\n"),
    "blanks behind a literal's size": replaced(b"}\r\n", b"} \r\n"),
    "line feeds": replaced(b"\r\n", b"\n"),
    "lower case": lambda pieces: [piece.lower() if piece.startswith(b"* ") else piece for piece in pieces],
    "a sequence number beyond 32 bits": replaced(b"* ", b"* 99999999999"),
    "a parenthesis too many": replaced(b")\r\n", b"))\r\n"),
    "no blank before the parenthesis": replaced(b"FETCH (", b"FETCH("),
    "an item nobody asked for": replaced(b"(UID", b"(X-ODD NIL UID"),
    "a text that looks like a literal": before(b"* OK free text {7}\r\n"),
    "an existing count out of range": before(b"* 99999999999999999999999 EXISTS\r\n"),
    "untagged nonsense": before(b"* \r\n* ?\r\n* 5\r\n* FETCH\r\n* 1 FETCH\r\n"),
}


@pytest.mark.parametrize("uids", [ALL, (2,)], ids=["each message", "one message"])
@pytest.mark.parametrize("kind", HARMLESS)
def test_b4_b5_what_can_be_understood_costs_nothing(bench: Bench, kind: str, uids: tuple[int, ...]) -> None:
    with inbox() as server:
        server.render = spoiled(HARMLESS[kind], *uids)
        bench.completed(server)


@pytest.mark.parametrize("body_size", [10, 200_000])
@pytest.mark.parametrize(
    "flags",
    [
        b'(ab"cd)',
        b'(\\Seen ab"c"d")',
        b'(\\Seen "open)',
        b"(\\Seen",
        b"\\Seen)",
        b"((\\Seen))",
        b"(\\Seen {)",
        b'(\\Seen "\xff\xfe")',
        b"(\\Seen \xfc\xe4)",
        b"(" + b"x" * 3000 + b")",
    ],
)
def test_b3_odd_flags_cost_no_message(bench: Bench, flags: bytes, body_size: int) -> None:
    """The flags themselves may be lost, which is told."""
    with inbox() as server:
        server.folders[0].messages[1].body = small_message(2, "z" * body_size)
        server.render = spoiled(replaced(b"FLAGS ()", b"FLAGS " + flags), 2)
        run = bench.run(server.port)
        assert bench.digests() == digests(server.folders[0].messages)
        assert {reason for _folder, reason, _uid in run.reasons} <= {"source_unavailable", "keyword_refused"}
        assert run.reasons, "what is lost is told"


@pytest.mark.parametrize("uid", [b"8589934592", b"0", b"99999999999999999999999", b"-3", b"NIL", b"x", b"(3)", b""])
@pytest.mark.parametrize("body_size", [10, 200_000])
def test_b7_a_uid_out_of_range_costs_that_message(bench: Bench, uid: bytes, body_size: int) -> None:
    with inbox() as server:
        server.folders[0].messages[2].body = small_message(3, "z" * body_size)
        server.render = spoiled(replaced(b"UID 3", b"UID " + uid), 3)
        run = bench.run(server.port)
        assert bench.digests() == digests([message for message in server.folders[0].messages if message.uid != 3])
        assert "b'" not in str(run.result)
        assert any("INBOX" in text for text in (*run.lines, *map(str, run.result.not_imported))), "it is told"


IN_DOUBT = {
    "no closing parenthesis": replaced(b")\r\n", b"\r\n"),
    "text behind the body": behind_the_body(b"more"),
    "a body that is NIL": lambda pieces: [b"".join(pieces).partition(b"{")[0] + b"NIL)\r\n"],
    "text between responses": before(b"Warning: disk is slow\r\n"),
}


@pytest.mark.parametrize("kind", IN_DOUBT)
def test_b3_a_body_whose_end_is_in_doubt_costs_that_message(bench: Bench, kind: str) -> None:
    with inbox() as server:
        plain = server.render

        def render(sequence: int, message: Message, with_body: bool) -> Pieces:
            return (spoiled(IN_DOUBT[kind], 2) if with_body else plain)(sequence, message, with_body)

        server.render = render
        run = bench.run(server.port)
        assert (run.result.state, run.reasons) == ("failed", [("INBOX", "source_unavailable", 2)])
        assert bench.digests() == digests([message for message in server.folders[0].messages if message.uid != 2])


def listing(lines: dict[bytes, bytes]) -> Callable[[Session, Command], None]:
    """Answer LIST, with lines of one's own for some folders; what is spoiled there is not in STATUS either."""

    def act(session: Session, command: Command) -> None:
        for folder in session.server.folders:
            session.write(lines.get(folder.name) or list_response(b"LIST", folder))
        session.answer(command)

    return act


@pytest.mark.parametrize("beside", [(), (b"Sent",)], ids=["alone", "beside its beginning"])
@pytest.mark.parametrize("name", [b"Sent Items", b"Sent  Items", b"Sent (2019)", b'Sent "x"', b"Sent NIL", b"Sent) x"])
def test_a3_a_bare_name_with_blanks_is_a_name(bench: Bench, name: bytes, beside: tuple[bytes, ...]) -> None:
    with FakeServer(folders_of(*beside, name)) as server:
        server.on("LIST", listing({name: b'* LIST () "/" %s\r\n' % name}))
        run = bench.run(server.port)
        assert run.result.state == "completed", run
        assert bench.digests(name.decode()) == digests(server.folder(name).messages)
        for folder in beside:
            assert bench.digests(folder.decode()) == digests(server.folder(folder).messages)


@pytest.mark.parametrize("name", [b"NIL", b"nil"])
def test_b6_a_folder_called_nil_arrives(bench: Bench, name: bytes) -> None:
    with FakeServer(folders_of(name, b"Sent")) as server:
        server.on("LIST", listing({name: b'* LIST () "/" %s\r\n' % name}))
        bench.completed(server)


@pytest.mark.parametrize(
    "line",
    [
        b"* LIST\r\n",
        b"* LIST ()\r\n",
        b'* LIST () "/"\r\n',
        b'* LIST ( "/" "Broken"\r\n',
        b'* LIST () "/" "Broken\r\n',
        b'* LIST () ("/") Broken\r\n',
        b"* LIST Broken\r\n",
        b'* LIST () "/" (Broken)\r\n',
        b'* LIST () "/" ""\r\n',
        b"Warning: the disk is slow\r\n",
        b"\r\n",
        b"+ \r\n",
        b"* NAMESPACE ((((\r\n",
        b'* STATUS "Sent (MESSAGES 3\r\n',
        b"* STATUS {3}\r\nabc\r\n",
        b'* LSUB "\r\n',
    ],
)
def test_b6_a_line_of_a_listing_that_is_broken_costs_no_other_folder(bench: Bench, line: bytes) -> None:
    with FakeServer(folders_of(b"Gone", b"Sent")) as server:
        server.folders[1].messages = []
        server.on("LIST", listing({b"Gone": line}))
        run = bench.run(server.port)
        assert bench.digests() == digests(server.folders[0].messages)
        assert bench.digests("Sent") == digests(server.folder(b"Sent").messages)
        # What could not be opened is told.
        assert {reason for _folder, reason, _uid in run.reasons} <= {"folder_refused"}


def test_a4_a_prefix_of_others_is_compared_with_its_separator(bench: Bench) -> None:
    """And what is left out as other people's is named."""
    folders = folders_of(b"#Publications", b"#Public", b"#Public.News", b"Mine", separator=b".")
    with FakeServer(folders) as server:

        def namespace(session: Session, command: Command) -> None:
            session.write(b'* NAMESPACE (("" ".")) NIL (("#Public" "."))\r\n')
            session.answer(command)

        server.on("NAMESPACE", namespace)
        run = bench.run(server.port)
        assert run.result.state == "completed", run
        for name in ("#Publications", "Mine"):
            assert bench.digests(name) == digests(server.folder(name.encode()).messages)
        assert not [path for path in bench.account().folders if path[0] == "#Public"]
        assert any("#Public, #Public.News" in line for line in run.lines), run.lines


def test_c10_a_folder_called_like_its_separator(bench: Bench) -> None:
    with FakeServer(folders_of(b"/", b"//")) as server:
        run = bench.run(server.port)
        assert run.result.state == "completed", run
        here = bench.account().folders.values()
        assert sorted(facts.content.sha256 for folder in here for facts in folder.messages.values()) == sorted(
            found for folder in server.folders for found in digests(folder.messages)
        )
