# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules for Yandex 360."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  oauth_url:
    description:
      - Address of Yandex's OAuth service.
    type: str
    default: https://oauth.yandex.ru
  api_ca_cert:
    description:
      - File with the certificates (PEM) of the authorities to trust for these addresses instead of the system's own,
        for a
        private installation.
    type: path
  api_timeout:
    description:
      - Seconds without a byte of an answer after which a service is asked again.
    type: float
    default: 30
"""

    API = r"""
options:
  api_url:
    description:
      - Address of the API with the directory.
    type: str
    default: https://api360.yandex.net
  cloud_api_url:
    description:
      - Address of the newer API, which knows whether IMAP is switched on for the organization.
    type: str
    default: https://cloud-api.yandex.net
"""

    SELECTION = r"""
options:
  organization:
    description:
      - Number or name of the organization. Required if O(token) opens more than one.
    type: str
  domains:
    description:
      - Domains whose mailboxes to take. Default is all of them. A domain that the organization does not have, or an
        alias without
        mailboxes of its own, is an error.
    type: list
    elements: str
    default: []
  mailboxes:
    description:
      - Addresses of the mailboxes to take, or patterns (globs) of them. Default is all of them. A pattern that
        matches no mailbox gets a warning.
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
