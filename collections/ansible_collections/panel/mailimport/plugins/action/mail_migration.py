# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Says how far a migration is and what may be done now, on the controller, from what the mail hosts remember."""

from __future__ import annotations

import os
import shlex
import typing as t
from importlib.util import find_spec
from pathlib import Path

from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.panel.mailimport.plugins.module_utils.model import clock
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError, one_line
from ansible_collections.panel.mailimport.plugins.module_utils.rows.check import check_rows
from ansible_collections.panel.mailimport.plugins.module_utils.rows.row import Row, mailbox_of, refuse_rows_of_nobody
from ansible_collections.panel.mailimport.plugins.plugin_utils.mailbox_list import (
    found_file,
    names_of_hosts,
    plain,
    read_list,
    rows_of_values,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration import gates as gates_of
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.checks import (
    changes_of,
    failures_of,
    names_of,
    no_longer_listed,
    problems_of,
    silent_domains,
    silent_hosts,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.definition import (
    OF_THE_PLAYBOOKS,
    ORGANIZATIONS,
    Migration,
    migration_of,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.directory import Directory, directory_of
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.facts import Facts, domains_of, seconds_of
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.lines import lines, turn_after
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.options import (
    OPTIONS_OF,
    refuse_foreign_options,
    refuse_loops,
    refuse_secrets_in_clear,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.pace import (
    SIZES,
    pace_lines,
    planned_lines,
    read_sizes,
    sizes_of,
    written,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.options import validated
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.acceptance import ACCEPTANCE, acceptances_of
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.mailboxes import compare
from ansible_collections.panel.mailimport.plugins.plugin_utils.written_files import WrittenFile, write_files

MODULE = "panel.mailimport.mail_migration"

OPTIONS: dict[str, dict[str, t.Any]] = {
    "migration": {"type": "raw"},
    "phase": {"type": "str", "choices": list(gates_of.PHASES), "default": "status"},
    "moment": {"type": "str", "choices": ["before", "after"], "default": "before"},
    "src": {"type": "path"},
    "mailboxes": {"type": "list", "elements": "raw", "no_log": True},
    "directories": {"type": "dict", "default": {}},
    "check_variables": {"type": "bool", "default": False},
    "source_host": {"type": "str"},
    "hosts": {"type": "dict", "required": True},
    "switches": {"type": "dict", "default": {}},
    "runs": {"type": "dict", "default": {}},
    "first_runs": {"type": "dict", "default": {}},
    "checks": {"type": "dict", "default": {}},
    "dest": {"type": "path"},
    "accept_not_imported": {"type": "list", "elements": "dict", "options": ACCEPTANCE, "default": []},
}
# What a report needs of a row. Passwords are in it, too.
_SHOWN = ("email", "target_email", "mail_host", "source_host", "source_user")
# What the runs of a phase tell that no record does.
_OF_RUNS = {"plan": failures_of, "verify": failures_of, "pilot": changes_of}


class ActionModule(ActionBase):
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        if find_spec("jsonschema") is None:
            raise AnsibleActionFail("%s needs jsonschema on the controller: pip install jsonschema" % MODULE)
        params = validated(self._task.args, OPTIONS, MODULE)
        chosen = [name for name in OF_THE_PLAYBOOKS if name in (task_vars or {})]
        if chosen:
            raise AnsibleActionFail("leave out the variable %s: the playbooks of a migration choose it" % chosen[0])
        try:
            migration = self._migration(params, task_vars or {})
            directory = None
            if migration.source in ORGANIZATIONS:
                directory = directory_of(migration, plain(params["directories"]))
            rows = directory.rows if directory else self._rows(params)
            refuse_rows_of_nobody(rows, names_of_hosts(task_vars or {}, params["hosts"]))
            facts = _facts(migration, rows, directory, params)
        except MailImportError as error:
            raise AnsibleActionFail(error.message) from error
        phase = params["phase"]
        files = self._sizes(facts, params) if params["dest"] is not None and params["moment"] == "after" else []
        gates = (gates_of.before if params["moment"] == "before" else gates_of.after)(phase, facts)
        came = gates_of.verdict(gates)
        turn = turn_after(phase, came, facts)
        told = lines(phase, gates, facts, turn, _command(task_vars or {}))
        if params["dest"] is not None:
            files.append(WrittenFile(os.path.abspath(params["dest"]), "\n".join(told) + "\n", 0o600))
        result.update(
            **write_files(self, files),
            verdict=came,
            gates=[{"name": gate.name, "state": gate.state, "reasons": list(gate.reasons)} for gate in gates],
            only=_only(facts, phase, rows, plain(params["hosts"])),
            probes=_probes(facts),
            mailboxes=[] if migration.source == "csv" else [_shown(row) for row in rows],
            recipients=directory.recipients if directory else [box.email for box in facts.mailboxes if box.email],
            waves={wave.name: facts.state_of(wave) for wave in migration.waves},
            next=turn.phase,
            lines=told,
        )
        return result

    def _migration(self, params: dict[str, t.Any], task_vars: dict[str, t.Any]) -> Migration:
        if not params["check_variables"]:
            if params["migration"] is None:
                raise AnsibleActionFail("migration is required, unless check_variables takes the variable")
            return migration_of(plain(params["migration"]))
        for path in _files_of_variables():
            refuse_loops(path)
        given = params["migration"]
        # Ansible's templates have no end where a value has none: a variable is templated only now.
        values = plain(self._templar.template(task_vars.get("migration", "")) if given is None else given)
        source = str(values.get("source", "csv")) if isinstance(values, dict) else "csv"
        known = {name: option for name, option in OPTIONS_OF.get(source, {}).items() if name in task_vars}
        given = {name: plain(self._templar.template(task_vars[name])) for name in known}
        # A secret is there or not: what is wrong is said with the value.
        shown = {name: "given" if known[name].get("no_log") and value else value for name, value in given.items()}
        migration = migration_of(values, shown)
        refuse_foreign_options(source, load_extra_vars(self._loader))
        for path in _files_of_variables():
            refuse_secrets_in_clear(path)
        return migration

    def _sizes(self, facts: Facts, params: dict[str, t.Any]) -> list[WrittenFile]:
        """Keep what the plan counts; behind the pilot, tell how fast it came and how long the others may take."""
        path = Path(params["dest"]).absolute().with_name(SIZES)
        if params["phase"] == "plan":
            facts.notes += planned_lines(plain(params["runs"]))
            return [WrittenFile(str(path), written(sizes_of(plain(params["runs"]))), 0o600)]
        if params["phase"] == "pilot":
            facts.notes += pace_lines(facts, plain(params["first_runs"]), read_sizes(path))
        return []

    def _rows(self, params: dict[str, t.Any]) -> list[Row]:
        given = [name for name in ("src", "mailboxes") if params[name] is not None]
        if len(given) != 1:
            raise AnsibleActionFail("one of src and mailboxes is required, and not both")
        if params["mailboxes"] is not None:
            return rows_of_values(self._task.args["mailboxes"])
        return read_list(self._loader, found_file(self, params["src"]))


def _facts(migration: Migration, rows: list[Row], directory: Directory | None, params: dict[str, t.Any]) -> Facts:
    good, bad = check_rows(rows)
    boxes = compare(
        good,
        bad,
        plain(params["hosts"]),
        params["source_host"],
        acceptances_of(params["accept_not_imported"]),
    )
    checks, runs = plain(params["checks"]), plain(params["runs"])
    told = plain(params["switches"])
    silent = silent_hosts(told)
    switches = {name: value for name, value in told.items() if "domains" in value}
    finished = [seconds_of(value["finished_migrations"].get(migration.name)) for value in switches.values()]
    # Who stays is told where people look whether all is well.
    loud = params["phase"] in ("plan", "ready", "verify", "finish", "status")
    problems = [each for each in directory.problems if loud or each.severity == "error"] if directory else []
    # A play that imports one mailbox has no list.
    if loud and params["phase"] != "plan" and migration.source != "imap":
        problems += no_longer_listed(boxes, migration.domains)
    return Facts(
        directory.migration if directory else migration,
        [box for box in boxes if box.listed],
        domains_of(migration, switches, silent_domains(checks.get("dns"), migration.domains)),
        clock.now(),
        problems + silent + problems_of(checks) + _OF_RUNS.get(params["phase"], lambda _runs: [])(runs),
        _trouble(runs),
        names_of({**checks, "import": runs}),
        # Finished is what is finished on each of the mail hosts.
        None if silent or not finished or None in finished else max(each for each in finished if each is not None),
    )


def _shown(row: Row) -> dict[str, t.Any]:
    return {name: row.values[name] for name in _SHOWN if name in row.values}


def _trouble(runs: dict[str, t.Any]) -> list[str]:
    """Mail hosts that a run could not be done on; a mailbox that failed is known from elsewhere."""
    return [
        "%s: %s" % (name, one_line(str(run.get("msg") or "no answer"), 300))
        for name, run in sorted(runs.items())
        if (run.get("failed") or run.get("unreachable")) and "imports" not in run
    ]


def _only(facts: Facts, phase: str, rows: list[Row], hosts: dict[str, t.Any]) -> dict[str, list[str]]:
    """The mailboxes that a phase imports, by mail host."""
    due = {box.email for box in gates_of.due(phase, facts)}
    found: dict[str, list[str]] = {}
    for host in hosts:
        meant = (mailbox_of(row) for row in rows if row.values.get("mail_host") in (None, host))
        found[host] = [address for address in dict.fromkeys(meant) if address in due]
    return found


def _probes(facts: Facts) -> dict[str, list[str]]:
    """A mailbox of each domain that is here, by its mail host."""
    found: dict[str, list[str]] = {}
    seen = set()
    for box in facts.mailboxes:
        domain = box.email.rpartition("@")[2]
        if box.state == "completed" and box.mail_host and domain not in seen:
            seen.add(domain)
            found.setdefault(box.mail_host, []).append(box.email)
    return found


def _command(variables: dict[str, t.Any]) -> tuple[str, str]:
    """The inventories and the files of variables that this command was given, as the next one is typed."""
    sources = variables.get("ansible_inventory_sources") or ["hosts.yml"]
    files = _files_of_variables() or ["migration.yml"]
    # Several inventories with commas between them would be a list of hosts.
    return " -i ".join(_from_here(str(each)) for each in sources), " -e @".join(map(_from_here, files))


def _from_here(path: str) -> str:
    """The path as it was typed: Ansible keeps it in full."""
    return shlex.quote(os.path.relpath(path) if path.startswith(os.path.join(os.getcwd(), "")) else path)


def _files_of_variables() -> list[str]:
    return [each[1:] for each in context.CLIARGS.get("extra_vars", ()) if each.startswith("@")]
