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

from ..model.address import Address

_MARK = ".replaced-"


def path_beside(root: str) -> str:
    """Return where the contents of a store at `root` go first: a rename away, whatever filesystem it is on."""
    # Of a microsecond: what is there under that name already was moved there by a run that knew it, and was killed.
    return root.rstrip("/") + _MARK + datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")


def path_kept(state_dir: str, address: Address, beside: str) -> str:
    """Return where they stay: STATE_DIR/replaced/ADDRESS/TIME, out of the owner's reach."""
    moment = os.path.basename(beside).rpartition(_MARK)[2]
    return os.path.join(state_dir, "replaced", str(address), moment)


def keep(beside: str, kept: str) -> str:
    """Move the contents into safe keeping; return where they are: `beside` still when that is another filesystem.

    The directory around `beside` is its owner's, so it is opened without following links; what is moved may be
    anything, and moving it does not look at it.
    """
    replaced = os.path.dirname(os.path.dirname(kept))
    for directory in (replaced, os.path.dirname(kept)):
        with suppress(FileExistsError):
            os.mkdir(directory, 0o700)
    around = os.open(os.path.dirname(beside), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.rename(os.path.basename(beside), kept, src_dir_fd=around)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return beside
    finally:
        os.close(around)
    return kept
