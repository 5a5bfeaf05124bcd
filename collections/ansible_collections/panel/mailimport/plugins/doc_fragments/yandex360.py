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

    ORGANIZATION = r"""
options:
  organization:
    description:
      - Number or name of the organization. Required if O(token) opens more than one.
    type: str
"""
