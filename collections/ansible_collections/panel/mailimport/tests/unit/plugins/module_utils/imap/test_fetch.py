# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from calendar import timegm

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.fetch import (
    WHOLE_SIZE,
    Fetched,
    FetchRequest,
    NoUidError,
)
from ansible_collections.panel.mailimport.plugins.module_utils.imap.headers import message_id_in
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import Message, SourceFolder

INBOX = SourceFolder(b"INBOX", ("INBOX",))
EXAMINED = (
    b"* FLAGS (\\Seen)\r\n* 3 EXISTS\r\n* OK [UIDVALIDITY 77] ok\r\n* OK [UIDNEXT 100] ok\r\n"
    b"* OK [HIGHESTMODSEQ 12345678901] ok\r\nTAG OK [READ-ONLY] done\r\n"
)
DATE = b' INTERNALDATE " 1-Jan-2024 00:00:00 +0000"'
NEW_YEAR = timegm((2024, 1, 1, 0, 0, 0))


@pytest.fixture
def fetched(session):
    """What is read of a FETCH with this answer: the stream, and UID, flags, date and body of each message."""

    def fetch(answer, flags_only=False, take=lambda fetched: b"".join(map(bytes, fetched.chunks))):
        opened = session({b"EXAMINE": EXAMINED, b"UID FETCH": answer + b"TAG OK done\r\n"})
        read = []
        for stream in opened.fetch([FetchRequest(INBOX, flags_only=flags_only)]):
            for message in stream.messages():
                body = take(message) if message.has_body else None
                read.append((message.message.uid, message.message.flags, message.message.internal_date, body))
        return stream, read

    return fetch


def usual(uid, body, flags=b""):
    return b"* 1 FETCH (UID %d FLAGS (%s)%s BODY[] {%d}\r\n%s)\r\n" % (uid, flags, DATE, len(body), body)


def test_what_examine_says(fetched):
    stream, read = fetched(b"")
    assert (stream.exists, stream.uidvalidity, stream.uidnext) == (3, 77, 100)
    assert read == [] and stream.complete


@pytest.mark.parametrize("size", [0, 1, WHOLE_SIZE, WHOLE_SIZE + 1, 3 * WHOLE_SIZE])
def test_a_message_of_any_size_in_the_usual_shape(fetched, size):
    body = (b"0123456789\r\n" * (size // 12 + 1))[:size]
    _stream, read = fetched(usual(5, body, b"\\Seen $Label1") + usual(6, b"next"))
    assert read == [(5, (b"\\Seen", b"$Label1"), NEW_YEAR, body), (6, (), NEW_YEAR, b"next")]


@pytest.mark.parametrize(
    "answer",
    [
        b"* 1 fetch (Uid 5 Flags (\\Seen)%s Body[] {4}\r\nbody)\r\n" % DATE,
        b"* 1 FETCH (BODY[] {4}\r\nbody UID 5 FLAGS (\\Seen)%s)\r\n" % DATE,
        b"* 1 FETCH (FLAGS (\\Seen) UID 5%s BODY[]<0> {4}\r\nbody)\r\n" % DATE,
        b"* 1 FETCH (UID 5 RFC822.SIZE NIL FLAGS (\\Seen)%s BODY[] {4}\r\nbody)\r\n" % DATE,
        b'* 1 FETCH (UID 5 FLAGS (\\Seen)%s BODY[] "body")\r\n' % DATE,
        b"* 1 FETCH (UID 5 FLAGS (\\Seen)%s BODY[] body)\r\n" % DATE,
        b"* 1 FETCH (UID 5 X-NAME {3}\r\na)b FLAGS (\\Seen)%s BODY[] ~{4}\r\nbody)\r\n" % DATE,
        b"* 1 FETCH (UID 5 FLAGS (\\Seen)%s MODSEQ (17) BODY[] {4+}\r\nbody)\n" % DATE,
        b"* 1 FETCH (UID 5 FLAGS (\\Seen)%s BODY[] {4}\r\nbody FLAGS (\\Seen))\r\n" % DATE,
    ],
)
def test_a_message_in_every_other_shape(fetched, answer):
    _stream, read = fetched(answer + usual(6, b"next"))
    assert read == [(5, (b"\\Seen",), NEW_YEAR, b"body"), (6, (), NEW_YEAR, b"next")]


@pytest.mark.parametrize(
    "answer",
    [
        b"* 1 FETCH (UID 5 FLAGS (\\Seen)%s BODY[] NIL)\r\n" % DATE,
        b"* 1 FETCH (UID 5 FLAGS (\\Seen)%s)\r\n" % DATE,
        b"* 1 FETCH (FLAGS (\\Seen))\r\n",  # flags that change meanwhile
        b"* 4 EXISTS\r\n* 2 EXPUNGE\r\n* OK still here\r\n* NO disk is nearly full\r\n",
    ],
)
def test_answers_without_a_body_are_no_messages(fetched, answer):
    _stream, read = fetched(answer + usual(6, b"next"))
    assert [message for message in read if message[3] is not None] == [(6, (), NEW_YEAR, b"next")]


def test_a_body_may_look_like_the_protocol(fetched):
    body = b"M1 OK done\r\n* BYE\r\n* 1 FETCH (UID 9 FLAGS () BODY[] {3}\r\n)\r\n" + b"{100}\r\n" * 3
    for size in (len(body), len(body) + WHOLE_SIZE):
        _stream, read = fetched(usual(5, body.ljust(size, b")")))
        assert [message[3] for message in read] == [body.ljust(size, b")")]


def test_a_date_that_is_none(fetched):
    _stream, read = fetched(
        usual(5, b"x").replace(DATE, b' INTERNALDATE "30-Dec-1899 00:00:00 +0000"') + usual(6, b"x").replace(DATE, b"")
    )
    assert [message[2] for message in read] == [None, None]


def test_what_is_not_taken_of_a_body_is_skipped(fetched):
    big = usual(5, b"x" * WHOLE_SIZE * 2)
    _stream, read = fetched(big + big.replace(b"UID 5", b"UID 6"), take=lambda message: bytes(next(message.chunks)[:1]))
    assert [(message[0], message[3]) for message in read] == [(5, b"x"), (6, b"x")]


def test_flags_alone(fetched):
    _stream, read = fetched(
        b"* 1 FETCH (UID 5 FLAGS (\\Seen a))\r\n* 2 FETCH (UID 6 FLAGS () MODSEQ (9))\r\n* 3 FETCH (FLAGS (b) UID "
        b"7)\r\n",
        flags_only=True,
    )
    assert read == [(5, (b"\\Seen", b"a"), None, None), (6, (), None, None), (7, (b"b",), None, None)]


@pytest.mark.parametrize("uid", [b"0", b"4294967296", b"99999999999", b"-1", b"x", b"NIL", b"(1)"])
@pytest.mark.parametrize("flags_only", [False, True])
@pytest.mark.parametrize("size", [4, WHOLE_SIZE + 1])
def test_b7_a_uid_that_no_message_can_have_costs_that_message(fetched, uid, flags_only, size):
    def answer(uid):
        return usual(uid, b"x" * size) if not flags_only else b"* 1 FETCH (UID %d FLAGS ())\r\n" % uid

    def take(message):
        try:
            return sum(len(chunk) for chunk in message.chunks)
        except NoUidError:
            return None

    _stream, read = fetched(answer(5).replace(b"UID 5", b"UID " + uid) + answer(6), flags_only, take)
    assert [(found[0], found[3]) for found in read if found[0] or found[3]] == [(6, None if flags_only else size)]


@pytest.mark.parametrize("size", [3, WHOLE_SIZE + 1])
@pytest.mark.parametrize("behind", [b"more)\r\n", b"\r\n", b"", b" FLAGS (\r\n)\r\n"])
def test_a_body_longer_or_shorter_than_its_literal_says_is_never_a_message(fetched, size, behind):
    """Taken as it came, it would be kept for good: cut off, or with a piece of the protocol in it."""
    answer = usual(5, b"x" * size)
    taken = []
    with pytest.raises(MailImportError) as refused:
        fetched(
            answer[: -len(b")\r\n")] + behind, take=lambda message: taken.append(b"".join(map(bytes, message.chunks)))
        )
    assert refused.value.reason == "protocol_error"
    assert taken == []


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n",
        b"garbage {3}\r\nabc",
        b"* 1 FETCH (UID 5 BODY[] {4}\r\nbody BODY[] {4}\r\nbody)\r\n",
        b"* 1 FETCH (UID 5 X {70000}\r\n" + b"x" * 70000 + b")\r\n",
        b"M99 OK somebody else's\r\n",
        b"+ go on\r\n" * 200,
        b"\r\n" * 200,
        b"* 1 FETCH (UID 5 X" + b" {0}\r\n" * 5000 + b")\r\n",
    ],
)
def test_what_is_not_imap_ends_with_a_clear_reason(fetched, answer):
    with pytest.raises(MailImportError, match="127.0.0.1|response") as refused:
        fetched(answer)
    assert refused.value.reason == "protocol_error"


@pytest.mark.parametrize(
    ("said", "reason", "words"),
    [
        (b"* BYE shutting down\r\n", "source_unavailable", "shutting down"),
        (b"* BYE [UNAVAILABLE] Too many simultaneous connections\r\n", "too_many_connections", "asks to wait"),
    ],
)
def test_a_server_that_says_bye(fetched, said, reason, words):
    with pytest.raises(MailImportError, match=words) as ended:
        fetched(said)
    assert ended.value.reason == reason


@pytest.mark.parametrize("figure", [b"UIDVALIDITY", b"UIDNEXT"])
@pytest.mark.parametrize("value", [b"18446744073709551616", b"9" * 30, b"-1", b"x"])
def test_figures_that_no_folder_can_have_count_as_not_given(session, figure, value):
    opened = session({b"EXAMINE": b"* OK [%s %s] odd\r\nTAG OK done\r\n" % (figure, value)})
    for stream in opened.fetch([FetchRequest(INBOX)]):
        assert (stream.uidvalidity, stream.uidnext) == (None, None)


def test_a_folder_that_is_refused_yields_nothing_of_another(session):
    refused = {
        b"EXAMINE": b"TAG NO [NOPERM] no\r\n",
        b"UID FETCH": usual(5, b"of the folder before") + b"TAG OK done\r\n",
    }
    for stream in session(refused).fetch([FetchRequest(INBOX)]):
        assert str(stream.refusal) == "NO [NOPERM] no"
        assert list(stream.messages()) == []
        assert not stream.complete


def test_a_fetch_that_fails_is_not_complete_unless_the_folder_is_empty(session):
    failing = {b"EXAMINE": EXAMINED, b"UID FETCH": usual(5, b"x") + b"TAG NO [UNAVAILABLE] the rest later\r\n"}
    for stream in session(failing).fetch([FetchRequest(INBOX)]):
        assert [message.message.uid for message in stream.messages()] == [5]
        assert not stream.complete and stream.status.code == b"UNAVAILABLE"
    failing[b"EXAMINE"] = EXAMINED.replace(b"3 EXISTS", b"0 EXISTS")
    failing[b"UID FETCH"] = b"TAG BAD no messages\r\n"
    for stream in session(failing).fetch([FetchRequest(INBOX)]):
        assert list(stream.messages()) == [] and stream.complete


@pytest.mark.parametrize(
    "stray",
    [b"\r\n", b"\n", b"+ \r\n", b"+\n", b"+ go on\r\n", b"  \r\n", b"TAG_OF_EXAMINE OK once more\r\n", b"\r\n" * 50],
)
@pytest.mark.parametrize("flags_only", [False, True])
def test_b4_stray_lines_are_passed_over(fetched, stray, flags_only):
    stray = stray.replace(b"TAG_OF_EXAMINE", b"M1")
    message = b"* 1 FETCH (UID %d FLAGS ())\r\n" if flags_only else b"* 1 FETCH (UID %d FLAGS () BODY[] {1}\r\nx)\r\n"
    stream, read = fetched(b"".join(stray + message % uid for uid in (5, 6, 7)) + stray, flags_only)
    assert [found[0] for found in read] == [5, 6, 7] and stream.complete


def test_b4_text_between_the_answers_of_a_session_without_bodies_is_passed_over(fetched):
    stream, read = fetched(b"Warning: the disk is slow\r\n* 1 FETCH (UID 5 FLAGS ())\r\nhello\r\n", flags_only=True)
    assert [found[0] for found in read] == [5] and stream.complete


@pytest.mark.parametrize("size", [4, WHOLE_SIZE + 1])
@pytest.mark.parametrize("extra", [b"\r\n", b"\n", b"\r\n\r\n"])
@pytest.mark.parametrize("end", [b")\r\n", b" FLAGS (\\Seen))\r\n", b") \r\n", b"))\r\n"])
def test_b5_an_extra_line_end_behind_a_literal(fetched, size, extra, end):
    answer = usual(5, b"x" * size)[: -len(b")\r\n")]
    _stream, read = fetched(answer + extra + end + usual(6, b"next"))
    assert [(found[0], found[3]) for found in read] == [(5, b"x" * size), (6, b"next")]


@pytest.mark.parametrize(
    ("items", "flags"),
    [
        (b'UID 5 FLAGS (ab"cd)%s', (b'ab"cd',)),
        (b'UID 5 FLAGS (\\Seen ab"c"d")%s', (b"\\Seen", b'ab"c"d"')),
        (b'UID 5 FLAGS (\\Seen "open)%s', None),
        (b"UID 5 FLAGS (\\Seen%s", None),
        (b"UID 5 FLAGS \\Seen)%s", None),
        (b"UID 5 FLAGS ((\\Seen) a)%s", None),
        (b"FLAGS (\\Seen UID 5%s", None),
        (b"UID 5 FLAGS (NIL)%s", (b"NIL",)),
        (b"UID 5 FLAGS NIL%s", None),
        (b"UID 5  FLAGS  (\\Seen)%s", (b"\\Seen",)),
        (b"UID\t5\tFLAGS\t(\\Seen)%s", (b"\\Seen",)),
        (b"uid 5 flags (\\Seen)%s", (b"\\Seen",)),
        (b"UID 5 FLAGS (\\Seen)%s X ((((", None),
        (b'UID 5 FLAGS (\\Seen)%s X "', None),
    ],
)
@pytest.mark.parametrize("size", [4, WHOLE_SIZE + 1])
def test_b3_a_malformed_line_costs_no_more_than_what_is_malformed(fetched, items, flags, size):
    answer = b"* 1 FETCH (" + items % DATE + b" BODY[] {%d}\r\n" % size + b"x" * size + b")\r\n"
    told = []

    def take(message):
        body = b"".join(map(bytes, message.chunks))
        told.append((message.message.uid, message.message.flags if message.message.flags_told else None, len(body)))

    fetched(answer + usual(6, b"next"), take=take)
    assert told == [(5, flags, size), (6, (), 4)]


@pytest.mark.parametrize(
    "line", [b"* 1 FETCH (UID 5 FLAGS (((((\r\n", b"* 1 FETCH (" + b"(" * 100 + b")" * 100 + b")\r\n"]
)
def test_b3_a_line_without_a_body_is_no_message(fetched, line):
    _stream, read = fetched(line + usual(6, b"next"))
    assert [found[0] for found in read if found[3] is not None] == [6]


def test_a_status_may_end_like_a_literal(fetched):
    _stream, read = fetched(b"* OK this is free text {5}\r\n" + usual(6, b"next"))
    assert [found[0] for found in read] == [6]


@pytest.mark.parametrize("blank", [b" ", b"\t", b"  "])
def test_blanks_behind_the_announcement_of_a_literal(fetched, blank):
    _stream, read = fetched(usual(5, b"body").replace(b"{4}", b"{4}" + blank) + usual(6, b"next"))
    assert [(found[0], found[3]) for found in read] == [(5, b"body"), (6, b"next")]


def test_a_message_id_is_found_however_the_beginning_comes_in_pieces():
    """What the first piece holds depends on the network, and on how the source writes."""
    text = b"Received: from somewhere\r\nMessage-ID: <note@example.net>\r\n\r\n" + b"x" * 100_000
    for cut in (1, 30, 45):
        fetched = Fetched(Message(1), len(text), chunks=iter((text[:cut], text[cut:], b"y" * 1_000_000)))
        beginning = fetched.skip()
        assert message_id_in(beginning) == "<note@example.net>"
        assert len(beginning) < 100_000
        assert next(fetched.chunks, None) is None
