# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of every module that works with a mail host."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  host_backend:
    description:
      - What runs the mail host.
      - V(dovecot) is a Dovecot server with virtual users in a passwd-file.
    type: str
    choices: [dovecot]
    default: dovecot
  dovecot_config:
    description:
      - Configuration file of the Dovecot instance. Default is the one that Dovecot itself uses.
    type: path
  users_file:
    description:
      - The passwd-file with the mailboxes, which a passdb or userdb of Dovecot must name. Default is the one named in
        Dovecot's configuration.
    type: path
  mail_home:
    description:
      - Home directory of a new mailbox, such as V(/var/mail/%d/%n). C(%u) stands for its address, C(%n) for the part
        before the C(@), and C(%d) for its domain. Each mailbox must get a home of its own.
      - Default is to leave it to Dovecot's configuration.
    type: str
  uid:
    description:
      - Numeric user id that owns the mail of a new mailbox. Default is to leave it to Dovecot's configuration.
    type: int
  gid:
    description:
      - Numeric group id of a new mailbox. Default is to leave it to Dovecot's configuration.
    type: int
  state_dir:
    description:
      - Directory on the mail host where the collection remembers its imports and the owners of domains.
      - The file C(domains) in it lists the mail domains with their owners, as a map for Postfix or Exim.
    type: path
    default: /var/lib/panel-mailimport
"""
