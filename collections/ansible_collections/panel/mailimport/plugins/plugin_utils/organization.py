# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action plugins have in common that deal with an organization, whoever the provider."""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.rows.row import mailbox_of

from .extra_variables import refuse_misspelt_variables
from .importing import run_import, with_warnings
from .key_file import KeyFile, with_key
from .mailbox_list import found_file, read_list
from .options import validated
from .secrets_file import run_with_secrets

Options = dict[str, dict[str, t.Any]]


class OrganizationModule(t.NamedTuple):
    """A module that imports an organization, or tells what is in it: its options, those of them that are secrets, and
    what tells in one line which of them are lacking. `key` is the one that may be in a file.
    """

    name: str
    options: Options
    secrets: tuple[str, ...]
    lacking: t.Callable[[t.Mapping[str, t.Any]], str | None]
    key: KeyFile | None = None


class _OrganizationAction(ActionBase):
    """Runs `MODULE`, with its key read here and all secrets kept out of its arguments."""

    MODULE: OrganizationModule
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        key = self.MODULE.key
        arguments = with_key(self, self._task.args, key) if key else self._task.args
        result.update(self._run_module(arguments, task_vars))
        return result

    def _run_module(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        raise NotImplementedError


class OrganizationImport(_OrganizationAction):
    """Runs a module that imports, with the list of passwords read here, and its progress shown."""

    _supports_async = True

    def _run_module(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        module = self.MODULE
        refuse_misspelt_variables(self, module.options)
        params, secrets = _checked(module, arguments)
        if params["passwords_src"]:
            secrets["passwords"] = {**_listed_passwords(self, params["passwords_src"]), **params["passwords"]}
        left = {name: value for name, value in arguments.items() if name not in (*module.secrets, "passwords_src")}
        result = run_import(self, module.name, left, secrets, task_vars)
        return with_warnings(result, _warnings(self, params, task_vars))


class OrganizationInfo(_OrganizationAction):
    """Runs a module that tells what is in an organization."""

    def _run_module(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        _params, secrets = _checked(self.MODULE, arguments)
        left = {name: value for name, value in arguments.items() if name not in self.MODULE.secrets}
        return run_with_secrets(self, self.MODULE.name, left, secrets, task_vars)


def _checked(module: OrganizationModule, arguments: dict[str, t.Any]) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """Return the parameters that these arguments come to, and the secrets among them.

    Raises:
        AnsibleActionFail: something is wrong or lacking.
    """
    params = validated(arguments, module.options, module.name)
    problem = module.lacking(params)
    if problem:
        raise AnsibleActionFail(problem)
    return params, {name: params[name] for name in module.secrets if params[name]}


def _warnings(action: ActionBase, params: t.Mapping[str, t.Any], task_vars: dict[str, t.Any] | None) -> list[str]:
    mail_hosts = len((task_vars or {}).get("ansible_play_hosts_all", ()))
    is_chosen = params["domains"] or params["mailboxes"] or action._task.delegate_to or action._task.run_once
    if mail_hosts <= 1 or is_chosen:
        return []
    message = "each of the %d hosts of this play imports the whole organization: give each its own domains or mailboxes"
    return [message % mail_hosts]


def _listed_passwords(action: ActionBase, src: str) -> dict[str, t.Any]:
    try:
        rows = read_list(action._loader, found_file(action, src))
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
