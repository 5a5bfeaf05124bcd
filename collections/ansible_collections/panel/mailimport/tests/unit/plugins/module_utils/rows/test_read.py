# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists of mailboxes in all the forms people have them, and what is told of those that cannot be read."""

from __future__ import annotations

import codecs

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.rows.read import read_rows
from hypothesis import given
from hypothesis import strategies as st

ANNA = {"email": "anna@example.org", "password": "secret"}
BEN = {"email": "ben@example.org", "password": "s3cret"}


def values(text: str):
    rows = read_rows(text.encode("utf-8"))
    assert [row.problem for row in rows] == [None] * len(rows)
    return [dict(row.values) for row in rows]


def problems(text: str):
    return [(row.place, row.problem) for row in read_rows(text.encode("utf-8")) if row.problem]


def refusal(data: bytes) -> str:
    with pytest.raises(MailImportError) as refused:
        read_rows(data)
    assert refused.value.reason == "invalid_row"
    return refused.value.message


@pytest.mark.parametrize("separator", [",", ";", ":", "\t"])
def test_the_panel_s_two_columns_with_each_separator(separator):
    assert values("anna@example.org%ssecret\nben@example.org%ss3cret\n" % (separator, separator)) == [ANNA, BEN]


def test_every_line_has_a_separator_of_its_own():
    assert values("anna@example.org:secret\nben@example.org,s3cret") == [ANNA, BEN]


@pytest.mark.parametrize(
    "password",
    ["a,b;c:d\te", ":", " blanks  inside and around ", "p@ss", 'quote"inside', "#hash", "a\u2028b\x0bc", "пароль"],
)
def test_all_behind_the_first_separator_is_the_password_as_it_is(password):
    assert values("anna@example.org,%s\nben@example.org:s3cret" % password) == [{**ANNA, "password": password}, BEN]


@pytest.mark.parametrize(
    ("written", "password"),
    [
        ('"a,b;c:d"', "a,b;c:d"),
        ('"say ""hello"""', 'say "hello"'),
        ('"""', None),
        ('"', None),
        ('"open', None),
        ('"a"b', None),
        ('"a",b', None),
        ('"a",', "a"),
    ],
)
def test_a_quoted_password_is_read_by_the_rules_of_csv(written, password):
    rows = read_rows(("anna@example.org,%s\nben@example.org,s3cret" % written).encode())
    assert dict(rows[1].values) == BEN, "the row behind is not swallowed"
    if password is None:
        assert rows[0].problem and "password" not in rows[0].values
    else:
        assert (rows[0].problem, dict(rows[0].values)) == (None, {**ANNA, "password": password})


def test_address_may_be_quoted_and_stand_between_blanks():
    assert values('"anna@example.org",secret\n  ben@example.org ;s3cret') == [ANNA, BEN]


def test_address_alone_is_a_row_without_password():
    assert values("anna@example.org\nben@example.org,") == [{"email": "anna@example.org"}, {"email": "ben@example.org"}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_comments_blank_lines_byte_order_mark_and_line_ends(end):
    lines = ["# our list", "", "anna@example.org,secret", "   ", "  # and Ben", "ben@example.org,s3cret", ""]
    rows = read_rows(codecs.BOM_UTF8 + end.join(lines).encode())
    assert [(row.place, dict(row.values)) for row in rows] == [("line 3", ANNA), ("line 6", BEN)]


@pytest.mark.parametrize("separator", [",", ";", ":", "\t"])
def test_header_names_the_columns_in_any_order(separator):
    header = ["Source-Port", "PASSWORD", "e mail", "mail_host", "ignoreExisting"]
    cells = ["1993", "secret", "anna@example.org", "mail1", "no"]
    assert values(separator.join(header) + "\n" + separator.join(cells)) == [
        {**ANNA, "source_port": "1993", "mail_host": "mail1", "ignore_existing": "no"}
    ]


def test_cells_under_a_header_are_read_by_the_rules_of_csv():
    text = (
        'email;password;owner\nanna@example.org;"se;cr""et";  customer1 \nben@example.org; s3cret '
        ";\n;;\ncarl@example.org;x\n"
    )
    assert values(text) == [
        {"email": "anna@example.org", "password": 'se;cr"et', "owner": "customer1"},
        {"email": "ben@example.org", "password": " s3cret "},
        {"email": "carl@example.org", "password": "x"},
    ]


def test_header_of_microsoft_s_list():
    assert values("EmailAddress,UserName,Password\nanna@example.org,contoso\\anna,secret") == [
        {**ANNA, "source_user": "contoso\\anna"}
    ]


IMAPSYNC = {
    "source_host": "imap.old.example",
    "source_user": "anna.old",
    "source_password": "secret",
    "target_password": "new",
}


@pytest.mark.parametrize(
    "header", ["host1;user1;password1;host2;user2;password2", "#host1;user1;password1;host2;user2;password2"]
)
def test_header_of_imapsync_s_list(header):
    row = "imap.old.example;anna.old;secret;mail1;anna@example.org;new;"
    assert values("# An example\n%s\n%s" % (header, row) if header.startswith("#") else "%s\n%s" % (header, row)) == [
        {**IMAPSYNC, "email": "anna@example.org"}
    ]


def test_imapsync_s_second_user_may_be_left_out_but_microsoft_s_address_may_not():
    assert (
        values("host1;user1;password1;host2;user2;password2\nh;anna@example.org;secret;;;new")[0]["email"]
        == "anna@example.org"
    )
    assert "email" not in values("EmailAddress,UserName,Password\n,anna@example.org,secret")[0]


def test_a_password_called_email_is_no_header():
    assert values("anna@example.org,email\nben@example.org,s3cret") == [{**ANNA, "password": "email"}, BEN]


def test_lines_that_cannot_be_read_are_named_and_hide_no_other():
    text = "anna.example.org,secret\nanna@example.org,secret\n,secret\nimap.example;anna;secret\nben@example.org,s3cret"
    assert [place for place, _problem in problems(text)] == ["line 1", "line 3", "line 4"]
    assert [dict(row.values) for row in read_rows(text.encode()) if not row.problem] == [ANNA, BEN]


def test_lines_that_cannot_be_read_under_a_header():
    text = 'email,password\nanna@example.org,sec,ret\nben@example.org,"s3cret\ncarl@example.org,x\n'
    assert [(place, problem.split(":")[0]) for place, problem in problems(text)] == [
        ("line 2", "has more cells than the header has columns"),
        ("line 3", "its double quotes do not match"),
    ]
    assert read_rows(text.encode())[-1].values["email"] == "carl@example.org"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("anna@example.org,secret\nben@example.org,gehe\xedm".encode("latin-1"), ["line 2", "UTF-8"]),
        ("anna@example.org,secret".encode("utf-16"), ["UTF-16", "UTF-8"]),
        ("anna@example.org,secret\n".encode("utf-16-le"), ["NUL", "line 1"]),
        (b"anna@example.org,secret\r\nben@example.org,\0", ["NUL", "line 2"]),
        (
            b"email,password,mail_hots,Telephone\nanna@example.org,secret,x,y",
            ["mail_hots, Telephone", "mail_host", "source_port"],
        ),
        (b"# list\nmail,pass\nanna@example.org,secret", ["line 2", "email"]),
        (b"email,e-mail\nanna@example.org,x", ["two columns for email"]),
        (b"anna@example.org;secret\nemail;password;owner\nben@example.org;secret;x", ["line 2 is a header"]),
        (b"user1;user2;email\na;b;c", ["two columns for email"]),
        (b"$ANSIBLE_VAULT;1.1;AES256\n3130", ["Ansible Vault", "remote_src"]),
    ],
)
def test_what_is_no_list_is_refused_as_a_whole(data, words):
    message = refusal(data)
    assert all(word in message for word in words), message
    assert "secret" not in message


@given(st.lists(st.text(st.sampled_from("abC@.,;:\t\"'# \\é0\n\r\u2028"), max_size=30)))
def test_any_text_is_rows_or_a_refusal_and_tells_no_cell(lines):
    secret = "geh31m"
    text = "\n".join(line + secret for line in lines)
    try:
        rows = read_rows(text.encode("utf-8"))
    except MailImportError as error:
        assert secret not in error.message
        return
    for row in rows:
        assert secret not in repr(row)
        assert row.problem or row.values


@given(st.text(min_size=1).filter(lambda text: not set(text) & set("\r\n\0") and text.isprintable()))
def test_any_printable_password_survives_when_it_is_quoted(password):
    quoted = '"%s"' % password.replace('"', '""')
    for text in (
        "anna@example.org,%s",
        "anna@example.org:%s",
        "email;password\nanna@example.org;%s",
        "password,email\n%s,anna@example.org",
    ):
        assert values(text % quoted) == [{"email": "anna@example.org", "password": password}]


def test_ten_thousand_rows_are_ten_thousand_rows():
    text = "email,password\n" + "".join("user%d@example.org,pass %d\n" % (number, number) for number in range(10_000))
    rows = read_rows(text.encode())
    assert len(rows) == 10_000
    assert (rows[-1].place, dict(rows[-1].values)) == (
        "line 10001",
        {"email": "user9999@example.org", "password": "pass 9999"},
    )


IMAPSYNC_ROWS = """\
imap.old.example;anna;geheim 1;localhost;anna@example.org;neu 1
imap.old.example;ben@old.example;geheim 2;;ben@example.org;neu 2;
"""


@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_b10_imapsync_s_own_list_needs_no_header(separator: str) -> None:
    anna, ben = read_rows(IMAPSYNC_ROWS.replace(";", separator).encode())
    assert (anna.problem, ben.problem) == (None, None)
    assert anna.values == {
        "source_host": "imap.old.example",
        "source_user": "anna",
        "source_password": "geheim 1",
        "email": "anna@example.org",
        "target_password": "neu 1",
    }
    assert ben.values["email"] == "ben@example.org" and ben.place == "line 2"


def test_b10_options_of_imapsync_are_refused_row_by_row() -> None:
    anna, ben = read_rows(IMAPSYNC_ROWS.replace("neu 2;", "neu 2;--automap --secret geheim").encode())
    assert anna.problem is None
    assert "imapsync's six columns" in str(ben.problem) and "geheim" not in str(ben.problem)


def test_b10_addresses_and_passwords_are_not_taken_for_it() -> None:
    (row,) = read_rows(b"anna@example.org;a;b@c;d;e@f;g")
    assert row.values == {"email": "anna@example.org", "password": "a;b@c;d;e@f;g"}


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=\t"])
@pytest.mark.parametrize("header", ["email;password\n", ""])
def test_d12_a_spreadsheet_s_separator_line_does_not_count(line: str, header: str) -> None:
    (row,) = read_rows(("%s\r\n%sanna@example.org;geheim\r\n" % (line, header)).encode())
    assert row.values == {"email": "anna@example.org", "password": "geheim"} and row.problem is None


@pytest.mark.parametrize("separator", [";", ",", "\t", ":"])
def test_d12_a_separator_at_the_end_of_every_line_is_no_part_of_passwords(separator: str) -> None:
    text = "anna@example.org;geheim;\nben@example.org;auch;\n".replace(";", separator)
    with pytest.raises(MailImportError, match="would be part of every password") as error:
        read_rows(text.encode())
    assert "geheim" not in error.value.message
    # Under a header, it is an empty column; and some passwords do end so.
    assert [row.problem for row in read_rows(("email;password;\n".replace(";", separator) + text).encode())] == [
        None
    ] * 2
    assert read_rows(text.replace("auch" + separator, "auch").encode())[0].values["password"] == "geheim" + separator


def test_b10_the_first_row_may_leave_the_target_server_out() -> None:
    (row,) = read_rows(b"imap.old.example;anna;geheim;;anna@example.org;neu")
    assert row.values["email"] == "anna@example.org" and row.problem is None
