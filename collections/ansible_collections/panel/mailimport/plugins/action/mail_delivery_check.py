# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the mail host's passwords out of the module's arguments."""

from __future__ import annotations

from ansible_collections.panel.mailimport.plugins.plugin_utils.host_module import HostAction


class ActionModule(HostAction):
    MODULE = "panel.mailimport.mail_delivery_check"
