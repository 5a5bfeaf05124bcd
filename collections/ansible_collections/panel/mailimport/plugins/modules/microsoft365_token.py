#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Get and keep a token of a person for mail at Microsoft 365."""

from __future__ import annotations

DOCUMENTATION = r"""
module: microsoft365_token
short_description: Get a token for mail at Microsoft 365 or Outlook.com, and keep it valid
version_added: 0.3.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Declares that there is a token with which an application of yours opens mail for a person, in a file that nobody
    else can read. No secret of the application is needed, and no administrator where people may consent themselves.
  - If there is none, it shows an address and a code. The person opens the address in a browser, logs in, and enters the
    code. The task waits for that.
  - A token that ends soon is renewed without a person, as long as Microsoft allows it, which is 90 days after it was
    last used. One that is good is not asked for again.
  - O(panel.mailimport.mail_import_imap#module:source_token_file) opens a mailbox with it, and
    O(panel.mailimport.mail_import_microsoft365#module:token_file) all those to which the person has full access. They
    renew it, too.
requirements:
  - requests >= 2.28 and jsonschema >= 4.0 on the host it runs on. The role P(panel.mailimport.setup#role) installs them
    where the module finds them.
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.provider.services
  - panel.mailimport.internal
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - A token is good for about an hour. A later run renews it, and says C(changed). With O(force=true), every run has
        a person get a new one.
  async:
    support: none
  platform:
    support: full
  action_group:
    support: none
    membership: []
options:
  client_id:
    description:
      - Application (client) ID of an application that allows public client flows, and has the delegated permission
        C(IMAP.AccessAsUser.All).
    type: str
    required: true
  tenant:
    description:
      - Directory (tenant) ID of the organization, or one of its domains.
      - V(consumers) is for personal accounts, such as those of Outlook.com, and V(organizations) for all others. With
        V(common) it is the account that decides. They need an application that is not for one tenant only.
    type: str
    default: common
  cloud:
    description:
      - Which of Microsoft's clouds the account is in.
    type: str
    choices: [worldwide, us_gov, us_dod, china]
    default: worldwide
  login_url:
    description:
      - Address of the service that gives tokens. Default is that of O(cloud).
    type: str
  scopes:
    description:
      - Scopes to ask for. Default is the one for IMAP, of O(cloud). C(offline_access), without which there would be
        nothing to renew a token with, is always added.
    type: list
    elements: str
    default: []
  dest:
    description:
      - File for the token on the host that the task runs on, with mode 0600. Its directory must exist. Imports need it
        on the mail host.
      - It holds JSON with C(client_id), C(tenant), C(login_url), C(scope), C(access_token), C(refresh_token) and
        C(expires_at), in seconds since the epoch.
    type: path
    required: true
  force:
    description:
      - Have a person get a new token even if there is one, for example one of another person.
    type: bool
    default: false
seealso:
  - module: panel.mailimport.mail_import_imap
  - module: panel.mailimport.mail_import_microsoft365
  - ref: ansible_collections.panel.mailimport.docsite.microsoft365_guide
    description: How the application is registered.
"""

EXAMPLES = r"""
- name: Let Anna enter a code, once
  panel.mailimport.microsoft365_token:
    client_id: 0123abcd-0123-0123-0123-0123456789ab
    tenant: example.org
    dest: /etc/mail/anna-token.json

- name: Bring her mail over
  panel.mailimport.mail_import_imap:
    source_host: outlook.office365.com
    source_token_file: /etc/mail/anna-token.json
    email: anna@example.org
    target_password: "{{ vault_anna_password }}"
    owner: customer1
"""

RETURN = r"""
msg:
  description: What there is now, or why there is no token.
  type: str
  returned: always
  sample: the token in /etc/mail/anna-token.json is good for 48 minutes
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.task.device_token import run_token
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import (
    JSONSCHEMA,
    REQUESTS,
    prepare_interpreter,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.microsoft365_token import (
    token_options,
    wanted_token,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.organization import secrets_option


def main() -> None:
    module = AnsibleModule(argument_spec=dict(token_options(), **secrets_option()), supports_check_mode=True)
    prepare_interpreter(module, REQUESTS, JSONSCHEMA)
    run_token(module, wanted_token)


if __name__ == "__main__":
    main()
