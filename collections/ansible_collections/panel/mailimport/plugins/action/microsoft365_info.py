# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the application's certificate on the controller, and keeps its secrets out of the module's arguments."""

from __future__ import annotations

from ansible_collections.panel.mailimport.plugins.module_utils.task.microsoft365 import INFO_SECRETS, info_options
from ansible_collections.panel.mailimport.plugins.plugin_utils.key_file import CLIENT_CERTIFICATE
from ansible_collections.panel.mailimport.plugins.plugin_utils.organization import OrganizationInfo, OrganizationModule


class ActionModule(OrganizationInfo):
    MODULE = OrganizationModule(
        "panel.mailimport.microsoft365_info", info_options(), INFO_SECRETS, lambda _params: None, CLIENT_CERTIFICATE
    )
