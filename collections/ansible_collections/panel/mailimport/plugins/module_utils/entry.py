# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a module's parameters to its result: what the modules that import have in common."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

from ansible.module_utils.basic import AnsibleModule

from .arguments import MAILBOX_SECRETS, host_settings, incomplete, mailbox_request
from .model.errors import MailImportError, one_line
from .model.imports import ImportResult
from .run.batch import Item, Scheduling, import_batch
from .run.info import summarize
from .run.outcome import Outcome
from .run.progress import Progress
from .secrets_file import take_secrets


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
    return import_batch(items, host_settings(module.params), how, module.check_mode, Progress(module.params["progress_file"], module.log))


def exit_with(module: AnsibleModule, outcomes: Sequence[Outcome], **more: Any) -> None:
    """Exit the module with the results of imports, as failed when one of them did."""
    results = [outcome.result for outcome in outcomes]
    answer: Dict[str, Any] = dict(more, changed=any(result.changed for result in results))
    answer.update(imports=[result.as_dict() for result in results], summary=summarize(results))
    if module._diff:
        differences = [difference for difference in map(_difference, outcomes) if difference]
        answer["diff"] = differences[0] if len(outcomes) == 1 and differences else differences
    failed = [result for result in results if result.state == "failed"]
    if failed:
        module.fail_json(msg=_failure(failed, len(results)), **answer)
    module.exit_json(msg=_success(results), **answer)


def _difference(outcome: Outcome) -> Optional[Dict[str, Any]]:
    if not outcome.result.changed or outcome.before == outcome.after:
        return None
    email = outcome.result.email
    return dict(before_header=email, after_header=email, before=outcome.before, after=outcome.after)


def _failure(failed: Sequence[ImportResult], size: int) -> str:
    first = "%s: %s (%s)" % (failed[0].email, failed[0].message, failed[0].reason)
    if size == 1:
        return first
    return "%d of %d imports failed, see imports; the first: %s" % (len(failed), size, first)


def _success(results: Sequence[ImportResult]) -> str:
    if len(results) == 1:
        return "%s: %s" % (results[0].email, results[0].message)
    counts = summarize(results)
    return "%d imports: %d completed, %d skipped, %d to do" % (len(results), counts["completed"], counts["skipped"], counts["queued"])
