#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stop imports that are under way on a mail host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_import_control
short_description: Stop imports that are under way on a mail host
version_added: 0.3.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Ends imports that run on this mail host, or wait for their turn, whichever run they belong to. Other imports of that
    run go on.
  - An import that was stopped fails in its run with the reason V(interrupted). What it has brought stays, and the next
    run continues where it was.
  - The task returns when the imports that ran have ended. One that waits ends when its turn comes, before anything is
    done.
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.target
attributes:
  async:
    support: full
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    support: full
  action_group:
    support: full
    membership:
      - panel.mailimport.host
options:
  state:
    description: What becomes of the imports.
    type: str
    choices:
      - stopped
    required: true
  email:
    description:
      - Addresses of mailboxes on this host. All imports into them are meant.
      - Exactly one of O(email) and O(all) is required.
    type: list
    elements: str
  all:
    description: All imports of this mail host are meant. It can only be V(true).
    type: bool
  timeout:
    description: Seconds that the imports may take to end. The task fails if one of them takes longer.
    type: int
    default: 120
seealso:
  - module: panel.mailimport.mail_import_info
"""

EXAMPLES = r"""
- name: Stop the import of one mailbox
  panel.mailimport.mail_import_control:
    email: anna@example.org
    state: stopped

- name: Stop all imports of this mail host, before it is shut down for instance
  panel.mailimport.mail_import_control:
    all: true
    state: stopped
"""

RETURN = r"""
imports:
  description:
    - One entry for each import that was stopped, with the keys that M(panel.mailimport.mail_import_imap) returns. With
      check mode, one for each that would be.
  type: list
  elements: dict
  returned: success
summary:
  description: Number of these imports in each state, and the sums of their counts.
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.run.control import stop_imports
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import prepare_interpreter
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import host_settings, target_options


def main() -> None:
    options = {
        "state": {"type": "str", "choices": ["stopped"], "required": True},
        "email": {"type": "list", "elements": "str"},
        "all": {"type": "bool"},
        "timeout": {"type": "int", "default": 120},
    }
    module = AnsibleModule(
        argument_spec=dict(target_options(), **options),
        required_one_of=[("email", "all")],
        mutually_exclusive=[("email", "all")],
        supports_check_mode=True,
    )
    prepare_interpreter(module)
    params = module.params
    if params["all"] is False:
        module.fail_json(msg="all can only be true: leave it out, and name the mailboxes with email")
    try:
        addresses = None if params["all"] else [parse_address(text) for text in params["email"]]
        answer = stop_imports(host_settings(params), addresses, module.check_mode, params["timeout"])
    except MailImportError as error:
        module.fail_json(msg="%s (%s)" % (error.message, error.reason))
    module.exit_json(msg="%d imports stopped" % len(answer["imports"]), **answer)


if __name__ == "__main__":
    main()
