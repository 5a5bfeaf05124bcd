# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Columns of a list are the options of mail_import_imap, by name and by value."""

from __future__ import annotations

from ansible_collections.panel.mailimport.plugins.module_utils.model.options import NOTICE
from ansible_collections.panel.mailimport.plugins.module_utils.rows.columns import (
    CELLS,
    COLUMNS,
    HEADER_NAMES,
    PASSWORDS,
    header_name,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import (
    HOST_SECRETS,
    importing_options,
    mailbox_options,
    target_options,
)

# `password` can be two, and a row can name its mail host.
OF_TASKS_ALONE = {"verify", "verify_sample", *(option.name for option in NOTICE)}
OF_ROWS_ALONE = {"source_password", "mail_host"}


def test_a_row_gives_every_option_but_those_of_the_mail_host_and_the_run():
    assert set(COLUMNS) == set(mailbox_options()) - set(target_options()) - OF_TASKS_ALONE | OF_ROWS_ALONE


def test_choices_are_those_of_the_options():
    options = mailbox_options()
    for name, column in COLUMNS.items():
        if name not in OF_ROWS_ALONE:
            assert column.schema.get("enum") == options[name].get("choices"), name


def test_every_option_with_one_value_has_a_column_in_a_file():
    lists = {name for name, option in importing_options().items() if option["type"] in ("list", "dict")}
    assert set(CELLS) == set(COLUMNS) - lists


def test_every_secret_is_known_as_one():
    options = mailbox_options().items()
    # The host's own passwords are no column.
    secrets = {name for name, option in options if option.get("no_log") and name not in HOST_SECRETS}
    assert secrets | {"source_password"} == PASSWORDS


def test_no_two_columns_look_alike_in_a_header():
    assert len({header_name(name) for name in CELLS}) == len(CELLS)
    assert all(HEADER_NAMES[header_name(name)] == name for name in CELLS)
