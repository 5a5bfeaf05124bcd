# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the passwords of the mail host and of its mailboxes out of the module's arguments."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.rows.row import Row, mailbox_of
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import (
    DELIVERY_LISTS,
    DELIVERY_SECRETS,
    delivery_options,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.mailbox_list import (
    found_file,
    read_list,
    rows_of_values,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.options import validated
from ansible_collections.panel.mailimport.plugins.plugin_utils.secrets_file import run_with_secrets

MODULE = "panel.mailimport.mail_delivery_check"


class ActionModule(ActionBase):
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        params = validated(self._task.args, delivery_options(), MODULE)
        secrets = {name: params[name] for name in DELIVERY_SECRETS if params[name]}
        try:
            listed = self._listed(params)
        except MailImportError as error:
            raise AnsibleActionFail(error.message) from error
        if listed or params["passwords"]:
            secrets["passwords"] = {**listed, **params["passwords"]}
        hidden = (*DELIVERY_SECRETS, *DELIVERY_LISTS)
        arguments = {name: value for name, value in self._task.args.items() if name not in hidden}
        result.update(run_with_secrets(self, MODULE, arguments, secrets, task_vars))
        return result

    def _listed(self, params: dict[str, t.Any]) -> dict[str, str]:
        """The passwords that lists have for the mailboxes that are asked for; no others leave the controller."""
        rows: list[Row] = []
        if params["passwords_src"] is not None:
            rows += read_list(self._loader, found_file(self, params["passwords_src"]))
        if params["mailboxes"] is not None:
            rows += rows_of_values(self._task.args["mailboxes"])
        wanted = {address.strip().lower() for address in params["addresses"]}
        found = {mailbox_of(row): row.values.get("target_password") or row.values.get("password") for row in rows}
        return {address: str(password) for address, password in found.items() if address in wanted and password}
