#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell the owners of mailboxes that these have moved."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_notice
short_description: Tell the owners of mailboxes that these have moved
version_added: 0.3.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Delivers a message into each mailbox of this mail host whose imports are all C(completed). Mailboxes that were
    skipped, failed or are running get none, nor do those that were only created
    (O(panel.mailimport.mail_import_imap#module:import_content=false)) and whose mail has not been imported.
  - Each mailbox gets a notice once. What was delivered is recorded on the mail host, for each O(kind).
  - All messages are made before the first is sent, so that a mistake in a text stops all of them.
  - Put no password into the texts. The notice does not need one, and Ansible may show the options of a task.
extends_documentation_fragment:
  - panel.mailimport.attributes
options:
  state_dir:
    description:
      - As for the imports, see O(panel.mailimport.mail_import_imap#module:state_dir).
    type: path
  addresses:
    description:
      - Only these mailboxes.
    type: list
    elements: str
    default: []
  domains:
    description:
      - Only mailboxes of these mail domains.
    type: list
    elements: str
    default: []
  to:
    description:
      - Write to these addresses instead of the mailboxes of this host, to an administrator for example. Set O(kind) to
        something that changes when they are to hear again.
      - Not together with O(addresses) or O(domains).
    type: list
    elements: str
    default: []
  kind:
    description:
      - The name by which the notice is recorded. Another name is another notice.
    type: str
    default: moved
  sender:
    description:
      - Who writes, such as C(IT <it@example.org>).
    type: str
    required: true
  subject:
    description:
      - The subject. C($email), C($domain), C($messages) and the names of O(values) stand for their values, C($$) for a
        dollar sign.
    type: str
    default: Your mailbox $email has moved
  body:
    description:
      - The text, with values as in O(subject). To use a template of Ansible, look it up here.
      - The default is in English, and needs C(server) and C(contact) in O(values).
    type: str
    default: |
      Your mailbox $email has moved to a new mail server, with its folders and messages.

      Set the server in your mail program to $server. Your user name is your address.
      Calendars and contacts have not moved with it.

      If anything is missing, or you have questions: $contact
  translations:
    description:
      - The notice in other languages, for the mailboxes of O(languages).
    type: list
    elements: dict
    default: []
    suboptions:
      language:
        description: A name such as V(de).
        type: str
        required: true
      subject:
        description: As O(subject).
        type: str
        required: true
      body:
        description: As O(body).
        type: str
        required: true
  languages:
    description:
      - Languages of O(translations) by the address of the mailbox. Others get O(subject) and O(body).
    type: dict
    default: {}
  values:
    description:
      - What stands in the texts. The default texts need C(server), the server for mail programs, and C(contact).
    type: dict
    default: {}
  server:
    description:
      - The mail server that delivers, seen from the mail host. With O(protocol=lmtp) it may be the path of a socket.
    type: str
    default: localhost
  port:
    description:
      - Its port.
    type: int
    default: 25
  protocol:
    description:
      - V(lmtp) delivers straight into the mailbox, V(smtp) by the way of all mail.
    type: str
    choices: [smtp, lmtp]
    default: smtp
attributes:
  check_mode:
    support: full
    details:
      - Makes the messages and sends none.
  diff_mode:
    support: none
  idempotent:
    support: full
  async:
    support: full
  platform:
    support: full
  action_group:
    support: none
    membership: []
seealso:
  - module: panel.mailimport.mail_import_info
"""

EXAMPLES = r"""
- name: Tell everybody whose mailbox is complete
  panel.mailimport.mail_notice:
    sender: IT <it@example.org>
    values:
      server: mail.example.org
      contact: it@example.org, extension 12

- name: Write in the language of the owner, with texts from templates
  panel.mailimport.mail_notice:
    domains: [example.org]
    sender: it@example.org
    body: "{{ lookup('ansible.builtin.file', 'moved.en.txt') }}"
    translations:
      - language: de
        subject: Ihr Postfach $email ist umgezogen
        body: "{{ lookup('ansible.builtin.file', 'moved.de.txt') }}"
    languages:
      anna@example.org: de
    values:
      server: mail.example.org
      contact: it@example.org
    protocol: lmtp
    server: /run/dovecot/lmtp
"""

RETURN = r"""
sent:
  description: Mailboxes that have the notice now; in check mode, that would get it.
  type: list
  elements: str
  returned: success
already:
  description: Mailboxes that had it before.
  type: list
  elements: str
  returned: success
failed_notices:
  description: Mailboxes that did not get it, with what the server said. The task fails when there are any.
  type: list
  elements: dict
  returned: always
  contains:
    email:
      description: The mailbox.
      type: str
      returned: always
    message:
      description: What the server said.
      type: str
      returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.run.info import Filter
from ansible_collections.panel.mailimport.plugins.module_utils.run.notices import send_notices
from ansible_collections.panel.mailimport.plugins.module_utils.run.settings import HostSettings, default_state_dir
from ansible_collections.panel.mailimport.plugins.module_utils.run.smtp import Relay
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import prepare_interpreter
from ansible_collections.panel.mailimport.plugins.module_utils.task.notice import notice, notice_options


def main() -> None:
    module = AnsibleModule(argument_spec=notice_options(), supports_check_mode=True)
    prepare_interpreter(module)
    params = module.params
    if params["to"] and (params["addresses"] or params["domains"]):
        module.fail_json(msg="to says who gets the notice: leave out addresses and domains", failed_notices=[])
    try:
        came = send_notices(
            HostSettings(params["state_dir"] or default_state_dir("dovecot")),
            Filter(tuple(params["addresses"]), tuple(params["domains"])),
            notice(params),
            Relay(params["server"], params["port"], params["protocol"]),
            module.check_mode,
        )
    except MailImportError as error:
        module.fail_json(msg="%s (%s)" % (error.message, error.reason), failed_notices=[])
    failed = came.pop("failed")
    result = dict(came, changed=bool(came["sent"]), failed_notices=failed)
    if failed:
        module.fail_json(
            msg="%d notices were not delivered, the first: %s" % (len(failed), failed[0]["message"]), **result
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
