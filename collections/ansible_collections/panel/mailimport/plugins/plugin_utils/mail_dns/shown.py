# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What other servers are shown outside of DNS: the policy of MTA-STS, and the certificate of a mail host."""

from __future__ import annotations

import contextlib
import http.client
import smtplib
import socket
import ssl
import typing as t

_LARGEST_POLICY = 64 * 1024
_SMTP_PORT = 25
_HTTPS_PORT = 443


class NotShownError(Exception):
    """Nobody showed it, and why."""


class BadCertificateError(Exception):
    """A server showed a certificate that nobody trusts, or of another host."""


class Policy(t.NamedTuple):
    """A policy of MTA-STS (RFC 8461)."""

    mode: str
    mx: tuple[str, ...]
    max_age: int

    def covers(self, host: str) -> bool:
        return any(
            host == pattern or (pattern.startswith("*.") and host.partition(".")[2] == pattern[2:])
            for pattern in self.mx
        )


def fetch_policy(domain: str, addresses: t.Sequence[str], timeout: float) -> Policy:
    """Fetch the policy of a domain from the addresses of its policy host, as senders do.

    Raises:
        NotShownError: in one line, why there is none that a sender would take.
    """
    host = "mta-sts.%s" % domain
    failure = "%s has no address" % host
    for address in addresses:
        try:
            return _parse(host, _get(host, address, timeout))
        except (OSError, http.client.HTTPException) as error:
            failure = "%s (%s): %s" % (host, address, error)
    raise NotShownError(failure)


def _get(host: str, address: str, timeout: float) -> bytes:
    context = ssl.create_default_context()
    with socket.create_connection((address, _HTTPS_PORT), timeout) as plain:
        connection = http.client.HTTPSConnection(host, timeout=timeout)
        with context.wrap_socket(plain, server_hostname=host) as connection.sock:
            connection.request("GET", "/.well-known/mta-sts.txt", headers={"Connection": "close"})
            answer = connection.getresponse()
            # A redirection must not be followed.
            if answer.status != 200:
                raise http.client.HTTPException("https://%s/.well-known/mta-sts.txt: HTTP %d" % (host, answer.status))
            return answer.read(_LARGEST_POLICY)


def _parse(host: str, data: bytes) -> Policy:
    found: dict[str, list[str]] = {}
    for line in data.decode("utf-8", "replace").splitlines():
        name, _colon, value = line.partition(":")
        found.setdefault(name.strip().lower(), []).append(value.strip().lower().rstrip("."))
    mode, age = found.get("mode", [""])[0], found.get("max_age", [""])[0]
    if found.get("version") != ["stsv1"] or mode not in ("enforce", "testing", "none") or not age.isdecimal():
        raise NotShownError("what https://%s/.well-known/mta-sts.txt has is no policy" % host)
    return Policy(mode, tuple(found.get("mx", [])), int(age))


def fetch_certificate(host: str, addresses: t.Sequence[str], timeout: float, verified: bool = False) -> bytes:
    """The certificate (DER) that a mail host shows to other servers, whether good or not, or a good one only.

    Raises:
        BadCertificateError: in one line, what is wrong with it.
        NotShownError: in one line, why it shows none.
    """
    failure = "%s has no address" % host
    for address in addresses:
        try:
            return _starttls(host, address, timeout, verified)
        except ssl.SSLCertVerificationError as error:
            raise BadCertificateError(error.verify_message) from None
        except (OSError, smtplib.SMTPException) as error:
            failure = "%s (%s) port %d: %s" % (host, address, _SMTP_PORT, error)
    raise NotShownError(failure)


def _starttls(host: str, address: str, timeout: float, verified: bool) -> bytes:
    context = ssl.create_default_context()
    if not verified:
        # It is compared with what DNS says of it, and nothing is sent.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    server = smtplib.SMTP(timeout=timeout)
    with contextlib.closing(server):
        code, text = server.connect(address, _SMTP_PORT)
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        server._host = host  # type: ignore[attr-defined]  # the name it asks for in TLS
        server.starttls(context=context)
        return t.cast(ssl.SSLSocket, server.sock).getpeercert(binary_form=True) or b""
