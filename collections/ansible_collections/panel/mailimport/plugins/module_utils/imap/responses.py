# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Responses of an IMAP server (RFC 3501 section 7) as Python values; the general parser behind the fast paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple, Union

from ..model.errors import MailImportError, one_line
from .stream import ByteStream

MAX_DEPTH = 32
MAX_PARTS = 256

LITERAL_TAIL = re.compile(rb"~?\{(\d{1,19})\+?\}[ \t]*\r?\n$")
FETCH_RESPONSE = re.compile(rb"\d+[ \t]+FETCH[ \t]*\(", re.IGNORECASE)
_STATUS = re.compile(rb"(OK|NO|BAD|BYE|PREAUTH)(?:[ \t]+(?:\[([^\]]*)\] ?)?(.*))?$", re.IGNORECASE | re.DOTALL)
_FREE_TEXT = re.compile(rb"(?:OK|NO|BAD|BYE|PREAUTH)\b", re.IGNORECASE)
_UNTAGGED = re.compile(rb"\*[ \t]+")
# A quote inside of an atom is a mistake of the server's, and a part of the atom: some have flags like ab"cd.
_TOKEN = re.compile(rb'[ \t]*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|([^\s()"][^\s()]*))', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_SIZE = re.compile(rb"\d+[ \t]+FETCH[ \t]*\(.*\bRFC822\.SIZE[ \t]+(\d{1,18})\b", re.IGNORECASE | re.DOTALL)


class Literal(bytes):
    """A literal's bytes, kept apart from the text around them."""


Parts = List[Union[bytes, Literal]]


@dataclass(frozen=True)
class Status:
    """A status response: condition OK, NO, BAD, BYE or PREAUTH, its response code and its text."""

    condition: str
    code: bytes
    text: str

    @property
    def ok(self) -> bool:
        return self.condition == "OK"

    def __str__(self) -> str:
        code = "[%s] " % self.code.decode("ascii", "replace") if self.code else ""
        return one_line("%s %s%s" % (self.condition, code, self.text), 300)


def untagged(line: bytes) -> Optional[bytes]:
    """Return an untagged response without its star. Returns None if the line is something else."""
    star = _UNTAGGED.match(line)
    return line[star.end() :] if star else None


def parse_status(line: bytes) -> Optional[Status]:
    """Return the status response in a line without its tag. Returns None if the line is something else."""
    match = _STATUS.match(line.rstrip(b"\r\n"))
    if not match:
        return None
    condition, code, text = match.groups()
    return Status(condition.decode("ascii").upper(), code or b"", (text or b"").decode("utf-8", "replace"))


def read_rest(stream: ByteStream, line: bytes) -> Parts:
    """Read the literals and line pieces that belong to the response that `line` begins.

    The text of a status response is for people: what looks like a literal at its end is none.

    Raises:
        MailImportError: `protocol_error` for literals beyond a small bound: no body is read here.
    """
    parts: Parts = []
    while True:
        tail = LITERAL_TAIL.search(line)
        if not tail or (not parts and _FREE_TEXT.match(line)):
            parts.append(line.rstrip(b"\r\n"))
            return parts
        if len(parts) > MAX_PARTS:
            raise MailImportError("protocol_error", "%s sent a response of too many parts" % stream.peer)
        parts.append(line[: tail.start()])
        parts.append(Literal(stream.read_exactly(int(tail.group(1)))))
        line = stream.read_line()


def parse_parts(parts: Parts) -> List[Any]:
    """Parse text and literals into nested lists: atoms and quoted strings as bytes, literals as Literal, NIL as None.

    Raises:
        MailImportError: `protocol_error` when parentheses or quotes do not match or nest too deep.
    """
    root: List[Any] = []
    open_lists = [root]
    for part in parts:
        if isinstance(part, Literal):
            open_lists[-1].append(part)
            continue
        position = 0
        text = part.rstrip()
        while position < len(text):
            token = _TOKEN.match(text, position)
            if not token:
                raise MailImportError(
                    "protocol_error", "malformed response: %s" % one_line(text.decode("latin-1"), 120)
                )
            position = token.end()
            _append_token(open_lists, token)
    if len(open_lists) != 1:
        raise MailImportError("protocol_error", "response with an unclosed parenthesis")
    return root


def _append_token(open_lists: List[List[Any]], token: re.Match[bytes]) -> None:
    opening, closing, quoted, atom = token.groups()
    if opening:
        if len(open_lists) > MAX_DEPTH:
            raise MailImportError("protocol_error", "response nested more than %d deep" % MAX_DEPTH)
        inner: List[Any] = []
        open_lists[-1].append(inner)
        open_lists.append(inner)
    elif closing:
        if len(open_lists) == 1:
            raise MailImportError("protocol_error", "response with a parenthesis too many")
        open_lists.pop()
    elif quoted is not None:
        open_lists[-1].append(without_escapes(quoted))
    else:
        open_lists[-1].append(None if atom.upper() == b"NIL" else atom)


def separator_and_name(parts: Parts, word: bytes) -> Optional[Tuple[bytes, bytes]]:
    """Return separator (empty if there is none) and name of a folder that a response of this word, LIST or LSUB, tells.
    Returns None if it is another response, or tells no name.
    """
    values = parse_parts(parts) if parts[0].upper().startswith(word + b" ") else []
    if len(values) < 4 or not isinstance(values[3], bytes):
        return None
    return values[2] if isinstance(values[2], bytes) else b"", bytes(values[3])


def fetched_items(parts: Parts) -> Dict[bytes, Any]:
    """Return what a FETCH response tells, by the names of its items in upper case. Empty for any other response.

    Raises:
        MailImportError: `protocol_error` when parentheses or quotes do not match.
    """
    values = parse_parts(parts) if FETCH_RESPONSE.match(parts[0]) else []
    items: List[Any] = next((value for value in values if isinstance(value, list)), [])
    return {name.upper(): value for name, value in zip(items[::2], items[1::2]) if isinstance(name, bytes)}


def figure(name: bytes, digits: bytes) -> Optional[int]:
    """Return a figure of a folder. Returns None if no folder can have it: it has more than 32 bits (RFC 3501 section
    9), or 63 for HIGHESTMODSEQ (RFC 7162 section 7).
    """
    bits = 63 if name.upper() == b"HIGHESTMODSEQ" else 32
    value = int(digits) if digits.isdigit() and len(digits) < 20 else 1 << bits
    return value if value < 1 << bits else None


def size_in(response: Parts) -> Optional[int]:
    """Return the size that a FETCH response tells of its message. Returns None if it tells none."""
    told = _SIZE.match(response[0])
    return int(told[1]) if told else None


def is_quotable(value: bytes) -> bool:
    """True if a quoted string can hold the value: there is no NUL, CR or LF in it."""
    return not any(byte in value for byte in (b"\0", b"\r", b"\n"))


def quote(value: bytes) -> bytes:
    """Quote a string for a command.

    Raises:
        MailImportError: `folder_refused` if a quoted string cannot hold the value; only folder names are quoted here.
    """
    if not is_quotable(value):
        raise MailImportError("folder_refused", "a name with a control character cannot be asked for: %r" % value[:80])
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def without_escapes(quoted: bytes) -> bytes:
    """Return what stands between the quotes of a quoted string (RFC 3501 section 4.3)."""
    return _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted
