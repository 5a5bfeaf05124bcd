# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a module's parameters to its result: what the modules that import have in common."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ansible.module_utils.basic import AnsibleModule

from ..model.errors import MailImportError, one_line
from ..model.estimate import estimate_lines, too_small
from ..model.imports import ImportResult
from ..model.last_screen import how_to_go_on, last_screen, moved_aside, of_one, problems
from ..model.options import COMPARISONS
from ..process.title import set_title
from ..rows.check import check_rows
from ..rows.read import read_rows
from ..rows.row import BadRow, Row, rows_of_list, select_rows
from ..run.info import summarize
from ..run.many import Scheduling, import_many
from ..run.outcome import Outcome
from ..run.outcomes import Item
from ..run.progress import Progress
from ..run.run_notices import Administrators, RunNotices
from .options import (
    LIST_SECRETS,
    MAILBOX_SECRETS,
    administrators,
    host_settings,
    incomplete,
    mailbox_request,
    row_params,
    scheduling,
)
from .secrets import take_secrets

if TYPE_CHECKING:
    from ..run.aliases import HostAlias

# So many lines on mailboxes that were skipped or are paused are warnings.
_MOST_WARNINGS = 20
# When this run began: a module's process has no other work.
_BEGAN = time.monotonic()


class Ran(NamedTuple):
    """What came of each import, and in check mode what they are going to take."""

    outcomes: List[Outcome]
    estimate: Optional[Dict[str, Any]]


_NO_ROW = "no mailbox of the list belongs to this host"
_NONE_OF_ONLY = "nothing to do here: the mailboxes in only are those of other hosts (%s)"


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
    exit_with(module, import_items(module, params, [item], Scheduling(preflight=False)), None)


def _mailbox_item(params: Dict[str, Any]) -> Item:
    problem = incomplete(params)
    if problem:
        raise MailImportError("invalid_row", problem)
    return mailbox_request(params)


def run_list_import(module: AnsibleModule) -> None:
    """Import the mailboxes of the list a task gives, and exit the module with what came of them."""
    only = ", ".join(map(one_line, module.params["only"]))
    exit_with(module, _import_list(module), "only", none=_NONE_OF_ONLY % only if only else _NO_ROW)


def _import_list(module: AnsibleModule) -> Ran:
    """Import a list. What was asked for is gone when this returns: Ansible is about to make several copies of the
    result.
    """
    params = dict(module.params)
    try:
        secrets = take_secrets(params["secrets_file"]) if params["secrets_file"] else {}
        params.update((name, secrets[name]) for name in LIST_SECRETS if name in secrets)
        how = scheduling(params)
        items = _listed_items(params, secrets)
    except MailImportError as error:
        module.fail_json(msg=error.message)
        raise
    secrets.clear()
    ran = import_items(module, params, list(items.values()), how)
    for place, outcome in zip(items, ran.outcomes):
        if outcome.result.state == "failed" and not isinstance(items[place], ImportResult):
            outcome.result.message = "%s: %s" % (place, outcome.result.message)
    return ran


def _listed_items(params: Dict[str, Any], secrets: Dict[str, Any]) -> Dict[str, Item]:
    """What is to be done for each row, by its place in the list."""
    rows = _listed_rows(params, secrets)
    _refuse_shared_login(params, rows)
    good, bad = check_rows(rows)
    items: Dict[str, Item] = {row.place: _row_item(params, row) for row in good}
    items.update((row.place, _bad_item(row)) for row in bad)
    for place, item in items.items():
        if isinstance(item, ImportResult):  # told as it is before anything else is done
            item.message = "%s: %s" % (place, item.message)
    return {row.place: items[row.place] for row in rows}


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


def import_items(module: AnsibleModule, params: Mapping[str, Any], items: Sequence[Item], how: Scheduling) -> Ran:
    """Import what a task asks for; `params` are the module's with the secrets that were handed over."""
    set_title("run of %d imports" % len(items))
    only_verifies = params["verify"] in COMPARISONS
    looks = module.check_mode or only_verifies  # and writes nothing
    try:
        settings = host_settings(params)
        settings.open_host()  # options of its kind that are no good are told before anything is done
        notices = RunNotices(settings, Administrators() if looks else administrators(params))
        progress = Progress(module.params["progress_file"], module.log, notices.tell_first_failure)
    except MailImportError as error:
        module.fail_json(msg=error.message, reason=error.reason)
        raise
    outcomes = import_many(items, settings, how, looks, progress, shows=module._diff)
    notices.tell_end([outcome.result for outcome in outcomes])
    for trouble in notices.troubles:
        module.warn(trouble)
    if only_verifies or not module.check_mode:
        return Ran(outcomes, None)
    from ..run.estimate import estimate  # it loads what reads mail

    return Ran(outcomes, estimate(items, outcomes, settings, how, progress.note))


def exit_with(
    module: AnsibleModule,
    ran: Ran,
    again: Optional[str],
    none: str = _NO_ROW,
    declared: Sequence[HostAlias] = (),
    **more: Any,
) -> None:
    """Exit the module with the results of imports, as failed when one of them did.

    Args:
        again: the option that picks mailboxes of a list; None when a task is about one mailbox.
        none: what to say when there are no imports.
        declared: what came of the aliases that were to be declared on the host.
    """
    outcomes = ran.outcomes
    results = [outcome.result for outcome in outcomes]
    entries = [result.as_dict() for result in results]
    made = [alias for alias in declared if alias.state == "created"]
    answer: Dict[str, Any] = dict(more, changed=bool(made) or any(result.changed for result in results))
    answer.update(imports=entries, summary=summarize(results))
    if ran.estimate:
        answer["estimate"] = ran.estimate
        for disk in ran.estimate["disks"]:
            if not disk["enough"]:
                module.warn(too_small(disk))
    if module._diff:
        differences = [difference for difference in map(_difference, outcomes) if difference]
        differences += [_new_alias(alias) for alias in made]
        answer["diff"] = differences[0] if len(outcomes) == 1 and len(differences) == 1 else differences
    _warn_of_languages(module, entries)
    _warn_of_unimported(module, [entry for entry in entries if entry["state"] in ("skipped", "paused")])
    answer["msg"] = "\n".join(_last_lines(entries, again, ran.estimate)) if entries else none
    if declared:
        answer["msg"] = "\n".join([answer["msg"], *_alias_lines(declared, module.check_mode)])
    if "failed" in [result.state for result in results] + [alias.state for alias in declared]:
        module.fail_json(**answer)
    module.exit_json(**answer)


def _last_lines(
    entries: Sequence[Dict[str, Any]], again: Optional[str], expected: Optional[Dict[str, Any]]
) -> List[str]:
    """The last screen. How long a look took is not what people want to know of it."""
    seconds = None if expected else time.monotonic() - _BEGAN
    if again is None:
        lines = [of_one(entries[0], seconds), *moved_aside(entries[0])]
    else:
        lines = [*last_screen(entries, seconds), *how_to_go_on(entries, again)]
    return [*lines, *(estimate_lines(expected) if expected else ())]


def _warn_of_languages(module: AnsibleModule, entries: Sequence[Dict[str, Any]]) -> None:
    """Other mail servers write such a domain in ASCII, and a new mailbox is called as the list has it."""
    new = [entry["email"] for entry in entries if entry["created"] and not entry["email"].rpartition("@")[2].isascii()]
    if new:
        message = (
            "%s: other servers send mail to the ASCII form of this domain (xn--...), which most mail hosts take for"
            " another one: give that form as target_email, unless yours takes both%s"
        )
        module.warn(message % (new[0], " (%d such new mailboxes)" % len(new) if len(new) > 1 else ""))


def _warn_of_unimported(module: AnsibleModule, entries: Sequence[Dict[str, Any]]) -> None:
    """That a mailbox was left alone, or that its import is paused, must not look like an import that is done."""
    # Where mail went that had to make room, the last lines say.
    lines = problems([dict(entry, replaced_to=None) for entry in entries])
    for line in lines[:_MOST_WARNINGS]:
        module.warn(line)
    if len(lines) > _MOST_WARNINGS:
        module.warn("%d more such lines, see imports in the result" % (len(lines) - _MOST_WARNINGS))


def _alias_lines(aliases: Sequence[HostAlias], check_mode: bool) -> List[str]:
    """How many aliases are in each state, and why some were not made."""
    states = [alias.state for alias in aliases]
    words = dict(
        created="to create" if check_mode else "created", present="present", skipped="skipped", failed="failed"
    )
    counts = ["%d %s" % (states.count(state), word) for state, word in words.items()]
    left = ["%s %s: %s" % (alias.email, alias.state, alias.message) for alias in aliases if alias.message]
    more = ["%d more aliases, see host_aliases in the result" % (len(left) - _MOST_WARNINGS)]
    return ["aliases: %s" % ", ".join(counts), *left[:_MOST_WARNINGS], *(more if len(left) > _MOST_WARNINGS else ())]


def _new_alias(alias: HostAlias) -> Dict[str, Any]:
    after = _as_text({"%s goes to" % alias.kind: alias.targets})
    return dict(before_header=alias.email, after_header=alias.email, before=_as_text({}), after=after)


def _difference(outcome: Outcome) -> Optional[Dict[str, Any]]:
    if not outcome.result.changed or outcome.before == outcome.after:
        return None
    email, before, after = outcome.result.email, asdict(outcome.before), asdict(outcome.after)
    if outcome.result.replaced_to:
        before, after = (
            dict(before, earlier_mail="in the mailbox"),
            dict(after, earlier_mail=outcome.result.replaced_to),
        )
    return dict(before_header=email, after_header=email, before=_as_text(before), after=_as_text(after))


def _as_text(facts: Mapping[str, Any]) -> str:
    """What `--diff` compares line by line. In anything but text, Ansible would escape what is not ASCII."""
    return json.dumps(facts, indent=4, sort_keys=True, ensure_ascii=False) + "\n"
