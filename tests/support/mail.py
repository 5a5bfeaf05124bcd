# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages for tests: the corpus of real mail when it is at hand, otherwise the few that this repository ships."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from typing import Iterator, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]


class Mail(NamedTuple):
    """A message file's name and its bytes as they go over IMAP."""

    name: str
    data: bytes


def corpus_directory() -> Path:
    """Where the messages are: `MAIL_CORPUS`, `shared/corpus` beside the checkout, or `tests/mail` in it."""
    if "MAIL_CORPUS" in os.environ:
        return Path(os.environ["MAIL_CORPUS"])
    beside = REPOSITORY.parent / "shared" / "corpus"
    return beside if beside.is_dir() else REPOSITORY / "tests" / "mail"


def load_mail(limit: int = 0) -> list[Mail]:
    """Read the messages in the order of their names: all of them, or `limit`, with made-up ones behind where there are
    not as many.
    """
    mail = (Mail(path.name, canonical(path.read_bytes())) for path in sorted(corpus_directory().glob("*.eml")))
    # Servers refuse a message of no bytes at all.
    good = itertools.islice((message for message in mail if message.data), limit or None)
    return list(itertools.islice(itertools.chain(good, _made_up()), limit)) if limit else list(good)


def _made_up() -> Iterator[Mail]:
    """Messages of some kilobytes without end."""
    for number in itertools.count(100_000):
        yield Mail("made-up-%d" % number, small_message(number, "It is a long one. " * 150))


def canonical(data: bytes) -> bytes:
    """Give every line that ends in LF a CRLF (RFC 5322 section 2.3); what has no LF, or a bare CR, stays as it is."""
    return re.sub(rb"(?<!\r)\n", b"\r\n", data)


def small_message(number: int, text: str = "") -> bytes:
    """A short message that no other number gives."""
    return (
        f"From: Sender {number} <sender{number}@example.net>\r\nTo: box@example.org\r\nSubject: Note {number}\r\n"
        f"Message-ID: <note-{number}@example.net>\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n\r\nNote number "
        f"{number}. {text}\r\n"
    ).encode()
