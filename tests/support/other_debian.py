# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The other Dovecot beside the one that is here, see scripts/other_debian.sh."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Sequence

from .mail import REPOSITORY

_SCRIPT = REPOSITORY / "scripts" / "other_debian.sh"
_TREES = REPOSITORY / ".venv" / "roots"
# The machine's files, for who is in the tree.
_MACHINE = Path("/machine")


def enter_other_debian() -> Optional[Sequence[str]]:
    """The command that runs another one there; None when there is none on this machine."""
    if (_MACHINE / "usr/sbin/dovecot").exists():
        return "chroot", str(_MACHINE)
    if any(_TREES.glob("*/made-of")):
        return "bash", str(_SCRIPT)
    return None
