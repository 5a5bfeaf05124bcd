# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail domains and addresses: what may become a line of a users file or part of a path."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from .errors import MailImportError, one_line

# RFC 6531 lets any UTF-8 into a local part; what is kept out is what files, paths, shells and Dovecot's
# user names give a meaning to.
_LOCAL_PART = re.compile(r"[\w!#$&'+=?^`{|}~.-]+", re.UNICODE)
_DOMAIN_LABEL = re.compile(r"[^\W_]([\w-]*[^\W_])?", re.UNICODE)
# Marks that nobody sees are none of any word; a capital I with a dot becomes one with two.
_UNSEEN = re.compile(
    "i\u0307|[\u034f\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


@dataclass(frozen=True)
class Address:
    """A mailbox's address in the form it has in every file: lower case, domain as written (IDN or A-label)."""

    local_part: str
    domain: str

    def __str__(self) -> str:
        return "%s@%s" % (self.local_part, self.domain)


def composed(text: str) -> str:
    """Return text of an address with its letters composed, as keyboards give them: some systems' files hold a letter
    and its accent apart. Blanks around it do not count.
    """
    return unicodedata.normalize("NFC", text.strip(" "))


def _letters(text: str) -> str:
    """Return text with a letter for each mark that belongs to the one before (vowels of Hindi, say, are marks)."""
    if _UNSEEN.search(text):
        return ""
    marks = (unicodedata.category(char)[0] == "M" for char in text)
    return "".join(
        "a" if is_mark and place and text[place - 1] not in "@.-" else char
        for place, (char, is_mark) in enumerate(zip(text, marks))
    )


def parse_domain(text: str) -> str:
    """Return the domain in lower case.

    Raises:
        MailImportError: `invalid_row`, when it is no domain name (RFC 1035 section 2.3.1, RFC 5890 for IDN).
    """
    domain = composed(text.lower())
    labels = domain.split(".")
    if (
        len(labels) < 2
        or len(domain) > 253
        or not all(len(label) <= 63 and _DOMAIN_LABEL.fullmatch(_letters(label)) for label in labels)
    ):
        raise MailImportError("invalid_row", "%r is not a mail domain" % one_line(text, 80))
    return domain


def parse_address(text: str) -> Address:
    """Split and check a mailbox address.

    Raises:
        MailImportError: `invalid_row`, when the address has not the form local-part@domain or holds a character
            that must not reach a file (newline, colon, slash, NUL, blank, `..`, `*`, `%`).
    """
    local_part, at, domain = composed(text).rpartition("@")
    local_part = composed(local_part.lower())
    if not at or not _LOCAL_PART.fullmatch(_letters(local_part)) or len(local_part.encode("utf-8")) > 64:
        raise MailImportError("invalid_row", "%r is not a mailbox address" % one_line(text, 80))
    if ".." in local_part or local_part.startswith(".") or local_part.endswith("."):
        raise MailImportError("invalid_row", "%r is not a mailbox address: misplaced dot" % one_line(text, 80))
    return Address(local_part, parse_domain(domain))
