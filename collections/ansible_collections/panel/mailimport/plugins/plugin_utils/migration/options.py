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
# Whoever knows the address of a webhook may write to it.
_WEBHOOK = "webhook"
# Ansible's names for one thing.
_ENCRYPTED = ("!vault", "!vault-encrypted")
_MERGE = "tag:yaml.org,2002:merge"


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
    beside = list(_pairs(_root(path)))
    if "migration" not in [name for name, _value in beside]:
        return
    found = next((name for key, value in beside for name in _in_clear(key, value)), None)
    if found:
        message = (
            "%s: %s is there in clear: encrypt it (ansible-vault encrypt_string), or put it into a file that is "
            "encrypted as a whole"
        )
        raise MailImportError("invalid_row", message % (Path(path).name, found))


def _root(path: str) -> yaml.Node | None:
    try:
        return yaml.compose(Path(path).read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return None  # Ansible has read it: it may be encrypted as a whole


def refuse_loops(path: str) -> None:
    """Refuse a file of variables with a value that has itself in it, by an alias: it has no end.

    Raises:
        MailImportError: `invalid_row`, with what to do.
    """
    root = _root(path)
    whole: set[int] = set()
    # Those that are open, from the root on, each with what is left of it.
    opened = [(root, iter(_parts(root)))]
    while opened:
        node, rest = opened[-1]
        part = next(rest, None)
        if part is None:
            whole.add(id(node))
            opened.pop()
        elif any(part is outer for outer, _rest in opened):
            message = "%s, line %d: this holds an alias (*) of itself: write out what it is to stand for"
            raise MailImportError("invalid_row", message % (Path(path).name, part.start_mark.line + 1))
        elif id(part) not in whole:
            opened.append((part, iter(_parts(part))))


def _parts(node: yaml.Node | None) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _in_clear(name: str, value: yaml.Node) -> t.Iterator[str]:
    """The secrets that a variable holds in clear."""
    if name == "migration":
        for notices in _named("notices", value):
            yield from ("migration.notices.%s" % _WEBHOOK for each in _named(_WEBHOOK, notices) if _is_in_clear(each))
    elif name == _ROWS:
        rows = value.value if isinstance(value, yaml.SequenceNode) else []
        yield from (
            "%s of mailboxes" % key
            for row in rows
            for key, each in _pairs(row)
            if key in _SECRETS and _is_in_clear(each)
        )
    elif name in _SECRETS and _is_in_clear(value):
        yield name


def _named(name: str, node: yaml.Node) -> list[yaml.Node]:
    return [value for key, value in _pairs(node) if key == name]


def _pairs(node: yaml.Node | None) -> t.Iterator[tuple[str, yaml.Node]]:
    """Names and values of a mapping, those that it merges (`<<`) included: they stand in the file in clear as well."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.tag == _MERGE:
            for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                yield from _pairs(merged)
        elif isinstance(key, yaml.ScalarNode):
            yield key.value, value


def _is_in_clear(node: yaml.Node) -> bool:
    if isinstance(node, yaml.ScalarNode):
        is_nothing = node.tag.endswith(":null") or not node.value
        is_template = node.tag != "!unsafe" and ("{{" in node.value or "{%" in node.value)
        return not (is_nothing or node.tag in _ENCRYPTED or is_template)
    if isinstance(node, yaml.MappingNode):
        return any(_is_in_clear(value) for _key, value in node.value)
    return any(_is_in_clear(item) for item in node.value)
