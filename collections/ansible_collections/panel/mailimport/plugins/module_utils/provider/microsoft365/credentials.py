# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an application proves itself with when it asks for a token: a secret, or a signature by its certificate."""

from __future__ import annotations

import base64
import hashlib
import time
import uuid
from abc import ABC, abstractmethod
from typing import Any, Dict, Tuple

from ...model.errors import MailImportError

try:
    import jwt
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
except ImportError:  # the module says which package is missing before anything here is used
    jwt = x509 = serialization = None  # type: ignore[assignment]

# Seconds. https://learn.microsoft.com/entra/identity-platform/certificate-credentials: 5 to 10 minutes.
_LIFETIME = 300
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_NOT_A_PAIR = "client_certificate is no certificate with its private key (PEM, not encrypted): %s"


_NO_LIBRARIES = (
    "client_certificate needs the Python packages PyJWT and cryptography on this host: the role panel.mailimport.setup "
    "installs them with setup_sources=[microsoft365_certificate]; client_secret does without"
)


class Credential(ABC):
    """How an application proves who it is."""

    @abstractmethod
    def form(self, client_id: str, token_url: str) -> Dict[str, str]:
        """Return the fields of a request for a token that prove it."""

    @abstractmethod
    def secrets(self) -> Tuple[str, ...]:
        """Return what must show nowhere."""


class ClientSecret(Credential):
    """A secret that the application's page has shown once."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def form(self, client_id: str, token_url: str) -> Dict[str, str]:
        return {"client_secret": self._secret}

    def secrets(self) -> Tuple[str, ...]:
        return (self._secret,)


class ClientCertificate(Credential):
    """A certificate that was uploaded to the application's page, and its private key.

    Args:
        pem: both, in any order.

    Raises:
        MailImportError: `invalid_row` when it is not that; nothing of it is in the message.
    """

    def __init__(self, pem: str) -> None:
        if jwt is None:
            raise MailImportError("host_refused", _NO_LIBRARIES)
        data = pem.encode("utf-8")
        try:
            certificate = x509.load_pem_x509_certificate(data)
            self._key: Any = serialization.load_pem_private_key(data, password=None)
        except (ValueError, TypeError, NotImplementedError):
            # What the library says may hold a part of the key.
            raise MailImportError("invalid_row", _NOT_A_PAIR % "it cannot be read") from None
        spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        if certificate.public_key().public_bytes(*spki) != self._key.public_key().public_bytes(*spki):
            raise MailImportError("invalid_row", _NOT_A_PAIR % "the key is not the certificate's")
        digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest()
        self._thumbprint = base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

    def form(self, client_id: str, token_url: str) -> Dict[str, str]:
        now = int(time.time())
        claims = {
            "aud": token_url,
            "iss": client_id,
            "sub": client_id,
            "jti": str(uuid.uuid4()),
            "nbf": now,
            "iat": now,
            "exp": now + _LIFETIME,
        }
        try:
            assertion = jwt.encode(claims, self._key, algorithm="PS256", headers={"x5t#S256": self._thumbprint})
        except (ValueError, TypeError, NotImplementedError, jwt.exceptions.PyJWTError):
            raise MailImportError("invalid_row", _NOT_A_PAIR % "the key is no RSA key") from None
        return {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": assertion}

    def secrets(self) -> Tuple[str, ...]:
        return ()
