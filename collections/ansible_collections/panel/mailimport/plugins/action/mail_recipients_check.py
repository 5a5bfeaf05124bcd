# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collects the addresses that a mail host is to take mail for, on the controller, from lists and from results. The
passwords of a list go nowhere.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.rows.check import check_rows
from ansible_collections.panel.mailimport.plugins.module_utils.rows.row import Row, mailbox_of
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import recipients_options
from ansible_collections.panel.mailimport.plugins.plugin_utils.mailbox_list import (
    found_file,
    plain,
    read_list,
    rows_of_values,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.options import validated

MODULE = "panel.mailimport.mail_recipients_check"

# Where addresses come from; settled here.
_SOURCES = ("src", "mailboxes", "results")
# What results tell addresses by.
_TELLING = {"imports", "mailboxes", "aliases", "mailing_lists"}


class ActionModule(ActionBase):
    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        params = validated(self._task.args, recipients_options(), MODULE)
        try:
            addresses = [*params["addresses"], *self._listed(params), *_of_results(plain(params["results"]))]
        except MailImportError as error:
            raise AnsibleActionFail(error.message) from error
        arguments = {name: value for name, value in self._task.args.items() if name not in _SOURCES}
        arguments["addresses"] = list(dict.fromkeys(addresses))
        result.update(
            self._execute_module(
                module_name=MODULE,
                module_args=arguments,
                task_vars=task_vars,
                wrap_async=bool(self._task.async_val),
            )
        )
        return result

    def _listed(self, params: dict[str, t.Any]) -> list[str]:
        rows: list[Row] = []
        if params["mailboxes"] is not None:
            rows += rows_of_values(self._task.args["mailboxes"])
        if params["src"] is not None:
            rows += read_list(self._loader, found_file(self, params["src"]))
        good, bad = check_rows(rows)
        if bad:
            raise MailImportError("invalid_row", "%s: %s" % (bad[0].place, bad[0].message))
        return [mailbox_of(row) for row in good]


def _of_results(results: list[dict[str, t.Any]]) -> t.Iterator[str]:
    """The addresses that results of this collection's modules tell: mailboxes, their aliases, and mailing lists.

    What a provider has and cannot be imported is left out.
    """
    for result in results:
        if not _TELLING.intersection(result):
            raise MailImportError("invalid_row", "results: one of them tells no mailboxes: was its task skipped?")
        for entry in result.get("imports", ()):
            if not (entry.get("state") == "skipped" and entry.get("reason")):
                yield entry["email"]
        for name in ("mailboxes", "aliases", "mailing_lists"):
            for entry in result.get(name, ()):
                if entry.get("importable", True) and entry.get("email"):
                    yield from (entry["email"], *entry.get("aliases", ()))
