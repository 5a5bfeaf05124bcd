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

from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import one_line
from ansible_collections.panel.mailimport.plugins.module_utils.process.deadline import ended_after

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
    context = _trusting()
    with socket.create_connection((address, _HTTPS_PORT), timeout) as plain, ended_after(plain, timeout):
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


def fetch_chain(host: str, addresses: t.Sequence[str], timeout: float) -> tuple[bytes, ...]:
    """The certificate (DER) that a mail host shows to other servers, whether good or not, and those behind it.

    Raises:
        NotShownError: in one line, why it shows none.
    """
    context = ssl.create_default_context()
    # It is compared with what DNS says of it, and nothing is sent.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _first_shown(host, addresses, timeout, context)


def check_certificate(host: str, addresses: t.Sequence[str], timeout: float, authority: bytes | None = None) -> None:
    """See that a mail host shows a good certificate of its name, by an authority (DER) or by any that people trust.

    Raises:
        BadCertificateError: in one line, what is wrong with it.
        NotShownError: in one line, why it shows none.
    """
    context = _trusting(authority)
    # The authority may be one that another has given its certificate.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN if authority else 0
    try:
        _first_shown(host, addresses, timeout, context)
    except ssl.SSLCertVerificationError as error:
        raise BadCertificateError(error.verify_message) from None


def _trusting(authority: bytes | None = None) -> ssl.SSLContext:
    """Goes by what other mail servers go by, who take authorities that do not name their keys; Python 3.13 does not."""
    context = ssl.create_default_context(cadata=authority)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _first_shown(host: str, addresses: t.Sequence[str], timeout: float, context: ssl.SSLContext) -> tuple[bytes, ...]:
    failure = "%s has no address" % host
    for address in addresses:
        try:
            return _starttls(host, address, timeout, context)
        except ssl.SSLCertVerificationError:
            raise
        except smtplib.SMTPResponseException as error:
            failure = "%s (%s) port %d: %d %s" % (host, address, _SMTP_PORT, error.smtp_code, _words(error.smtp_error))
        except (OSError, smtplib.SMTPException) as error:
            failure = "%s (%s) port %d: %s" % (host, address, _SMTP_PORT, error)
    raise NotShownError(failure)


def _words(said: bytes | str) -> str:
    return one_line(said.decode("utf-8", "replace") if isinstance(said, bytes) else said, 200)


def _starttls(host: str, address: str, timeout: float, context: ssl.SSLContext) -> tuple[bytes, ...]:
    server = smtplib.SMTP(timeout=timeout)
    plain = socket.create_connection((address, _SMTP_PORT), timeout)
    with contextlib.closing(server), ended_after(plain, timeout):
        server.sock = plain
        code, text = server.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        server._host = host  # type: ignore[attr-defined]  # the name it asks for in TLS
        code, text = server.starttls(context=context)
        if code != 220:
            raise smtplib.SMTPResponseException(code, text)
        return _chain(t.cast(ssl.SSLSocket, server.sock))


def _chain(connection: ssl.SSLSocket) -> tuple[bytes, ...]:
    """All that the server has shown, its own first."""
    if hasattr(connection, "get_unverified_chain"):  # Python 3.13
        return tuple(connection.get_unverified_chain())
    of_python_3_10 = getattr(connection._sslobj, "get_unverified_chain", list)  # type: ignore[attr-defined]
    shown: t.Sequence[t.Any] = of_python_3_10()
    der = 2
    return tuple(each.public_bytes(der) for each in shown) or (connection.getpeercert(binary_form=True) or b"",)
