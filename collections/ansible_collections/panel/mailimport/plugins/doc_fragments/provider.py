# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of every module for an organization at a provider."""

from __future__ import annotations


class ModuleDocFragment:
    SERVICES = r"""
options:
  api_ca_cert:
    description:
      - File with the certificates (PEM) of the authorities to trust for the provider's services instead of the system's
        own, for a private installation.
    type: path
  api_timeout:
    description:
      - Seconds without a byte of an answer after which a service is asked again.
    type: float
    default: 30
"""

    SELECTION = r"""
options:
  domains:
    description:
      - Domains whose mailboxes to take. Default is all of them. A domain that the organization does not have, or an
        alias without mailboxes of its own, is an error.
    type: list
    elements: str
    default: []
  mailboxes:
    description:
      - Addresses of the mailboxes to take, or patterns (globs) of them. Default is all of them. A pattern that matches
        no mailbox gets a warning.
    type: list
    elements: str
    default: []
  exclude_mailboxes:
    description:
      - Addresses or patterns (globs) of mailboxes to leave out. One that matches no mailbox gets a warning.
    type: list
    elements: str
    default: []
"""

    PASSWORDS = r"""
options:
  passwords:
    description:
      - Passwords of the new mailboxes, by address.
    type: dict
    default: {}
  passwords_src:
    description:
      - A list with passwords of the new mailboxes, on the controller, in any format that
        O(panel.mailimport.mail_import_csv#module:src) takes. It may be encrypted with Ansible Vault.
      - A relative path is looked for where Ansible looks for the files of a role or a play, then in the working
        directory.
    type: path
  generated_passwords:
    description:
      - File on the mail host, with mode 0600, for generated passwords of mailboxes that have none in O(passwords) or
        O(passwords_src). Its directory must exist.
      - All of them are in it before the first mailbox is created. Each line is C(address,password). Later runs read it,
        and add what is missing.
      - Without it, a mailbox that has no password is not created, and its import fails.
    type: path
"""

    ALIASES = r"""
options:
  create_aliases:
    description:
      - After the imports, creates the aliases of mailboxes that were imported or were there already, and the mailing
        lists, in the host's own table of aliases. Needs what the organization's directory is read with, and
        O(host_backend=sql). With other kinds of hosts it is an error.
      - Only addresses on domains of those mailboxes are created. What is there already, a mailbox or an alias that goes
        elsewhere, is never changed. Each alias is one transaction.
      - A list is created with all its members or not at all. Its members may be anywhere, but those on a domain that is
        imported must have their mailbox on this host. A list with members whose addresses the directory does not tell,
        such as a group in it, is not created. Later changes of its members are reported, not carried over.
      - What was not created is in RV(host_aliases) with the reason. The task fails only when the database refuses.
    type: bool
    default: false
    version_added: 0.3.0
"""
