# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a row must be, and that nothing secret is in what is said about it."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.rows.check import check_rows
from ansible_collections.panel.mailimport.plugins.module_utils.rows.read import read_rows
from ansible_collections.panel.mailimport.plugins.module_utils.rows.row import (
    BadRow,
    Row,
    mailbox_of,
    rows_of_list,
    select_rows,
)


def checked(**values):
    good, bad = check_rows([Row("line 1", {"email": "anna@example.org", **values})])
    assert bad == []
    return {name: value for name, value in good[0].values.items() if name != "email"}


def refused(**values):
    good, bad = check_rows([Row("line 7", {"email": "anna@example.org", **values})])
    assert good == [] and len(bad) == 1
    assert (bad[0].place, bad[0].email) == ("line 7", "anna@example.org")
    return bad[0].message


def test_text_of_a_file_gets_its_type():
    given = {
        "source_port": "1993",
        "source_timeout": "2.5",
        "max_message_size": "1.5k",
        "ignore_existing": "No",
        "force": "1",
        "password": "0123",
    }
    assert checked(**given) == {
        "source_port": 1993,
        "source_timeout": 2.5,
        "max_message_size": 1536,
        "ignore_existing": False,
        "force": True,
        "password": "0123",
    }


def test_values_of_yaml_stay_what_they_are():
    given = {
        "source_port": 143,
        "source_timeout": 5,
        "max_message_size": 7,
        "force": False,
        "folders": ["INBOX"],
        "folder_map": {"A": "B"},
    }
    assert checked(**given) == given


@pytest.mark.parametrize("size", ["500", "500B", "2g", "2 GB"])
def test_sizes_in_ansible_s_units(size):
    assert checked(max_message_size=size)["max_message_size"] == (500 if size.startswith("5") else 2 << 30)


@pytest.mark.parametrize(
    ("name", "value", "phrase"),
    [
        ("source_port", "imap", "a port from 1 to 65535"),
        ("source_port", "70000", "a port from 1 to 65535"),
        ("source_port", "-1", "a port from 1 to 65535"),
        ("source_port", True, "a port from 1 to 65535"),
        ("source_tls", "ssl", "one of implicit, starttls, none"),
        ("source_timeout", "0", "a number of seconds"),
        ("max_message_size", "huge", "a size such as 500M"),
        ("import_content", "maybe", "yes or no"),
        ("target_email", "anna", "a mailbox address"),
        ("password", 1234, "text of one line (a number: in quotes)"),
        ("password", "geheim\n", "text of one line (a number: in quotes)"),
        ("source_host", "imap.example\nroot", "text of one line (a number: in quotes)"),
        ("owner", "", "text of one line (a number: in quotes)"),
        ("folders", "INBOX", "a list of names"),
        ("folder_map", {"Sent": 1}, "a mapping of folder names"),
    ],
)
def test_what_a_column_must_be_is_said_in_one_phrase(name, value, phrase):
    _good, bad = check_rows([Row("line 1", {"email": "anna@example.org", name: value})])
    assert [row.message for row in bad] == ["%s must be %s" % (name, phrase)]


def test_everything_wrong_with_a_row_is_said_at_once():
    assert refused(source_port="x", state="later", colour="red") == (
        "unknown: colour; source_port must be a port from 1 to 65535; state must be one of present, latest"
    )


@pytest.mark.parametrize("char", ["\u200b", "\u00a0", "\ufeff", "\u202c", "\u2009", "\t"])
def test_what_nobody_sees_in_an_address_is_named(char):
    for address in ("an%sna@example.org" % char, "anna@exa%smple.org" % char):
        words = "email must be a mailbox address (type it anew: it holds U+%04X, which looks like nothing or a blank)"
        _good, bad = check_rows([Row("line 1", {"email": address})])
        assert [row.message for row in bad] == [words % ord(char)]


def test_one_mailbox_whose_letters_are_composed_and_apart_is_one_mailbox():
    composed, apart = Row("line 1", {"email": "jörg@example.org"}), Row("line 2", {"email": "Jo\u0308rg@example.org"})
    assert mailbox_of(composed) == mailbox_of(apart)
    assert select_rows([apart], "host", ["JÖRG@example.org"]) == [apart]


def test_all_bad_rows_come_at_once_with_their_lines_and_the_good_ones_too():
    text = (
        "email,source_port\nanna@example.org,993\n,993\nben,993\n"
        'carl@example.org,x\ndora@example.org,"\nemil@example.org,143\n'
    )
    good, bad = check_rows(read_rows(text.encode()))
    assert [(row.place, row.values["email"]) for row in good] == [
        ("line 2", "anna@example.org"),
        ("line 7", "emil@example.org"),
    ]
    assert bad == [
        BadRow("line 3", "", "email is missing"),
        BadRow("line 4", "", "email must be a mailbox address"),
        BadRow("line 5", "carl@example.org", "source_port must be a port from 1 to 65535"),
        BadRow("line 6", "", "its double quotes do not match: a quote inside a quoted cell is written twice"),
    ]


def test_items_of_a_task_s_list():
    good, bad = check_rows(
        rows_of_list(
            [{"email": "Anna@Example.org", "password": None}, "ben@example.org", {7: 8, "email": "carl@example.org"}]
        )
    )
    assert [(row.place, dict(row.values)) for row in good] == [("entry 1", {"email": "Anna@Example.org"})]
    assert bad == [
        BadRow("entry 2", "", "is not a mapping of names to values"),
        BadRow("entry 3", "carl@example.org", "unknown: 7"),
    ]


SECRET = "geh31m!"


@pytest.mark.parametrize(
    "text",
    [
        "email,password\n%s,anna@example.org",
        "email,password\nanna@example.org,a,%s",
        "email,source_port,source_tls,state,force,source_host\nanna@example.org,%s,%s,%s,%s,%s",
        "%s,anna@example.org\nben@example.org,x",
        "imap.old.example;anna;%s;imap.new.example;anna;%s",
        'anna@example.org,"%s',
        "anna@example,%s",
    ],
)
def test_no_password_is_told_wherever_it_landed(text):
    rows = read_rows(text.replace("%s", SECRET).encode())
    good, bad = check_rows(rows)
    assert bad and SECRET not in repr((rows, good, bad))
