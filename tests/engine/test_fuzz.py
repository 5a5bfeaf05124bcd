# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Any bytes a server may send: the reader ends with what it understood or with one clear error, in little time and
memory.
"""

from __future__ import annotations

import imaplib
import os
import signal
import socket
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from types import FrameType, SimpleNamespace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap import connection
from ansible_collections.panel.mailimport.plugins.module_utils.imap.fetch import FetchRequest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.responses import Status
from ansible_collections.panel.mailimport.plugins.module_utils.imap.session import ImapSession
from ansible_collections.panel.mailimport.plugins.module_utils.imap.stream import MAX_LINE, ByteStream
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceAccount, SourceFolder
from ansible_collections.panel.mailimport.plugins.module_utils.source.session import SourceSession
from hypothesis import HealthCheck, given, settings, strategies

SECONDS = 20
MEMORY = 8 << 20
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

GREETING = (
    b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"
    b"TAG0 OK [CAPABILITY IMAP4rev1 ID NAMESPACE] logged in\r\n"
    b"* CAPABILITY IMAP4rev1 ID NAMESPACE\r\nTAG1 OK done\r\n* CAPABILITY IMAP4rev1\r\nTAG2 OK done\r\n"
)
LISTING = (
    b'* ID ("name" "server" "version" NIL)\r\nM1 OK done\r\n* NAMESPACE (("" "/")) (("user/" "/")) NIL\r\nM2 OK '
    b"done\r\n"
    b'* LIST (\\HasNoChildren \\Sent) "/" "Sent &- more"\r\n* STATUS "Sent &- more" (MESSAGES 3 UIDNEXT 9 UIDVALIDITY '
    b"77)\r\n"
    b'* LIST (\\Noselect) NIL {6}\r\nLit"er\r\n* LSUB () "/" INBOX\r\n* LIST () "\\\\" "a\\\\b\\"c"\r\n'
    b"M3 OK [THROTTLED] done\r\nM4 OK done\r\nM5 OK done\r\nM6 OK done\r\n"
)
FETCHING = (
    b"* FLAGS (\\Seen)\r\n* 4 EXISTS\r\n* OK [UIDVALIDITY 77] ok\r\n* OK [UIDNEXT 9] ok\r\n* OK [HIGHESTMODSEQ 5] "
    b"ok\r\nM1 OK [READ-ONLY] opened\r\n"
    b'* 1 FETCH (UID 5 FLAGS (\\Seen $Label1) INTERNALDATE " 5-Jan-2026 10:00:00 +0000" BODY[] {11}\r\nhello there)\r\n'
    b"* 2 FETCH (BODY[] {5}\r\nagain UID 6 FLAGS () INTERNALDATE NIL)\r\n* 6 EXISTS\r\n* 3 FETCH (UID 7 FLAGS "
    b"(\\Deleted))\r\n"
    b'* 3 FETCH (UID 7 BODY[] "quoted \\" body" X (1 (2 3)) FLAGS ())\r\n* 4 FETCH (UID 8 BODY[] ~{3}\r\na\0b FLAGS '
    b"(\\Recent))\r\nM2 OK done\r\n"
)
# What breaks parsers: numbers beyond all bounds, and signs that open what nothing closes.
TOKENS = [
    b"{99999999999}\r\n",
    b"{0}\r\n",
    b"~{7}\r\n",
    b"{18446744073709551616}\r\n",
    b"(" * 200,
    b")" * 50,
    b'"',
    b"\\",
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"* ",
    b"* BYE\r\n",
    b"+ \r\n",
    b"NIL",
    b"M1 OK x\r\n",
    b"M2 NO x\r\n",
    b"UID 0",
    b"UID 4294967296",
    b"UID 99999999999999999999999",
    b"FETCH",
    b"BODY[]",
    b"\xff\xfe",
    b"x" * 5000,
    b"* 1 FETCH (UID 1 BODY[] {3}\r\n",
    b"* OK [UIDVALIDITY 99999999999999999999]\r\n",
    b"INTERNALDATE",
    b"FLAGS ((",
    b"TAG1 NO [UNAVAILABLE]\r\n",
    # Shapes that real servers send against the grammar, see test_grammar.py.
    b"\r\n\r\n",
    b"+\n",
    b"+ Ready\r\n",
    b"Warning: text\r\n",
    b"M1 OK once more\r\n",
    b' ab"cd ',
    b"{4} \r\n",
    b"\t",
    b"  ",
    b'* LIST () "/" Sent Items\r\n',
    b'* LIST () "/" NIL\r\n',
    b'* LIST ( "/" "open\r\n',
    b'* LIST () "/" //\r\n',
    b"* 1 FETCH (UID 8589934592 FLAGS ())\r\n",
    b"* 99999999999 EXISTS\r\n",
    b"* OK free text {7}\r\n",
]


@strategies.composite
def mutated(draw: Callable, valid: bytes) -> bytes:
    """A valid conversation with a few accidents in it."""
    data = bytearray(valid)
    for _accident in range(draw(strategies.integers(1, 6))):
        place = draw(strategies.integers(0, max(0, len(data) - 1)))
        length = draw(strategies.integers(0, 40))
        kind = draw(strategies.sampled_from(["cut", "insert", "token", "replace", "repeat", "end"]))
        if kind == "cut":
            del data[place : place + length]
        elif kind == "insert":
            data[place:place] = draw(strategies.binary(max_size=20))
        elif kind == "token":
            data[place:place] = draw(strategies.sampled_from(TOKENS))
        elif kind == "replace" and data:
            data[place] = draw(strategies.integers(0, 255))
        elif kind == "repeat":
            data[place:place] = data[place : place + length] * draw(strategies.integers(1, 50))
        else:
            del data[place:]
    return bytes(data)


def conversation(valid: bytes) -> strategies.SearchStrategy[bytes]:
    """Mutated valid bytes, tokens in any order, or anything."""
    tokens = strategies.lists(
        strategies.sampled_from([*TOKENS, *(line + b"\r\n" for line in valid.split(b"\r\n"))]), max_size=40
    ).map(b"".join)
    return strategies.one_of(mutated(valid), mutated(valid), tokens, strategies.binary(max_size=3000))


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """A reader that does not come to an end fails the test."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError("no end after %d seconds" % SECONDS)

    before = signal.signal(signal.SIGALRM, give_up)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


# Servers' ends of connections, which must stay open for what the client sends.
KEPT: list[socket.socket] = []


def end_of_line(data: bytes) -> socket.socket:
    """A connection on which the server sends that and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname(), timeout=5)
        theirs, _address = listener.accept()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    theirs.settimeout(5)
    theirs.sendall(data)
    theirs.shutdown(socket.SHUT_WR)
    KEPT.append(theirs)
    return ours


def ended_error(status: Status) -> MailImportError:
    """What a BYE is here."""
    return MailImportError("source_unavailable", str(status))


def session_on(sock: socket.socket, capabilities: frozenset[bytes]) -> SourceSession:
    """A session beyond its login."""
    session = object.__new__(SourceSession)
    ImapSession.__init__(
        session, ByteStream(sock, "server:143"), lambda status: MailImportError("source_unavailable", str(status))
    )
    session._client = SimpleNamespace(send=lambda data: None, disconnect=sock.close)
    session.capabilities, session._deflater = capabilities, None
    return session


def bounded(work: Callable[[], object]) -> None:
    """Do it; nothing may be raised but MailImportError, and neither time nor memory run away."""
    signal.alarm(SECONDS)
    tracemalloc.start()
    try:
        work()
    except MailImportError as error:
        assert 0 < len(error.message) <= 500
        assert error.message.isprintable()
    finally:
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        signal.alarm(0)
        while KEPT:
            KEPT.pop().close()
    assert peak < MEMORY, "%d bytes of memory" % peak


@given(data=conversation(LISTING), list_status=strategies.booleans())
@FUZZ
def test_listing(data: bytes, list_status: bool) -> None:
    words = frozenset((b"ID", b"NAMESPACE", b"CONDSTORE") + ((b"LIST-STATUS", b"SPECIAL-USE") if list_status else ()))
    with end_of_line(data) as sock:
        bounded(lambda: [(folder.name, folder.messages) for folder in session_on(sock, words).list_folders()])


def read_all(session: SourceSession, flags_only: bool) -> int:
    """Fetch two folders and take all that comes, as a writer would."""
    size = 0
    folders = [SourceFolder(b"INBOX", ("INBOX",), uidvalidity=77), SourceFolder(b"Sent", ("Sent",))]
    for opened in session.fetch([FetchRequest(folder, flags_only=flags_only) for folder in folders]):
        for fetched in opened.messages():
            size += len(fetched.whole) if fetched.whole is not None else sum(len(chunk) for chunk in fetched.chunks)
            assert fetched.message.uid is None or 0 < fetched.message.uid < 1 << 32
    return size


@given(data=conversation(FETCHING), flags_only=strategies.booleans())
@FUZZ
def test_fetching(data: bytes, flags_only: bool) -> None:
    with end_of_line(data) as sock:
        bounded(lambda: read_all(session_on(sock, frozenset((b"CONDSTORE",))), flags_only))


@given(data=conversation(FETCHING))
@FUZZ
def test_looking_for_uids(data: bytes) -> None:
    found: list[int] = []
    with end_of_line(data) as sock:
        bounded(lambda: session_on(sock, frozenset()).search_uids(SourceFolder(b"INBOX", ("INBOX",)), found.append))
    assert all(0 < uid < 1 << 32 for uid in found)


@given(data=conversation(GREETING))
@FUZZ
def test_logging_in(data: bytes) -> None:
    account = SourceAccount(host="server", user="anna", password="secret", port=143, tls="none")
    with end_of_line(data.replace(b"TAG", imaplib.Int2AP(4096))) as sock, pytest.MonkeyPatch.context() as patched:
        patched.setattr(imaplib.random, "randint", lambda low, high: low)  # imaplib's tags begin with a random number
        patched.setattr(connection.socket, "create_connection", lambda *_address, **_options: sock)
        bounded(lambda: SourceSession(account, None))


def test_a_line_without_end() -> None:
    with (
        end_of_line(b"* OK " + b"x" * (MAX_LINE * 2)) as sock,
        pytest.raises(MailImportError, match="line of more than"),
    ):
        session_on(sock, frozenset()).list_folders()


def test_compression_that_blows_up() -> None:
    """A few kilobytes that are many megabytes once they are decompressed, without a line end."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflate.compress(b"x" * (64 << 20)) + deflate.flush(zlib.Z_SYNC_FLUSH)
    with end_of_line(bomb) as sock:
        session = session_on(sock, frozenset())
        session.stream.start_inflating()
        bounded(session.list_folders)
