# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which mail host, and where it keeps its state."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Mapping

from ..host.backends import check_options, open_backend
from ..host.mail_host import MailHost

_STATE_DIR = "/var/lib/panel-mailimport"
# XDG Base Directory Specification
_OWN_STATE_DIR = os.path.join("~", ".local", "state", "panel-mailimport")


def default_state_dir(backend: str) -> str:
    """Where the state is kept when nobody says where: what needs no root's rights does not want them for that."""
    return os.path.expanduser(_OWN_STATE_DIR) if backend == "imap" and os.geteuid() != 0 else _STATE_DIR


@dataclass(frozen=True)
class HostSettings:
    """The mail host's options.

    Args:
        state_dir: an absolute directory.
        backend: the kind of mail host, see host/backends.py.
        options: options of that kind by name; None is one that is not set.

    Raises:
        MailImportError: `invalid_row`, when an option means nothing to that kind.
    """

    state_dir: str
    backend: str = "dovecot"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_options(self.backend, self.options)

    def open_host(self) -> MailHost:
        """Return the mail host; its map of domains lies in the state directory. Its configuration is read once by
        whoever has these settings, and the processes forked since.
        """
        return self._host

    @cached_property
    def _host(self) -> MailHost:
        return open_backend(self.backend, self.options, os.path.join(self.state_dir, "domains"))
