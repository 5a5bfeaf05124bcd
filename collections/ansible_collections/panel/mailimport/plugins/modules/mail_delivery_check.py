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
requirements:
  - IMAPClient >= 3.0 on the mail host, with O(host_backend=imap).
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.target
  - panel.mailimport.internal
options:
  addresses:
    description:
      - The mailboxes. One of each mail domain will do.
    type: list
    elements: str
    required: true
  passwords:
    description:
      - With O(host_backend=imap) and without O(target_master_user), the passwords that open the mailboxes there, by
        address. The same goes for O(mailboxes), O(passwords_src) and O(generated_passwords), of which the first that
        has a password counts.
    type: dict
    default: {}
  mailboxes:
    description:
      - A list with the passwords, as O(panel.mailimport.mail_import_csv#module:mailboxes) takes it.
    type: list
    elements: raw
  passwords_src:
    description:
      - The same as a file on the controller, as O(panel.mailimport.mail_import_csv#module:src) takes it.
    type: path
  generated_passwords:
    description:
      - The file on the mail host with passwords that were made up, as
        O(panel.mailimport.mail_import_google#module:generated_passwords).
    type: path
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
    support: none
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

- name: Prove that mail arrives at a server that only IMAP and SMTP lead to
  panel.mailimport.mail_delivery_check:
    addresses: [anna@example.org]
    server: mx.example.net
    host_backend: imap
    target_host: imap.example.net
    passwords_src: company.csv
  delegate_to: localhost
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

from typing import Any, Dict, Mapping

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.run.delivery import WOULD_BE_TAKEN, prove_delivery
from ansible_collections.panel.mailimport.plugins.module_utils.run.passwords import NewPasswords
from ansible_collections.panel.mailimport.plugins.module_utils.run.smtp import Relay
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import IMAPCLIENT, prepare_interpreter
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import (
    DELIVERY_SECRETS,
    delivery_options,
    host_settings,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.organization import secrets_option, with_secrets


def _passwords(params: Mapping[str, Any]) -> Dict[str, str]:
    """The passwords of the mailboxes, as far as anybody gives them."""
    given = NewPasswords(params["passwords"] or {}, params["generated_passwords"])
    if params["host_backend"] != "imap" and (params["passwords"] or params["generated_passwords"]):
        message = "passwords are for host_backend=imap alone: any other kind of host opens its mailboxes without them"
        raise MailImportError("invalid_row", message)
    addresses = [str(parse_address(address)) for address in params["addresses"]]
    return {address: given.of(address) for address in addresses}


def main() -> None:
    module = AnsibleModule(argument_spec=dict(delivery_options(), **secrets_option()), supports_check_mode=True)
    prepare_interpreter(module, *((IMAPCLIENT,) if module.params["host_backend"] == "imap" else ()))
    try:
        params = with_secrets(module.params, DELIVERY_SECRETS)
        deliveries = prove_delivery(
            host_settings(params),
            params["addresses"],
            Relay(params["server"], params["port"]),
            params["timeout"],
            module.check_mode,
            _passwords(params),
        )
    except MailImportError as error:
        module.fail_json(msg="%s (%s)" % (error.message, error.reason))
    lost = [each for each in deliveries if not each["delivered"] and each["message"] != WOULD_BE_TAKEN]
    if lost:
        module.fail_json(msg="%(email)s: %(message)s" % lost[0], deliveries=deliveries)
    module.exit_json(changed=False, deliveries=deliveries)


if __name__ == "__main__":
    main()
