# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module's end of the hand-over: the file in which the action plugin passes passwords."""

from __future__ import annotations

import json
import os
import stat
from typing import Any, Dict, cast

from ..model.errors import MailImportError


def take_secrets(path: str) -> Dict[str, Any]:
    """Read the secrets and remove their file.

    Raises:
        MailImportError: `internal_error`, when the file is not there, is a link, or is open to other users.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise MailImportError("internal_error", "cannot open the secrets file: %s" % error.strerror) from error
    try:
        _check_private(os.fstat(handle), path)
        _remove(path)
        with open(handle, encoding="ascii", closefd=False) as stream:
            return cast(Dict[str, Any], json.load(stream))
    finally:
        os.close(handle)


def _check_private(status: os.stat_result, path: str) -> None:
    """Accept a regular file of ours, or of the connection's user, that nobody else can read."""
    ours = status.st_uid == os.geteuid()
    # With become, Ansible leaves the file to the user of the connection, whose folder it is in, and may let us in
    # through an access list. The group bits are that list's mask then, and no permission of a group.
    forbidden = stat.S_IRWXO if not ours else stat.S_IRWXO | stat.S_IRWXG
    if not stat.S_ISREG(status.st_mode) or status.st_mode & forbidden:
        raise MailImportError("internal_error", "the secrets file is no private file")
    if not ours and status.st_uid != os.stat(os.path.dirname(path)).st_uid:
        raise MailImportError("internal_error", "the secrets file belongs to somebody else")


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except PermissionError:
        # Only in a folder of the connection's user (see above), who removes all of it when the task ends.
        if os.stat(os.path.dirname(path)).st_uid == os.geteuid():
            raise
