# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that take mail: how they are reached, and what they say."""

from __future__ import annotations

import smtplib
from dataclasses import dataclass


@dataclass(frozen=True)
class Relay:
    """Who delivers: an SMTP server, or an LMTP server, whose `server` may be the path of a socket."""

    server: str = "localhost"
    port: int = 25
    protocol: str = "smtp"
    timeout: int = 60

    def connect(self) -> smtplib.SMTP:
        if self.protocol == "lmtp":
            return smtplib.LMTP(self.server, self.port, timeout=self.timeout)
        return smtplib.SMTP(self.server, self.port, timeout=self.timeout)


def words_of(error: Exception) -> str:
    """What the server said, or why there is none, for people."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return "%d %s" % (code, text.decode("utf-8", "replace"))
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return "%d %s" % (error.smtp_code, said.decode("utf-8", "replace") if isinstance(said, bytes) else said)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror  # without its number
    return str(error)
