#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask a mail host whether it takes mail for addresses."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_recipients_check
short_description: Ask a mail host whether it takes mail for addresses
version_added: 0.3.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Asks the new mail host for every mailbox, alias and mailing list, as a server that has mail for it would (C(RCPT TO)
    of SMTP), before the MX records change. No mail is sent.
  - An address of each domain that nobody has is asked for too, and has to be refused. A mail host that takes mail for
    any address proves nothing.
  - An address that is put off, as greylisting does, is asked for again until O(patience) ends.
  - It does not fail when addresses are refused. RV(ready) is for that.
options:
  mail_host:
    description:
      - Name of the mail host, as the MX records are to have it. Its certificate is compared with it.
    type: str
    required: true
  port:
    description:
      - Port of its SMTP server.
    type: int
    default: 25
  addresses:
    description:
      - Addresses to ask for, besides those of O(src), O(mailboxes) and O(results).
    type: list
    elements: str
    default: []
  src:
    description:
      - A list of mailboxes, in the formats of O(panel.mailimport.mail_import_csv#module:src). It is read on the
        controller, and its passwords stay there.
    type: path
  mailboxes:
    description:
      - The list itself, as O(panel.mailimport.mail_import_csv#module:mailboxes) takes it.
    type: list
    elements: raw
  results:
    description:
      - Registered results of modules of this collection, such as M(panel.mailimport.yandex360_info),
        M(panel.mailimport.mail_import_yandex) or M(panel.mailimport.mail_import_info). Their mailboxes, aliases and
        mailing lists are asked for. What a provider has that cannot be imported is left out.
    type: list
    elements: dict
    default: []
  catch_all:
    description:
      - Domains that take mail for any address on purpose.
    type: list
    elements: str
    default: []
  sender:
    description:
      - The address that mail would be from. By default it is empty, as that of notices is.
    type: str
    default: ""
  patience:
    description:
      - Seconds after which an address that is still put off counts as not accepted. Greylisting takes some minutes.
    type: int
    default: 600
  timeout:
    description:
      - Seconds to wait for an answer.
    type: int
    default: 60
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.attributes.info_module
attributes:
  async:
    support: full
  platform:
    support: full
  action_group:
    support: none
    membership: []
notes:
  - Run it on a machine whose mail the mail host does not relay, such as the controller, with C(delegate_to). A mail
    host takes mail for any domain from those that it trusts, from itself first of all.
seealso:
  - module: panel.mailimport.mail_dns_info
  - ref: ansible_collections.panel.mailimport.docsite.dns_guide
    description: What to look at before the MX records change.
"""

EXAMPLES = r"""
- name: Read what the organization has
  panel.mailimport.yandex360_info:
    token: "{{ vault_yandex_token }}"
  register: organization

- name: Ask the new mail host for all of its addresses
  panel.mailimport.mail_recipients_check:
    mail_host: mail1.example.net
    results:
      - "{{ organization }}"
    addresses:
      - postmaster@example.org
  delegate_to: localhost
  register: recipients

- name: Stop here unless it takes mail for each of them
  ansible.builtin.assert:
    that: recipients.ready
    fail_msg: "{{ recipients.lines }}"
    quiet: true

- name: Ask for the mailboxes of a list
  panel.mailimport.mail_recipients_check:
    mail_host: mail1.example.net
    src: company.csv
  delegate_to: localhost
"""

RETURN = r"""
ready:
  description: Whether every address is accepted, and those that nobody has are refused.
  type: bool
  returned: success
asked:
  description: How many addresses were asked for, those that nobody has not counted.
  type: int
  returned: success
accepted:
  description: How many of them are accepted.
  type: int
  returned: success
refused:
  description: Those that are refused.
  type: list
  elements: dict
  returned: success
  contains:
    email:
      description: The address.
      type: str
      returned: always
    code:
      description: The code of the answer.
      type: int
      returned: always
    text:
      description: The answer.
      type: str
      returned: always
  sample: [{email: sales@example.org, code: 550, text: "5.1.1 <sales@example.org>: Recipient address rejected"}]
deferred:
  description: Those that were still put off when O(patience) ended, with the same keys. Addresses that nobody has may
    be among them.
  type: list
  elements: dict
  returned: success
catch_all:
  description: Domains that take mail for an address that nobody has.
  type: list
  elements: str
  returned: success
certificate:
  description:
    - What is wrong with the certificate of O(mail_host), empty when nothing is. V(null) when it offers no encryption.
    - Mail servers deliver all the same, unless MTA-STS or DANE tell them otherwise.
  type: str
  returned: success
name:
  description:
    - What the mail host calls itself in its greeting. Mail that it sends comes under this name as a rule, and many
      servers refuse it unless it is a full name with an address.
  type: str
  returned: success
  sample: mail1.example.net
lines:
  description: What people read of it.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address, parse_domain
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.run.recipients import Patience, Server, check_recipients
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import prepare_interpreter
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import recipients_options


def main() -> None:
    module = AnsibleModule(argument_spec=recipients_options(), supports_check_mode=True)
    prepare_interpreter(module)
    params = module.params
    if not params["addresses"]:
        module.fail_json(msg="there is no address to ask for: give addresses, src, mailboxes or results")
    try:
        answer = check_recipients(
            Server(params["mail_host"], params["port"], params["sender"], params["timeout"]),
            [parse_address(text) for text in params["addresses"]],
            Patience(params["patience"]),
            [parse_domain(text) for text in params["catch_all"]],
        )
    except MailImportError as error:
        module.fail_json(msg="%s (%s)" % (error.message, error.reason))
    module.exit_json(changed=False, msg="\n".join(answer["lines"]), **answer)


if __name__ == "__main__":
    main()
