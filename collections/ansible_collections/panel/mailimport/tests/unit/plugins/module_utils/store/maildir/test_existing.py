# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders that are there already: of an earlier run, of the mailbox's owner, or of somebody who planted a trap."""

from __future__ import annotations

import errno
import os

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.uid_map import UidMap
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir import others
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.held import MaildirMail
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.store import MaildirStore
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.tree import MaildirTree
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.writer import MaildirWriter

A = ("A",)
INBOX = ("INBOX",)
OWN = "1700000000.M1P2.host,S=5,W=5:2,S"


@pytest.fixture
def own(root):
    """A folder of the owner's with one message in it, and what Dovecot wrote about that."""

    def make(directory=".A", uidvalidity=1_500_000_000, content=b"own\r\n", uidnext=2):
        folder = root / directory
        for part in ("cur", "new", "tmp"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "cur" / OWN).write_bytes(content)
        (folder / "dovecot-uidlist").write_bytes(
            b"3 V%d N%d G00\n1 W5 :%s\n" % (uidvalidity, uidnext, OWN.partition(":")[0].encode())
        )
        return folder

    return make


def resumed(location):
    """A store as the next run opens it."""
    return MaildirStore(location())


def test_the_next_run_goes_on_where_the_journal_ends(location, root, origin, fill, message, uids, uidlist):
    fill(MaildirStore(location()), A, origin(), [1, 2, 3], finish=False)
    # Written, but not durable when the run ended:
    killed = MaildirStore(location()).open_folder(A, origin(), False)
    killed.add(message(4, b"torn"))
    (stage,) = (root / "tmp").iterdir()
    (stage / "cur" / "arriving").write_bytes(b"half")

    store = resumed(location)
    writer = store.open_folder(A, origin(), False)
    assert [uid for uid in range(1, 10) if uid in writer.held] == [1, 2, 3] and writer.last_uid == 3
    assert len(list((stage / "cur").iterdir())) == 3
    assert writer.add(message(3)) is None
    assert writer.add(message(4, b"whole now")) == 9
    writer.mark_complete()
    store.commit()
    assert uids(root / ".A") == [1, 2, 3, 4]
    assert [uid for uid, _name in uidlist(root / ".A")[1]] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("path", "control", "there"),
    [
        (A, None, True),
        (A, "control", True),
        (A, "control", False),
        (("INBOX",), None, True),
        (("INBOX",), "control", True),
    ],
)
def test_a_run_that_is_killed_while_it_shows_a_folder_leaves_it_its_uids(
    location, tmp_path, root, origin, fill, message, uidlist, monkeypatch, path, control, there
):
    where = location(control=control)
    folder = "." if path == ("INBOX",) else ".A"
    for part in ("cur", "new", "tmp") if there else ():
        (root / folder / part).mkdir(parents=True)  # as Dovecot makes them
    rename = os.rename

    def killed(source, target, **handles):
        if source == "cur" or target == folder:
            raise KeyboardInterrupt
        rename(source, target, **handles)

    monkeypatch.setattr(os, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        fill(MaildirStore(where), path, origin(), [5, 9])
    monkeypatch.undo()
    assert (root / folder).exists() is there  # not a folder without its messages, whose UIDs Dovecot would forget

    store = MaildirStore(where)
    writer = store.open_folder(path, origin(), False)
    assert [uid in writer.held for uid in (5, 9, 11)] == [True, True, False]
    writer.add(message(11))
    writer.mark_complete()
    store.commit()
    listed = tmp_path / control / (".INBOX" if folder == "." else folder) if control else root / folder
    here = {file.name.partition(":2,")[0] for file in (root / folder / "cur").iterdir()}
    assert [(uid, name in here) for uid, name in uidlist(listed)[1]] == [(5, True), (9, True), (11, True)]
    assert not control or not (root / folder / "dovecot-uidlist").exists()


def test_keywords_that_the_owner_has_made_since_stay(location, root, origin, message, monkeypatch):
    """The run was killed when all was handed over and the stage not yet removed."""
    for part in ("cur", "new"):
        (root / ".A" / part).mkdir(parents=True)
    store = MaildirStore(location())
    writer = store.open_folder(A, origin(), False)
    writer.add(message(5, flags=[b"Work"]))
    writer.mark_complete()
    monkeypatch.setattr(MaildirWriter, "remove_stage", lambda writer: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.commit()
    monkeypatch.undo()
    (root / ".A" / "dovecot-keywords").write_text("0 Work\n1 Private\n")
    MaildirStore(location()).open_folder(A, origin(), False)
    assert (root / ".A" / "dovecot-keywords").read_text() == "0 Work\n1 Private\n"


def test_what_came_later_than_a_shown_folder_is_not_shown_half(
    location, root, origin, fill, message, uids, monkeypatch
):
    """A run shows a folder for one that was killed. The owner deletes all, and the next run is killed in the middle of
    fetching what is new.
    """
    rename = os.rename
    monkeypatch.setattr(
        os, "rename", lambda source, target, **handles: rename(source, target, **handles) if source != "cur" else 1 / 0
    )
    (root / ".A" / "cur").mkdir(parents=True)
    with pytest.raises(ZeroDivisionError):
        fill(MaildirStore(location()), A, origin(), [5, 9])
    monkeypatch.undo()

    shown = MaildirStore(location()).open_folder(A, origin(), False)
    assert (shown.created, shown.before, shown.written, uids(root / ".A")) == (False, 0, 2, [5, 9])
    for file in (root / ".A" / "cur").iterdir():
        file.unlink()

    MaildirStore(location()).open_folder(A, origin(), False).add(message(11, b"what has come of it"))
    writer = MaildirStore(location()).open_folder(A, origin(), False)
    assert ([uid in writer.held for uid in (5, 9, 11)], uids(root / ".A")) == ([True, True, False], [])


def test_a_run_that_is_killed_between_two_messages_leaves_both_their_uids(
    location, root, origin, fill, uidlist, monkeypatch
):
    """A file that is no message keeps the directory from being replaced as a whole."""
    rename, moved = os.rename, []

    def killed(source, target, **handles):
        if source == "cur":
            raise OSError(errno.ENOTEMPTY, "not empty")
        if source == target:
            moved.append(source)
            if len(moved) > 1:
                raise KeyboardInterrupt
        rename(source, target, **handles)

    (root / ".A" / "cur").mkdir(parents=True)
    monkeypatch.setattr(os, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        fill(MaildirStore(location()), A, origin(), [5, 9])
    moved.clear()
    monkeypatch.undo()
    (root / ".A" / "cur" / ".nfs0001").touch()
    fill(MaildirStore(location()), A, origin(), [])
    here = {file.name.partition(":2,")[0] for file in (root / ".A" / "cur").iterdir()}
    assert [(uid, name in here) for uid, name in uidlist(root / ".A")[1]] == [(5, True), (9, True)]


@pytest.mark.parametrize("uidlist_there", ["3 V77 N1 G0123\n", "3 V77 N10 G0123\n5 :another\n9 :and another\n"])
def test_a_stage_that_is_not_whole_stays_out_of_sight(location, root, origin, fill, uids, uidlist_there):
    for part in ("cur", "new"):
        (root / ".A" / part).mkdir(parents=True)
    fill(MaildirStore(location()), A, origin(), [5, 9], finish=False)
    (root / ".A" / "dovecot-uidlist").write_text(uidlist_there)
    MaildirStore(location()).open_folder(A, origin(), False)
    assert uids(root / ".A") == []


@pytest.mark.parametrize("error", [errno.ENOTEMPTY, errno.EEXIST])
def test_filesystems_say_in_two_ways_that_a_directory_is_not_empty(store, root, origin, fill, uids, monkeypatch, error):
    (root / ".A" / "cur").mkdir(parents=True)
    (root / ".A" / "cur" / ".nfs0001").touch()
    rename = os.rename

    def refuse(source, target, **handles):
        if source == "cur":
            raise OSError(error, "not empty")
        rename(source, target, **handles)

    monkeypatch.setattr(os, "rename", refuse)
    fill(store, A, origin(), [1, 2])
    (root / ".A" / "cur" / ".nfs0001").unlink()
    assert uids(root / ".A") == [1, 2]


def test_a_file_that_is_no_message_does_not_keep_messages_away(store, root, origin, fill, uids, uidlist):
    (root / ".A" / "cur").mkdir(parents=True)
    (root / ".A" / "cur" / ".nfs0001").touch()
    fill(store, A, origin(), [1, 2])
    assert [uid for uid, _name in uidlist(root / ".A")[1]] == [1, 2]
    (root / ".A" / "cur" / ".nfs0001").unlink()
    assert uids(root / ".A") == [1, 2]


@pytest.mark.parametrize("torn", [b"4 :0000000", b"4 ", b"4", b"0000000004", b"\0\0\0\0"])
def test_a_journal_torn_in_its_last_line(location, root, origin, fill, uids, uidlist, torn):
    fill(MaildirStore(location()), A, origin(), [1, 2, 3], finish=False)
    (journal,) = root.rglob("dovecot-uidlist")
    with journal.open("ab") as stream:
        stream.write(torn)
    fill(resumed(location), A, origin(), [4, 5])
    entries = uidlist(root / ".A")[1]
    assert [uid for uid, _name in entries] == [1, 2, 3, 4, 5]
    assert [name for _uid, name in entries] == [
        name.partition(":")[0] for name in sorted(os.listdir(root / ".A" / "cur"))
    ]


def test_a_journal_that_did_not_get_its_header(location, root, origin, fill, uids):
    fill(MaildirStore(location()), A, origin(), [1], finish=False)
    (journal,) = root.rglob("dovecot-uidlist")
    journal.write_bytes(b"")
    fill(resumed(location), A, origin(), [1, 2])
    assert uids(root / ".A") == [1, 2]


def test_another_uidvalidity_begins_anew(location, root, origin, fill, uids, uidlist):
    fill(MaildirStore(location()), A, origin(), [1, 2], finish=False)
    fill(resumed(location), A, origin(uidvalidity=78), [1])
    assert uids(root / ".A") == [1] and uidlist(root / ".A")[0][1] == b"V78"


def test_messages_for_a_folder_of_the_owner_keep_their_hands_off_its_uids(store, own, origin, fill, uids, message):
    folder = own()
    before = (folder / "dovecot-uidlist").read_bytes()
    writer = fill(store, A, origin(), [1, 20])
    assert not writer.fresh and writer.before == 1 and writer.written == 2
    fill(store, A, origin(), [30])
    assert (folder / "dovecot-uidlist").read_bytes() == before
    assert sorted(os.listdir(folder / "cur"))[-1] == OWN and len(os.listdir(folder / "cur")) == 4


def test_new_messages_of_a_folder_that_has_the_uids_of_its_source_get_theirs(location, root, origin, fill, uidlist):
    fill(MaildirStore(location()), A, origin(), [1, 2])
    writer = fill(resumed(location), A, origin(), [2, 5, 4])
    assert (writer.before, writer.written) == (2, 2)
    assert [uid for uid, _name in uidlist(root / ".A")[1]] == [1, 2, 4, 5]
    # Dovecot has given the next UIDs to mail of its own: ours come behind.
    with (root / ".A" / "dovecot-uidlist").open("ab") as stream:
        stream.write(b"9 :%s\n" % OWN.partition(":")[0].encode())
    fill(resumed(location), A, origin(), [7, 12])
    assert [uid for uid, _name in uidlist(root / ".A")[1]] == [1, 2, 4, 5, 9]
    fill(resumed(location), A, origin(), [13])
    assert [uid for uid, _name in uidlist(root / ".A")[1]] == [1, 2, 4, 5, 9, 13]


@pytest.mark.parametrize("directory", [".A", "."])
def test_a_folder_that_appears_meanwhile_loses_nothing(store, root, own, origin, message, directory):
    path = A if directory == ".A" else INBOX
    writer = store.open_folder(path, origin(), False)
    assert writer.fresh
    writer.add(message(1))
    store.commit()
    writer.add(message(2))
    folder = own(directory)
    before = (folder / "dovecot-uidlist").read_bytes()
    writer.mark_complete()
    store.commit()
    assert len(os.listdir(folder / "cur")) == 3 and (folder / "cur" / OWN).exists()
    assert (folder / "dovecot-uidlist").read_bytes() == before
    store.clean_up()
    assert os.listdir(root / "tmp") == []


def test_mail_that_is_delivered_into_inbox_meanwhile_stays(store, root, origin, message, uids):
    writer = store.open_folder(INBOX, origin(), False)
    writer.add(message(1))
    for part in ("cur", "new", "tmp"):
        (root / part).mkdir(exist_ok=True)
    (root / "new" / "1700000001.M1P2.host").write_bytes(b"delivered")
    writer.mark_complete()
    store.commit()
    assert (root / "new" / "1700000001.M1P2.host").read_bytes() == b"delivered"
    assert len(os.listdir(root / "cur")) == 1


def test_equal_messages_are_left_out_one_for_one(store, own, origin, message):
    folder = own(content=b"Subject: x\n\nequal\n")  # Dovecot keeps line ends so
    writer = store.open_folder(A, origin(), True)
    assert writer.add(message(1, b"Subject: x\r\n\r\nequal\r\n")) is None
    assert writer.add(message(2, b"Subject: x\r\n\r\nequal\r\n", cuts=[12, 13])) is not None
    assert writer.add(message(3, b"Subject: x\r\n\r\nEqual\r\n")) is not None
    writer.mark_complete()
    store.commit()
    assert len(os.listdir(folder / "cur")) == 3
    assert [uid in writer.held for uid in (1, 2, 3)] == [True] * 3


def test_messages_of_this_source_are_not_compared_with_themselves(location, root, origin, fill, message):
    fill(MaildirStore(location()), A, origin(), [1])
    writer = resumed(location).open_folder(A, origin(), True)
    assert writer.add(message(1)) is None
    assert writer.add(message(2)) is not None  # equal to message 1, and another one at the source too


def test_a_message_that_is_renamed_while_it_is_compared_still_counts(store, own, origin, message, monkeypatch):
    folder = own(content=b"equal")
    digest = others.digest_of_content

    def read_by_the_user(name, directory):
        monkeypatch.setattr(others, "digest_of_content", digest)
        os.rename(folder / "cur" / OWN, folder / "cur" / (OWN + "T"))
        return digest(name, directory)

    monkeypatch.setattr(others, "digest_of_content", read_by_the_user)
    writer = store.open_folder(A, origin(), True)
    assert not (folder / "cur" / OWN).exists()
    assert writer.add(message(1, b"equal")) is None


@pytest.fixture
def outside(tmp_path):
    """A directory that is none of the mailbox's."""
    directory = tmp_path / "outside"
    for part in ("cur", "new", "tmp"):
        (directory / part).mkdir(parents=True)
    (directory / "file").write_bytes(b"3 V5 N2 Gaa\n")
    return directory


@pytest.mark.parametrize(
    ("place", "target"),
    [
        (".A", "."),
        (".A/cur", "cur"),
        (".A/new", "new"),
        (".A/tmp", "tmp"),
        (".A/dovecot-uidlist", "file"),
        (".A/dovecot-keywords", "file"),
        ("tmp", "tmp"),
        (".A", "file"),
        (".A", "nowhere"),
        (".A/cur", "file"),
        (".A/dovecot-uidlist", "nowhere"),
    ],
)
@pytest.mark.parametrize("mail", [False, True])
def test_links_that_an_owner_planted_are_refused(store, root, outside, own, origin, message, place, target, mail):
    if place.startswith(".A/"):
        own()
        for found in (root / ".A" / "cur").iterdir():
            if not mail:
                found.unlink()
    link = root / place
    if link.is_dir():
        for found in link.iterdir():
            found.unlink()
        link.rmdir()
    elif link.exists():
        link.unlink()
    link.symlink_to(outside / target)
    before = sorted((path, path.lstat().st_mtime_ns) for path in [outside, *outside.rglob("*")])
    with pytest.raises((MailImportError, OSError)) as refused:
        writer = store.open_folder(A, origin(), False)
        writer.add(message(1, flags=[b"key"]))
        writer.mark_complete()
        store.commit()
    if isinstance(refused.value, MailImportError):
        assert refused.value.reason == "host_refused" and "is not a directory" in refused.value.message
    assert sorted((path, path.lstat().st_mtime_ns) for path in [outside, *outside.rglob("*")]) == before


def test_links_in_a_leftover_stage_are_removed_not_followed(location, root, outside, origin, fill, uids):
    fill(MaildirStore(location()), A, origin(), [1], finish=False)
    (stage,) = (root / "tmp").iterdir()
    (stage / "cur" / "link").symlink_to(outside / "file")
    (stage / "new").symlink_to(outside)
    store = resumed(location)
    store.discard(store.open_folder(A, origin(), False))
    assert os.listdir(root / "tmp") == [] and (outside / "file").exists()


@pytest.mark.parametrize("damage", ["%d", "0", "4294967296", "99999999999"])
def test_uids_that_cannot_be_are_no_uids_of_messages(store, location, root, origin, fill, damage):
    """Of a list that is damaged, or in names that the owner has given to files."""
    fill(store, A, origin(), [1, 2])
    uidlist = root / ".A" / "dovecot-uidlist"
    header, first, second = uidlist.read_text().splitlines()
    damaged = damage.replace("%d", "2") + " :" + second.partition(":")[2]
    strange = "9999999999" + first.partition(":")[2][10:]
    (root / ".A" / "cur" / strange).touch()
    uidlist.write_text("\n".join((header, first, damaged, "3 :" + strange, "")))
    tree = MaildirTree(location())
    found = UidMap()
    for uid, target in MaildirMail(tree).targets(A, origin())[1]:
        found.add(uid, target)
    tree.close()
    assert list(found.triples()) == [(1, 1, 2 if damage == "%d" else 1)]
