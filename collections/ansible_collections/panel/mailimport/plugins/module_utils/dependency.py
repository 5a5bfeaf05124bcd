# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IMAPClient on the mail host: found, or the module runs again under the interpreter that has it."""

from __future__ import annotations

from importlib.util import find_spec

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.common.respawn import has_respawned, probe_interpreters_for_module, respawn_module

# Where the role panel.mailimport.setup puts it, and where a distribution might.
INTERPRETERS = ["/opt/panel-mailimport/venv/bin/python", "/usr/bin/python3"]


def require_imapclient(module: AnsibleModule) -> None:
    """Return where IMAPClient can be imported; otherwise respawn the module there, or fail it."""
    if find_spec("imapclient"):
        return
    if not has_respawned():
        interpreter = probe_interpreters_for_module(INTERPRETERS, "imapclient")
        if interpreter:
            respawn_module(interpreter)
    reason = "to read from IMAP servers, and the role panel.mailimport.setup installs it where the modules find it"
    module.fail_json(msg=missing_required_lib("imapclient", reason=reason, url="https://imapclient.readthedocs.io"))
