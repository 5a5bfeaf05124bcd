# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the modules, and what the engine is handed for them."""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping, Optional

from ..model.address import parse_address
from ..model.errors import MailImportError
from ..model.imports import FolderRules, ImportRequest
from ..model.mail import SourceAccount
from ..run.batch import Scheduling
from ..run.settings import HostSettings

Options = Dict[str, Dict[str, Any]]

# What the action plugins take out of a task's arguments and hand over in a file.
MAILBOX_SECRETS = ("password", "target_password")
LIST_SECRETS = ("source_password",)

_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{64}")


def source_options() -> Options:
    """Options of the documentation fragment `source`."""
    return dict(
        source_host=dict(type="str", required=True),
        source_port=dict(type="int"),
        source_tls=dict(type="str", choices=["implicit", "starttls", "none"], default="implicit"),
        source_validate_certs=dict(type="bool", default=True),
        source_ca_cert=dict(type="path"),
        source_tls_fingerprint=dict(type="str"),
        source_user=dict(type="str"),
        source_master_user=dict(type="str"),
        source_auth=dict(type="str", choices=["auto", "login", "plain", "xoauth2", "oauthbearer"], default="auto"),
        source_timeout=dict(type="float", default=60.0),
        source_compress=dict(type="bool", default=False),
    )


def target_options() -> Options:
    """Options of the documentation fragment `target`."""
    return dict(
        host_backend=dict(type="str", choices=["dovecot"], default="dovecot"),
        dovecot_config=dict(type="path"),
        users_file=dict(type="path"),
        mail_home=dict(type="str"),
        uid=dict(type="int"),
        gid=dict(type="int"),
        state_dir=dict(type="path", default="/var/lib/panel-mailimport"),
    )


def importing_options() -> Options:
    """Options of the documentation fragment `importing`."""
    return dict(
        owner=dict(type="str", required=True),
        state=dict(type="str", choices=["present", "latest"], default="present"),
        ignore_existing=dict(type="bool", default=True),
        existing_content=dict(type="str", choices=["replace", "merge"], default="replace"),
        force=dict(type="bool", default=False),
        update_password=dict(type="str", choices=["on_create", "always"], default="on_create", no_log=False),
        import_content=dict(type="bool", default=True),
        folders=dict(type="list", elements="str", default=[]),
        exclude_folders=dict(type="list", elements="str", default=[]),
        folder_map=dict(type="dict", default={}),
        automap=dict(type="bool", default=True),
        max_message_size=dict(type="bytes", default="2G"),
        message_store=dict(type="str", choices=["auto", "maildir", "imap"], default="auto"),
    )


def mailbox_options() -> Options:
    """Every option a task of `mail_import_imap` may give."""
    return dict(
        email=dict(type="str", required=True),
        password=dict(type="str", no_log=True),
        target_email=dict(type="str"),
        target_password=dict(type="str", no_log=True),
        **source_options(),
        **target_options(),
        **importing_options(),
    )


def scheduling_options() -> Options:
    """Options of the documentation fragment `scheduling`."""
    return dict(
        parallel=dict(type="bool", default=False),
        queues=dict(type="int", default=2),
        source_max_connections=dict(type="int"),
        preflight=dict(type="bool", default=True),
    )


def list_options() -> Options:
    """Every option a task of `mail_import_csv` may give; those of the source and the owner are what rows without their
    own have.
    """
    source = source_options()
    source["source_host"] = dict(type="str")
    importing = importing_options()
    importing["owner"] = dict(type="str")
    return dict(
        src=dict(type="path"),
        remote_src=dict(type="bool", default=False),
        # Taken out of the arguments by the action plugin as a whole, for there are passwords in it.
        mailboxes=dict(type="list", elements="raw", no_log=True),
        only=dict(type="list", elements="str", default=[]),
        mail_host=dict(type="str"),
        source_password=dict(type="str", no_log=True),
        **source,
        **target_options(),
        **importing,
        **scheduling_options(),
    )


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
    if params["import_content"] and not params["password"]:
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
    for name in ("queues", "source_max_connections"):
        if params[name] is not None and params[name] < 1:
            raise MailImportError("invalid_row", "%s must be 1 or more" % name)
    return Scheduling(params["parallel"], params["queues"], params["source_max_connections"], params["preflight"])


def row_params(params: Mapping[str, Any], values: Mapping[str, Any]) -> Dict[str, Any]:
    """The options of `mail_import_imap` for one row of a list: what the row gives, and the task's options for the rest.

    `source_password` is the password at the source, and `password` then the new mailbox's.
    """
    given: Dict[str, Any] = {"password": None, "target_email": None, "target_password": None, **params, **values}
    given["target_password"] = given["target_password"] or given["password"]
    given["password"] = given["source_password"] or given["password"]
    return given


def mailbox_request(params: Mapping[str, Any]) -> ImportRequest:
    """Turn the validated options of `mail_import_imap` into what the engine takes.

    Raises:
        MailImportError: `invalid_row`, when an address or a number cannot be one.
    """
    return ImportRequest(
        source=source_account(params),
        address=parse_address(params["target_email"] or params["email"]),
        password=params["target_password"] or params["password"],
        owner=params["owner"],
        state=params["state"],
        ignore_existing=params["ignore_existing"],
        existing_content=params["existing_content"],
        force=params["force"],
        update_password=params["update_password"],
        import_content=params["import_content"],
        rules=FolderRules(
            include=tuple(params["folders"]),
            exclude=tuple(params["exclude_folders"]),
            mapping={str(name): _folder_name(name, target) for name, target in params["folder_map"].items()},
            automap=params["automap"],
        ),
        max_message_size=params["max_message_size"],
        message_store=params["message_store"],
    )


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
    if params["source_timeout"] <= 0:
        raise MailImportError("invalid_row", "source_timeout must be more than 0 seconds")
    if params["source_port"] is not None and not 1 <= params["source_port"] <= 65535:
        raise MailImportError("invalid_row", "source_port must be from 1 to 65535")
    if params["source_tls_fingerprint"] and not _FINGERPRINT.fullmatch(
        params["source_tls_fingerprint"].replace(":", "")
    ):
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
        host=params["source_host"],
        port=params["source_port"] or (993 if params["source_tls"] == "implicit" else 143),
        user=params["source_user"] or params["email"].strip(" "),
        password=params["password"] or "",
        tls=params["source_tls"],
        auth=params["source_auth"],
        master_user=params["source_master_user"],
        validate_certs=params["source_validate_certs"],
        ca_cert=params["source_ca_cert"],
        tls_fingerprint=params["source_tls_fingerprint"],
        timeout=params["source_timeout"],
        compress=params["source_compress"],
    )


def host_settings(params: Mapping[str, Any]) -> HostSettings:
    """Collect the options of the mail host."""
    return HostSettings(
        dovecot_config=params["dovecot_config"],
        users_file=params["users_file"],
        mail_home=params["mail_home"],
        uid=params["uid"],
        gid=params["gid"],
        state_dir=params["state_dir"],
    )
