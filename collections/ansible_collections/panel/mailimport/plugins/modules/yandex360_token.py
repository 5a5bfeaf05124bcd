#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Get and keep a token for Yandex 360."""

from __future__ import annotations

DOCUMENTATION = r"""
module: yandex360_token
short_description: Get a token for Yandex 360, and keep it valid
version_added: 0.2.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Declares that there is a token from Yandex's OAuth service for an application of yours, in a file that nobody else
    can read.
  - If there is none, it shows an address and a code. A person opens the address, logged in as the administrator of the
    organization, and enters the code. The task waits for that.
  - A token that expires soon is renewed without a person, as long as Yandex allows it.
requirements:
  - requests >= 2.28 and jsonschema >= 4.0 on the host it runs on. The role P(panel.mailimport.setup#role) installs them
    where the module finds them.
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.yandex360
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
      - Not without O(dest), because then every run gets a new token, and not with O(force=true).
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
      - C(ClientID) of the application, from its page at Yandex's OAuth.
    type: str
    required: true
  client_secret:
    description:
      - Its C(Client secret). Required. It does not travel as an argument of the module.
    type: str
  scopes:
    description:
      - Scopes to ask for, of those that the application has. Default is all of them.
      - A token keeps its scopes. When the application gets more of them, a new token is needed (O(force=true)).
    type: list
    elements: str
    default: []
  dest:
    description:
      - File for the token on the host that the task runs on, with mode 0600. Its directory must exist.
      - It holds JSON with C(client_id), C(access_token), C(refresh_token) and C(expires_at), in seconds since the
        epoch.
      - Without it, the token is in the result, and the task must have C(no_log=true).
    type: path
  minimum_days:
    description:
      - A token that is good for no more than this number of days is renewed.
    type: int
    default: 30
  force:
    description:
      - Have a person get a new token even if there is one.
    type: bool
    default: false
seealso:
  - module: panel.mailimport.yandex360_info
  - module: panel.mailimport.mail_import_yandex
"""

EXAMPLES = r"""
- name: Get a token, or renew it, on this machine
  panel.mailimport.yandex360_token:
    client_id: 0123456789abcdef0123456789abcdef
    client_secret: "{{ vault_yandex_client_secret }}"
    dest: ~/.yandex360-token.json
  delegate_to: localhost
  run_once: true

- name: See what the organization has
  panel.mailimport.yandex360_info:
    token: "{{ (lookup('ansible.builtin.file', '~/.yandex360-token.json') | from_json).access_token }}"
"""

RETURN = r"""
msg:
  description: What there is now, or why there is no token.
  type: str
  returned: always
  sample: the token in /etc/mail/yandex360-token.json is good for 341 days
access_token:
  description: The token, without O(dest).
  type: str
  returned: changed
refresh_token:
  description: What renews it, without O(dest).
  type: str
  returned: changed
expires_at:
  description: When it expires, in seconds since the epoch, without O(dest).
  type: int
  returned: changed
client_id:
  description: The application it is for, without O(dest).
  type: str
  returned: changed
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.task.device_token import run_token
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import (
    JSONSCHEMA,
    REQUESTS,
    prepare_interpreter,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.organization import secrets_option
from ansible_collections.panel.mailimport.plugins.module_utils.task.yandex360_token import token_options, wanted_token


def main() -> None:
    module = AnsibleModule(argument_spec=dict(token_options(), **secrets_option()), supports_check_mode=True)
    prepare_interpreter(module, REQUESTS, JSONSCHEMA)
    run_token(module, wanted_token)


if __name__ == "__main__":
    main()
