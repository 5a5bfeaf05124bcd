# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import tracemalloc

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.flags import MOST_KEYWORDS
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.store.base import FlagChange
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.letters import (
    FolderFlags,
    messages_that_differ,
)
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.store import MaildirStore
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.tree import MaildirTree

A = ("A",)


@pytest.mark.parametrize(
    ("flags", "letters", "lost"),
    [
        ((), "", set()),
        ((b"\\Seen", b"\\Answered", b"\\Flagged", b"\\Deleted", b"\\Draft"), "DFRST", set()),
        ((b"\\SEEN", b"\\recent", b"\\Seen"), "S", set()),
        ((b"x", b"\\Seen", b"Y"), "Sab", set()),
        ((b"$Forwarded", b"\\Forwarded"), "a", set()),
        ((b"\\NotJunk", b"$notjunk"), "a", set()),
        (
            (b"\\X-EON-HAS-ATTACHMENT", b"\\*", b"a b", b"sp\xc3\xa4m", b"", b"\\Seen"),
            "S",
            {b"\\X-EON-HAS-ATTACHMENT", b"\\*", b"a b", b"sp\xc3\xa4m", b""},
        ),
        ((b"label:1", b"a.b/c", b"[x]", b"(x"), "ab", {b"[x]", b"(x"}),
    ],
)
def test_letters(directory, flags, letters, lost):
    known = FolderFlags(directory, shared=True)
    assert known.letters(flags) == letters
    assert known.lost == lost


def test_keywords_keep_their_letters(directory, tmp_path):
    (tmp_path / "dovecot-keywords").write_bytes(b"0 NonJunk\n5 $label1\n")
    known = FolderFlags(directory, shared=True)
    assert known.letters((b"$Label1", b"new", b"nonjunk")) == "abf"
    assert known.letters((b"NEW",)) == "b"
    assert (tmp_path / "dovecot-keywords").read_bytes() == b"0 NonJunk\n5 $label1\n1 new\n"
    assert FolderFlags(directory, shared=True).letters((b"new",)) == "b"


def test_what_dovecot_adds_meanwhile_keeps_its_letter(directory, tmp_path):
    known = FolderFlags(directory, shared=True)
    assert known.letters((b"first",)) == "a"
    with (tmp_path / "dovecot-keywords").open("ab") as stream:
        stream.write(b"1 of-dovecot\n")
    assert known.letters((b"second",)) == "c"
    assert known.letters((b"of-dovecot",)) == "b"
    assert (tmp_path / "dovecot-keywords").read_bytes() == b"0 first\n1 of-dovecot\n2 second\n"


def test_the_27th_keyword_has_no_letter_and_is_told(directory):
    known = FolderFlags(directory, shared=True)
    letters = [known.letters((b"k%d" % number, b"\\Seen")) for number in range(28)]
    assert letters == ["S" + chr(ord("a") + number) for number in range(26)] + ["S", "S"]
    assert known.beyond_letters((b"\\Seen", b"k25", b"k26", b"k27")) == (b"k26", b"k27")
    assert known.lost == set()


@pytest.fixture
def imported(location, root, origin, message):
    """A folder with messages 1 (\\Seen), 2 (no flags), 3 (key)."""
    store = MaildirStore(location())
    writer = store.open_folder(A, origin(), False)
    for uid, flags in ((1, [b"\\Seen"]), (2, []), (3, [b"key"])):
        writer.add(message(uid, flags=flags))
    writer.mark_complete()
    store.commit()
    return store


def info(root):
    return {int(name[:10]): name.partition(":2,")[2] for name in os.listdir(root / ".A" / "cur")}


def test_flags_of_the_source_are_carried_over(imported, root, origin):
    changes = {
        1: FlagChange(remove=(b"\\seen",)),
        2: FlagChange((b"\\Flagged", b"new"), (b"key",)),
        3: FlagChange((b"KEY",)),
        9: FlagChange((b"\\Seen",)),
    }
    assert imported.change_flags(A, origin(), changes) == 2
    assert info(root) == {1: "", 2: "Fb", 3: "a"}
    assert imported.change_flags(A, origin(), changes) == 0
    assert imported.change_flags(A, origin(b"B"), {1: FlagChange((b"\\Seen",))}) == 0


def test_flags_that_are_not_named_stay(imported, root, origin):
    assert imported.change_flags(A, origin(), {1: FlagChange((b"\\Flagged",)), 3: FlagChange((b"\\Seen",))}) == 2
    assert info(root) == {1: "FS", 2: "", 3: "Sa"}


def test_what_would_change_is_known_without_changing_it(imported, root, origin, location):
    changes = {
        1: FlagChange((b"\\Seen",), (b"\\Flagged", b"key")),
        2: FlagChange((b"new",)),
        3: FlagChange((b"Key",), (b"\\Recent",)),
        9: FlagChange((b"\\Seen",)),
    }
    before = info(root)
    tree = MaildirTree(location())
    assert messages_that_differ(tree, A, origin(), changes) == {2}
    assert messages_that_differ(tree, A, origin(), {3: FlagChange(remove=(b"KEY",))}) == {3}
    assert messages_that_differ(tree, ("Absent",), origin(), changes) == set()
    tree.close()
    assert info(root) == before and not (root / ".Absent").exists()
    assert (root / ".A" / "dovecot-keywords").read_text() == "0 key\n"


def test_letters_in_another_order_are_no_change(imported, root, origin):
    cur = root / ".A" / "cur"
    (name,) = [name for name in os.listdir(cur) if name.startswith("0000000003")]
    os.rename(cur / name, cur / (name.partition(":2,")[0] + ":2,aS"))
    assert imported.change_flags(A, origin(), {3: FlagChange((b"\\Seen", b"key"))}) == 0


def test_flags_of_a_message_that_nobody_has_opened_yet(imported, root, origin):
    (name,) = [name for name in os.listdir(root / ".A" / "cur") if name.startswith("0000000002")]
    os.rename(root / ".A" / "cur" / name, root / ".A" / "new" / name.partition(":2,")[0])
    assert imported.change_flags(A, origin(), {2: FlagChange((b"\\Seen",))}) == 1
    assert info(root)[2] == "S" and os.listdir(root / ".A" / "new") == []


def test_a_message_that_is_renamed_meanwhile_gets_its_flags_all_the_same(imported, root, origin, monkeypatch):
    """Dovecot renames a file when its user reads the message."""
    cur = root / ".A" / "cur"
    rename = os.rename

    def read_by_the_user(source, target, **options):
        monkeypatch.setattr(os, "rename", rename)
        (name,) = [name for name in os.listdir(cur) if name.startswith("0000000002")]
        rename(cur / name, cur / (name + "S"))
        rename(source, target, **options)

    monkeypatch.setattr(os, "rename", read_by_the_user)
    assert imported.change_flags(A, origin(), {2: FlagChange((b"\\Flagged",)), 3: FlagChange((b"key", b"\\Seen"))}) == 2
    assert info(root) == {1: "S", 2: "FS", 3: "Sa"}


def test_a_folder_without_the_directory_of_seen_mail_does_not_keep_a_run_for_ever(imported, root, origin):
    (root / ".A" / "new").rmdir()
    (root / ".A" / "cur").rename(root / ".A" / "new")
    with pytest.raises(MailImportError, match="run the task again"):
        imported.change_flags(A, origin(), {2: FlagChange((b"\\Seen",))})


def test_keywords_that_could_not_be_kept_are_named_for_all_folders(imported, origin, message):
    writer = imported.open_folder(("B",), origin(b"B"), False)
    writer.add(message(1, flags=[b"\\X-Odd", b"gr\xc3\xbcn"]))
    writer.mark_complete()
    imported.commit()
    imported.change_flags(A, origin(), {1: FlagChange((b"\\Another",))})
    assert imported.lost_keywords() == ["\\Another", "\\X-Odd", "gr\ufffd\ufffdn"]


def test_flags_of_a_folder_that_its_owner_has_removed(location, origin):
    store = MaildirStore(location())
    assert store.change_flags(A, origin(), {1: FlagChange((b"\\Seen",))}) == 0
    assert not os.path.exists(store.location.root + "/.A")


def test_a_source_that_makes_up_flags_takes_little_memory(directory):
    known = FolderFlags(directory, shared=False)
    tracemalloc.start()
    for number in range(6_000):
        known.letters((b"\\Odd%d%s" % (number, b"x" * 5_000),))
        known.letters((b"keyword%d" % number,))
    used, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 4 << 20
    kept = [
        number
        for number in range(6_000)
        if known.letters((b"keyword%d" % number,)) or known.beyond_letters((b"keyword%d" % number,))
    ]
    assert len(kept) == MOST_KEYWORDS + 26
    assert len(known.lost) == MOST_KEYWORDS
