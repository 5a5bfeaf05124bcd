# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a module's parameters to its result: what the modules that import have in common."""

from __future__ import annotations

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from .arguments import MAILBOX_SECRETS, host_settings, incomplete, mailbox_request
from .model.errors import MailImportError, one_line
from .model.imports import ImportResult
from .run.info import summarize
from .run.mailbox import Outcome, import_mailbox
from .secrets_file import take_secrets


def run_mailbox_import(module: AnsibleModule) -> None:
    """Import the mailbox a task describes, and exit the module with what came of it."""
    try:
        outcome = _outcome(module)
    except MailImportError as error:
        outcome = Outcome(_refused(module.params, error), {}, {})
    result = outcome.result
    answer: Dict[str, Any] = dict(changed=result.changed, imports=[result.as_dict()], summary=summarize([result]))
    if module._diff:
        answer["diff"] = dict(before_header=result.email, after_header=result.email, before=outcome.before, after=outcome.after)
    if result.state == "failed":
        module.fail_json(msg="%s: %s (%s)" % (result.email, result.message, result.reason), **answer)
    module.exit_json(msg="%s: %s" % (result.email, result.message), **answer)


def _outcome(module: AnsibleModule) -> Outcome:
    params = dict(module.params)
    if params["secrets_file"]:
        secrets = take_secrets(params["secrets_file"])
        params.update((name, secrets.get(name)) for name in MAILBOX_SECRETS)
    problem = incomplete(params)
    if problem:
        raise MailImportError("invalid_row", problem)
    return import_mailbox(mailbox_request(params), host_settings(params), module.check_mode, module.log)


def _refused(params: Dict[str, Any], error: MailImportError) -> ImportResult:
    """The entry of an import that could not even begin."""
    return ImportResult(
        email=one_line(params["target_email"] or params["email"] or ""),
        source=one_line("%s@%s" % (params["source_user"] or params["email"], params["source_host"])),
        state="failed",
        reason=error.reason,
        message=error.message,
    )
