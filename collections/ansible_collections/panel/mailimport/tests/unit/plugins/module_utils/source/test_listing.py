# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.responses import Literal
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.source.listing import MAX_FOLDERS, Listing
from hypothesis import given
from hypothesis import strategies as st


def listed(*lines):
    listing = Listing()
    for line in lines:
        listing.handle(line if isinstance(line, list) else [line])
    return listing.folders()


def paths(*lines):
    return [folder.path for folder in listed(*lines)]


def test_a_folder_with_all_that_is_said_of_it():
    (sent,) = listed(
        b'LIST (\\HasNoChildren \\sent) "/" "Sent/2024"',
        b'STATUS "Sent/2024" (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 5 HIGHESTMODSEQ 12345678901)',
        b'LSUB () "/" "Sent/2024"',
    )
    assert (sent.raw_name, sent.path, sent.name) == (b"Sent/2024", ("Sent", "2024"), "Sent/2024")
    assert sent.attributes == {b"\\HASNOCHILDREN", b"\\SENT"}
    assert (sent.selectable, sent.subscribed) == (True, True)
    assert (sent.messages, sent.uidnext, sent.uidvalidity, sent.highest_modseq) == (3, 9, 5, 12345678901)


@pytest.mark.parametrize(
    "name", [b"Fish & Chips", b"Trailing blank ", b'Say "hello"', b'5" disks', b"(NIL)x", b"In (brackets)"]
)
def test_a_name_that_the_server_forgets_to_quote_in_status(name):
    """GNU Mailutils does."""
    (folder,) = listed([b'LIST () "/" ', Literal(name), b""], b"STATUS %s (MESSAGES 3 UIDNEXT 9)" % name)
    assert (folder.raw_name, folder.messages, folder.uidnext) == (name, 3, 9)


def test_the_parent_of_a_subscribed_folder_is_not_subscribed():
    """RFC 3501 section 6.3.9; pymap says so of parents that are folders, too."""
    parent, child = listed(b'LIST () "/" A', b'LIST () "/" A/B', b'LSUB (\\noselect) "/" A', b'LSUB () "/" A/B')
    assert (parent.subscribed, child.subscribed) == (False, True)


def test_what_was_not_said_is_not_known():
    (folder,) = listed(b'LIST () "/" Sent')
    assert (folder.subscribed, folder.messages, folder.uidnext, folder.uidvalidity, folder.highest_modseq) == (
        False,
        None,
        None,
        None,
        None,
    )


def test_folders_keep_the_order_of_the_server():
    assert paths(b"LIST () NIL b", b"LIST () NIL a", b"LIST () NIL INBOX") == [("b",), ("a",), ("INBOX",)]


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (b'LIST () "." "A.B.C"', ("A", "B", "C")),
        (b'LIST () "/" "A.B/C"', ("A.B", "C")),
        (b'LIST () "\\\\" "A\\\\B"', ("A", "B")),
        (b'LIST () NIL "A/B.C"', ("A/B.C",)),
        (b'LIST () "" "A/B"', ("A/B",)),
        (b'LIST () "|" A|B', ("A", "B")),
        (b'LIST () "/" "/A//B/"', ("A", "B")),
        (b'LIST () "/" "&BBIERQQ+BDQ-/&ACY-"', ("Вход", "&")),
        (b'LIST () "/" "&AC8-"', ("/",)),  # not a separator: it is encoded
        ([b'LIST () "/" ', Literal(b'a "literal"\\'), b""], ('a "literal"\\',)),
    ],
)
def test_separators(line, path):
    assert paths(line) == [path]


@pytest.mark.parametrize("name", [b"INBOX", b"inbox", b'"Inbox"'])
def test_inbox_is_inbox_in_any_letters(name):
    (inbox,) = listed(b'LIST () "/" ' + name, b"LSUB () NIL iNBOX", b"STATUS Inbox (MESSAGES 4)")
    assert (inbox.raw_name, inbox.path, inbox.subscribed, inbox.messages) == (b"INBOX", ("INBOX",), True, 4)


def test_other_names_that_differ_in_letters_are_others():
    assert paths(b'LIST () "/" Case', b'LIST () "/" case', b'LIST () "/" INBOX2') == [("Case",), ("case",), ("INBOX2",)]


@pytest.mark.parametrize("attribute", [b"\\Noselect", b"\\NonExistent", b"\\NOSELECT"])
def test_folders_that_cannot_be_opened(attribute):
    assert [folder.selectable for folder in listed(b'LIST (%s) "/" A' % attribute, b'LIST () "/" "A/B"')] == [
        False,
        True,
    ]


def test_a_folder_listed_twice_is_one():
    (folder,) = listed(b'LIST (\\Sent) "/" A', b'LIST (\\Subscribed) "/" A')
    assert folder.attributes >= {b"\\SENT"} and folder.subscribed


def test_the_personal_prefix_is_left_out_of_names():
    assert paths(
        b'NAMESPACE (("INBOX." ".")) NIL NIL',
        b'LIST () "." INBOX',
        b'LIST () "." "INBOX.Sent"',
        b'LIST () "." "INBOX.A.B"',
        b'LIST () "." "INBOX."',
    ) == [("INBOX",), ("Sent",), ("A", "B")]


def test_a4_the_personal_prefix_is_compared_with_its_separator_too():
    names = [b"Mail", b"Mailing", b"Mail/Sent", b"Mail/"]
    assert paths(b'NAMESPACE (("Mail" "/")) NIL NIL', *(b'LIST () "/" ' + name for name in names)) == [
        ("Mail",),
        ("Mailing",),
        ("Sent",),
    ]


@pytest.mark.parametrize("inner", [b"INBOX.INBOX", b"INBOX.Inbox"])
def test_a_folder_below_the_prefix_is_never_taken_for_inbox(inner):
    assert paths(b'NAMESPACE (("INBOX." ".")) NIL NIL', b'LIST () "." ' + inner, b'LIST () "." INBOX') == [
        ("INBOX", inner[6:].decode()),
        ("INBOX",),
    ]


def test_folders_of_others_belong_to_another_import():
    namespaces = b'NAMESPACE (("" "/")) (("Other Users/" "/")("~" "/")) (("Shared/" "/")("" "/"))'
    names = (b"INBOX", b'"Other Users/bert"', b"~carl/Sent", b"Shared/News", b"Sharedish", b"Mine")
    assert paths(namespaces, *(b'LIST () "/" ' + name for name in names)) == [("INBOX",), ("Sharedish",), ("Mine",)]


@pytest.mark.parametrize(
    "line",
    [
        b"NAMESPACE",
        b"NAMESPACE NIL",
        b"NAMESPACE NIL NIL NIL",
        b"NAMESPACE (()) ((NIL)) x",
        b'NAMESPACE (("" NIL)) NIL NIL',
    ],
)
def test_odd_namespaces_do_no_harm(line):
    assert paths(line, b'LIST () "/" "A/B"') == [("A", "B")]


@pytest.mark.parametrize(
    "line",
    [
        b"STATUS",
        b"STATUS A",
        b"STATUS A ()",
        b"STATUS A (MESSAGES)",
        b"STATUS A (MESSAGES NIL)",
        b"STATUS A (MESSAGES x)",
        b"STATUS A (MESSAGES 99999999999999999999)",
        b"STATUS A (MESSAGES 4294967296)",
        b"STATUS B (MESSAGES 5)",
        b"STATUS (A) (MESSAGES 5)",
    ],
)
def test_odd_figures_count_as_not_given(line):
    (folder,) = listed(b'LIST () "/" A', line)
    assert folder.messages is None


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b'LIST () "/" Sent Items', b"Sent Items"),
        (b'LIST () "/" Sent Items ', b"Sent Items"),
        (b'LIST () "/"  Sent  Items', b"Sent  Items"),
        (b'LIST () "/" "Sent" Items', b'"Sent" Items'),
        (b'LIST () "/" Sent (2019)', b"Sent (2019)"),
        (b'LIST () "/" (Sent)', b"(Sent)"),
        (b'LIST () "/" Sent)', b"Sent)"),
        (b'LIST () "/" 5" disks', b'5" disks'),
        (b'LIST () "/" "open', b'"open'),
        (b'LIST () "/" NIL', b"NIL"),
        (b'LIST () "/" nil', b"nil"),
        (b"LIST () NIL NIL", b"NIL"),
        (b'LIST () "/" NIL NIL', b"NIL NIL"),
        (b'LIST (\\Marked "/" "Sent"', b"Sent"),
        (b'LIST \\Marked) "/" Sent', b'\\Marked) "/" Sent'),
        (b'LIST A "/" B', b'A "/" B'),
        (b'list\t()\t"/"\tSent', b"Sent"),
        (b'LIST () "/" "Sent" ("CHILDINFO" ("SUBSCRIBED"))', b"Sent"),
        (b'LIST () "/" Sent Items ("CHILDINFO" ("SUBSCRIBED"))', b"Sent Items"),
        (b'LIST () "/" Sent ("OLDNAME" ("Gesendet"))', b"Sent"),
        ([b'LIST () "/" ', Literal(b"Sent"), b' ("OLDNAME" ("Gesendet"))'], b"Sent"),
        ([b'LIST () "/" ', Literal(b"Sent"), b" Items"], b"Sent Items"),
        ([b"LIST () ", Literal(b"/"), b" Sent"], b"Sent"),
    ],
)
def test_a3_b6_what_stands_behind_the_separator_is_the_name(line, name):
    """Nothing of it is thrown away. A name that is none cannot be opened, which is told, and costs no other folder."""
    assert [folder.raw_name for folder in listed(line, b'LIST () "/" A')] == [name, b"A"]


@pytest.mark.parametrize("line", [b"LIST", b"LIST ()", b"LIST () NIL", b"LIST  "])
def test_a_list_without_a_name_costs_nothing(line):
    assert paths(line, b'LIST () "/" A')[-1] == ("A",)


@pytest.mark.parametrize("name", [b"/", b"//", b'""'])
def test_c10_a_folder_without_a_name_is_listed(name):
    (folder,) = listed(b'LIST () "/" ' + name)
    assert folder.path == ((name.decode() if name != b'""' else "(no name)"),)


@pytest.mark.parametrize(
    ("namespace", "foreign", "own"),
    [
        (b'(("" ".")) NIL (("#Public" "."))', [b"#Public", b"#Public.News"], [b"#Publications", b"#Publi"]),
        (b'(("" "/")) (("user" "/")) NIL', [b"user/bert"], [b"userfiles", b"users/bert", b"use"]),
        (b'(("" "/")) (("~" "/")) NIL', [b"~bert", b"~bert/Sent"], [b"bert"]),
        (b'(("" "/")) (("Shared/" "/")) NIL', [b"Shared/News"], [b"Shared", b"Sharedish"]),
        (b'(("" NIL)) NIL (("Public" NIL))', [b"Public"], []),
    ],
)
def test_a4_a_prefix_is_compared_with_its_separator(namespace, foreign, own):
    listing = Listing()
    listing.handle([b"NAMESPACE " + namespace])
    for name in foreign + own:
        listing.handle([b'LIST () "/" ' + name])
    assert [folder.raw_name for folder in listing.folders()] == own
    assert listing.foreign_folders() == [name.decode() for name in foreign]


def test_other_answers_are_no_business_of_a_listing():
    assert listed(b"OK hello", b"5 EXISTS", b"FLAGS (x", b"LSUB () x", b"", b'ID ("a" "b")') == []


def test_folders_without_end_are_refused():
    listing = Listing()
    with pytest.raises(MailImportError, match="more than %d folders" % MAX_FOLDERS):
        for number in range(MAX_FOLDERS + 1):
            listing.handle([b'LIST () "/" %d' % number])


@given(st.sampled_from([b"LIST", b"LSUB", b"STATUS", b"NAMESPACE"]), st.text('()" \\NILabc/.&-0', max_size=30))
def test_no_answer_makes_a_listing_fail_otherwise(word, text):
    try:
        listed(b'LIST () "/" a', word + b" " + text.encode())
    except MailImportError as error:
        assert error.reason == "protocol_error"


def test_what_a_listing_takes_of_memory_is_bounded():
    """By the length of its names, and by what else is said of a folder."""
    listing = Listing()
    with pytest.raises(MailImportError, match="to list its folders"):
        for number in range(MAX_FOLDERS):
            listing.handle([b'LIST () "/" %d%s' % (number, b"x" * 100_000)])


def test_a_folder_has_a_few_attributes():
    listing = Listing()
    with pytest.raises(MailImportError, match="attributes"):
        for number in range(10_000):
            listing.handle([b'LIST (\\a%d) "/" Sent' % number])


def test_figures_that_nobody_asked_for_are_not_kept():
    listing = Listing()
    listing.handle([b'LIST () "/" Sent'])
    listing.handle([b"STATUS Sent (MESSAGES 3 %s)" % b" ".join(b"X%d 1" % number for number in range(1000))])
    assert listing._entries[b"Sent"].figures == {b"MESSAGES": 3}
