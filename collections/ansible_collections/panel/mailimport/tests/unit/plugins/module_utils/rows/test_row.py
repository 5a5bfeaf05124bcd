# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows a run takes from a list."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.rows.row import (
    Row,
    mailbox_of,
    refuse_rows_of_nobody,
    rows_of_everybody,
    rows_of_list,
    rows_of_others,
    select_rows,
)

ROWS = [
    Row("line 1", {"email": "Anna@example.org"}),
    Row("line 2", {"email": "ben@example.org", "mail_host": "mail1"}),
    Row("line 3", {"email": "carl@old.example", "target_email": "carl@example.org", "mail_host": "mail2"}),
    Row("line 4", {}, "does not begin with an address"),
    Row("line 5", {"email": "anna@example.org", "source_host": "second.example"}),
]


def lines(*arguments):
    return [int(row.place[len("line ") :]) for row in select_rows(ROWS, *arguments)]


def test_a_mail_host_takes_its_own_rows_and_those_that_name_none():
    assert lines("mail1") == [1, 2, 4, 5]
    assert lines("mail2") == [1, 3, 4, 5]


def test_blanks_around_a_value_do_not_count_but_in_a_password():
    row = {
        "email": " anna@example.org",
        "password": " two words ",
        "owner": "customer1 ",
        "mail_host": " mail1 ",
        "force": True,
        "folders": [" Sent"],
    }
    assert rows_of_list([row])[0].values == {
        **row,
        "email": "anna@example.org",
        "owner": "customer1",
        "mail_host": "mail1",
    }


def test_only_names_mailboxes_of_the_mail_host_in_any_letters():
    assert lines("mail1", ["ANNA@example.org "]) == [1, 5]
    assert lines("mail2", ["carl@example.org"]) == [3]


def test_a_mailbox_that_is_not_in_the_list_for_the_mail_host_is_an_error():
    with pytest.raises(MailImportError) as refused:
        lines("mail1", ["anna@example.org", "carl@example.org", "zoe@example.org"])
    assert refused.value.message == "not in the list for mail1: carl@example.org, zoe@example.org"


def test_a_mailbox_of_another_host_of_the_play_is_left_to_that_host():
    """The last screen of a play over both names the failed ones of both."""
    failed = ["ben@example.org", "carl@example.org"]
    assert (lines("mail1", failed, {"mail1", "mail2"}), lines("mail2", failed, {"mail1", "mail2"})) == ([2], [3])
    assert lines("mail3", failed, {"mail1", "mail2", "mail3"}) == []
    with pytest.raises(MailImportError, match=r"not in the list for mail2: ben@example\.org"):
        lines("mail2", failed, {"mail2"})


def test_the_mailbox_of_a_row_is_the_one_on_the_mail_host():
    assert [mailbox_of(row) for row in ROWS[1:4]] == ["ben@example.org", "carl@example.org", ""]


def refusal(hosts, *arguments):
    rows = [Row("line %d" % line, {"email": "a@b.example", "mail_host": host}) for line, host in enumerate(hosts, 1)]
    with pytest.raises(MailImportError) as refused:
        refuse_rows_of_nobody(rows, *arguments)
    assert refused.value.reason == "invalid_row"
    return refused.value.message


def test_rows_that_no_host_would_import_are_refused_with_their_places():
    refuse_rows_of_nobody(ROWS, {"mail1", "mail2"})
    told = refusal(["mail1", "Mail1", "attic", "Mail1", *["cellar"] * 4], {"mail1", "mail2"})
    assert told == (
        "no host of the inventory has the name that mail_host gives in line 2, line 4 (is mail1 meant?), line 3, "
        "line 5, line 6 and 2 more. Nobody would import these mailboxes: correct their mail_host, add the host to the "
        "inventory, "
        "or, in CSV, quote a password that holds the separator"
    )
    assert "gives in line 1, line 2, line 3. Nobody" in refusal(["cellar"] * 3, {"mail1"})
    assert len(refusal(["host%d" % number for number in range(2000)] + ["x" * 9000 + "\n"], {"mail1"})) < 1000


def test_what_a_cell_holds_is_never_shown():
    """The end of a password that is not quoted gets into the next column."""
    rows = [Row("line 2", {"email": "a@b.example", "password": "pa", "mail_host": "SECRET"})]
    misread = Row("line 3", {"email": "c@b.example", "password": "pa", "mail_host": "HIDDEN"}, "has more cells")
    refuse_rows_of_nobody([misread], {"mail1"})
    with pytest.raises(MailImportError) as refused:
        refuse_rows_of_nobody([*rows, misread], {"mail1"})
    assert refused.value.message.startswith("line 3: has more cells. no host of the inventory")
    (warning,) = rows_of_others([*rows, misread], {"mail1"}, {"mail1", "mail2"})
    assert warning.endswith("mailboxes of the list for hosts that are not in the inventory (line 2)")
    for told in (refused.value.message, warning):
        assert "SECRET" not in told and "HIDDEN" not in told


def test_a_misread_row_is_told_of_and_its_passwords_are_not():
    """What it says of its host may be the end of a password: it must not be left to nobody."""
    misread = Row("line 3", {"email": "c@b.example", "password": "pa", "mail_host": "HIDDEN"}, "has more cells")
    assert select_rows([misread], "mail1") == [Row("line 3", {"email": "c@b.example"}, "has more cells")]
    for_mail2 = Row("line 3", {"email": "c@b.example", "mail_host": "mail2"}, "has more cells")
    assert select_rows([for_mail2], "mail1", (), {"mail1", "mail2"}) == []
    assert select_rows([for_mail2], "mail2", (), {"mail1", "mail2"}) != []


def test_a_mail_host_that_is_no_name_is_refused_and_left_to_nobody():
    assert select_rows([ROWS[1], Row("entry 2", {"mail_host": ["mail1"]})], "mail1", ["ben@example.org"]) == [ROWS[1]]


def test_with_only_the_other_rows_do_not_matter():
    refuse_rows_of_nobody(ROWS, {"mail1"}, ["BEN@example.org"])
    with pytest.raises(MailImportError, match="gives in line 3"):
        refuse_rows_of_nobody(ROWS, {"mail1"}, ["carl@example.org"])


def test_rows_that_no_host_of_the_play_or_every_host_imports_are_told():
    both = {"mail1", "mail2"}
    assert rows_of_others([], {"mail1"}, both) == ["the list holds no mailbox"]
    assert rows_of_others(ROWS, both, both) == []
    many = {"host%02d" % number for number in range(11)}
    for_many = [Row("line 1", {"email": "a@b.example", "mail_host": name}) for name in sorted(many)]
    assert rows_of_others(for_many, {"mail1"}, many)[0].endswith("host08 (1), host09 (1) and 1 more")
    assert rows_of_others(for_many[:10], {"mail1"}, many)[0].endswith("host08 (1), host09 (1)")
    assert rows_of_others(ROWS, {"mail1"}, both) == ["not imported by this play: mailboxes of the list for mail2 (1)"]
    assert rows_of_everybody(ROWS, 2) == [
        "3 mailboxes of the list name no mail_host, so each of the 2 hosts of this play imports them"
    ]
    assert rows_of_everybody(ROWS[1:3], 2) == []
