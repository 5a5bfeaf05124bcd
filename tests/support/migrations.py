# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks of a migration, for an organization at a provider that is a fake."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .run import COLLECTION, PlaybookRun, environment, run_playbook

# What nobody may write into a migration file in clear.
_SECRETS = ("client_secret", "token", "service_account")


def migration_to_here(source: str, domain: str, waves: list[dict[str, Any]], directory: Path) -> dict[str, Any]:
    """Variables of a migration of one domain, of which no name server knows, to hosts that are all this machine.

    Args:
        source: as the migration file names it.
        waves: as in the migration file.
        directory: of the reports.
    """
    migration = {
        "name": "move",
        "source": source,
        "domains": [domain],
        "mx": ["mail.new.example"],
        "waves": waves,
        "report_dir": str(directory / "reports"),
        "dns": {"nameservers": ["127.0.0.1"], "timeout": 0.1},
    }
    return {
        "migration": migration,
        "import_setup": False,
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }


class Move:
    """The move of an organization's domain one.example. No name server knows of it.

    Args:
        source: the provider, as the migration file names it.
        options: those of the import.
        waves: as in the migration file.
    """

    def __init__(self, source: str, options: Mapping[str, Any], waves: list[dict[str, Any]], directory: Path) -> None:
        self._directory = directory
        self._secrets = {name: options[name] for name in _SECRETS if name in options}
        others = {name: value for name, value in options.items() if name not in _SECRETS}
        here = migration_to_here(source, "one.example", waves, directory)
        self._variables = {**others, **here, "import_hosts": "localhost"}

    def play(self, *names: str) -> PlaybookRun:
        """Run playbooks one after the other."""
        *before, last = [COLLECTION / "playbooks" / ("%s.yml" % name) for name in names]
        secrets = self._directory / "secrets.json"
        secrets.touch(mode=0o600)
        secrets.write_text(json.dumps(self._secrets))
        return run_playbook(
            last,
            "-e",
            "@%s" % secrets,
            *map(str, before),
            inventory="localhost,",
            variables=self._variables,
            directory=self._directory,
            env={**environment(), "ANSIBLE_PIPELINING": "1"},
        )

    def report(self, phase: str) -> str:
        return (self._directory / "reports" / ("%s.txt" % phase)).read_text()
