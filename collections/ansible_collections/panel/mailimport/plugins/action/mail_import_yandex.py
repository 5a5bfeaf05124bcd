# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the list of passwords on the controller, keeps all secrets out of the module's arguments, and shows how the
imports come along.
"""

from __future__ import annotations

from ansible_collections.panel.mailimport.plugins.module_utils.task.yandex360 import (
    IMPORT_SECRETS,
    lacking,
    organization_options,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.organization import (
    OrganizationImport,
    OrganizationModule,
)


class ActionModule(OrganizationImport):
    MODULE = OrganizationModule("panel.mailimport.mail_import_yandex", organization_options(), IMPORT_SECRETS, lacking)
