# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One connection to the state for all that a worker does, one import after the other."""

from __future__ import annotations

from functools import cached_property

from .database import State


class SharedState:
    """The state of a mail host, opened when it is first asked for, and then until the process ends.

    The process that is to have it must be the one that asks: a forked one must never use, nor let go of, what its
    parent has opened.

    Args:
        readonly: take it as it is then, and write nothing.
    """

    def __init__(self, state_dir: str, readonly: bool = False) -> None:
        self._state_dir = state_dir
        self._readonly = readonly

    @cached_property
    def state(self) -> State:
        """Raises MailImportError, see State."""
        return State.open_readonly(self._state_dir) if self._readonly else State(self._state_dir)
