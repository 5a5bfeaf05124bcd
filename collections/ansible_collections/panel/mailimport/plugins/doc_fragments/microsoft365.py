# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules for Microsoft 365."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  tenant:
    description:
      - Directory (tenant) ID of the organization, or one of its domains. Required, unless a person's token is given.
    type: str
  client_id:
    description:
      - Application (client) ID of the application that an administrator has registered. Required, unless a person's
        token is given.
    type: str
  client_secret:
    description:
      - Its secret, that is, the secret's I(Value), not its I(Secret ID). It does not travel as an argument of the
        module.
    type: str
  client_certificate:
    description:
      - In place of a secret, a certificate that was uploaded to the application's page, and its private key without a
        passphrase, both as PEM in one text. It does not travel as an argument of the module.
      - It needs PyJWT and cryptography on the mail host. P(panel.mailimport.setup#role) installs them with
        C(setup_sources=[microsoft365_certificate]).
    type: str
  client_certificate_src:
    description:
      - The same as a file on the controller. It may be encrypted with Ansible Vault.
      - A relative path is looked for where Ansible looks for the files of a role or a play, then in the working
        directory.
    type: path
  cloud:
    description:
      - Which of Microsoft's clouds the organization is in. It says where the services are, unless O(login_url) and
        O(api_url) do.
      - The addresses of the IMAP servers of V(us_gov), V(us_dod) and V(china) are not verified.
    type: str
    choices: [worldwide, us_gov, us_dod, china]
    default: worldwide
  include_resources:
    description:
      - Whether the mailboxes of rooms and things to be booked can be imported.
    type: bool
    default: false
  include_onmicrosoft:
    description:
      - Whether mailboxes whose main address is on a domain of Microsoft's own (C(onmicrosoft.com)) can be imported.
    type: bool
    default: false
  login_url:
    description:
      - Address of the service that gives tokens. Default is that of O(cloud).
    type: str
  api_url:
    description:
      - Address of Microsoft Graph. Default is that of O(cloud).
    type: str
"""
