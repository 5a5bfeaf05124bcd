# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail that `replace` took out of a mailbox: first renamed beside the store by the mailbox's own user, then taken into
safe keeping.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from datetime import datetime, timezone
from typing import Optional

from ..model.address import Address
from ..model.imports import ImportRequest
from ..state.database import State
from ..state.records import ImportRecord

_MARK = ".replaced-"


def _path_beside(root: str) -> str:
    """Return where the contents of a store at `root` go first: a rename away, whatever filesystem it is on."""
    # Of a microsecond: what is there under that name already was moved there by a run that knew it, and was killed.
    return root.rstrip("/") + _MARK + datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")


def _path_kept(state_dir: str, address: Address, beside: str) -> str:
    """Return where they stay: STATE_DIR/replaced/ADDRESS/TIME, out of the owner's reach."""
    moment = os.path.basename(beside).rpartition(_MARK)[2]
    return os.path.join(state_dir, "replaced", str(address), moment)


def keep(beside: str, kept: str) -> str:
    """Move the contents into safe keeping; return where they are: `beside` still when that is another filesystem, or
    it or the home is a link.

    The directory around `beside` is its owner's, so no link in its place is followed; what is moved may be anything,
    and moving it does not look at it.
    """
    replaced = os.path.dirname(os.path.dirname(kept))
    for directory in (replaced, os.path.dirname(kept)):
        with suppress(FileExistsError):
            os.mkdir(directory, 0o700)
    home = os.path.dirname(beside)
    if os.path.islink(home) or os.path.islink(beside):  # by which an administrator has made room elsewhere, say
        return beside
    around = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.rename(os.path.basename(beside), kept, src_dir_fd=around)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return beside
    finally:
        os.close(around)
    return kept


class Replacement:
    """Moves the contents of one mailbox aside, once.

    Args:
        record: the import's, from before this run; None when it has none.
    """

    def __init__(self, state: State, request: ImportRequest, record: Optional[ImportRecord], state_dir: str) -> None:
        self._state = state
        self._request = request
        self._record = record
        self._state_dir = state_dir

    def place(self, root: str) -> str:
        """Return where the contents of a store at `root` go first. It is recorded, so that the next run finds them."""
        if self._record and self._record.replaced_to and not self._record.replaced:
            return self._record.replaced_to
        beside = _path_beside(root)
        self._state.note_replaced(self._request.key, beside, done=False)
        return beside

    def has_moved(self, beside: str) -> bool:
        """Whether the contents are out of the mailbox, moved by a run that was killed then."""
        return os.path.lexists(beside) or os.path.lexists(self._kept(beside))

    def conclude(self, beside: Optional[str]) -> Optional[str]:
        """Take the contents into safe keeping, and record that this is done and never to be done again.

        Args:
            beside: where they are, None when there were none.

        Returns:
            Where they stay.
        """
        path = self._record.replaced_to if self._record and self._record.replaced else None
        if beside is not None:
            kept = self._kept(beside)
            path = kept if os.path.lexists(kept) else keep(beside, kept)
        self._state.note_replaced(self._request.key, path, done=True)
        return path

    def _kept(self, beside: str) -> str:
        return _path_kept(self._state_dir, self._request.address, beside)
