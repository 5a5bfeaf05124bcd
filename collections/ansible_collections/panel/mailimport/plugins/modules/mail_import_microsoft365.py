#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import the mailboxes of a Microsoft 365 organization."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_import_microsoft365
short_description: Import the mailboxes of a Microsoft 365 organization onto a mail host
version_added: 0.3.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Declares that the mailboxes of an organization at Microsoft 365 (Exchange Online) exist on this mail host, each with
    every message it has there.
  - Domains and mailboxes are read from the organization's directory (Microsoft Graph). The mail is read over IMAP. An
    administrator registers one application once and gives it access to the mailboxes, so that nobody's password is
    known or changed.
  - Mailboxes that cannot be imported are reported as C(skipped), with the reason in one word, V(guest), V(no_mailbox),
    V(on_premises), V(resource), V(no_address), V(domain_unverified) or V(foreign_domain).
  - Calendars, contacts, tasks and notes do not come over IMAP. Their folders are left out, which one line tells.
    Neither do archive mailboxes, public folders, and the conversations of Microsoft 365 groups.
  - People's aliases and mailing lists are reported. They are created on the mail host only with O(create_aliases).
  - Everything else works as in M(panel.mailimport.mail_import_csv). The guide describes what has to be done at
    Microsoft before, and what of all this has not been verified with Microsoft itself.
requirements:
  - IMAPClient >= 3.0, requests >= 2.28 and jsonschema >= 4.0 on the mail host, with O(client_certificate) also PyJWT >=
    2.6 and cryptography. The role P(panel.mailimport.setup#role) installs them where the module finds them.
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.attributes.import_module
  - panel.mailimport.source.connection
  - panel.mailimport.microsoft365
  - panel.mailimport.provider.services
  - panel.mailimport.provider.selection
  - panel.mailimport.provider.passwords
  - panel.mailimport.provider.aliases
  - panel.mailimport.target
  - panel.mailimport.importing
  - panel.mailimport.scheduling
  - panel.mailimport.internal
  - panel.mailimport.internal.progress
attributes:
  check_mode:
    support: partial
    details:
      - Gets a token, logs in to every mailbox, lists and counts, and writes nothing.
      - With O(state=latest), flags that changed at the source count as a change, even if the mailbox has them already,
        where its mail is not in Maildir files.
      - With O(existing_content=merge), messages that no earlier run brought count as new, even if the mailbox holds
        equal ones.
  action_group:
    support: full
    membership:
      - panel.mailimport.host
      - panel.mailimport.microsoft365
options:
  use_directory:
    description:
      - Whether to read the organization's directory. With V(false), O(mailboxes) must name the addresses, and the
        application needs no permission of Microsoft Graph.
    type: bool
    default: true
  mail_resource:
    description:
      - What the token for the mail is asked for. Default is that of O(cloud).
    type: str
  token_file:
    description:
      - In place of O(tenant), O(client_id) and a proof of the application, a file on the mail host with the token of a
        person, which M(panel.mailimport.microsoft365_token) makes. It opens the mailboxes to which that person has full
        access, and, with O(use_directory), the directory with the delegated permissions that the application has.
      - Its token is used as long as it is good, and then renewed. Whatever Microsoft gives in its place, with each
        token for the directory too, is written back, in check mode too.
    type: path
    version_added: 0.3.0
  source_host:
    description:
      - The IMAP server. Default is that of O(cloud), V(outlook.office365.com) for most.
    type: str
seealso:
  - module: panel.mailimport.microsoft365_info
  - module: panel.mailimport.mail_import_info
"""

EXAMPLES = r"""
- name: Bring the whole organization over, eight mailboxes at a time
  panel.mailimport.mail_import_microsoft365:
    tenant: example.org
    client_id: 11111111-2222-3333-4444-555555555555
    client_secret: "{{ vault_microsoft_client_secret }}"
    generated_passwords: /etc/mail/new-passwords.csv
    owner: customer1
    parallel: true
    queues: 8

- name: Two mailboxes, with a certificate, and without reading the directory
  panel.mailimport.mail_import_microsoft365:
    tenant: example.org
    client_id: 11111111-2222-3333-4444-555555555555
    client_certificate_src: vault/mailimport.pem
    use_directory: false
    mailboxes: [anna@example.org, ben@example.org]
    passwords_src: vault/passwords.csv
    owner: customer1

- name: As an administrator who has full access to the mailboxes, without any secret of an application
  panel.mailimport.mail_import_microsoft365:
    token_file: /etc/mail/administrator-token.json
    use_directory: false
    mailboxes: [anna@example.org, ben@example.org]
    passwords_src: vault/passwords.csv
    owner: customer1

- name: Carry over what has arrived since
  panel.mailimport.mail_import_microsoft365:
    tenant: example.org
    client_id: 11111111-2222-3333-4444-555555555555
    client_secret: "{{ vault_microsoft_client_secret }}"
    generated_passwords: /etc/mail/new-passwords.csv
    state: latest
    owner: customer1
"""

RETURN = r"""
msg:
  description:
    - The outcome in one line, a line for each mailbox that failed, was skipped or was moved aside (a hundred of them at
      most), and how to run it again for the failed ones alone.
  type: str
  returned: always
  sample: "66 mailboxes: 62 completed, 4 skipped · 6,120 messages, 410 MB, 3 min"
imports:
  description:
    - One entry for each selected mailbox, by address, with the keys that M(panel.mailimport.mail_import_imap) returns.
    - Also there when imports failed. Only when the task could not begin, because an option is wrong, the organization
      could not be read, or the mail host lacks a Python library, the result has RV(msg) alone, or with RV(reason).
  type: list
  elements: dict
  returned: when the imports succeeded or some failed
estimate:
  description: What the import is going to take, see RV(panel.mailimport.mail_import_csv#module:estimate).
  type: dict
  returned: in check mode
summary:
  description: Number of imports in each state, of mailboxes whose mail was moved aside, and the sums of their counts.
  type: dict
  returned: with RV(imports)
organization:
  description: The tenant, and what it is called. V(null) with O(use_directory=false).
  type: dict
  returned: with RV(imports)
  sample: {id: example.org, name: Example}
domains:
  description: Its domains with mail, as M(panel.mailimport.microsoft365_info) returns them.
  type: list
  elements: dict
  returned: with RV(imports)
aliases:
  description: Mailboxes with additional addresses.
  type: list
  elements: dict
  returned: with RV(imports)
  sample: [{email: anna@example.org, aliases: [a.smith@example.org]}]
mailing_lists:
  description: Groups with an address, as M(panel.mailimport.microsoft365_info) returns them.
  type: list
  elements: dict
  returned: with RV(imports)
host_aliases:
  description: What came of each alias and list on this host, see
    RV(panel.mailimport.mail_import_yandex#module:host_aliases). Empty without O(create_aliases).
  type: list
  elements: dict
  returned: with RV(imports)
reason:
  description: Why no import was tried, in one word such as V(auth_failed), V(permission_denied), V(not_found) or
    V(invalid_row).
  type: str
  returned: when the organization could not be read, or the mail host refused an option
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import (
    IMAPCLIENT,
    JSONSCHEMA,
    REQUESTS,
    prepare_interpreter,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.microsoft365 import (
    organization_options,
    run_microsoft_import,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import internal_options


def main() -> None:
    module = AnsibleModule(argument_spec=dict(organization_options(), **internal_options()), supports_check_mode=True)
    prepare_interpreter(module, IMAPCLIENT, REQUESTS, JSONSCHEMA)
    run_microsoft_import(module)


if __name__ == "__main__":
    main()
