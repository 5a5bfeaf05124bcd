# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of every module that reads from an IMAP server."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  source_host:
    description:
      - Name or address of the IMAP server the mail comes from, as the mail host reaches it.
    type: str
    required: true
  source_user:
    description:
      - Login name at the source. Default is O(email).
    type: str
  source_master_user:
    description:
      - Log in as this administrator, with the administrator's password, on behalf of O(source_user).
      - A plain name is sent as the identity that authenticates, and the user as the one to act for (RFC 4616). This
        needs a source that offers C(AUTH=PLAIN).
      - A name that holds V(%u) is a template for the login name, such as V(%u*master) for a Dovecot server.
    type: str
  source_auth:
    description:
      - How to log in. V(auto) takes the best mechanism for a password that the server offers.
      - A password with a quotation mark or a backslash that is refused is sent once more in a form that needs no
        quoting, and one with letters beyond ASCII once more in Windows-1252, as old servers keep it. The server counts
        each as a failed login. Other passwords are sent once.
      - V(xoauth2) and V(oauthbearer) send the password at the source as the access token.
    type: str
    choices: [auto, login, plain, xoauth2, oauthbearer]
    default: auto
  source_token_file:
    description:
      - File on the mail host with a token of Microsoft's, which M(panel.mailimport.microsoft365_token) makes, to log in
        with in place of a password. The mailbox needs a password of its own.
      - The token is renewed when it ends, and written back, in check mode too.
      - It goes to servers of Microsoft's only. An import with another source is refused. In a list, a row's own
        C(source_password) or C(source_token_file) comes before that of the task.
      - It needs requests and jsonschema on the mail host, which P(panel.mailimport.setup#role) installs.
    type: path
    version_added: 0.3.0
"""

    CONNECTION = r"""
options:
  source_port:
    description:
      - Port of the IMAP server.
      - Default is V(993) with O(source_tls=implicit), and V(143) otherwise.
    type: int
  source_tls:
    description:
      - How the connection is encrypted.
      - V(implicit) is TLS from the first byte.
      - V(starttls) upgrades a plain connection before anything else is said, and fails where the server does not offer
        it.
      - V(none) sends the password, or the token, in clear text. Nothing ever falls back to it.
    type: str
    choices: [implicit, starttls, none]
    default: implicit
  source_validate_certs:
    description:
      - Whether the certificate of the server, and its name, must be valid.
    type: bool
    default: true
  source_ca_cert:
    description:
      - File on the mail host with the certificates (PEM) of the authorities to trust instead of the system's own.
    type: path
  source_tls_fingerprint:
    description:
      - SHA-256 fingerprint of the certificate that the server must show, 64 hexadecimal digits, with or without colons.
      - It takes the place of O(source_validate_certs) and O(source_ca_cert). A server with a self-signed certificate is
        safe to use this way.
    type: str
  source_timeout:
    description:
      - Seconds without a single byte after which the connection counts as dead.
    type: float
    default: 60
  source_min_rate:
    description:
      - Bytes per second below which the connection counts as dead, although it is never silent for O(source_timeout).
        The import then connects anew and goes on.
      - It is measured over five times O(source_timeout) while a message or a line is under way, and over an hour (with
        the default timeout) while the server may be at work on an answer.
      - V(0) puts up with any rate.
    type: int
    default: 100
    version_added: 0.3.0
  source_compress:
    description:
      - Whether to compress the connection (COMPRESS=DEFLATE, RFC 4978) if the source offers it.
      - It pays off on slow lines, and halves the time at 10 Mbit/s. On lines much faster than 100 Mbit/s it costs more
        than it saves.
    type: bool
    default: false
  source_daily_bytes:
    description:
      - How much may be fetched from one source account within 24 hours, such as V(500M). The mail host counts what all
        runs fetch. When it is used up, the import is C(paused), and the first run after C(retry_at) goes on.
      - Default is what is known of the server, V(2300M) for Gmail, which locks an account that took 2,500 MB within a
        day. Other servers have no limit. V(0) is no limit.
    type: bytes
    version_added: 0.3.0
"""
