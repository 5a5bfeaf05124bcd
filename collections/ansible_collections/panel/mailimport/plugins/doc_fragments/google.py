# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules for Google Workspace."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  service_account:
    description:
      - Key of the service account, the content of the JSON file that Google Cloud gives out, as a text or a dictionary.
      - A super administrator has to delegate the organization's domains to it once.
        M(panel.mailimport.google_workspace_info) returns the link that does it.
      - It does not travel as an argument of the module.
    type: json
  service_account_src:
    description:
      - The JSON file itself, on the controller. It may be encrypted with Ansible Vault.
      - A relative path is looked for where Ansible looks for the files of a role or a play, then in the working
        directory.
    type: path
  admin:
    description:
      - Address of an administrator of the organization, for whom the service account reads the directory. A role of
        one's own with the rights to read users, groups and domains is enough.
      - Without it, M(panel.mailimport.mail_import_google) takes the addresses that its O(mailboxes) names, and
        M(panel.mailimport.google_workspace_info) returns the link and the commands only.
    type: str
  customer:
    description:
      - Which customer to read. Default is the one that O(admin) belongs to. Resellers give the customer's ID, such as
        V(C0123abcd).
    type: str
    default: my_customer
  oauth_url:
    description:
      - Address of Google's OAuth service.
    type: str
    default: https://oauth2.googleapis.com
  api_url:
    description:
      - Address of the API with the directory.
    type: str
    default: https://admin.googleapis.com
"""
