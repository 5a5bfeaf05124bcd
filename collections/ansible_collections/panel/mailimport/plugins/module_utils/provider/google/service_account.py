# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The key of a service account, as Google Cloud gives it out: a JSON file that cannot be downloaded again."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any, Dict, Sequence

from ...model.errors import MailImportError

try:
    import jwt
except ImportError:  # the module says which package is missing before anything here is used
    jwt = None  # type: ignore[assignment]

# Google's own, wherever a token is asked for (https://developers.google.com/identity/protocols/oauth2/service-account).
AUDIENCE = "https://oauth2.googleapis.com/token"
# An assertion is good for so many seconds at most.
_LIFETIME = 3600

_NEEDED = ("client_email", "client_id", "private_key", "private_key_id")
_NO_KEY = "service_account is no key of a service account: %s"


@dataclass(frozen=True)
class ServiceAccount:
    """A service account; `client_id` is the number that the delegation names."""

    client_email: str
    client_id: str
    private_key_id: str
    private_key: str = field(repr=False)

    @classmethod
    def from_json(cls, text: str) -> ServiceAccount:
        """Read the content of a key file.

        Raises:
            MailImportError: `invalid_row` when it is none; nothing of it is in the message.
        """
        try:
            values = json.loads(text)
        except (ValueError, TypeError, RecursionError):
            raise MailImportError("invalid_row", _NO_KEY % _what_is_no_json(text)) from None
        if not isinstance(values, dict):
            raise MailImportError("invalid_row", _NO_KEY % "it is no JSON object")
        _check_kind(values)
        lacking = [name for name in _NEEDED if not isinstance(values.get(name), str) or not values[name]]
        if lacking:
            raise MailImportError("invalid_row", _NO_KEY % ("it lacks %s" % ", ".join(lacking)))
        account = cls(**{name: values[name] for name in _NEEDED})
        account.assertion("", ())  # a key that signs nothing is told before anybody is asked
        return account

    def assertion(self, subject: str, scopes: Sequence[str]) -> str:
        """Return what is exchanged for a token that acts for a user (RFC 7523).

        Raises:
            MailImportError: `invalid_row` when the key does not sign.
        """
        now = int(time.time())
        claims = {
            "iss": self.client_email,
            "sub": subject,
            "scope": " ".join(scopes),
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + _LIFETIME,
        }
        try:
            return jwt.encode(claims, self.private_key, algorithm="RS256", headers={"kid": self.private_key_id})
        except (ValueError, TypeError, NotImplementedError, jwt.exceptions.PyJWTError):
            # What the library says may hold a part of the key.
            what = "is encrypted" if "ENCRYPTED" in self.private_key else "is no RSA key"
            message = _NO_KEY % ("its private_key %s; give the whole file as Google Cloud made it" % what)
            raise MailImportError("invalid_row", message) from None


def _what_is_no_json(text: str) -> str:
    if "PRIVATE KEY" in text:
        return "it is a private key alone (PEM); give the whole JSON file that Google Cloud made"
    if text.startswith("$ANSIBLE_VAULT"):
        return "it is encrypted with Ansible Vault; name the file in service_account_src"
    return "it is no JSON"


def _check_kind(values: Dict[str, Any]) -> None:
    kind = values.get("type")
    if kind in ("authorized_user", "external_account", "impersonated_service_account"):
        raise MailImportError("invalid_row", _NO_KEY % ("it is gcloud's own login (%s); make a key" % kind))
    if "installed" in values or "web" in values:
        raise MailImportError("invalid_row", _NO_KEY % "it is that of an OAuth client; make a key of a service account")
    if kind != "service_account":
        raise MailImportError("invalid_row", _NO_KEY % "its type is not service_account")
