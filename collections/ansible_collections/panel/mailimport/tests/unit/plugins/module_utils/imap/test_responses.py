# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.responses import (
    MAX_DEPTH,
    MAX_PARTS,
    Literal,
    parse_parts,
    parse_status,
    quote,
    read_rest,
)
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("line", "condition", "code", "text"),
    [
        (b"OK done\r\n", "OK", b"", "done"),
        (b"ok [READ-ONLY] Examine completed.\r\n", "OK", b"READ-ONLY", "Examine completed."),
        (b"NO [UNAVAILABLE] later\n", "NO", b"UNAVAILABLE", "later"),
        (b"OK [UIDVALIDITY 5]\r\n", "OK", b"UIDVALIDITY 5", ""),
        (b"OK [UIDVALIDITY 5] ]odd[ text", "OK", b"UIDVALIDITY 5", "]odd[ text"),
        (b"BAD", "BAD", b"", ""),
        (b"BYE  two blanks", "BYE", b"", "two blanks"),
        (b"NO Gr\xc3\xbc\xc3\x9fe \xff", "NO", b"", "Grüße \ufffd"),
        (b"PREAUTH hello", "PREAUTH", b"", "hello"),
    ],
)
def test_status_responses(line, condition, code, text):
    status = parse_status(line)
    assert (status.condition, status.code, status.text) == (condition, code, text)
    assert status.ok == (condition == "OK")


@pytest.mark.parametrize("line", [b"", b"OKAY", b"5 EXISTS", b"* OK", b"FLAGS ()", b"NOT here"])
def test_what_is_no_status_response(line):
    assert parse_status(line) is None


def test_a_status_is_one_line_for_people():
    assert str(parse_status(b"NO [LIMIT] rate\x1b[1m hit\r\n")) == "NO [LIMIT] rate [1m hit"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b'(\\HasNoChildren \\Sent) "/" Sent', [[b"\\HasNoChildren", b"\\Sent"], b"/", b"Sent"]),
        (b'() NIL "a \\"quoted\\" \\\\ name"', [[], None, b'a "quoted" \\ name']),
        (b'nil "NIL" NILS', [None, b"NIL", b"NILS"]),
        (b"(((a) b) c)()", [[[[b"a"], b"b"], b"c"], []]),
        (b'"" ""', [b"", b""]),
        (
            b"1 FETCH (UID 5 BODY[HEADER.FIELDS (A B)] x)",
            [b"1", b"FETCH", [b"UID", b"5", b"BODY[HEADER.FIELDS", [b"A", b"B"], b"]", b"x"]],
        ),
        (b'"caf\xc3\xa9" \xff\xfe', [b"caf\xc3\xa9", b"\xff\xfe"]),
        (b"  a\tb  ", [b"a", b"b"]),
        (b'(ab"cd x"y"z) "q"', [[b'ab"cd', b'x"y"z'], b"q"]),
        (b"", []),
    ],
)
def test_values_of_a_response(text, values):
    assert parse_parts([text]) == values


def test_a_quoted_nil_is_a_string():
    nil, quoted = parse_parts([b'NIL "NIL"'])
    assert nil is None and quoted == b"NIL"


def test_literals_keep_whatever_they_hold():
    values = parse_parts([b'LIST () "/" ', Literal(b'a) "b\r\n NIL'), b" (x)"])
    assert values == [b"LIST", [], b"/", b'a) "b\r\n NIL', [b"x"]]
    assert isinstance(values[3], Literal)


@pytest.mark.parametrize("text", [b"(", b")", b"(a))", b'"open', b'("a" "b)', b"((a)"])
def test_what_does_not_match_is_refused(text):
    with pytest.raises(MailImportError) as refused:
        parse_parts([text])
    assert refused.value.reason == "protocol_error"


def test_nesting_is_bounded():
    parse_parts([b"(" * MAX_DEPTH + b")" * MAX_DEPTH])
    with pytest.raises(MailImportError, match="nested"):
        parse_parts([b"(" * 100_000])


@given(st.lists(st.binary(max_size=20) | st.binary(max_size=20).map(Literal), max_size=5))
def test_no_response_makes_the_parser_fail_otherwise(parts):
    try:
        parse_parts(parts)
    except MailImportError as error:
        assert error.reason == "protocol_error"


def test_a_response_is_read_with_all_its_literals(stream_of):
    stream = stream_of(b"b{4} {3+}\r\nd\r\n e ~{0}\r\n)\r\nnext\r\n")
    # The literal ends in the middle of a line, whatever that looks like.
    assert read_rest(stream, b"LIST a {4}\r\n") == [b"LIST a ", b"b{4}", b" ", b"d\r\n", b" e ", b"", b")"]
    assert stream.read_line() == b"next\r\n"


def test_a_literal_that_is_too_long_for_its_place_is_refused(stream_of):
    with pytest.raises(MailImportError, match="literal of 99999999999 bytes"):
        read_rest(stream_of(b"x"), b"LIST () NIL {99999999999}\r\n")


def test_endless_literals_are_refused(stream_of):
    with pytest.raises(MailImportError, match="too many parts"):
        read_rest(stream_of(b"{0}\r\n" * MAX_PARTS), b"LIST {0}\r\n")


@given(st.binary().filter(lambda value: not set(value) & {0, 10, 13}))
def test_whatever_is_quoted_reads_back(value):
    assert parse_parts([quote(value)]) == [value]


@pytest.mark.parametrize("value", [b"a\0", b"a\nb", b"\r"])
def test_a_name_that_would_end_the_command_is_refused(value):
    with pytest.raises(MailImportError) as refused:
        quote(value)
    assert refused.value.reason == "folder_refused"
