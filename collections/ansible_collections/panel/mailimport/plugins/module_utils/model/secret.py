# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeping a secret out of what a server says: it may echo what it was sent."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Callable, Iterable, List, Optional

from .errors import CUT, one_line

_MASK = "********"
# Characters of a secret that give something of it away.
_SHORTEST_PART = 4
_BASE64 = re.compile(r"[A-Za-z0-9+/]{4,}={0,2}")


def hide_secret(text: str, secret: str) -> str:
    """Return the text with the secret masked: as it is, as a quoted string, folded into one line, or somewhere in
    Base64.

    Before the text is cut or folded, that is: afterwards the secret may be there in part. Of one that `one_line` has
    cut off, what is left is masked too.
    """
    if not secret:
        return text
    quoted = secret.replace("\\", "\\\\").replace('"', '\\"')
    for form in (quoted, secret, one_line(secret, len(secret))):
        text = text.replace(form, _MASK) if form else text
    if CUT in text:
        for length in range(len(secret) - 1, _SHORTEST_PART - 1, -1):
            text = text.replace(secret[:length] + CUT, _MASK + CUT)
    return _BASE64.sub(lambda found: _MASK if _encodes(found.group(), secret) else found.group(), text)


def hide_secrets(text: str, secrets: Iterable[Optional[str]]) -> str:
    """Return the text with each of the secrets masked; those that are None or empty hide nothing."""
    for secret in secrets:
        text = hide_secret(text, secret or "")
    return text


def _encodes(word: str, secret: str) -> bool:
    try:
        return secret.encode("utf-8", "surrogatepass") in base64.b64decode(word + "=" * (-len(word) % 4))
    except binascii.Error:
        return False


class Renewal:
    """Another secret for a source, such as a fresh access token.

    Args:
        get: returns it; raises MailImportError when there is none.
        get_in_place: returns one in place of that which it is given and which was refused, None when another one would
            be refused too. For a `get` that may return the same one again.

    Attributes: `issued`, all that it has given, for they must show nowhere.
    """

    def __init__(self, get: Callable[[], str], get_in_place: Optional[Callable[[str], Optional[str]]] = None) -> None:
        self._get = get
        self._get_in_place = get_in_place
        self.issued: List[str] = []

    def __call__(self) -> str:
        secret = self._get()
        self.issued.append(secret)
        return secret

    def in_place(self) -> Optional[str]:
        """Return a secret in place of the last one, which was refused; None when there is no better one."""
        secret = self._get_in_place(self.issued[-1]) if self._get_in_place else None
        if secret is not None:
            self.issued.append(secret)
        return secret
