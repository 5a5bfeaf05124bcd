# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which mail host, and where it keeps its state."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Optional

from ..host.base import MailHost
from ..host.dovecot.server import DovecotHost


@dataclass(frozen=True)
class HostSettings:
    """The mail host's options; see DovecotHost. `state_dir` is an absolute directory."""

    dovecot_config: Optional[str]
    users_file: Optional[str]
    mail_home: Optional[str]
    uid: Optional[int]
    gid: Optional[int]
    state_dir: str

    def open_host(self) -> MailHost:
        """Return the mail host; its map of domains lies in the state directory. Its configuration is read once a
        process and its children.
        """
        return _host_of(self)


@lru_cache(maxsize=1)
def _host_of(settings: HostSettings) -> MailHost:
    domains_file = os.path.join(settings.state_dir, "domains")
    return DovecotHost(
        settings.dovecot_config, settings.users_file, settings.mail_home, settings.uid, settings.gid, domains_file
    )
