#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prove that mail by SMTP arrives in mailboxes of a mail host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_delivery_check
short_description: Prove that mail by SMTP arrives in mailboxes of a mail host
version_added: 0.3.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Sends a message to mailboxes of this mail host by the way of all mail, waits until it is there, in whichever folder,
    and removes it again.
  - So it proves what no other check does, that the mail transfer agent knows the domain and the mailbox, and that the
    mail server it delivers to is the one the mail was imported into. Do it before the MX records of a domain change.
  - The message has no sender, so nothing comes back. A mail program that is open just then may show it for a moment.
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.target
options:
  addresses:
    description:
      - The mailboxes. One of each mail domain will do.
    type: list
    elements: str
    required: true
  server:
    description:
      - The mail server that mail for the domains is going to come to, seen from the mail host.
    type: str
    default: localhost
  port:
    description:
      - Its port.
    type: int
    default: 25
  timeout:
    description:
      - Seconds that a message may take.
    type: int
    default: 60
attributes:
  check_mode:
    support: full
    details:
      - Asks the server whether it would take the message, and sends none.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - Nothing is left behind.
  async:
    support: full
  platform:
    support: full
  action_group:
    support: full
    membership:
      - panel.mailimport.host
seealso:
  - module: panel.mailimport.mail_notice
"""

EXAMPLES = r"""
- name: Prove that mail arrives
  panel.mailimport.mail_delivery_check:
    addresses: [anna@example.org, ben@example.com]
"""

RETURN = r"""
deliveries:
  description: What became of each message. The task fails when one did not arrive.
  type: list
  elements: dict
  returned: when the server could be reached
  contains:
    email:
      description: The mailbox.
      type: str
      returned: always
    delivered:
      description: Whether the message was found in the mailbox.
      type: bool
      returned: always
    message:
      description: A line for people, with what the server said when it refused the message.
      type: str
      returned: always
    folder:
      description: The folder that it was in.
      type: str
      returned: always
    seconds:
      description: How long it took.
      type: float
      returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.run.delivery import WOULD_BE_TAKEN, prove_delivery
from ansible_collections.panel.mailimport.plugins.module_utils.run.notices import Relay
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import prepare_interpreter
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import delivery_options, host_settings


def main() -> None:
    module = AnsibleModule(argument_spec=delivery_options(), supports_check_mode=True)
    prepare_interpreter(module)
    params = module.params
    try:
        deliveries = prove_delivery(
            host_settings(params),
            params["addresses"],
            Relay(params["server"], params["port"]),
            params["timeout"],
            module.check_mode,
        )
    except MailImportError as error:
        module.fail_json(msg="%s (%s)" % (error.message, error.reason))
    lost = [each for each in deliveries if not each["delivered"] and each["message"] != WOULD_BE_TAKEN]
    if lost:
        module.fail_json(msg="%(email)s: %(message)s" % lost[0], deliveries=deliveries)
    module.exit_json(changed=False, deliveries=deliveries)


if __name__ == "__main__":
    main()
