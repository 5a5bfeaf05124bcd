# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SASL exchanges from the side of the client: PLAIN with a password, XOAUTH2 and OAUTHBEARER with an access token."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Optional

from ..model.errors import one_line
from ..model.secret import hide_secret

# Challenges that are answered before the exchange is given up: the initial response, once more to a server that has
# lost it, and the failure.
_MOST_ANSWERS = 4


class PlainExchange:
    """PLAIN (RFC 4616). Whatever the server says with its `+`, it gets the answer once."""

    mechanism = "PLAIN"
    problem = ""

    def __init__(self, user: bytes, password: bytes, authorization: bytes = b"") -> None:
        self._initial: Optional[bytes] = base64.b64encode(b"\0".join((authorization, user, password)))

    def answer(self, _challenge: bytes) -> bytes:
        """Return the line that answers a challenge, both in Base64 as on the wire."""
        answer, self._initial = self._initial, None
        return answer or b"*"


class BearerExchange:
    """One SASL exchange with a token, from this side.

    XOAUTH2 is as Google documents it (https://developers.google.com/workspace/gmail/imap/xoauth2-protocol), OAUTHBEARER
    is RFC 7628.

    Attributes: `mechanism`; `problem`, what the server's failure challenge names, empty when it sent none.
    """

    def __init__(self, mechanism: str, user: str, token: str) -> None:
        self.mechanism = mechanism
        self.problem = ""
        self._token = token
        self._answers = 0
        if mechanism == "XOAUTH2":
            self._initial, self._acknowledgement = "user=%s\1auth=Bearer %s\1\1" % (user, token), b""
        else:
            # RFC 5801 section 4: the name is a saslname.
            name = user.replace("=", "=3D").replace(",", "=2C")
            self._initial, self._acknowledgement = "n,a=%s,\1auth=Bearer %s\1\1" % (name, token), b"\1"

    def answer(self, challenge: bytes) -> bytes:
        """Return the line that answers a challenge, both in Base64 as on the wire.

        An empty challenge asks for the initial response. Any other one tells why the login fails, and is acknowledged
        (RFC 7628 section 3.2.3, and with an empty line for XOAUTH2); the tagged NO comes after that.
        """
        self._answers += 1
        if self._answers > _MOST_ANSWERS:
            return b"*"
        try:
            text = base64.b64decode(challenge or b"", validate=True)
        except binascii.Error:
            if self._answers > 1:
                return b"*"
            text = b""  # words for people, such as Ready
        if not text:
            return base64.b64encode(self._initial.encode("utf-8"))
        self.problem = _problem(text, self._token)
        return base64.b64encode(self._acknowledgement)


def _problem(text: bytes, token: str) -> str:
    try:
        status = json.loads(text)["status"]
    except (ValueError, TypeError, KeyError, RecursionError):
        status = text.decode("utf-8", "replace")
    return one_line(hide_secret(str(status), token), 100)
