# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the list of passwords on the controller, keeps all secrets out of the module's arguments, and shows how the
imports come along.
"""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.rows.row import mailbox_of
from ansible_collections.panel.mailimport.plugins.module_utils.task.yandex360 import (
    IMPORT_SECRETS,
    lacking,
    organization_options,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.extra_variables import refuse_misspelt_variables
from ansible_collections.panel.mailimport.plugins.plugin_utils.importing import run_import, with_warnings
from ansible_collections.panel.mailimport.plugins.plugin_utils.mailbox_list import found_file, read_list
from ansible_collections.panel.mailimport.plugins.plugin_utils.options import validated

MODULE = "panel.mailimport.mail_import_yandex"


class ActionModule(ActionBase):
    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        refuse_misspelt_variables(self, organization_options())
        params = validated(self._task.args, organization_options(), MODULE)
        problem = lacking(params)
        if problem:
            raise AnsibleActionFail(problem)
        mail_hosts = len((task_vars or {}).get("ansible_play_hosts_all", ()))
        warnings = []
        if mail_hosts > 1 and not (
            params["domains"] or params["mailboxes"] or self._task.delegate_to or self._task.run_once
        ):
            warnings.append(
                "each of the %d hosts of this play imports the whole organization: give each its own domains or "
                "mailboxes" % mail_hosts
            )
        secrets = {name: params[name] for name in IMPORT_SECRETS if params[name]}
        if params["passwords_src"]:
            secrets["passwords"] = {**self._listed_passwords(params["passwords_src"]), **params["passwords"]}
        arguments = {
            name: value for name, value in self._task.args.items() if name not in (*IMPORT_SECRETS, "passwords_src")
        }
        result.update(with_warnings(run_import(self, MODULE, arguments, secrets, task_vars), warnings))
        return result

    def _listed_passwords(self, src: str) -> dict[str, t.Any]:
        try:
            rows = read_list(self._loader, found_file(self, src))
        except MailImportError as error:
            raise AnsibleActionFail("%s: %s" % (src, error.message)) from error
        passwords = {
            mailbox_of(row): row.values.get("target_password") or row.values.get("password")
            for row in rows
            if not row.problem
        }
        # Of an unquoted 0123, YAML makes 83.
        broken = [
            row.place
            for row in rows
            if row.problem or not mailbox_of(row) or not isinstance(passwords[mailbox_of(row)], str)
        ]
        if broken:
            raise AnsibleActionFail(
                "%s: not an address and a password: %s (a number: in quotes)" % (src, ", ".join(broken[:20]))
            )
        repeated = [address for address, times in Counter(map(mailbox_of, rows)).items() if times > 1]
        if repeated:
            raise AnsibleActionFail("%s: more than one password for %s" % (src, ", ".join(repeated[:20])))
        return passwords
