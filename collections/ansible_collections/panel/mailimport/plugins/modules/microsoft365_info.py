#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report what a Microsoft 365 organization has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: microsoft365_info
short_description: Report the domains and mailboxes of a Microsoft 365 organization
version_added: 0.3.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Lists the domains, mailboxes and groups that an application may see, and says for each mailbox whether
    M(panel.mailimport.mail_import_microsoft365) can import it, and if not, why.
  - Returns what an administrator has to do once, the address for the consent and the commands for Exchange Online
    PowerShell, also when the task fails.
  - Whether a mailbox lets the application in, only a login tells, such as that of the import in check mode.
requirements:
  - requests >= 2.28 and jsonschema >= 4.0 on the host it runs on, with O(client_certificate) also PyJWT >= 2.6 and
    cryptography. The role P(panel.mailimport.setup#role) installs them where the module finds them.
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.attributes.info_module
  - panel.mailimport.microsoft365
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
      - panel.mailimport.microsoft365
seealso:
  - module: panel.mailimport.mail_import_microsoft365
"""

EXAMPLES = r"""
- name: See what the organization has
  panel.mailimport.microsoft365_info:
    tenant: example.org
    client_id: 11111111-2222-3333-4444-555555555555
    client_secret: "{{ vault_microsoft_client_secret }}"
  register: microsoft
  delegate_to: localhost

- name: Show what to enter in Exchange Online PowerShell
  ansible.builtin.debug:
    msg: "{{ microsoft.commands }}"
"""

RETURN = r"""
consent_url:
  description: Where an administrator of the tenant consents to the permissions that the application's page lists.
  type: str
  returned: always
permissions_wanted:
  description: Permissions of the kind Application that the import uses. Only C(IMAP.AccessAsApp) and C(User.Read.All)
    are indispensable. What the others would give is left out.
  type: list
  elements: str
  returned: always
permissions:
  description: Permissions that the application's tokens name. A hint, for Microsoft may change what is in tokens.
  type: list
  elements: str
  returned: success
permissions_missing:
  description: Which of RV(permissions_wanted) the tokens do not name.
  type: list
  elements: str
  returned: success
commands:
  description: What an administrator enters in Exchange Online PowerShell once, for the mailboxes that can be imported.
  type: list
  elements: str
  returned: always
organization:
  description: The tenant, and what it is called.
  type: dict
  returned: success
  sample: {id: example.org, name: Example}
domains:
  description: Its domains with mail.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the domain.
      type: str
      returned: success
    master:
      description: Whether it is the default domain.
      type: bool
      returned: success
    verified:
      description: Whether it is verified that it belongs to the organization.
      type: bool
      returned: success
    mailboxes:
      description: Number of mailboxes with their main address on it.
      type: int
      returned: success
    alias_of:
      description: Always V(null), for Microsoft has no alias domains.
      type: str
      returned: success
mailboxes:
  description: The mailboxes, including those that cannot be imported.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: Object ID of the account.
      type: str
      returned: success
    email:
      description: Main address of the mailbox.
      type: str
      returned: success
    login:
      description: The name with which it is opened (User Principal Name).
      type: str
      returned: success
    kind:
      description: V(user) or V(shared).
      type: str
      returned: success
    aliases:
      description: Its other addresses.
      type: list
      elements: str
      returned: success
    importable:
      description: Whether it can be imported.
      type: bool
      returned: success
    reason:
      description: Why not, one of V(guest), V(no_mailbox), V(on_premises), V(resource), V(no_address),
        V(domain_unverified) and V(foreign_domain).
      type: str
      returned: success
    message:
      description: The same for people.
      type: str
      returned: success
    item_count:
      description: Number of items of all kinds in it, by Microsoft's report on the use of mailboxes, which is a day or
        two old. V(null) where that does not tell, because C(Reports.Read.All) is missing or names are concealed in it.
      type: int
      returned: success
    bytes:
      description: Their size, as O(ignore:item_count).
      type: int
      returned: success
    archive:
      description: Whether it has an archive, which IMAP does not open, as O(ignore:item_count).
      type: bool
      returned: success
bytes_total:
  description: Size of all mailboxes of the organization together, V(null) where the report is not to be had.
  type: int
  returned: success
  sample: 351420918273
mailing_lists:
  description: Groups with an address.
  type: list
  elements: dict
  returned: success
  contains:
    email:
      description: Address of the group.
      type: str
      returned: success
    name:
      description: Name of the group.
      type: str
      returned: success
    aliases:
      description: Other addresses of the group.
      type: list
      elements: str
      returned: success
    members:
      description: Addresses of its members.
      type: list
      elements: str
      returned: success
    complete:
      description: Whether these are all of its members. V(false) when there are others, without an address.
      type: bool
      returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import (
    JSONSCHEMA,
    REQUESTS,
    prepare_interpreter,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.microsoft365 import info_options, run_info
from ansible_collections.panel.mailimport.plugins.module_utils.task.organization import secrets_option


def main() -> None:
    module = AnsibleModule(argument_spec=dict(info_options(), **secrets_option()), supports_check_mode=True)
    prepare_interpreter(module, REQUESTS, JSONSCHEMA)
    run_info(module)


if __name__ == "__main__":
    main()
