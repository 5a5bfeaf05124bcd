# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads lists of mailboxes on the controller: CSV or YAML, encrypted with Ansible Vault or not."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Mapping
from pathlib import Path

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.rows.read import SAVE_AS, read_rows
from ansible_collections.panel.mailimport.plugins.module_utils.rows.row import Row, rows_of_list

YAML_ENDINGS = (".yml", ".yaml", ".json")


def names_of_hosts(variables: Mapping[str, t.Any], others: t.Iterable[str]) -> frozenset[str]:
    """Names that a list may give mail hosts: those of the inventory, and some others, as the implicit localhost is in
    no group.
    """
    return frozenset((*variables.get("groups", {}).get("all", ()), *others))


def found_file(action: ActionBase, src: str) -> str:
    """Where Ansible looks for files, and last in the working directory: beside a playbook of the collection nobody
    keeps a list.

    Raises:
        AnsibleError: when there is no such file.
    """
    try:
        return action._find_needle("files", src)
    except AnsibleError:
        path = os.path.abspath(src)
        if os.path.exists(path):
            return path
        raise AnsibleError("there is no file %s, nor one of that name beside the playbook" % path) from None


def read_list(loader: DataLoader, path: str) -> list[Row]:
    """Return the rows of a list: of YAML when its name ends so, of CSV otherwise.

    Raises:
        MailImportError: `invalid_row`, when it is no such list.
        AnsibleError: when the file cannot be opened or decrypted.
    """
    readable = loader.get_real_file(path)
    try:
        data = Path(readable).read_bytes()
    finally:
        loader.cleanup_tmp_file(readable)
    return _rows_of_yaml(loader, path, data) if path.endswith(YAML_ENDINGS) else read_rows(data)


def _rows_of_yaml(loader: DataLoader, path: str, data: bytes) -> list[Row]:
    try:
        items = loader.load(data.decode("utf-8-sig"), path, show_content=False)
    except UnicodeDecodeError:
        raise MailImportError("invalid_row", "the file is not UTF-8: %s" % SAVE_AS) from None
    except AnsibleParserError as error:
        # Ansible's own words come with the lines around the mistake, and the passwords in them.
        mark = getattr(error.__cause__ or error.__context__, "problem_mark", None)
        where = "line %d" % (mark.line + 1) if mark else "the file"
        raise MailImportError(
            "invalid_row",
            "%s is not YAML: a password with other characters than letters and digits needs quotes" % where,
        ) from None
    if not isinstance(items, list):
        raise MailImportError("invalid_row", "the file is not a list of mailboxes")
    try:
        return rows_of_values(items)
    except AnsibleError:
        raise MailImportError(
            "invalid_row", "a value encrypted with !vault cannot be decrypted: give the password of its vault"
        ) from None


def rows_of_values(items: t.Iterable[t.Any]) -> list[Row]:
    """Return the rows of a list that Ansible has evaluated."""
    return rows_of_list([plain(item) for item in items])


def plain(value: t.Any) -> t.Any:
    """The value without Ansible's own types: a string encrypted with `!vault` among them is decrypted."""
    if isinstance(value, Mapping):
        return {plain(name): plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, (str, bool, int, float)) else str(value)
