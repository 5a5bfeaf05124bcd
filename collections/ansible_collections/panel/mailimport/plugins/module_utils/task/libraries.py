# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Libraries on the mail host: found, or the module runs again under the interpreter that has them."""

from __future__ import annotations

from importlib.util import find_spec

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.common.respawn import has_respawned, probe_interpreters_for_module, respawn_module

# Where the role panel.mailimport.setup puts them, and where a distribution might.
INTERPRETERS = ["/opt/panel-mailimport/venv/bin/python", "/usr/bin/python3"]


def require_imapclient(module: AnsibleModule) -> None:
    """Return where IMAPClient can be imported; otherwise respawn the module there, or fail it."""
    _require(module, "imapclient", "to read from IMAP servers", "https://imapclient.readthedocs.io")


def require_jsonschema(module: AnsibleModule) -> None:
    """Return where jsonschema can be imported; otherwise respawn the module there, or fail it."""
    _require(module, "jsonschema", "to check lists of mailboxes", "https://python-jsonschema.readthedocs.io")


def require_http(module: AnsibleModule) -> None:
    """Return where requests and jsonschema can be imported; otherwise respawn the module there, or fail it."""
    _require(module, "requests", "to ask services over HTTP", "https://requests.readthedocs.io")
    _require(module, "jsonschema", "to check what they answer", "https://python-jsonschema.readthedocs.io")


def _require(module: AnsibleModule, library: str, purpose: str, url: str) -> None:
    if find_spec(library):
        return
    if not has_respawned():
        interpreter = probe_interpreters_for_module(INTERPRETERS, library)
        if interpreter:
            respawn_module(interpreter)
    reason = "%s, and the role panel.mailimport.setup installs it where the modules find it" % purpose
    module.fail_json(msg=missing_required_lib(library, reason=reason, url=url))
