# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong with the files of the state, as a MailImportError."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import ContextManager, Iterator

from ..model.errors import MailImportError, file_errors, need_of_root

_FULL = "database or disk is full"
_UNOPENED = "unable to open database file"
# Python 3.9 takes these for operational errors when they turn up in a snapshot (Connection.backup).
_DAMAGED = ("file is not a database", "database disk image is malformed")


def state_file_errors(path: str) -> ContextManager[None]:
    """Turn errors of the operating system about `path` into `disk_full` or `host_refused`."""
    return file_errors("the state cannot be kept in %s" % path)


@contextmanager
def database_errors(path: str) -> Iterator[None]:
    """Turn errors of SQLite about the database `path` into `disk_full` or `host_refused`."""
    try:
        yield
    except (
        sqlite3.DataError,
        sqlite3.IntegrityError,
        sqlite3.InternalError,
        sqlite3.NotSupportedError,
        sqlite3.ProgrammingError,
    ):
        raise  # mistakes of ours
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and str(error) not in _DAMAGED:
            reason = "disk_full" if str(error) == _FULL else "host_refused"
            raise MailImportError(
                reason, "state database %s: %s%s" % (path, error, need_of_root() if str(error) == _UNOPENED else "")
            ) from error
        raise _damaged(path, error) from error


@contextmanager
def row_errors(path: str, what: str) -> Iterator[None]:
    """Turn what reading `what`, in which somebody else has written, raises into `host_refused`."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(path, "%s: %s" % (what, error)) from error


def _damaged(path: str, why: object) -> MailImportError:
    message = "state database %s is damaged (%s): move it away, imported mail stays and is found again" % (path, why)
    return MailImportError("host_refused", message)
