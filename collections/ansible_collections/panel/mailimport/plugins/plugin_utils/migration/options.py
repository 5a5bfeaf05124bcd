# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands beside `migration` in a migration file: the options of its source's import, no secret in clear."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.task import google, microsoft365, yandex360
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import list_options, mailbox_options

Options = t.Mapping[str, t.Mapping[str, t.Any]]

OPTIONS_OF: dict[str, Options] = {
    "csv": list_options(),
    "imap": mailbox_options(),
    "yandex": yandex360.organization_options(),
    "google": google.organization_options(),
    "microsoft365": microsoft365.organization_options(),
}
_SECRETS = {name for options in OPTIONS_OF.values() for name, option in options.items() if option.get("no_log")}
# Rows, which have passwords.
_ROWS = "mailboxes"


def refuse_foreign_options(source: str, given: t.Iterable[str]) -> None:
    """Refuse options of the imports of another source, which nobody would read.

    Raises:
        MailImportError: `invalid_row`.
    """
    for name in given:
        others = [other for other, options in OPTIONS_OF.items() if name in options]
        if others and source not in others:
            message = "%s is an option of the source %s, and migration.source is %s" % (
                name,
                " or ".join(others),
                source,
            )
            raise MailImportError("invalid_row", message)


def refuse_secrets_in_clear(path: str) -> None:
    """Refuse a migration file that everybody who reads it learns a password of.

    Raises:
        MailImportError: `invalid_row`, with what to do.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return  # Ansible has read it: it may be encrypted as a whole
    if not isinstance(node, yaml.MappingNode) or "migration" not in [key.value for key, _value in node.value]:
        return
    for key, value in node.value:
        found = key.value if key.value in _SECRETS - {_ROWS} and _is_in_clear(value) else None
        if key.value == _ROWS and isinstance(value, yaml.SequenceNode):
            found = next((name for row in value.value for name in _in_clear(row)), None)
        if found:
            message = (
                "%s: %s is there in clear: encrypt it (ansible-vault encrypt_string), or put it into a file that is "
                "encrypted as a whole"
            )
            raise MailImportError("invalid_row", message % (Path(path).name, found))


def _in_clear(row: yaml.Node) -> t.Iterator[str]:
    if isinstance(row, yaml.MappingNode):
        yield from (
            "%s of mailboxes" % key.value for key, value in row.value if key.value in _SECRETS and _is_in_clear(value)
        )


def _is_in_clear(node: yaml.Node) -> bool:
    if isinstance(node, yaml.ScalarNode):
        is_nothing = node.tag.endswith(":null") or not node.value
        return not (is_nothing or node.tag == "!vault" or "{{" in node.value or "{%" in node.value)
    if isinstance(node, yaml.MappingNode):
        return any(_is_in_clear(value) for _key, value in node.value)
    return any(_is_in_clear(item) for item in node.value)
