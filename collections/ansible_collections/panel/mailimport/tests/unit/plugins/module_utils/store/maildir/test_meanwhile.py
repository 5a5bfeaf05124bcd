# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Maildir store when the folder, or the source, is not any more what it was when its stage was begun."""

from __future__ import annotations

import os

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.store.base import FlagChange
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir import control_files
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir import stage as maildir_stage
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir import store as maildir
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.store import MaildirStore
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.tree import MaildirTree

A = ("A",)
INBOX = ("INBOX",)


def keywords(folder):
    """The keywords of each message of a folder, as Dovecot reads them."""
    names = dict(line.split(" ", 1) for line in (folder / "dovecot-keywords").read_text().splitlines())
    letters = (file.name.split(":2,")[1] for file in (folder / "cur").iterdir())
    return sorted(sorted(names[str(ord(letter) - ord("a"))] for letter in some if letter.islower()) for some in letters)


def test_two_folders_that_become_one_keep_their_keywords(store, root, origin, message):
    writers = [store.open_folder(A, origin(name), False) for name in (b"Sent", b"Sent Items")]
    writers[0].add(message(1, flags=[b"$Forwarded", b"\\Seen"]))
    writers[1].add(message(1, flags=[b"NonJunk", b"Work"]))
    writers[1].add(message(2, flags=[b"Work", b"\\Flagged"]))
    for writer in writers:
        writer.mark_complete()
    store.commit()
    assert keywords(root / ".A") == [["$Forwarded"], ["NonJunk", "Work"], ["Work"]]
    assert sorted(
        "".join(filter(str.isupper, file.name.split(":2,")[1])) for file in (root / ".A" / "cur").iterdir()
    ) == ["", "F", "S"]


def test_mail_that_came_into_an_empty_inbox_keeps_its_keywords_and_ours_too(store, root, origin, message):
    writer = store.open_folder(INBOX, origin(b"INBOX"), False)
    writer.add(message(1, flags=[b"Work"]))
    writer.mark_complete()
    for part in ("cur", "new", "tmp"):
        (root / part).mkdir(exist_ok=True)
    (root / "cur" / "1700000000.M1.host:2,a").write_bytes(b"body")
    (root / "dovecot-keywords").write_text("0 $Junk\n")
    store.commit()
    assert keywords(root) == [["$Junk"], ["Work"]]


def test_keywords_that_find_no_letter_any_more_are_told(location, root, origin, message):
    store = MaildirStore(location())
    writers = [store.open_folder(A, origin(name), False) for name in (b"Sent", b"Sent Items")]
    writers[0].add(message(1, flags=[b"K%d" % number for number in range(26)]))
    writers[1].add(message(1, flags=[b"Late"]))
    for writer in writers:
        writer.mark_complete()
    store.commit()
    assert store.lost_keywords() == ["Late"]


@pytest.mark.parametrize("uidvalidity", [77, 0])
def test_a_folder_that_could_not_be_shown_at_once_has_each_uid_once(
    store, root, origin, message, uidlist, monkeypatch, uidvalidity
):
    for part in ("cur", "new", "tmp"):
        (root / part).mkdir()
    writer = store.open_folder(INBOX, origin(b"INBOX", uidvalidity), False)
    for uid in (1, 2, 3):
        writer.add(message(uid))
    writer.mark_complete()

    def busy(directory, name):
        raise MailImportError("host_refused", "somebody holds the lock")

    with monkeypatch.context() as patched:
        patched.setattr(control_files, "dotlock", busy)
        with pytest.raises(MailImportError, match="holds the lock"):
            store.commit()
    store.commit()
    assert len(os.listdir(root / "cur")) == 3
    if uidvalidity:
        assert [uid for uid, _name in uidlist(root)[1]] == [1, 2, 3]


def test_keywords_beyond_the_letters_are_told_when_dovecot_does_not_take_them(
    location, root, origin, message, monkeypatch
):
    def refuse(self, path, origin, sign, keywords):
        raise MailImportError("host_refused", "no IMAP process")

    monkeypatch.setattr(maildir.MaildirStore, "_change_keywords", refuse)
    store = MaildirStore(location())
    writer = store.open_folder(A, origin(), False)
    writer.add(message(1, flags=[b"K%d" % number for number in range(28)]))
    writer.mark_complete()
    store.commit()
    assert store.lost_keywords() == ["K26", "K27"]
    assert len(os.listdir(root / ".A" / "cur")) == 1


def test_what_was_staged_of_a_folder_that_is_another_now_is_removed(location, root, origin, message):
    earlier = MaildirStore(location())
    for name in (b"A", b"B"):
        earlier.open_folder((name.decode(),), origin(name, uidvalidity=5), False).add(message(1))
    store = MaildirStore(location())
    writer = store.open_folder(A, origin(uidvalidity=6), False)
    writer.add(message(1))
    writer.mark_complete()
    store.commit()
    store.clean_up()
    (left,) = (root / "tmp").iterdir()
    assert left.name == maildir_stage.stage_name(origin(b"B", uidvalidity=5))


def test_one_look_at_the_folder_does_for_flags(store, root, origin, fill, monkeypatch):
    fill(store, A, origin(), range(1, 5))
    looks = []
    look = MaildirTree.message_names
    monkeypatch.setattr(MaildirTree, "message_names", lambda self, path: looks.append(path) or look(self, path))
    assert (
        store.change_flags(A, origin(), {1: FlagChange((b"\\Seen",)), 2: FlagChange(), 3: FlagChange((b"\\Flagged",))})
        == 2
    )
    assert len(looks) == 1


def test_c6_flags_of_a_message_that_is_renamed_again_and_again_are_tried_by_the_next_run(
    store, root, origin, fill, monkeypatch
):
    """A mail program that is always faster: nothing may be remembered as carried."""
    fill(store, A, origin(), [1, 2])
    rename = os.rename

    def outrun(old, new, **handles):
        if old.startswith("cur/0000000002"):
            raise FileNotFoundError(old)
        rename(old, new, **handles)

    monkeypatch.setattr(maildir.os, "rename", outrun)
    changes = {uid: FlagChange((b"\\Seen",)) for uid in (1, 2)}
    with pytest.raises(MailImportError, match="keeps renaming 1 messages of A"):
        store.change_flags(A, origin(), changes)
    monkeypatch.setattr(maildir.os, "rename", rename)
    assert store.change_flags(A, origin(), changes) == 1
    assert [file.name.split(":2,")[1] for file in (root / ".A" / "cur").iterdir()] == ["S", "S"]
