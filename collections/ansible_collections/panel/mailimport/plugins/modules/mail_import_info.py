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
options:
  addresses:
    description:
      - Only the imports into these mailboxes.
    type: list
    elements: str
    default: []
    version_added: 0.3.0
  domains:
    description:
      - Only the imports into mailboxes of these mail domains.
    type: list
    elements: str
    default: []
    version_added: 0.3.0
  states:
    description:
      - Only the imports in these states.
    type: list
    elements: str
    choices: [queued, running, paused, completed, skipped, failed]
    default: []
    version_added: 0.3.0
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
  - module: panel.mailimport.mail_import_report
"""

EXAMPLES = r"""
- name: See how far the imports are
  panel.mailimport.mail_import_info:
  register: mail

- name: Ask for the failed ones of a domain
  panel.mailimport.mail_import_info:
    domains: [example.org]
    states: [failed]
  register: failed

- name: Show them
  ansible.builtin.debug:
    msg: "{{ item.email }}: {{ item.message }}"
  loop: "{{ failed.imports }}"
  loop_control:
    label: "{{ item.email }}"
"""

RETURN = r"""
host_backend:
  description: The kind of mail host, as the option says.
  type: str
  returned: success
  sample: sql
imports:
  description:
    - One entry for each import, with the keys that M(panel.mailimport.mail_import_imap) returns.
    - The entry of an import that is running now shows how far it has come.
  type: list
  elements: dict
  returned: success
  contains:
    grade:
      description:
        - How whole the copy is.
        - V(perfect) has everything as it was. V(good) has every message, but lost a keyword, or the store altered a
          message. V(investigate) lacks a few messages, at most one in a thousand, each listed with the reason
          C(message_refused), which no further run changes. V(poor) is everything else.
        - V(null) while nothing was compared, which is before the end of an import, and when it was skipped.
      type: str
      returned: always
      sample: perfect
    last_success:
      description: When a run of this import last ended C(completed), in UTC; V(null) when none has. A run that found
        nothing to do because O(panel.mailimport.mail_import_imap#module:state=present) was done does not count.
      type: str
      returned: always
      sample: "2026-12-04T22:10:35Z"
    last_run:
      description: When a run of this import last ended, in any way, in UTC; V(null) when none has. One that found
        nothing to do does not count.
      type: str
      returned: always
      sample: "2026-12-04T22:10:35Z"
    last_new:
      description: When a run of this import last brought a message, or was killed while it did; V(null) when none has.
      type: str
      returned: always
      sample: "2026-12-04T22:10:35Z"
    bytes_imported:
      description: Bytes that all runs of this import have brought over, but for runs that were killed.
      type: int
      returned: always
      sample: 1048576
seconds_left:
  description:
    - Estimated time until the listed imports that run and wait have ended, from the pace since they began. V(null) when
      there are none, or nothing has come yet.
  type: int
  returned: success
  sample: 5400
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
  description: Number of the listed imports in each state, and the sums of their counts.
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.run.info import imports_on_host
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import prepare_interpreter
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import (
    host_settings,
    import_filter,
    import_info_options,
)


def main() -> None:
    module = AnsibleModule(argument_spec=import_info_options(), supports_check_mode=True)
    prepare_interpreter(module)
    try:
        known = imports_on_host(host_settings(module.params), import_filter(module.params))
    except MailImportError as error:
        module.fail_json(msg="%s (%s)" % (error.message, error.reason))
    module.exit_json(changed=False, host_backend=module.params["host_backend"], **known)


if __name__ == "__main__":
    main()
