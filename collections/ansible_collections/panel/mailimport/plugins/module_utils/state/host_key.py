# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The key of a mail host, with which it proves to itself that a marker in a mailbox is its own.

A mailbox's owner can write any file into it, but does not have the key. It is kept beside the state's directory, not
in it, so that it is still there when the state is lost. When both are lost nothing can be proved: mailboxes that exist
then count as somebody else's.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from contextlib import suppress

from ..files.atomic import sync_directory
from ..files.private import read_private
from ..model.errors import MailImportError
from ..model.imports import ImportKey
from .errors import state_file_errors

_SIZE = 32


def make_host_key(state_dir: str) -> None:
    """Make the key unless there is one. Where only the state's directory can be written to there is none."""
    path = _path(state_dir)
    if os.path.lexists(path):
        return
    with state_file_errors(path):
        try:
            fd, temporary = tempfile.mkstemp(prefix=".mailimport-", dir=os.path.dirname(path))
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EROFS):
                return
            raise
        try:
            with os.fdopen(fd, "wb") as handle:
                handle.write(os.urandom(_SIZE))
                handle.flush()
                os.fsync(handle.fileno())
            with suppress(FileExistsError):  # another run was faster, and its key is the one
                os.link(temporary, path)
        finally:
            os.unlink(temporary)
        sync_directory(os.path.dirname(path))


def proof_of(state_dir: str, key: ImportKey) -> bytes:
    """Return what only this host can write into the marker of an import; nothing when there is no key.

    Raises:
        MailImportError: `host_refused` when others can read the key, or it is damaged.
    """
    path = _path(state_dir)
    host_key = read_private(path)
    if host_key is None:
        return b""
    if len(host_key) != _SIZE:
        raise MailImportError(
            "host_refused", "%s is damaged: remove it, and mailboxes without a state count as existing" % path
        )
    return hashlib.blake2b("\0".join(key).encode("utf-8"), key=host_key, digest_size=16).hexdigest().encode("ascii")


def _path(state_dir: str) -> str:
    return os.path.abspath(state_dir) + ".key"
