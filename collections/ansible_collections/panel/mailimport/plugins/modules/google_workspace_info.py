#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report what a Google Workspace organization has, and what its administrator has to allow."""

from __future__ import annotations

DOCUMENTATION = r"""
module: google_workspace_info
short_description: Report the domains and mailboxes of a Google Workspace organization
version_added: 0.3.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Returns the link with which a super administrator allows the service account what an import needs, and the command
    lines that make such an account.
  - Lists the domains, users and groups of the organization, and says for each mailbox whether
    M(panel.mailimport.mail_import_google) can import it, and if not, why.
requirements:
  - requests >= 2.28, jsonschema >= 4.0 and PyJWT[crypto] >= 2.6 on the host it runs on. The role
    P(panel.mailimport.setup#role) installs them where the module finds them, the last one with
    C(setup_sources=[google_workspace]).
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.attributes.info_module
  - panel.mailimport.google
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
      - panel.mailimport.google
options:
  check_mailboxes:
    description:
      - Also ask the Gmail API about each mailbox that can be imported. It must be switched on in the project of the
        service account. That takes three requests for each of them.
    type: bool
    default: false
  gmail_api_url:
    description:
      - Address of the Gmail API.
    type: str
    default: https://gmail.googleapis.com
seealso:
  - module: panel.mailimport.mail_import_google
"""

EXAMPLES = r"""
- name: See what has to be allowed
  panel.mailimport.google_workspace_info:
    service_account_src: vault/mailimport-key.json
  register: google

- name: Show the link for the super administrator
  ansible.builtin.debug:
    var: google.authorize_url

- name: See what the organization has
  panel.mailimport.google_workspace_info:
    service_account_src: vault/mailimport-key.json
    admin: admin@example.org
    check_mailboxes: true
  register: google

- name: Show what cannot be imported, and why
  ansible.builtin.debug:
    msg: "{{ item.email }}: {{ item.message }}"
  loop: "{{ google.mailboxes | rejectattr('importable') }}"
  loop_control:
    label: "{{ item.email }}"
"""

RETURN = r"""
client_id:
  description: Number of the service account, which the delegation names.
  type: str
  returned: when the key is one
client_email:
  description: Name of the service account.
  type: str
  returned: when the key is one
authorize_url:
  description: The form of the Admin console that allows the service account what an import needs, filled in. A super
    administrator opens it and confirms.
  type: str
  returned: when the key is one
commands:
  description: Command lines that make a service account and its key with Google's C(gcloud).
  type: list
  elements: str
  returned: always
scopes_wanted:
  description: The scopes that an import uses.
  type: list
  elements: str
  returned: when the key is one
scopes:
  description: Those of them that are allowed. Empty without O(admin).
  type: list
  elements: str
  returned: success
scopes_missing:
  description: Those of them that are not. Empty without O(admin).
  type: list
  elements: str
  returned: success
organization:
  description: The customer, and its main domain as C(name). V(null) without O(admin).
  type: dict
  returned: success
  sample: {id: my_customer, name: example.org}
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
      description: Whether Google has verified that it belongs to the organization.
      type: bool
      returned: success
    mailboxes:
      description: Number of mailboxes with an address on it.
      type: int
      returned: success
    alias_of:
      description: For a domain alias, the domain whose addresses are valid on it.
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
      description: V(user).
      type: str
      returned: success
    aliases:
      description: Its other addresses, those on alias domains too.
      type: list
      elements: str
      returned: success
    importable:
      description: Whether it can be imported.
      type: bool
      returned: success
    reason:
      description: Why not, one of V(suspended), V(archived), V(no_mailbox), V(guest), V(resource),
        V(domain_unverified) and V(no_address).
      type: str
      returned: success
    message:
      description: The same for people.
      type: str
      returned: success
    imap_enabled:
      description: Whether IMAP is switched on in the mailbox. V(null) without O(check_mailboxes), or when Google does
        not say.
      type: bool
      returned: success
    imap_max_folder_size:
      description: How many messages of a folder IMAP shows at most, by a setting of its user. The others would not be
        imported. V(null) for all.
      type: int
      returned: success
    messages_total:
      description: Number of messages that Gmail counts.
      type: int
      returned: success
    trouble:
      description: Why the Gmail API said nothing of the mailbox.
      type: str
      returned: success
mailing_lists:
  description: Groups.
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
      description: Addresses of the people in the group, also outside of the organization.
      type: list
      elements: str
      returned: success
    complete:
      description: Whether these are all of its members. V(false) when there are others, such as groups.
      type: bool
      returned: success
reason:
  description: Why nothing could be read, in one word such as V(auth_failed), V(permission_denied) or V(invalid_row).
  type: str
  returned: failure
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.task.google import info_options, run_info
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import (
    CRYPTOGRAPHY,
    JSONSCHEMA,
    PYJWT,
    REQUESTS,
    prepare_interpreter,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.organization import secrets_option


def main() -> None:
    module = AnsibleModule(argument_spec=dict(info_options(), **secrets_option()), supports_check_mode=True)
    prepare_interpreter(module, REQUESTS, JSONSCHEMA, PYJWT, CRYPTOGRAPHY)
    run_info(module)


if __name__ == "__main__":
    main()
