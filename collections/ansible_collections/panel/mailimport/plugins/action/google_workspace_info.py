# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the key of the service account on the controller, and keeps it out of the module's arguments."""

from __future__ import annotations

from ansible_collections.panel.mailimport.plugins.module_utils.task.google import (
    INFO_SECRETS,
    info_options,
    lacking_key,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.key_file import SERVICE_ACCOUNT
from ansible_collections.panel.mailimport.plugins.plugin_utils.organization import OrganizationInfo, OrganizationModule


class ActionModule(OrganizationInfo):
    MODULE = OrganizationModule(
        "panel.mailimport.google_workspace_info", info_options(), INFO_SECRETS, lacking_key, SERVICE_ACCOUNT
    )
