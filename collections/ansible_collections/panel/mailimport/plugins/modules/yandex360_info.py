#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report what a Yandex 360 organization has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: yandex360_info
short_description: Report the domains and mailboxes of a Yandex 360 organization
version_added: 0.2.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Lists the organizations that an administrator's token opens, and for one of them the domains, people's and shared
    mailboxes, and the mailing lists.
  - Says for each mailbox whether M(panel.mailimport.mail_import_yandex) can import it, and if not, why.
  - It cannot tell whether a person has ever opened the mailbox. An import finds out.
requirements:
  - requests >= 2.28 and jsonschema >= 4.0 on the host it runs on. The role P(panel.mailimport.setup#role) installs them
    where the module finds them.
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.attributes.info_module
  - panel.mailimport.yandex360
  - panel.mailimport.yandex360.api
  - panel.mailimport.yandex360.organization
  - panel.mailimport.provider.services
  - panel.mailimport.provider.selection
  - panel.mailimport.internal
attributes:
  async:
    support: none
  platform:
    support: full
  action_group:
    support: full
    membership:
      - panel.mailimport.yandex360
options:
  token:
    description:
      - OAuth token of an administrator of the organization, with the scopes C(directory:read_organization),
        C(directory:read_domains) and C(directory:read_users).
      - C(directory:read_groups) is needed for mailing lists, C(ya360_admin:mail_read_shared_mailbox_inventory) for
        shared mailboxes, and C(ya360_admin:mail_read_organization_settings) for RV(organization.imap_enabled). What a
        missing scope would give is left out, with a warning.
      - Required. It does not travel as an argument of the module.
    type: str
seealso:
  - module: panel.mailimport.yandex360_token
  - module: panel.mailimport.mail_import_yandex
"""

EXAMPLES = r"""
- name: See what the organization has
  panel.mailimport.yandex360_info:
    token: "{{ vault_yandex_token }}"
  register: yandex

- name: Show what cannot be imported, and why
  ansible.builtin.debug:
    msg: "{{ item.email }}: {{ item.message }}"
  loop: "{{ yandex.mailboxes | rejectattr('importable') }}"
  loop_control:
    label: "{{ item.email }}"
"""

RETURN = r"""
organizations:
  description: The organizations that the token opens.
  type: list
  elements: dict
  returned: success
  sample: [{id: 1234567, name: Example}]
organization:
  description: The organization that is reported.
  type: dict
  returned: success
  contains:
    id:
      description: Its number.
      type: int
      returned: success
    name:
      description: Its name.
      type: str
      returned: success
    imap_enabled:
      description: Whether its people may use IMAP. V(null) if Yandex does not say.
      type: bool
      returned: success
scopes:
  description: What the token may do. V(null) if Yandex does not say.
  type: list
  elements: str
  returned: success
domains:
  description: Its domains.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the domain, an IDN in Punycode.
      type: str
      returned: success
    master:
      description: Whether it is the organization's main domain.
      type: bool
      returned: success
    verified:
      description: Whether Yandex has verified that it belongs to the organization.
      type: bool
      returned: success
    mailboxes:
      description: Number of mailboxes with an address on it.
      type: int
      returned: success
    alias_of:
      description: The main domain, for a domain without mailboxes of its own.
      type: str
      returned: success
mailboxes:
  description: The mailboxes, including those that cannot be imported.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: Number of the account.
      type: str
      returned: success
    email:
      description: Address of the mailbox.
      type: str
      returned: success
    kind:
      description: V(user) or V(shared).
      type: str
      returned: success
    aliases:
      description: Its other addresses. At Yandex all of them are valid on every verified domain of the organization.
      type: list
      elements: str
      returned: success
    importable:
      description: Whether it can be imported.
      type: bool
      returned: success
    reason:
      description: Why not, one of V(robot), V(portal_account), V(dismissed), V(blocked), V(domain_unverified),
        V(foreign_domain) and V(no_address).
      type: str
      returned: success
    message:
      description: The same for people.
      type: str
      returned: success
mailing_lists:
  description: Groups with an address.
  type: list
  elements: dict
  returned: success
  contains:
    email:
      description: Address of the list.
      type: str
      returned: success
    name:
      description: Name of the group.
      type: str
      returned: success
    aliases:
      description: Other addresses of the list.
      type: list
      elements: str
      returned: success
    members:
      description: Addresses of the people in the group.
      type: list
      elements: str
      returned: success
    complete:
      description: Whether these are all of its members. V(false) when there are others, such as groups.
      type: bool
      returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import (
    JSONSCHEMA,
    REQUESTS,
    prepare_interpreter,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.organization import secrets_option
from ansible_collections.panel.mailimport.plugins.module_utils.task.yandex360 import (
    info_options,
    run_info,
)


def main() -> None:
    module = AnsibleModule(argument_spec=dict(info_options(), **secrets_option()), supports_check_mode=True)
    prepare_interpreter(module, REQUESTS, JSONSCHEMA)
    run_info(module)


if __name__ == "__main__":
    main()
