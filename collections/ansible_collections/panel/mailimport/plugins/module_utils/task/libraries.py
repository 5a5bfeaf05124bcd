# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module needs of its interpreter on the mail host, libraries and paths in UTF-8: found, or it runs again."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any, Mapping, NamedTuple, Sequence

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.respawn import has_respawned, probe_interpreters_for_module, respawn_module

from ..process.fork import forbid_core_dumps
from ..process.locale import encodes_paths_in_utf8, use_neutral_locale

# Where the role panel.mailimport.setup puts them, and where a distribution might.
INTERPRETERS = ["/opt/panel-mailimport/venv/bin/python", "/usr/bin/python3"]


class Library(NamedTuple):
    """A library that is imported by that name, what it is for, where people read of it, and what the role `setup` is to
    be told.
    """

    name: str
    purpose: str
    url: str
    asked_with: str = ""


IMAPCLIENT = Library("imapclient", "to read from IMAP servers", "https://imapclient.readthedocs.io")
JSONSCHEMA = Library("jsonschema", "to check lists and answers of services", "https://python-jsonschema.readthedocs.io")
# Drivers of databases, by sql_engine.
DRIVERS = {
    "mysql": Library(
        "pymysql",
        "to write mailboxes into a MySQL or MariaDB database",
        "https://pymysql.readthedocs.io",
        "setup_sql_engine: mysql",
    ),
    "postgresql": Library(
        "psycopg",
        "to write mailboxes into a PostgreSQL database",
        "https://www.psycopg.org/psycopg3",
        "setup_sql_engine: postgresql",
    ),
}
REQUESTS = Library("requests", "to ask services over HTTP", "https://requests.readthedocs.io")
# To sign with a key; the first does it with the help of the second.
_KEYS = "setup_sources: [google_workspace]"
PYJWT = Library("jwt", "to sign with the key of a service account", "https://pyjwt.readthedocs.io", _KEYS)
CRYPTOGRAPHY = Library("cryptography", "to sign with the key of a service account", "https://cryptography.io", _KEYS)


def prepare_interpreter(module: AnsibleModule, *libraries: Library) -> None:
    """Call before anything else. Returns where all libraries can be imported and paths are in UTF-8; otherwise respawns
    the module there, or fails it.
    """
    forbid_core_dumps()
    use_neutral_locale()
    for library in (*libraries, *_libraries_of(module.params)):
        _require(module, library)
    if encodes_paths_in_utf8():
        return
    if has_respawned():
        module.fail_json(msg="Python encodes paths as %s: set LC_ALL=C.UTF-8 for it" % sys.getfilesystemencoding())
    respawn_module(sys.executable)


def _libraries_of(params: Mapping[str, Any]) -> Sequence[Library]:
    """What some values of options need."""
    driver = DRIVERS.get(params.get("sql_engine") or "")
    return (*([driver] if driver else []), *((REQUESTS, JSONSCHEMA) if params.get("source_token_file") else ()))


def _require(module: AnsibleModule, library: Library) -> None:
    if find_spec(library.name):
        return
    if not has_respawned():
        interpreter = probe_interpreters_for_module(INTERPRETERS, library.name)
        if interpreter:
            respawn_module(interpreter)
    asked_with = " with %s" % library.asked_with if library.asked_with else ""
    module.fail_json(
        msg="%s lacks the Python library %s, which is needed %s: first run the role panel.mailimport.setup on this"
        " host%s, as the playbook panel.mailimport.prepare does (%s)"
        % (sys.executable, library.name, library.purpose, asked_with, library.url)
    )
