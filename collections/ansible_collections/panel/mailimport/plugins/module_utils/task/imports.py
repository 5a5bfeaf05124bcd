# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a module's parameters to its result: what the modules that import have in common."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

from ansible.module_utils.basic import AnsibleModule

from ..model.errors import MailImportError, one_line
from ..model.imports import ImportResult
from ..process.title import set_title
from ..rows.check import check_rows
from ..rows.read import read_rows
from ..rows.row import BadRow, Row, rows_of_list, select_rows
from ..run.batch import Item, Scheduling, import_batch
from ..run.info import summarize
from ..run.outcome import Outcome
from ..run.progress import Progress
from .options import LIST_SECRETS, MAILBOX_SECRETS, host_settings, incomplete, mailbox_request, row_params, scheduling
from .secrets import take_secrets

# So many of the imports that failed are named in a task's one line.
_MOST_NAMED = 10

_NO_ROW = "no mailbox of the list belongs to this host"


def run_mailbox_import(module: AnsibleModule) -> None:
    """Import the mailbox a task describes, and exit the module with what came of it."""
    params = dict(module.params)
    try:
        if params["secrets_file"]:
            secrets = take_secrets(params["secrets_file"])
            params.update((name, secrets.get(name)) for name in MAILBOX_SECRETS)
        item: Item = _mailbox_item(params)
    except MailImportError as error:
        item = refused(params, error)
    # A login that fails ends the one import there is before anything is made; it needs no round of its own.
    exit_with(module, run_batch(module, [item], Scheduling(preflight=False)))


def _mailbox_item(params: Dict[str, Any]) -> Item:
    problem = incomplete(params)
    if problem:
        raise MailImportError("invalid_row", problem)
    return mailbox_request(params)


def run_list_import(module: AnsibleModule) -> None:
    """Import the mailboxes of the list a task gives, and exit the module with what came of them."""
    params = dict(module.params)
    try:
        secrets = take_secrets(params["secrets_file"]) if params["secrets_file"] else {}
        params.update((name, secrets[name]) for name in LIST_SECRETS if name in secrets)
        how = scheduling(params)
        rows = _listed_rows(params, secrets)
        _refuse_shared_login(params, rows)
    except MailImportError as error:
        module.fail_json(msg=error.message)
        raise
    good, bad = check_rows(rows)
    items: Dict[str, Item] = {row.place: _row_item(params, row) for row in good}
    items.update((row.place, _bad_item(row)) for row in bad)
    outcomes = run_batch(module, [items[row.place] for row in rows], how)
    for row, outcome in zip(rows, outcomes):
        if outcome.result.state == "failed":
            outcome.result.message = "%s: %s" % (row.place, outcome.result.message)
    exit_with(module, outcomes)


def _listed_rows(params: Dict[str, Any], secrets: Dict[str, Any]) -> List[Row]:
    if "rows" in secrets:
        return [Row(**row) for row in secrets["rows"]]
    rows = (
        rows_of_list(params["mailboxes"]) if params["mailboxes"] is not None else read_rows(_content_of(params["src"]))
    )
    return select_rows(rows, params["mail_host"] or "", params["only"])


def _refuse_shared_login(params: Dict[str, Any], rows: List[Row]) -> None:
    """Several mailboxes with the task's `source_user` would all get the mail of one."""
    if params["source_user"] and sum(not row.values.get("source_user") for row in rows) > 1:
        raise MailImportError(
            "invalid_row",
            "source_user of the task is one mailbox, and several rows have none of their own: give it in the list",
        )


def _content_of(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise MailImportError("invalid_row", "src %s cannot be read: %s" % (path, error.strerror)) from error


def _row_item(params: Dict[str, Any], row: Row) -> Item:
    given = row_params(params, row.values)
    try:
        if given["source_master_user"] and not given["source_password"]:
            raise MailImportError(
                "invalid_row", "source_password is required with source_master_user: it is the administrator's"
            )
        return _mailbox_item(given)
    except MailImportError as error:
        return refused(given, error)


def _bad_item(row: BadRow) -> ImportResult:
    return ImportResult(email=row.email, source="", state="failed", reason="invalid_row", message=row.message)


def refused(params: Dict[str, Any], error: MailImportError) -> ImportResult:
    """The entry of an import that could not even begin."""
    return ImportResult(
        email=one_line(params["target_email"] or params["email"] or ""),
        source=one_line("%s@%s" % (params["source_user"] or params["email"], params["source_host"])),
        state="failed",
        reason=error.reason,
        message=error.message,
    )


def run_batch(module: AnsibleModule, items: Sequence[Item], how: Scheduling) -> List[Outcome]:
    """Import what a task asks for."""
    set_title("run of %d imports" % len(items))
    return import_batch(
        items,
        host_settings(module.params),
        how,
        module.check_mode,
        Progress(module.params["progress_file"], module.log),
    )


def exit_with(module: AnsibleModule, outcomes: Sequence[Outcome], none: str = _NO_ROW, **more: Any) -> None:
    """Exit the module with the results of imports, as failed when one of them did; `none` is what to say when there are
    no imports.
    """
    results = [outcome.result for outcome in outcomes]
    answer: Dict[str, Any] = dict(more, changed=any(result.changed for result in results))
    answer.update(imports=[result.as_dict() for result in results], summary=summarize(results))
    if module._diff:
        differences = [difference for difference in map(_difference, outcomes) if difference]
        answer["diff"] = differences[0] if len(outcomes) == 1 and differences else differences
    failed = [result for result in results if result.state == "failed"]
    if failed:
        module.fail_json(msg=_failure(failed, len(results)), **answer)
    module.exit_json(msg=_success(results) if results else none, **answer)


def _difference(outcome: Outcome) -> Optional[Dict[str, Any]]:
    if not outcome.result.changed or outcome.before == outcome.after:
        return None
    email = outcome.result.email
    return dict(before_header=email, after_header=email, before=outcome.before, after=outcome.after)


def _failure(failed: Sequence[ImportResult], size: int) -> str:
    # A row that could not be read has no address.
    first = "%s (%s)" % (": ".join(filter(None, (failed[0].email, failed[0].message))), failed[0].reason)
    if size == 1:
        return first
    named = [result.email or result.message.partition(":")[0] for result in failed[:_MOST_NAMED]]
    more = " and %d more" % (len(failed) - len(named)) if len(failed) > len(named) else ""
    return "%d of %d imports failed (%s%s), see imports; the first: %s" % (
        len(failed),
        size,
        ", ".join(named),
        more,
        first,
    )


def _success(results: Sequence[ImportResult]) -> str:
    if len(results) == 1:
        return "%s: %s" % (results[0].email, results[0].message)
    counts = summarize(results)
    return "%d imports: %d completed, %d skipped, %d to do" % (
        len(results),
        counts["completed"],
        counts["skipped"],
        counts["queued"],
    )
