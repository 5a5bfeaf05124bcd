# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one exception of the engine: a reason word for machines and one line for people."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import Iterator, Optional

REASONS = frozenset(
    """auth_failed certificate_invalid connection_failed date_differs disk_full domain_owned_by_other
    flags_differ folder_missing folder_refused host_refused internal_error interrupted invalid_row keyword_refused
    message_altered message_differs message_missing message_refused not_found over_quota permission_denied
    protocol_error request_refused source_unavailable store_unsupported throttled tls_failed too_many_connections
    verification_failed""".split()
)

# Why a provider's directory has a mailbox that is left out: such an import is `skipped`, which is no failure.
SKIP_REASONS = frozenset(
    """archived blocked dismissed domain_unverified foreign_domain guest never_opened no_address no_mailbox on_premises
    portal_account resource robot shared_mailbox suspended""".split()
)

# Stands at the end of a text of which no more is shown.
CUT = "…"


class MailImportError(Exception):
    """Something that ends an import, or a part of it, and that a person can act upon.

    Args:
        reason: one word of REASONS.
        message: one line without secrets that says what happened and what to do.
        retry_at: when an import that is to wait for it goes on, in seconds since the epoch; None for a failure.
    """

    def __init__(self, reason: str, message: str, retry_at: Optional[float] = None) -> None:
        if reason not in REASONS:
            raise ValueError("unknown reason word: %s" % reason)
        super().__init__(message)
        self.reason = reason
        self.message = one_line(message)
        self.retry_at = retry_at


@contextmanager
def file_errors(what: str) -> Iterator[None]:
    """Turn what the operating system says about a file of the host into `disk_full` or `host_refused`; the message
    begins with `what`.
    """
    try:
        yield
    except OSError as error:
        reason = "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "host_refused"
        hint = need_of_root() if error.errno in (errno.EACCES, errno.EPERM) else ""
        raise MailImportError(reason, "%s: %s%s" % (what, error.strerror, hint)) from error


@contextmanager
def telling_first(first: MailImportError, what: str) -> Iterator[None]:
    """Whatever fails while something is put right after an error: that error is told, and then `what` failed."""
    try:
        yield
    except MailImportError as second:
        told = "%s; %s: %s" % (first.message, what, second.message)
        raise MailImportError(first.reason, told, first.retry_at) from first


def need_of_root() -> str:
    """What to add to a message about something that the system refuses: nothing when this process is root's."""
    return ", for the task does not run as root: set become" if os.geteuid() != 0 else ""


def one_line(text: str, limit: int = 500) -> str:
    """Fold any text, a server's answer say, into one printable line of at most `limit` characters."""
    folded = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return folded if len(folded) <= limit else folded[: limit - 1] + CUT


def os_failure(error: OSError) -> MailImportError:
    """Return what an error of the operating system means for an import."""
    what = "%s%s" % (error.strerror or error, ": %s" % error.filename if error.filename else "")
    if error.errno == errno.ENOSPC:
        return MailImportError(
            "disk_full", "the disk of the mailbox is full; free space and run the task again to continue"
        )
    if error.errno == errno.EDQUOT:
        return MailImportError(
            "over_quota", "the disk quota of the mailbox's user is used up; raise it and run the task again to continue"
        )
    return MailImportError("host_refused", "cannot write the mailbox: %s" % what)
