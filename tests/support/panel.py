# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An ispmanager panel of one's own: the stand-in for its command, and what the panel has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from .dovecot import MAIL_GID, MAIL_UID
from .mail import REPOSITORY


class Panel:
    """A panel in a directory of its own, which writes the users file of a Dovecot.

    Args:
        switches: how it behaves where that is only guessed of the real one, or differs between its editions:
            `busy` (so many calls are refused first), `answers` (this text instead of an answer), `writes_later`
            (seconds until the users file is written), `lone_element` (a list of one has no brackets), `errors_as_text`,
            `exit_code` of an error, `warns`, `lacks` (fields of forms), `most_mailboxes`, `shortest_password`,
            `no_mail`, `fails` (errors by function), `kills_caller` (functions after whose work the caller is killed).
    """

    def __init__(self, directory: Path, users_file: Path, **switches: Any) -> None:
        programs, self._settings = directory / "sbin", directory / "etc"
        for place in (directory, programs, self._settings):
            place.mkdir(mode=0o755)
            place.chmod(0o755)
        self.mgrctl = programs / "mgrctl"
        source = (REPOSITORY / "tests" / "fakes" / "mgrctl.py").read_text(encoding="utf-8")
        self.mgrctl.write_text("#!%s\n%s" % (sys.executable, source))
        self.mgrctl.chmod(0o755)
        self._data = programs / "panel.json"
        self._save(
            {
                "users": ["customer1", "customer2"],
                "domains": {},
                "mailboxes": {},
                "aliases": [],
                "calls": [],
                "faults": [],
                "switches": switches,
                "users_file": str(users_file),
                "www": str(directory / "www"),
                "uid": MAIL_UID,
                "gid": MAIL_GID,
            }
        )

    @property
    def data(self) -> dict[str, Any]:
        """All that it has: `domains`, `mailboxes`, `calls`, `faults`."""
        return json.loads(self._data.read_text())

    def switch(self, **switches: Any) -> None:
        """Behave otherwise from now on."""
        data = self.data
        data["switches"].update(switches)
        self._save(data)

    def configure(self, text: str) -> None:
        """Write the file of its settings."""
        (self._settings / "ispmgr.conf").write_text(text)

    def call(self, function: str, **parameters: str) -> None:
        """What somebody does in the panel; passwords go by the environment."""
        variables = {key: value for key, value in parameters.items() if key in ("passwd", "confirm")}
        command = [str(self.mgrctl), "-m", "ispmgr", function, "sok=ok"]
        command += ["%s=%s" % (key, value) for key, value in parameters.items() if key not in variables]
        for key in variables:
            command += ["-e", "%s=$%s" % (key, key)]
        ran = subprocess.run(
            command, env=variables | {"PATH": "/usr/bin:/bin:/usr/sbin"}, capture_output=True, check=False
        )
        if ran.returncode:
            raise RuntimeError("the panel refuses: %r" % ran.stdout)

    def _save(self, data: dict[str, Any]) -> None:
        self._data.write_text(json.dumps(data))
