# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of an import, as one table.

The modules' argument specifications (task/options.py), the columns of a list (rows/columns.py) and what the engine is
handed are made of it. `scripts/write_lists.py` writes it into the playbooks and the page of their variables. A new
option is a line here, an attribute of the class that its group names, and its documentation (plugins/doc_fragments).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, Mapping, Optional, Tuple

from .errors import MailImportError

# Values of `verify` that have source and mailbox compared, and nothing imported.
COMPARISONS = ("deep", "content")


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        type, elements, default, choices, required: as in an argument specification of Ansible.
        secret: a password, which is never shown.
        kind: what the value is besides (`address`, `connections`, `port`, `seconds`), empty for nothing more.
        minimum, maximum, more_than: bounds of a number.
        per_row: a list may give it for each mailbox.
        field: the attribute of the group's class that gets its value; None when more than a copy is needed.
    """

    name: str
    type: str = "str"
    default: Any = None
    choices: Tuple[str, ...] = ()
    per_row: bool = True
    field: Optional[str] = None
    required: bool = False
    elements: Optional[str] = None
    secret: bool = False
    kind: str = ""
    minimum: Optional[int] = None
    maximum: Optional[int] = None
    more_than: Optional[int] = None


# The mailbox itself.
MAILBOX = (
    Option("email", kind="address", required=True),
    Option("password", secret=True),
    Option("target_email", kind="address"),
    Option("target_password", secret=True),
)

# Attributes of SourceAccount.
SOURCE = (
    Option("source_host", field="host", required=True),
    Option("source_port", "int", kind="port", minimum=1, maximum=65535),
    Option("source_tls", default="implicit", choices=("implicit", "starttls", "none"), field="tls"),
    Option("source_validate_certs", "bool", True, field="validate_certs"),
    Option("source_ca_cert", "path", field="ca_cert"),
    Option("source_tls_fingerprint", field="tls_fingerprint"),
    Option("source_user"),
    Option("source_master_user", field="master_user"),
    Option("source_auth", default="auto", choices=("auto", "login", "plain", "xoauth2", "oauthbearer"), field="auth"),
    Option("source_token_file", "path"),
    Option("source_timeout", "float", 60.0, kind="seconds", more_than=0, field="timeout"),
    Option("source_min_rate", "int", 100, minimum=0, field="min_rate"),
    Option("source_compress", "bool", False, field="compress"),
    Option("source_daily_bytes", "bytes", minimum=0, field="daily_bytes"),
)

# Each has an entry in BACKENDS (host/backends.py), which this layer must not know.
HOST_KINDS = ("dovecot", "sql", "ispmanager", "command", "none", "docker_mailserver", "mailcow", "imap")

# The mail host, which is one for all mailboxes of a task.
TARGET = (
    Option("host_backend", default="dovecot", choices=HOST_KINDS, per_row=False),
    Option("dovecot_config", "path", per_row=False),
    Option("dovecot_command", "list", elements="str", per_row=False),
    Option("users_file", "path", per_row=False),
    Option("mail_home", per_row=False),
    Option("uid", "int", per_row=False),
    Option("gid", "int", per_row=False),
    Option("quota", "bytes", per_row=False),
    Option("mgrctl", "path", per_row=False),
    Option("host_command", "dict", per_row=False),
    Option("sql_engine", choices=("mysql", "postgresql", "sqlite"), per_row=False),
    Option("sql_schema", choices=("postfixadmin", "iredmail", "ispmail", "custom"), per_row=False),
    Option("sql_statements", "dict", per_row=False),
    Option("sql_password_days", "int", minimum=1, per_row=False),
    Option("login_host", per_row=False),
    Option("login_port", "int", kind="port", minimum=1, maximum=65535, per_row=False),
    Option("login_unix_socket", "path", per_row=False),
    Option("login_user", per_row=False),
    Option("login_password", secret=True, per_row=False),
    Option("login_db", per_row=False),
    Option("ssl_mode", choices=("disable", "prefer", "require", "verify-ca", "verify-full"), per_row=False),
    Option("ca_cert", "path", per_row=False),
    Option("mailcow_url", per_row=False),
    Option("mailcow_api_key", secret=True, per_row=False),
    Option("mailcow_validate_certs", "bool", per_row=False),
    Option("target_host", per_row=False),
    Option("target_port", "int", kind="port", minimum=1, maximum=65535, per_row=False),
    Option("target_tls", choices=("implicit", "starttls", "none"), per_row=False),
    Option("target_validate_certs", "bool", per_row=False),
    Option("target_ca_cert", "path", per_row=False),
    Option("target_tls_fingerprint", per_row=False),
    Option("target_user", per_row=False),
    Option("target_master_user", per_row=False),
    Option("target_master_password", secret=True, per_row=False),
    Option("target_auth", choices=("auto", "login", "plain", "xoauth2", "oauthbearer"), per_row=False),
    Option("target_timeout", "float", kind="seconds", more_than=0, per_row=False),
    Option("target_max_connections", "int", minimum=1, maximum=32, per_row=False),
    Option("target_verify", choices=("none", "counts", "digests"), per_row=False),
    Option("state_dir", "path", per_row=False),
)

# Attributes of ImportRequest.
IMPORT = (
    Option("owner", field="owner", required=True),
    Option("state", default="present", choices=("present", "latest"), field="state"),
    Option("ignore_existing", "bool", True, field="ignore_existing"),
    Option("existing_content", default="replace", choices=("replace", "merge"), field="existing_content"),
    Option("force", "bool", False, field="force"),
    Option("update_password", default="on_create", choices=("on_create", "always"), field="update_password"),
    Option("import_content", "bool", True, field="import_content"),
    Option("max_message_size", "bytes", "2G", minimum=1, field="max_message_size"),
    Option("message_store", default="auto", choices=("auto", "maildir", "imap"), field="message_store"),
    Option("source_connections", default="1", kind="connections"),
    Option("verify", default="copied", choices=("copied", *COMPARISONS), per_row=False, field="verify"),
    Option("verify_sample", "int", minimum=1, per_row=False, field="verify_sample"),
)

# Attributes of FolderRules.
FOLDERS = (
    Option("folders", "list", (), elements="str", field="include"),
    Option("exclude_folders", "list", (), elements="str", field="exclude"),
    Option("folder_map", "dict", {}),
    Option("automap", "bool", True, field="automap"),
    Option("labels", default="folders", choices=("folders", "first", "all_mail"), field="labels"),
)

# Attributes of Scheduling.
SCHEDULING = (
    Option("parallel", "bool", False, per_row=False, field="parallel"),
    Option("queues", "int", minimum=1, per_row=False, field="queues"),
    Option("source_max_connections", "int", minimum=1, per_row=False, field="source_max_connections"),
    Option("preflight", "bool", True, per_row=False, field="preflight"),
)

# Who hears of a run by mail, and who delivers that: attributes of Administrators.
NOTICE = (
    Option("notice_to", "list", (), field="to", elements="str", per_row=False),
    Option("notice_sender", field="sender", per_row=False),
    Option("notice_server", field="server", default="localhost", per_row=False),
    Option("notice_port", "int", 25, field="port", kind="port", minimum=1, maximum=65535, per_row=False),
    Option("notice_protocol", field="protocol", default="smtp", choices=("smtp", "lmtp"), per_row=False),
)

# A list and what is meant of it. A row can name its mail host, and have a password at the source beside the mailbox's.
LIST = (
    Option("src", "path", per_row=False),
    Option("remote_src", "bool", False, per_row=False),
    # There are passwords in it.
    Option("mailboxes", "list", elements="raw", secret=True, per_row=False),
    Option("only", "list", (), elements="str", per_row=False),
    Option("mail_host"),
    Option("source_password", secret=True),
)

# What a row of a list can give.
PER_ROW: Mapping[str, Option] = {
    option.name: option for option in (*MAILBOX, *LIST, *SOURCE, *IMPORT, *FOLDERS) if option.per_row
}


def fields_of(options: Iterable[Option], params: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the attributes that the options of a group give their class, lists as tuples.

    Raises:
        MailImportError: `invalid_row`, when a number is out of its bounds.
    """
    fields = {}
    for option in options:
        value = params[option.name]
        _check_bounds(option, value)
        if option.field:
            fields[option.field] = tuple(value) if option.type == "list" else value
    return fields


# Some thirty years: clocks cannot add much more.
_LONGEST_TIME = 1e9


def _check_bounds(option: Option, value: Any) -> None:
    if value is None:
        return
    if option.kind == "seconds" and not abs(value) < _LONGEST_TIME:
        raise MailImportError("invalid_row", "%s must be a number of seconds, and is %s" % (option.name, value))
    if option.more_than is not None and value <= option.more_than:
        message = "%s must be more than %d %s" % (option.name, option.more_than, option.kind)
        raise MailImportError("invalid_row", message.rstrip())
    if option.maximum is not None and not (option.minimum or 0) <= value <= option.maximum:
        message = "%s must be from %d to %d" % (option.name, option.minimum or 0, option.maximum)
        raise MailImportError("invalid_row", message)
    if option.minimum is not None and value < option.minimum:
        raise MailImportError("invalid_row", "%s must be %d or more" % (option.name, option.minimum))
