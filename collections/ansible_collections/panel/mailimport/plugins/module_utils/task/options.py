# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the modules (see model/options.py) as Ansible wants them, and what the engine is handed for them."""

from __future__ import annotations

import os
from typing import Any, Dict, Mapping, Optional, Sequence

from ..host.backends import HOST_OPTIONS
from ..imap.tls import is_fingerprint
from ..model.address import composed, parse_address
from ..model.errors import MailImportError, one_line
from ..model.imports import FolderRules, ImportRequest, SourceConnections
from ..model.mail import SourceAccount
from ..model.options import (
    COMPARISONS,
    FOLDERS,
    IMPORT,
    LIST,
    MAILBOX,
    NOTICE,
    SCHEDULING,
    SOURCE,
    TARGET,
    Option,
    fields_of,
)
from ..run.info import STATES, Filter
from ..run.many import Scheduling
from ..run.run_notices import Administrators
from ..run.settings import HostSettings, default_state_dir
from ..run.switch import SWITCHED

Options = Dict[str, Dict[str, Any]]

# What the action plugins take out of a task's arguments and hand over in a file.
HOST_SECRETS = tuple(option.name for option in TARGET if option.secret)
MAILBOX_SECRETS = (*(option.name for option in MAILBOX if option.secret), *HOST_SECRETS)
LIST_SECRETS = ("source_password", *HOST_SECRETS)


def argument_spec(*groups: Sequence[Option]) -> Options:
    """The argument specification of groups of options."""
    return {option.name: _argument(option) for group in groups for option in group}


def _argument(option: Option) -> Dict[str, Any]:
    argument: Dict[str, Any] = dict(type=option.type)
    if option.default is not None:
        argument["default"] = list(option.default) if option.type == "list" else option.default
    if option.choices:
        argument["choices"] = list(option.choices)
    if option.elements:
        argument["elements"] = option.elements
    if option.required:
        argument["required"] = True
    if option.secret or "password" in option.name:
        # Said of the others too: Ansible suspects a secret behind such a name.
        argument["no_log"] = option.secret
    return argument


def source_options() -> Options:
    """Options of the documentation fragment `source`."""
    return argument_spec(SOURCE)


def target_options() -> Options:
    """Options of the documentation fragment `target`."""
    return argument_spec(TARGET)


def import_info_options() -> Options:
    """Every option a task of `mail_import_info` may give."""
    strings: Dict[str, Any] = dict(type="list", elements="str", default=[])
    return dict(
        target_options(),
        addresses=dict(strings),
        domains=dict(strings),
        states=dict(strings, choices=list(STATES)),
    )


def import_filter(params: Mapping[str, Any]) -> Filter:
    """Collect the options of `mail_import_info` that say which imports.

    Raises:
        MailImportError: `invalid_row`, for what is no address or no domain.
    """
    return Filter(*(tuple(params[name]) for name in ("addresses", "domains", "states")))


# What the action plugin of `mail_delivery_check` hands over in a file, and what it reads itself.
DELIVERY_SECRETS = (*HOST_SECRETS, "passwords")
DELIVERY_LISTS = ("mailboxes", "passwords_src")


def delivery_options() -> Options:
    """Every option of `mail_delivery_check`."""
    return dict(
        target_options(),
        passwords=dict(type="dict", default={}, no_log=True),
        mailboxes=dict(type="list", elements="raw", no_log=True),
        passwords_src=dict(type="path", no_log=False),
        generated_passwords=dict(type="path", no_log=False),
        addresses=dict(type="list", elements="str", required=True),
        server=dict(type="str", default="localhost"),
        port=dict(type="int", default=25),
        timeout=dict(type="int", default=60),
    )


def recipients_options() -> Options:
    """Every option a task of `mail_recipients_check` may give; its module gets addresses alone."""
    strings: Dict[str, Any] = dict(type="list", elements="str", default=[])
    return dict(
        src=dict(type="path"),
        mailboxes=dict(type="list", elements="raw", no_log=True),
        results=dict(type="list", elements="dict", default=[]),
        mail_host=dict(type="str", required=True),
        port=dict(type="int", default=25),
        addresses=dict(strings),
        catch_all=dict(strings),
        sender=dict(type="str", default=""),
        patience=dict(type="int", default=600),
        timeout=dict(type="int", default=60),
    )


def switch_options() -> Options:
    """Every option of `mail_switch`."""
    answer = dict(
        domain=dict(type="str", required=True),
        switched=dict(type="str", choices=list(SWITCHED), required=True),
        records=dict(type="list", elements="str", default=[]),
        ttl=dict(type="int"),
    )
    return dict(
        target_options(),
        domains=dict(type="list", elements="dict", options=answer, default=[]),
        finished=dict(type="str"),
    )


def importing_options() -> Options:
    """Options of the documentation fragment `importing`."""
    return argument_spec(IMPORT, FOLDERS, NOTICE)


def mailbox_options() -> Options:
    """Every option a task of `mail_import_imap` may give."""
    return argument_spec(MAILBOX, SOURCE, TARGET, IMPORT, FOLDERS, NOTICE)


def scheduling_options() -> Options:
    """Options of the documentation fragment `scheduling`."""
    return argument_spec(SCHEDULING)


def list_options() -> Options:
    """Every option a task of `mail_import_csv` may give; those of the source and the owner are what rows without their
    own have.
    """
    options = argument_spec(LIST, SOURCE, TARGET, IMPORT, FOLDERS, NOTICE, SCHEDULING)
    for name in ("source_host", "owner"):
        del options[name]["required"]
    return options


def internal_options() -> Options:
    """What only the action plugin gives: where the secrets are, and where to write how the run comes along."""
    return dict(secrets_file=dict(type="path", no_log=False), progress_file=dict(type="path"))


def incomplete(params: Mapping[str, Any]) -> Optional[str]:
    """Say in one line what a mailbox import lacks, or None when it has all it needs.

    More than Ansible's own check of required options, which is content with an empty value.
    """
    for name in ("email", "owner", "source_host"):
        if not params[name]:
            return "%s is required, and must not be empty" % name
    if params["import_content"] and not params["password"] and not params["source_token_file"]:
        return "password is required, to log in at the source"
    if params["source_master_user"] and not params["target_password"]:
        return "target_password is required with source_master_user: password is the administrator's"
    if not params["password"] and not params["target_password"]:
        return "one of password and target_password is required, for the mailbox"
    return None


def scheduling(params: Mapping[str, Any]) -> Scheduling:
    """Collect the options of the fragment `scheduling`.

    Raises:
        MailImportError: `invalid_row`, when there would be no queue or no connection.
    """
    return Scheduling(**fields_of(SCHEDULING, params))


def administrators(params: Mapping[str, Any]) -> Administrators:
    """Collect the options that say who hears of a run.

    Raises:
        MailImportError: `invalid_row`, when one of `notice_to` is no address.
    """
    fields = fields_of(NOTICE, params)
    return Administrators(**dict(fields, to=tuple(str(parse_address(address)) for address in fields["to"])))


def row_params(params: Mapping[str, Any], values: Mapping[str, Any]) -> Dict[str, Any]:
    """The options of `mail_import_imap` for one row of a list: what the row gives, and the task's options for the rest.

    `source_password` is the password at the source, and `password` then the new mailbox's. The task's
    `source_token_file` is for rows that have no login of their own.
    """
    given: Dict[str, Any] = {"password": None, "target_email": None, "target_password": None, **params, **values}
    given["target_password"] = given["target_password"] or given["password"]
    given["password"] = given["source_password"] or given["password"]
    if values.get("source_password") and not values.get("source_token_file"):
        given["source_token_file"] = None
    return given


def mailbox_request(params: Mapping[str, Any]) -> ImportRequest:
    """Turn the validated options of `mail_import_imap` into what the engine takes.

    Raises:
        MailImportError: `invalid_row`, when an address or a number cannot be one.
    """
    verify = params["verify"]
    if params["verify_sample"] and verify not in COMPARISONS:
        raise MailImportError("invalid_row", "verify_sample is for verify=deep or content: leave it out")
    if params["force"] and verify in COMPARISONS:
        raise MailImportError(
            "invalid_row", "verify=%s imports nothing, so there is nothing to force: leave it out" % verify
        )
    mapping = {str(name): _folder_name(name, target) for name, target in params["folder_map"].items()}
    request = ImportRequest(
        source=source_account(params),
        address=parse_address(params["target_email"] or params["email"]),
        target_password=params["target_password"] or params["password"],
        rules=FolderRules(mapping=mapping, **fields_of(FOLDERS, params)),
        connections=SourceConnections.parse(params["source_connections"]),
        **fields_of(IMPORT, params),
    )
    return _with_token_file(request, params["source_token_file"]) if params.get("source_token_file") else request


def _with_token_file(request: ImportRequest, path: str) -> ImportRequest:
    """The request with a login by the token in a file.

    Raises:
        MailImportError: `invalid_row` or `host_refused`, when there is none, or it is for no such login.
    """
    from ..provider.microsoft365.access import with_token_file  # it loads what speaks HTTP

    if request.source.master_user or request.source.auth in ("login", "plain"):
        message = "source_token_file is a token, so source_auth is xoauth2 or oauthbearer, without source_master_user"
        raise MailImportError("invalid_row", message)
    return with_token_file(request, path)


def _folder_name(name: Any, target: Any) -> str:
    """The name that `folder_map` gives a folder on the mail host; other names that cannot be are changed as a source's
    are.
    """
    parts = set([] if target is None else str(target).split("/")) - {""}
    if not parts or parts & {".", ".."}:
        raise MailImportError("invalid_row", "folder_map: %r of %s is no name for a folder" % (target, name))
    return str(target)


def source_account(params: Mapping[str, Any]) -> SourceAccount:
    """Collect the `source_*` options; the port follows from the kind of TLS where it is not given.

    Raises:
        MailImportError: `invalid_row`, when one of them is nothing that an account could have.
    """
    given = fields_of(SOURCE, params)
    if params["source_tls_fingerprint"] and not is_fingerprint(params["source_tls_fingerprint"]):
        raise MailImportError(
            "invalid_row",
            "source_tls_fingerprint must be a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons",
        )
    if params["source_tls_fingerprint"] and params["source_tls"] == "none":
        raise MailImportError(
            "invalid_row",
            "source_tls_fingerprint is of a certificate, and with source_tls=none there is none: leave out one of them",
        )
    return SourceAccount(
        port=params["source_port"] or (993 if params["source_tls"] == "implicit" else 143),
        user=params["source_user"] or composed(params["email"]),
        password=params["password"] or "",
        **given,
    )


def host_settings(params: Mapping[str, Any]) -> HostSettings:
    """Collect the options of the mail host.

    Raises:
        MailImportError: `invalid_row`, when one of them means nothing to that kind of host, or is out of its bounds.
    """
    fields_of(TARGET, params)  # for their bounds
    options = {name: params[name] for name in HOST_OPTIONS}
    state_dir = params["state_dir"] or default_state_dir(params["host_backend"])
    if not os.path.isabs(state_dir):
        message = (
            "state_dir must be an absolute path, and is %s: a run from elsewhere would not find what this one noted"
        )
        raise MailImportError("invalid_row", message % one_line(state_dir, 200))
    return HostSettings(state_dir, params["host_backend"], options)
