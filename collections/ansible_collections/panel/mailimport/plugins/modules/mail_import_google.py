#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import the mailboxes of a Google Workspace organization."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_import_google
short_description: Import the mailboxes of a Google Workspace organization onto a mail host
version_added: 0.3.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Declares that the mailboxes of an organization at Google Workspace exist on this mail host, each with every message
    it has at Google.
  - Users and domains are read from the organization's directory, and the mail over IMAP, with the key of one service
    account. An administrator delegates the organization to it once. It gets a token for each mailbox, so that nobody's
    password is known or changed. Tokens are renewed in the middle of an import.
  - Mailboxes that cannot be imported are reported as C(skipped), with the reason in one word, V(suspended),
    V(archived), V(no_mailbox), V(guest), V(resource), V(domain_unverified) or V(no_address).
  - Gmail gives out 2,500 MB a day for each account. An import that has used that up is C(paused), and the first run
    after C(retry_at) goes on with it.
  - People's aliases, alias domains and groups are reported. Aliases and groups are created on the mail host only with
    O(create_aliases), alias domains never.
  - Everything else works as in M(panel.mailimport.mail_import_csv). The guide describes what has to be done at Google
    before, and what of all this has not been verified with Google itself.
requirements:
  - IMAPClient >= 3.0, requests >= 2.28, jsonschema >= 4.0 and PyJWT[crypto] >= 2.6 on the mail host. The role
    P(panel.mailimport.setup#role) installs them where the module finds them, the last one with
    C(setup_sources=[google_workspace]).
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.attributes.import_module
  - panel.mailimport.source.connection
  - panel.mailimport.google
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
      - Gets a token for every mailbox, logs in, lists and counts, and writes nothing.
      - With O(state=latest), flags that changed at the source count as a change, even if the mailbox has them already,
        where its mail is not in Maildir files.
      - With O(existing_content=merge), messages that no earlier run brought count as new, even if the mailbox holds
        equal ones.
  action_group:
    support: full
    membership:
      - panel.mailimport.host
      - panel.mailimport.google
options:
  source_host:
    description:
      - The IMAP server.
    type: str
    default: imap.gmail.com
seealso:
  - module: panel.mailimport.google_workspace_info
  - module: panel.mailimport.mail_import_info
"""

EXAMPLES = r"""
- name: Bring the whole organization over, four mailboxes at a time
  panel.mailimport.mail_import_google:
    service_account_src: vault/mailimport-key.json
    admin: admin@example.org
    generated_passwords: /etc/mail/new-passwords.csv
    owner: customer1
    parallel: true
    queues: 4

- name: Create only the domains and mailboxes, with passwords that people have been given
  panel.mailimport.mail_import_google:
    service_account_src: vault/mailimport-key.json
    admin: admin@example.org
    passwords_src: vault/passwords.csv
    import_content: false
    owner: customer1

- name: Carry over what has since arrived in two mailboxes, without asking the directory
  panel.mailimport.mail_import_google:
    service_account: "{{ vault_google_service_account }}"
    mailboxes: [anna@example.org, ben@example.org]
    passwords_src: vault/passwords.csv
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
  sample: "66 mailboxes: 1 paused, 59 completed, 6 skipped · 81,204 messages, 9.4 GB, 52 min"
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
  description: Customer and main domain of the organization. V(null) without O(admin).
  type: dict
  returned: with RV(imports)
  sample: {id: my_customer, name: example.org}
domains:
  description:
    - Its domains, as M(panel.mailimport.google_workspace_info) returns them. Those with C(alias_of) are aliases, which
      are not created.
    - Empty without O(admin).
  type: list
  elements: dict
  returned: with RV(imports)
aliases:
  description: Mailboxes with additional addresses at Google. Empty without O(admin).
  type: list
  elements: dict
  returned: with RV(imports)
  sample: [{email: anna@example.org, aliases: [a.smith@example.org]}]
mailing_lists:
  description: Groups at Google, as M(panel.mailimport.google_workspace_info) returns them. Empty without O(admin).
  type: list
  elements: dict
  returned: with RV(imports)
host_aliases:
  description:
    - What came of each alias and list on this host. Empty without O(create_aliases).
    - C(kind) is V(alias) or V(list). C(state) is V(created), V(present) when it was there already, V(skipped) or
      V(failed), both with the reason in C(message). In check mode V(created) is what would be created.
  type: list
  elements: dict
  returned: with RV(imports)
  sample:
    - {email: a.smith@example.org, kind: alias, targets: [anna@example.org], state: created, message: ""}
reason:
  description: Why no import was tried, in one word such as V(auth_failed), V(permission_denied), V(not_found) or
    V(invalid_row).
  type: str
  returned: when the organization could not be read, or the mail host refused an option
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.task.google import (
    organization_options,
    run_google_import,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import (
    CRYPTOGRAPHY,
    IMAPCLIENT,
    JSONSCHEMA,
    PYJWT,
    REQUESTS,
    prepare_interpreter,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import internal_options


def main() -> None:
    module = AnsibleModule(argument_spec=dict(organization_options(), **internal_options()), supports_check_mode=True)
    prepare_interpreter(module, IMAPCLIENT, REQUESTS, JSONSCHEMA, PYJWT, CRYPTOGRAPHY)
    run_google_import(module)


if __name__ == "__main__":
    main()
