# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS to an IMAP server: what is trusted, and what people are told when it does not come about."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from functools import lru_cache
from typing import Optional

from ..model.errors import MailImportError
from ..model.mail import ImapAccount

# What OpenSSL says, and what it means for whoever reads it.
_HINTS = (
    (re.compile("WRONG_VERSION_NUMBER"), "it does not begin with TLS, see {0}_tls and {0}_port"),
    (
        re.compile("UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION|VERSION_TOO_LOW|NO_PROTOCOLS_AVAILABLE"),
        "it speaks no TLS newer than 1.1, which is not safe: let it offer TLS 1.2, or reach it through a tunnel of its "
        "own (stunnel, ssh) with {0}_tls=none",
    ),
    (
        re.compile("DH_KEY_TOO_SMALL|EE_KEY_TOO_SMALL|CA_MD_TOO_WEAK|NO_SHARED_CIPHER|HANDSHAKE_FAILURE|LEGACY_SIGALG"),
        "its keys or ciphers are too weak for this host: renew them, or reach it through a tunnel of its own (stunnel, "
        "ssh) with {0}_tls=none",
    ),
)


# OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH,
_OTHER_NAME = (62, 64)
# and X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED.
_OTHER_DAY = (9, 10)

_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{64}")


def is_fingerprint(text: str) -> bool:
    """Whether a text can be the SHA-256 fingerprint of a certificate, with or without colons."""
    return bool(_FINGERPRINT.fullmatch(text.replace(":", "")))


def tls_context(account: ImapAccount) -> Optional[ssl.SSLContext]:
    """Return the TLS settings of an account. Returns None for `tls: none`.

    Call before privileges are dropped: it reads the CA file.

    A pinned fingerprint takes the place of the chain of trust, so that a self-signed server can be trusted exactly.

    Raises:
        MailImportError: `certificate_invalid` when the CA file cannot be used.
    """
    if account.tls == "none":
        return None
    try:
        return _context(account.ca_cert, account.validate_certs and not account.tls_fingerprint)
    except (OSError, ssl.SSLError) as error:
        raise MailImportError(
            "certificate_invalid", "%s %s cannot be used: %s" % (account.option("ca_cert"), account.ca_cert, error)
        ) from None


@lru_cache(maxsize=8)
def _context(ca_cert: Optional[str], by_chain: bool) -> ssl.SSLContext:
    """Made once for all accounts that are reached in the same way: a system's authorities take long to read."""
    context = ssl.create_default_context(cafile=ca_cert)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996, whatever this system allows
    if not by_chain:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def begin_tls(sock: socket.socket, account: ImapAccount, context: ssl.SSLContext, peer: str) -> ssl.SSLSocket:
    """Begin TLS on a connection.

    Raises:
        MailImportError: `certificate_invalid`, `connection_failed` or `tls_failed`.
    """
    try:
        secure = context.wrap_socket(sock, server_hostname=account.host)
    except ssl.SSLCertVerificationError as error:
        raise MailImportError(
            "certificate_invalid",
            "the certificate of %s is not trusted: %s (%s)"
            % (peer, error.verify_message.rstrip("."), _way_out(error, account)),
        ) from None
    except (ssl.SSLEOFError, ConnectionError) as error:
        # As a server does that is being restarted, or a relay in front of one.
        raise MailImportError(
            "connection_failed", "connection to %s broke while TLS was begun: %s" % (peer, error)
        ) from None
    except (OSError, ValueError) as error:
        hint = next((": " + hint.format(account.side) for sign, hint in _HINTS if sign.search(str(error))), "")
        raise MailImportError("tls_failed", "no TLS with %s: %s%s" % (peer, error, hint)) from None
    _check_fingerprint(secure, account, peer)
    return secure


def _way_out(error: ssl.SSLCertVerificationError, account: ImapAccount) -> str:
    """What to set. No authority makes another name right, or another day."""
    fingerprint = account.option("tls_fingerprint")
    if error.verify_code in _OTHER_NAME:
        return "set %s to a name that it is for, or %s" % (account.option("host"), fingerprint)
    if error.verify_code in _OTHER_DAY:
        return "let it be renewed, or set %s" % fingerprint
    return "set %s or %s" % (account.option("ca_cert"), fingerprint)


def _check_fingerprint(sock: ssl.SSLSocket, account: ImapAccount, peer: str) -> None:
    wanted = account.tls_fingerprint
    if not wanted:
        return
    found = hashlib.sha256(sock.getpeercert(binary_form=True) or b"").hexdigest()
    if wanted.replace(":", "").lower() != found:
        raise MailImportError(
            "certificate_invalid",
            "the certificate of %s has the SHA-256 fingerprint %s, not the one given" % (peer, found),
        )
