# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from dataclasses import replace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.imap_server.look import _mailbox_of
from ansible_collections.panel.mailimport.plugins.module_utils.imap.folder_names import encode_folder_name
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import FolderRules
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import (
    MailFiles,
    SourceFolder,
    prefixes_within,
)
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.plan import (
    clean_path,
    missing_folders,
    plan_folders,
)
from hypothesis import given, settings
from hypothesis import strategies as st


def host(layout="maildir++", separator=".", special_use=None):
    return MailFiles(0, 0, "maildir", "/m", "/m", None, layout, separator, special_use=special_use or {})


def folder(name, *attributes, raw_name=None, selectable=True):
    return SourceFolder(
        raw_name or name.encode(), tuple(name.split("/")), frozenset(use.encode() for use in attributes), selectable
    )


def targets(folders, location=None, known=None, **rules):
    plans = plan_folders(
        [folder(each) if isinstance(each, str) else each for each in folders],
        FolderRules(**rules),
        location or host(),
        known or {},
    )
    return {plan.source.name: "/".join(plan.target) for plan in plans}


def test_folders_keep_their_names_and_order():
    names = ["Sent", "INBOX", "A/B/C", "A", "Входящие", "Party 🎉", "case", "Case", " leading", "trailing ", "in  side"]
    plans = plan_folders([folder(name) for name in names], FolderRules(), host(), {})
    assert [("/".join(plan.target), plan.renamed) for plan in plans] == [(name, False) for name in names]


def test_folders_that_cannot_be_opened_are_left_out():
    assert targets([folder("A", selectable=False), "A/B"]) == {"A/B": "A/B"}


@pytest.mark.parametrize(
    ("rules", "chosen"),
    [
        ({}, ["INBOX", "A", "A/B", "AB", "[Gmail]/All Mail", "x*y"]),
        ({"include": ("A",)}, ["A", "A/B"]),
        ({"include": ("A*",)}, ["A", "A/B", "AB"]),
        ({"include": ("INBOX", "A?")}, ["INBOX", "AB"]),
        ({"include": ("A",), "exclude": ("A/B",)}, ["A"]),
        ({"exclude": ("A", "[Gmail]")}, ["INBOX", "AB", "x*y"]),
        ({"include": ("[Gmail]/All Mail", "x*y")}, ["[Gmail]/All Mail", "x*y"]),
        ({"include": ("a",)}, []),
    ],
)
def test_folders_and_exclude_folders(rules, chosen):
    assert list(targets(["INBOX", "A", "A/B", "AB", "[Gmail]/All Mail", "x*y"], **rules)) == chosen


@pytest.mark.parametrize(
    ("include", "missing"),
    [
        ((), []),
        (("INBOX", "A", "[Gmail]"), []),
        (("INBOX", "Typo", "Archive*", "a"), ["Typo", "a"]),
        (("A", "[Gmial]"), ["[Gmial]"]),
    ],
)
def test_names_that_no_folder_has(include, missing):
    assert (
        missing_folders([folder(name) for name in ("INBOX", "A/B", "[Gmail]/All Mail")], FolderRules(include=include))
        == missing
    )


@pytest.mark.parametrize("include", [("Typo",), ("Typo", "Arch*"), ("Arch*",), ("Closed",)])
def test_patterns_that_match_nothing_at_all(include):
    with pytest.raises(
        MailImportError, match=r"no folder of the source matches .*%s.*: it has INBOX, Sent$" % re.escape(include[-1])
    ) as caught:
        missing_folders(
            [folder("INBOX"), folder("Sent"), folder("Closed", selectable=False)], FolderRules(include=include)
        )
    assert caught.value.reason == "folder_missing"


@pytest.mark.parametrize(
    ("name", "location", "target"),
    [
        ("a.b", host(), "a_b"),
        ("a.b", host("maildir++", "/"), "a_b"),
        ("a.b", host("fs", "/"), "a.b"),
        ("a^b", host("fs", "^"), "a_b"),
        ("..", host("fs", "/"), "__"),
        (".", host("fs", "/"), "_"),
        ("cur", host("fs", "/"), "cur_"),
        ("cur", host(), "cur"),
        ("subscriptions", host("fs", "/"), "subscriptions_"),
        ("Lists/subscriptions.new", host("fs", "/"), "Lists/subscriptions_new"),
        ("maildirsize", host("fs", "/"), "maildirsize_"),
        ("dovecot", host("fs", "/"), "dovecot"),
        ("dovecot-uidlist", host("fs", "/"), "_dovecot-uidlist"),
        ("dovecot.index.log", host("fs", "/"), "_dovecot.index.log"),
        ("Dovecot", host("fs", "/"), "Dovecot"),
        ("dovecot", host(), "dovecot"),
        ("subscriptions", host(), "subscriptions"),
        ("~root", host(), "_root"),
        ("a~", host(), "a~"),
        ("bell\a\r\n\x7f\x85\u2028", host(), "bell______"),
        # No control characters, and people use them: an emoji of three, a blank that does not break, a mark of
        # direction.
        ("👩\u200d👧 a\u00a0b \u200f", host(), "👩\u200d👧 a\u00a0b \u200f"),
        ("Inbox", host(), "INBOX"),  # another one than INBOX would be out of sight
    ],
)
def test_what_the_host_cannot_have_in_a_name_is_replaced(name, location, target):
    assert targets([name], location) == {name: target}


def test_a_slash_inside_a_name_is_no_border():
    inner = SourceFolder(b"A&AC8-B", ("A/B",))
    (plan,) = plan_folders([inner], FolderRules(), host(), {})
    assert plan.target == ("A_B",) and plan.renamed


def test_a_renamed_folder_never_takes_the_name_of_another():
    assert targets(["a.b", "a_b", "a~/b", "a_b-2"]) == {"a.b": "a_b-3", "a_b": "a_b", "a~/b": "a~/b", "a_b-2": "a_b-2"}
    twin = SourceFolder(b"&AEkATgBCAE8AWA-", ("INBOX",))
    plans = plan_folders([twin, folder("INBOX")], FolderRules(), host(), {})
    assert [plan.target for plan in plans] == [("INBOX-2",), ("INBOX",)]


NAMES = st.text(min_size=1, max_size=300) | st.sampled_from(
    ["cur", "subscriptions", "subscriptions.lock", "dovecot", "dovecot-keywords", "maildirsize"]
)


@settings(deadline=None, database=None, max_examples=60)
@given(st.lists(st.lists(NAMES, min_size=1, max_size=4), max_size=6), st.sampled_from([host(), host("fs", "/")]))
def test_every_folder_gets_a_target_of_its_own_that_the_host_can_have(paths, location):
    folders = [SourceFolder(b"%d" % number, tuple(path)) for number, path in enumerate(paths)]
    plans = plan_folders(folders, FolderRules(), location, {})
    assert [plan.source for plan in plans] == folders
    assert len({plan.target for plan in plans}) == len(plans)
    for plan in plans:
        assert all(part and part not in (".", "..") and "/" not in part and "\0" not in part for part in plan.target)
        assert len(".".join(encode_folder_name(part).decode() for part in plan.target)) < 255
        assert plan.renamed == (plan.target != plan.source.path)
        # What is clean stays as it is: the next run finds the same names.
        assert clean_path(plan.target, location) == plan.target


def test_a_number_that_makes_a_name_too_long_is_cut_with_it():
    name = "x" * 230
    folders = [SourceFolder(b"%d" % number, (name,)) for number in range(3)]
    found = [plan.target for plan in plan_folders(folders, FolderRules(), host(), {})]
    assert found[0] == (name,) and len(set(found)) == 3
    assert all(clean_path(target, host()) == target for target in found)


def test_names_that_are_too_long_are_cut_and_told_apart():
    long = "x" * 300
    found = targets([long + "a", long + "b", "ж" * 200, "deep/" + "y" * 230])
    assert len(set(found.values())) == 4
    assert all(len(encode_folder_name(target)) <= 235 and "/" not in target for target in found.values())
    assert found[long + "a"].startswith("x" * 200)
    assert targets([long + "a"])[long + "a"] == found[long + "a"]


def test_a_name_without_end_takes_no_time():
    (target,) = targets(["ж" * 60_000]).values()
    assert target.startswith("ж")


SPECIAL = {"\\Sent": "Sent", "\\Trash": "Papierkorb.Alt", "\\Junk": "Spam"}


def test_special_use_folders_land_on_those_of_the_host():
    folders = [folder("Gesendet", "\\SENT"), folder("Müll", "\\TRASH"), folder("Drafts", "\\DRAFTS"), "Sonst"]
    assert targets(folders, host(special_use=SPECIAL)) == {
        "Gesendet": "Sent",
        "Müll": "Papierkorb/Alt",
        "Drafts": "Drafts",
        "Sonst": "Sonst",
    }
    assert targets(folders, host(special_use=SPECIAL), automap=False)["Gesendet"] == "Gesendet"


def test_two_folders_of_one_use_keep_their_names():
    for first in ("Sent", "Gesendet"):
        assert targets([folder(first, "\\SENT"), folder("Sent Items", "\\SENT")], host(special_use=SPECIAL)) == {
            first: first,
            "Sent Items": "Sent Items",
        }


def test_a_folder_that_has_the_name_only_makes_way_for_the_one_that_has_the_use():
    """They are two folders at the source, and stay two."""
    assert targets(["Sent", folder("Gesendet", "\\SENT")], host(special_use=SPECIAL)) == {
        "Sent": "Sent-2",
        "Gesendet": "Sent",
    }


def test_folder_map_wins_and_may_bring_folders_together():
    folders = [folder("Gesendet", "\\SENT"), "Old/Sent", "Sent", "Old"]
    mapping = {"Gesendet": "Archive/Sent", "Old/Sent": "Sent", "Old": "/Very//old.stuff/", "Nowhere": "x"}
    assert targets(folders, host(special_use=SPECIAL), mapping=mapping) == {
        "Gesendet": "Archive/Sent",
        "Old/Sent": "Sent",
        "Sent": "Sent",
        "Old": "Very/old_stuff",
    }


def test_folder_map_knows_inbox_in_any_letters():
    assert targets(["INBOX", "Old"], mapping={"Old": "inbox"}) == {"INBOX": "INBOX", "Old": "INBOX"}


@pytest.mark.parametrize("target", ["", "/", "//"])
def test_folder_map_must_name_a_folder(target):
    with pytest.raises(MailImportError, match="names no folder for A") as refused:
        targets(["A"], mapping={"A": target})
    assert refused.value.reason == "invalid_row"


def test_targets_of_an_earlier_run_stay():
    folders = ["A", folder("Gesendet", "\\SENT"), "B", "Elsewhere"]
    known = {b"A": "Elsewhere", b"Gesendet": "Gesendet", b"gone": "B"}
    assert targets(folders, host(special_use=SPECIAL), known, mapping={"A": "Other"}) == {
        "A": "Elsewhere",
        "Gesendet": "Gesendet",
        "B": "B-2",
        "Elsewhere": "Elsewhere-2",
    }


def test_many_folders_that_become_one_name_take_no_longer_than_others():
    """A source names its folders as it likes."""
    names = ["a" + "".join(chr(1 + number // 30**place % 30) for place in range(4)) for number in range(3000)]
    lines = Counter()

    def count(frame, event, argument):
        lines[event] += 1
        return count

    sys.settrace(count)
    try:
        found = targets(names)
    finally:
        sys.settrace(None)
    assert len(set(found.values())) == len(names)
    assert lines["line"] < 500 * len(names)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("source", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["Müll", "Ärger/Müll", "Входящий", "가나다", "Đã gửi"])
def test_d11_names_are_compared_whatever_way_their_letters_are_written(name, source, form):
    typed, there = unicodedata.normalize(form, name), unicodedata.normalize(source, name)
    assert list(targets(["INBOX", there], exclude=(typed,))) == ["INBOX"]
    beginning = unicodedata.normalize(form, name[:-1]) + "*"
    assert list(targets(["INBOX", there], exclude=(beginning,))) == ["INBOX"]
    assert list(targets(["INBOX", there + "/2024"], include=(typed,))) == [there + "/2024"]
    assert targets([there], mapping={typed: "Trash"}) == {there: "Trash"}
    assert missing_folders([folder("INBOX"), folder(there)], FolderRules(include=("INBOX", typed))) == []


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_d11_a_folder_keeps_the_letters_it_has(form):
    name = unicodedata.normalize(form, "Müll")
    assert targets([name]) == {name: name}


def test_a1_a_name_of_folder_map_that_the_host_cannot_have_is_told():
    location = replace(host(), separator="/", others_prefixes=("Public/",))
    rules = FolderRules(mapping={"A": "Public/x", "B": "Mine/y"})
    plans = plan_folders([folder("A"), folder("B"), folder("Public")], rules, location, {})
    assert [("/".join(plan.target), plan.renamed) for plan in plans] == [
        ("_Public/x", True),
        ("Mine/y", False),
        ("_Public", True),
    ]
    again = plan_folders([folder("A")], rules, location, {b"A": "_Public/x"})
    assert not again[0].renamed, "told once"


def test_a1_a_name_that_begins_like_a_prefix_of_others_is_none_of_theirs():
    told = [
        b"NAMESPACE",
        [[b"", b"/"]],
        [[b"~", b"/"], [b"#", None]],
        [[b"Shared", b"/"], [b"News.", b"."], [b"", b"/"]],
    ]
    prefixes = (*_mailbox_of([told]).others_prefixes, *prefixes_within("", ["user/%u/", "pub%d/"]))
    assert prefixes == ("~", "#", "Shared/", "News.", "user/")
    plans = plan_folders(
        [folder(name) for name in ("Shared", "SharedDocs", "user/x", "users", "public")],
        FolderRules(),
        replace(host(), separator="/", others_prefixes=prefixes),
        {},
    )
    assert ["/".join(plan.target) for plan in plans] == ["_Shared", "SharedDocs", "_user/x", "users", "public"]
    assert prefixes_within("INBOX.", ["INBOX.Shared.%u.", "INBOX.all%u.", "INBOX.", "Other."]) == ("Shared.",)
