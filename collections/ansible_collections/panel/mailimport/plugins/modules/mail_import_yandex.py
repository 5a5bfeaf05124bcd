#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import the mailboxes of a Yandex 360 organization."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_import_yandex
short_description: Import the mailboxes of a Yandex 360 organization onto a mail host
version_added: 0.2.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Declares that the mailboxes of an organization at Yandex 360 for business exist on this mail host, each with every
    message it has at Yandex.
  - Domains and mailboxes are read from the organization's directory with an administrator's token. The mail is read
    over IMAP with the rights of a service application, which gets a token for each mailbox, so that nobody's password
    is known or changed.
  - Mailboxes that cannot be imported are reported as C(skipped), with the reason in one word, V(robot),
    V(portal_account), V(dismissed), V(blocked), V(domain_unverified), V(foreign_domain), V(no_address) or
    V(shared_mailbox), or V(never_opened) if their user has never opened them.
  - People's aliases, alias domains and mailing lists are reported. Aliases and lists are created on the mail host only
    with O(create_aliases), alias domains never.
  - Everything else works as in M(panel.mailimport.mail_import_csv). The guide describes what has to be done at Yandex
    before, and what of all this has not been verified with Yandex itself.
requirements:
  - IMAPClient >= 3.0, requests >= 2.28 and jsonschema >= 4.0 on the mail host. The role P(panel.mailimport.setup#role)
    installs them where the module finds them.
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.attributes.import_module
  - panel.mailimport.source.connection
  - panel.mailimport.yandex360
  - panel.mailimport.yandex360.api
  - panel.mailimport.yandex360.organization
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
      - With O(content_access=password) no password is set, so nobody logs in and no messages are counted.
      - With O(state=latest), flags that changed at the source count as a change, even if the mailbox has them already,
        where its mail is not in Maildir files.
      - With O(existing_content=merge), messages that no earlier run brought count as new, even if the mailbox holds
        equal ones.
  action_group:
    support: full
    membership:
      - panel.mailimport.host
      - panel.mailimport.yandex360
options:
  token:
    description:
      - OAuth token of an administrator of the organization; see M(panel.mailimport.yandex360_info) for its scopes.
      - Two more scopes are of use here. With C(ya360_admin:mail_read_user_settings), a mailbox that was never opened is
        told apart from other refusals, and O(content_access=password) needs C(directory:write_users).
      - Without a token O(mailboxes) must name the addresses, and the service application alone opens them.
    type: str
  content_access:
    description:
      - How to open the mail.
      - V(service_application) gets a token for each mailbox with O(client_id) and O(client_secret). It works on paid
        plans, for users and for shared mailboxes, and no password is touched.
      - V(password) replaces the password of each user at Yandex with that of the new mailbox and logs in with it. Users
        can no longer log in at Yandex with the password they know. Only those whose mail is imported are touched, and
        only if the new password does not open the mailbox yet. It cannot work where Yandex wants an app password. See
        O(replace_yandex_passwords).
    type: str
    choices: [service_application, password]
    default: service_application
  client_id:
    description:
      - C(ClientID) of the service application, with O(content_access=service_application).
    type: str
  client_secret:
    description:
      - Its C(Client secret).
    type: str
  token_scope:
    description:
      - Scope to ask for with each mailbox's token, such as V(mail:imap_ro). Default is to ask for none, as Yandex
        documents it.
    type: str
  replace_yandex_passwords:
    description:
      - Consent to O(content_access=password), which does nothing without it.
    type: bool
    default: false
  source_host:
    description:
      - The IMAP server.
    type: str
    default: imap.yandex.ru
seealso:
  - module: panel.mailimport.yandex360_token
  - module: panel.mailimport.yandex360_info
  - module: panel.mailimport.mail_import_info
"""

EXAMPLES = r"""
- name: Bring the whole organization over, four mailboxes at a time
  panel.mailimport.mail_import_yandex:
    token: "{{ vault_yandex_token }}"
    client_id: 0123456789abcdef0123456789abcdef
    client_secret: "{{ vault_yandex_client_secret }}"
    generated_passwords: /etc/mail/new-passwords.csv
    owner: customer1
    parallel: true
    queues: 4

- name: Create only the domains and mailboxes, with passwords that people have been given
  panel.mailimport.mail_import_yandex:
    token: "{{ vault_yandex_token }}"
    passwords_src: vault/passwords.csv
    import_content: false
    owner: customer1

- name: Carry over what has since arrived in two mailboxes
  panel.mailimport.mail_import_yandex:
    token: "{{ vault_yandex_token }}"
    client_id: 0123456789abcdef0123456789abcdef
    client_secret: "{{ vault_yandex_client_secret }}"
    mailboxes: [anna@example.org, ben@example.org]
    state: latest
    owner: customer1

- name: Aliases and mailing lists as well, on a host of PostfixAdmin
  panel.mailimport.mail_import_yandex:
    token: "{{ vault_yandex_token }}"
    client_id: 0123456789abcdef0123456789abcdef
    client_secret: "{{ vault_yandex_client_secret }}"
    generated_passwords: /etc/mail/new-passwords.csv
    owner: boss@example.org
    create_aliases: true
    host_backend: sql
    sql_engine: mysql
    sql_schema: postfixadmin
    login_unix_socket: /run/mysqld/mysqld.sock
    login_user: postfixadmin
    login_password: "{{ vault_database_password }}"
    login_db: postfixadmin

- name: Without a service application, as hosting panels do it
  panel.mailimport.mail_import_yandex:
    token: "{{ vault_yandex_token }}"
    content_access: password
    replace_yandex_passwords: true
    passwords_src: vault/passwords.csv
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
  description: Number and name of the organization. V(null) without O(token).
  type: dict
  returned: with RV(imports)
  sample: {id: 1234567, name: Example}
domains:
  description:
    - Its domains, as M(panel.mailimport.yandex360_info) returns them. Those with C(alias_of) are aliases, which are not
      created.
    - Empty without O(token).
  type: list
  elements: dict
  returned: with RV(imports)
aliases:
  description: Mailboxes with additional addresses at Yandex. Empty without O(token).
  type: list
  elements: dict
  returned: with RV(imports)
  sample: [{email: anna@example.org, aliases: [a.smith@example.org]}]
mailing_lists:
  description: Groups with an address at Yandex, as M(panel.mailimport.yandex360_info) returns them. Empty without
    O(token).
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
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import (
    IMAPCLIENT,
    JSONSCHEMA,
    REQUESTS,
    prepare_interpreter,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import internal_options
from ansible_collections.panel.mailimport.plugins.module_utils.task.yandex360 import (
    organization_options,
    run_yandex_import,
)


def main() -> None:
    module = AnsibleModule(argument_spec=dict(organization_options(), **internal_options()), supports_check_mode=True)
    prepare_interpreter(module, IMAPCLIENT, REQUESTS, JSONSCHEMA)
    run_yandex_import(module)


if __name__ == "__main__":
    main()
