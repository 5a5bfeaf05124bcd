# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares a list of mailboxes with what the mail hosts know, on the controller, and writes what it finds."""

from __future__ import annotations

import os
import typing as t
from importlib.util import find_spec

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.rows.check import check_rows
from ansible_collections.panel.mailimport.plugins.module_utils.rows.row import Row
from ansible_collections.panel.mailimport.plugins.plugin_utils.extra_variables import refuse_misspelt_variables
from ansible_collections.panel.mailimport.plugins.plugin_utils.mailbox_list import (
    found_file,
    plain,
    read_list,
    rows_of_values,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.options import OPTIONS_OF
from ansible_collections.panel.mailimport.plugins.plugin_utils.options import validated
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.acceptance import ACCEPTANCE, acceptances_of
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.mailboxes import compare
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.page import as_page
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.summary import Report, ToCome, headline, lines
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.tables import (
    as_json,
    as_metrics,
    mailboxes_csv,
    not_imported_csv,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.written_files import WrittenFile, write_files

MODULE = "panel.mailimport.mail_import_report"

# The files of each format: name, content, and who may read it. No mailbox is in the metrics, which another user reads.
_FILES: dict[str, tuple[tuple[str, t.Callable[[Report], str], int], ...]] = {
    "html": (("report.html", as_page, 0o600),),
    "csv": (("mailboxes.csv", mailboxes_csv, 0o600), ("not_imported.csv", not_imported_csv, 0o600)),
    "json": (("report.json", as_json, 0o600),),
    "prometheus": (("mailimport.prom", as_metrics, 0o644),),
}
# What the playbook takes besides.
_OF_PLAYBOOK = ("require_complete",)
# What every entry of a result has.
_KEYS = {"email", "source", "state", "reason", "message", "messages_total", "messages_failed", "not_imported"}
# What the lines about an estimate are made of.
_OF_ESTIMATE = {
    *("mailboxes", "messages", "bytes", "bytes_estimated", "largest", "slow", "over_quota"),
    *("disks", "connections", "sampled_bytes", "durations"),
}
OPTIONS: dict[str, dict[str, t.Any]] = {
    "src": {"type": "path"},
    "mailboxes": {"type": "list", "elements": "raw", "no_log": True},
    "source_host": {"type": "str"},
    "hosts": {"type": "dict", "required": True},
    "looks": {"type": "dict", "default": {}},
    "title": {"type": "str", "default": "Mailbox import"},
    "dest": {"type": "path"},
    "formats": {"type": "list", "elements": "str", "choices": list(_FILES), "default": list(_FILES)},
    "accept_not_imported": {"type": "list", "elements": "dict", "options": ACCEPTANCE, "default": []},
}


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_diff = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        # One file of variables may serve the imports and this.
        known = {name for options in OPTIONS_OF.values() for name in options}
        refuse_misspelt_variables(self, [*OPTIONS, *sorted(known), *_OF_PLAYBOOK])
        params = validated(self._task.args, OPTIONS, MODULE)
        if (params["src"] is None) == (params["mailboxes"] is None):
            raise AnsibleActionFail("one of src and mailboxes is required, and not both")
        for library in ("jinja2", "jsonschema"):
            if find_spec(library) is None:
                raise AnsibleActionFail("%s needs %s on the controller: pip install %s" % (MODULE, library, library))
        try:
            acceptances = acceptances_of(params["accept_not_imported"])
            good, bad = check_rows(self._rows(params))
        except MailImportError as error:
            raise AnsibleActionFail(error.message) from error
        hosts = _results(params["hosts"])
        boxes = compare(good, bad, hosts, params["source_host"], acceptances)
        left = [known["seconds_left"] for known in hosts.values() if known.get("seconds_left") is not None]
        to_come = _to_come(params["looks"])
        report = Report(plain(params["title"]), boxes, max(left, default=None), to_come)
        files = _rendered(report, params)
        unused = [str(acceptance) for acceptance in acceptances if not acceptance.used]
        result.update(
            **write_files(self, files),
            msg=headline(report),
            complete=report.complete,
            grade=report.grade,
            summary=report.summary(),
            lines=lines(report),
            left=[
                {"email": box.email, "state": box.state, "reason": box.reason, "message": box.message}
                for box in report.left
            ],
            files=[file.path for file in files],
            warnings=["accept_not_imported: nothing is there to accept any more: %s" % each for each in unused],
        )
        return result

    def _rows(self, params: dict[str, t.Any]) -> list[Row]:
        if params["mailboxes"] is not None:
            return rows_of_values(self._task.args["mailboxes"])
        return read_list(self._loader, found_file(self, params["src"]))


def _results(hosts: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    for name, result in hosts.items():
        imports = result.get("imports", []) if isinstance(result, t.Mapping) else None
        if not isinstance(imports, list) or not all(
            isinstance(entry, t.Mapping) and _KEYS.issubset(entry) for entry in imports
        ):
            raise AnsibleActionFail("hosts: what is given for %s is no result of mail_import_info" % name)
    return plain(hosts)


def _to_come(looks: t.Mapping[str, t.Any]) -> dict[str, ToCome]:
    """What is to come, of the hosts that have looked: one whose look failed before it began has no estimate."""
    given = {name: look.get("estimate") for name, look in looks.items() if isinstance(look, t.Mapping)}
    found = {}
    for name, estimate in given.items():
        if not estimate:
            continue
        try:
            if not _OF_ESTIMATE.issubset(estimate):
                raise ValueError
            found[name] = ToCome.of(plain(estimate))
        except (AttributeError, LookupError, TypeError, ValueError):
            message = "looks: what is given for %s is no result of an import in check mode"
            raise AnsibleActionFail(message % name) from None
    return found


def _rendered(report: Report, params: dict[str, t.Any]) -> list[WrittenFile]:
    if params["dest"] is None:
        return []
    directory = os.path.abspath(params["dest"])
    return [
        WrittenFile(os.path.join(directory, name), render(report), mode)
        for kind in _FILES
        if kind in params["formats"]
        for name, render, mode in _FILES[kind]
    ]
