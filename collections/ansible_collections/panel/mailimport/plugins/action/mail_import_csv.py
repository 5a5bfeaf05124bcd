# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads a list of mailboxes on the controller, keeps its passwords out of the module's arguments, and shows how the
imports come along.
"""

from __future__ import annotations

import typing as t
from contextlib import contextmanager
from dataclasses import asdict

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.rows.row import (
    Row,
    refuse_rows_of_nobody,
    rows_of_everybody,
    rows_of_only,
    rows_of_others,
    select_rows,
    unknown_hosts,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import LIST_SECRETS, list_options
from ansible_collections.panel.mailimport.plugins.plugin_utils.extra_variables import refuse_misspelt_variables
from ansible_collections.panel.mailimport.plugins.plugin_utils.importing import run_import, with_warnings
from ansible_collections.panel.mailimport.plugins.plugin_utils.mailbox_list import (
    YAML_ENDINGS,
    found_file,
    names_of_hosts,
    read_list,
    rows_of_values,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.options import validated

MODULE = "panel.mailimport.mail_import_csv"

# What says which rows there are; settled here unless the list is on the mail host.
_LIST_OPTIONS = ("src", "remote_src", "mailboxes", "only", "mail_host")


class ActionModule(ActionBase):
    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        refuse_misspelt_variables(self, list_options())
        params = validated(self._task.args, list_options(), MODULE)
        _check_where_the_list_is(params)
        variables = task_vars or {}
        # With delegate_to the variables are still those of the play's host.
        mail_host = params["mail_host"] or self._task.delegate_to or str(variables.get("inventory_hostname", ""))
        secrets = {name: params[name] for name in LIST_SECRETS if params[name] is not None}
        arguments = {name: value for name, value in self._task.args.items() if name not in LIST_SECRETS}
        warnings: list[str] = []
        if params["remote_src"]:
            arguments["mail_host"] = mail_host
        else:
            # With `only`, the module can tell why nothing is left to do.
            arguments = {
                name: value for name, value in arguments.items() if name == "only" or name not in _LIST_OPTIONS
            }
            rows = self._rows(params)
            inventory = names_of_hosts(variables, (mail_host, str(variables.get("inventory_hostname", ""))))
            hosts = _Hosts(self._in_play(params, variables), inventory)
            # By this option a host says that those of other job slices are not to be seen here.
            elsewhere = unknown_hosts(rows, inventory) if params["mail_host"] and hosts.in_play else frozenset()
            with _named(params):
                if not params["mail_host"]:
                    refuse_rows_of_nobody(rows, hosts.inventory, params["only"])
                # A mail host gets to know the passwords of its own mailboxes only.
                meant = select_rows(rows, mail_host, params["only"], hosts.in_play, elsewhere)
                secrets["rows"] = [asdict(row) for row in meant]
            # Who picks mailboxes or hosts leaves out the others on purpose.
            if params["only"]:
                warnings = rows_of_others(rows_of_only(rows, params["only"]), inventory, inventory)
            else:
                warnings = _warnings(rows, hosts, is_limited="ansible_limit" in variables)
        result.update(with_warnings(run_import(self, MODULE, arguments, secrets, task_vars), warnings))
        return result

    def _in_play(self, params: dict[str, t.Any], variables: t.Mapping[str, t.Any]) -> frozenset[str]:
        """The hosts of the play, if each of them runs this task for mailboxes of its own; that some may be kept from it
        by a condition is not known.
        """
        own = variables.get("inventory_hostname")
        if params["mail_host"] not in (None, "", own) or self._task.delegate_to or self._task.run_once:
            return frozenset()
        return frozenset(variables.get("ansible_play_hosts_all", ()))

    def _rows(self, params: dict[str, t.Any]) -> list[Row]:
        if params["mailboxes"] is not None:
            return rows_of_values(self._task.args["mailboxes"])
        with _named(params):
            return read_list(self._loader, found_file(self, params["src"]))


def _check_where_the_list_is(params: dict[str, t.Any]) -> None:
    if (params["src"] is None) == (params["mailboxes"] is None):
        raise AnsibleActionFail("one of src and mailboxes is required, and not both")
    if params["remote_src"] and params["src"] is None:
        raise AnsibleActionFail(
            "remote_src is for src: leave it out with mailboxes, whose passwords must not be arguments of a module"
        )
    if params["remote_src"] and params["src"].endswith(YAML_ENDINGS):
        raise AnsibleActionFail(
            "remote_src is for CSV files: leave it out, and keep %s on the controller" % params["src"]
        )


class _Hosts(t.NamedTuple):
    """Names that a list may have: of all hosts of the play, and of all there are."""

    in_play: frozenset[str]
    inventory: frozenset[str]


def _warnings(rows: list[Row], hosts: _Hosts, is_limited: bool) -> list[str]:
    """Which mailboxes of the list nobody imports now, or several hosts do."""
    ours = hosts.inventory if is_limited or not hosts.in_play else hosts.in_play
    warnings = rows_of_others(rows, ours, hosts.inventory)
    return warnings + (rows_of_everybody(rows, len(hosts.in_play)) if len(hosts.in_play) > 1 else [])


@contextmanager
def _named(params: dict[str, t.Any]) -> t.Iterator[None]:
    """Say of an error which list it is about."""
    try:
        yield
    except MailImportError as error:
        raise AnsibleActionFail("%s: %s" % (params["src"] or "mailboxes", error.message)) from error
