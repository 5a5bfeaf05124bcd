#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report the imports that a mail host knows of."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_import_info
short_description: Report the imports that a mail host knows of
version_added: 0.1.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Lists the imports of this mail host, finished, failed and running, with their counts, and the mail domains with
    their owners.
  - Reads what the collection remembers on the mail host. It opens neither a source nor a mailbox.
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.attributes.info_module
  - panel.mailimport.target
attributes:
  async:
    support: full
  platform:
    support: full
  action_group:
    support: full
    membership:
      - panel.mailimport.host
seealso:
  - module: panel.mailimport.mail_import_imap
"""

EXAMPLES = r"""
- name: See how far the imports are
  panel.mailimport.mail_import_info:
  register: mail

- name: Show the ones that failed
  ansible.builtin.debug:
    msg: "{{ item.email }}: {{ item.message }}"
  loop: "{{ mail.imports | selectattr('state', 'equalto', 'failed') }}"
  loop_control:
    label: "{{ item.email }}"
"""

RETURN = r"""
imports:
  description:
    - One entry for each import, with the keys that M(panel.mailimport.mail_import_imap) returns.
    - The entry of an import that is running now shows how far it has come.
  type: list
  elements: dict
  returned: success
domains:
  description: The mail domains whose owner is known.
  type: list
  elements: dict
  returned: success
  contains:
    domain:
      description: Name of the mail domain.
      type: str
      returned: success
      sample: example.org
    owner:
      description: Whom it belongs to.
      type: str
      returned: success
      sample: customer1
summary:
  description: Number of imports in each state, and the sums of their counts.
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.run.info import imports_on_host
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import prepare_interpreter
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import host_settings, target_options


def main() -> None:
    module = AnsibleModule(argument_spec=target_options(), supports_check_mode=True)
    prepare_interpreter(module)
    try:
        known = imports_on_host(host_settings(module.params))
    except MailImportError as error:
        module.fail_json(msg="%s (%s)" % (error.message, error.reason))
    module.exit_json(changed=False, **known)


if __name__ == "__main__":
    main()
