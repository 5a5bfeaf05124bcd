# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import re
import tracemalloc

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportKey
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir import flusher, message_files
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir import stage as maildir_stage
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.store import MaildirStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

A = ("A",)
INBOX = ("INBOX",)


def names(directory):
    return sorted(os.listdir(directory / "cur"))


def test_a_new_folder_as_dovecot_wants_it(store, root, origin, message, uidlist):
    writer = store.open_folder(("A", "Ü"), origin(uidnext=9), False)
    assert writer.fresh and writer.before == 0
    body = b"Subject: x\r\n\r\nbody\nwith a bare line end\r\n"
    assert writer.add(message(3, body, [b"\\Seen", b"\\Answered", b"$Label1"], 1_600_000_000)) == len(body)
    writer.mark_complete()
    store.commit()
    folder = root / ".A.&ANw-"
    (name,) = names(folder)
    assert name == "%s,S=%d,W=%d:2,RSa" % (origin().base_name(3), len(body), len(body) + 1)
    assert (folder / "cur" / name).read_bytes() == body
    assert (folder / "cur" / name).stat().st_mtime == 1_600_000_000
    assert (folder / "cur" / name).stat().st_mode & 0o777 == 0o600
    assert (folder / "dovecot-keywords").read_bytes() == b"0 $Label1\n"
    header, entries = uidlist(folder)
    assert [header[0], header[1], header[2]] == [b"3", b"V77", b"N0000000009"]
    assert re.fullmatch(rb"G[0-9a-f]{32}", header[3])
    assert entries == [(3, name.partition(":")[0])]
    assert sorted(os.listdir(folder)) == ["cur", "dovecot-keywords", "dovecot-uidlist", "maildirfolder", "new", "tmp"]
    store.clean_up()
    assert os.listdir(root / "tmp") == []


def test_a_folder_stays_out_of_sight_until_it_is_whole(store, root, origin, message, uids):
    writer = store.open_folder(A, origin(), False)
    writer.add(message(1))
    store.commit()
    assert [name for name in os.listdir(root) if not name.startswith("mailimport-")] == ["tmp"]
    writer.add(message(2))
    writer.mark_complete()
    store.commit()
    assert uids(root / ".A") == [1, 2]


def test_an_empty_folder(store, root, origin, fill, uidlist):
    fill(store, A, origin(uidnext=5), [])
    assert uidlist(root / ".A") == ([b"3", b"V77", b"N0000000005", uidlist(root / ".A")[0][3]], [])


@pytest.mark.parametrize(
    "body", [b"", b"x", b"\n", b"\r", b"\r\n", b"a\rb\nc\r\nd\r\r\n\n", b"\n\r\n\r", b"\0\xff\r\n" * 3]
)
def test_both_sizes_in_the_name_wherever_the_body_is_cut(location, tmp_path, origin, message, body):
    on_the_wire = re.sub(rb"(?<!\r)\n", b"\r\n", body)
    cuts = [None, [], *([[cut] for cut in range(len(body) + 1)]), list(range(len(body)))]
    store = MaildirStore(location())
    writer = store.open_folder(A, origin(), False)
    for uid, some in enumerate(cuts, 1):
        writer.add(message(uid, body, cuts=some))
    writer.mark_complete()
    store.commit()
    for uid, name in enumerate(names(tmp_path / "Maildir" / ".A"), 1):
        assert name == "%s,S=%d,W=%d:2," % (origin().base_name(uid), len(body), len(on_the_wire))
        assert (tmp_path / "Maildir" / ".A" / "cur" / name).read_bytes() == body


@settings(deadline=None, database=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("\r\nx", max_size=5), max_size=6))
def test_sizes_of_any_chunks(tmp_path_factory, location, origin, message, pieces):
    body = "".join(pieces).encode()
    home = tmp_path_factory.mktemp("home")
    store = MaildirStore(
        location(index=None).__class__(**{**vars(location()), "root": str(home / "M"), "control": str(home / "M")})
    )
    writer = store.open_folder(A, origin(), False)
    ends = [sum(map(len, pieces[: count + 1])) for count in range(len(pieces))]
    writer.add(message(1, body, cuts=ends))
    writer.mark_complete()
    store.commit()
    (name,) = names(home / "M" / ".A")
    assert ",S=%d,W=%d:" % (len(body), len(re.sub(rb"(?<!\r)\n", b"\r\n", body))) in name


def test_a_message_without_internaldate_takes_its_date_header(store, root, origin, message):
    body = b"X: " + b"y" * 100 + b"\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nx"
    writer = store.open_folder(A, origin(), False)
    writer.add(message(1, body, date=None))
    writer.add(message(2, body, date=None, cuts=[1, 50, 110]))  # the header comes in pieces
    writer.add(message(3, b"no header", date=None))
    writer.mark_complete()
    store.commit()
    first, second, third = [(root / ".A" / "cur" / name).stat().st_mtime for name in names(root / ".A")]
    assert first == second == 1_704_067_200
    assert third > 1_704_067_200


def test_a_message_comes_once(store, root, origin, message, uids):
    writer = store.open_folder(A, origin(), False)
    assert writer.add(message(1)) is not None
    assert writer.add(message(1, b"another body")) is None
    store.commit()
    assert writer.add(message(1, cuts=[3])) is None
    writer.mark_complete()
    store.commit()
    assert uids(root / ".A") == [1] and len(writer.held) == 1 and writer.written == 1


def test_a_message_whose_uid_comes_behind_it_comes_once_too(store, root, origin, message):
    """The second one has the first one's file name."""

    def late(uid, body):
        fetched = message(None, body, cuts=[])
        chunks = fetched.chunks

        def arriving():
            yield from chunks
            fetched.message.uid = uid

        fetched.chunks = arriving()
        return fetched

    writer = store.open_folder(A, origin(), False)
    assert writer.add(late(1, b"body")) == 4
    store.commit()
    assert writer.add(late(1, b"body")) is None
    assert writer.add(late(2, b"BODY")) == 4
    writer.mark_complete()
    store.commit()
    assert [(root / ".A" / "cur" / name).read_bytes() for name in names(root / ".A")] == [b"body", b"BODY"]


def test_messages_in_any_order_have_their_uids(store, root, origin, message, uidlist):
    writer = store.open_folder(A, origin(), False)
    for batch in ([5, 9, 7], [8, 1, 100], [2]):
        for uid in batch:
            writer.add(message(uid))
        store.commit()
    writer.mark_complete()
    store.commit()
    header, entries = uidlist(root / ".A")
    assert [uid for uid, _name in entries] == [1, 2, 5, 7, 8, 9, 100]
    assert [name for _uid, name in entries] == [name.partition(":")[0] for name in names(root / ".A")]
    assert header[2] == b"N0000000101"


def test_a_folder_of_any_number_of_messages_is_shown_in_little_memory(store, root, origin, message):
    """An INBOX is handed its uidlist, which is 60 MB long for a million messages."""
    writer = store.open_folder(INBOX, origin(), False)
    writer.add(message(1))
    store.commit()
    (journal,) = root.glob("tmp/*/dovecot-uidlist")
    with journal.open("a") as entries:
        entries.writelines("%d :%060d\n" % (uid, uid) for uid in range(2, 100_000))
    length = journal.stat().st_size
    writer.mark_complete()
    tracemalloc.start()
    try:
        store.commit()
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (root / "dovecot-uidlist").stat().st_size == length
    assert peak < length / 4


@pytest.mark.parametrize("path", [A, INBOX])
def test_a_source_without_uidvalidity_leaves_the_uids_to_dovecot(location, root, origin, fill, uids, path):
    """It does not survive a UIDVALIDITY of 0."""
    fill(MaildirStore(location()), path, origin(uidvalidity=0), [1, 2], finish=False)
    fill(MaildirStore(location()), path, origin(uidvalidity=0), [2, 3])
    directory = root if path == INBOX else root / ".A"
    assert uids(directory) == [1, 2, 3] and not (directory / "dovecot-uidlist").exists()


def test_a_connection_lost_in_a_message_leaves_nothing_of_it(store, root, origin, message, uids):
    def breaking():
        yield memoryview(b"half a mess")
        raise MailImportError("connection_failed", "gone")

    writer = store.open_folder(A, origin(), False)
    writer.add(message(1))
    lost = message(2, cuts=[])
    lost.chunks = breaking()
    with pytest.raises(MailImportError, match="gone"):
        writer.add(lost)
    writer.add(message(2, b"whole"))
    writer.mark_complete()
    store.commit()
    assert uids(root / ".A") == [1, 2]
    assert (root / ".A" / "cur" / names(root / ".A")[1]).read_bytes() == b"whole"


@pytest.mark.parametrize("size", [100, 3 << 20])
@pytest.mark.parametrize("exists", [False, True])
def test_a_message_that_reads_back_otherwise_is_noticed_as_it_comes(
    store, root, origin, message, fill, monkeypatch, size, exists
):
    if exists:
        fill(store, A, origin(b"B"), [1])
    monkeypatch.setattr(message_files, "write", lambda fd, chunk: os.write(fd, bytes(chunk).replace(b"y", b"z")))
    writer = store.open_folder(A, origin(), False)
    writer.add(message(6, b"x" * size))
    body = b"x" * (size - 1) + b"y"
    with pytest.raises(MailImportError, match="UID 7 of A does not read back") as found:
        writer.add(message(7, body) if size < 1000 else message(7, body, cuts=[1 << 20, 2 << 20]))
    assert found.value.reason == "verification_failed"
    assert not list(root.glob(".A/cur/0000000007*"))


@pytest.mark.parametrize("change", [lambda file: os.truncate(file, 99), lambda file: os.truncate(file, 101), os.unlink])
@pytest.mark.parametrize("exists", [False, True])
def test_a_message_that_is_not_whole_when_all_is_on_disk_does_not_show(
    store, root, origin, message, fill, change, exists
):
    if exists:
        fill(store, A, origin(b"B"), [1])
    writer = store.open_folder(A, origin(), False)
    writer.add(message(7, b"x" * 100))
    (file,) = root.rglob("cur/0000000007*")
    change(file)
    writer.mark_complete()
    with pytest.raises(MailImportError, match="UID 7 of A does not read back") as found:
        store.commit()
    assert found.value.reason == "verification_failed"
    assert not list(root.glob(".A/cur/0000000007*"))


def test_mail_that_the_disk_did_not_take_does_not_show(store, root, origin, message, monkeypatch):
    def failing(directory):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(flusher, "syncfs", failing)
    writer = store.open_folder(A, origin(), False)
    writer.add(message(1))
    writer.mark_complete()
    with pytest.raises(OSError, match="Input/output error"):
        store.commit()
    assert not (root / ".A").exists()


def test_discarded_folders_leave_no_trace(store, root, origin, message):
    writer = store.open_folder(A, origin(), False)
    writer.add(message(1))
    store.discard(writer)
    store.commit()
    assert [path for path in root.rglob("*") if path.name != "tmp" and not path.name.startswith("mailimport-")] == []


def test_commit_without_work_changes_nothing(store, root, origin):
    store.open_folder(A, origin(), False)
    before = sorted(root.rglob("*"))
    store.commit()
    assert sorted(root.rglob("*")) == before


def test_inbox_is_the_root_itself(store, root, origin, fill, uids, uidlist):
    for part in ("cur", "new", "tmp"):  # as Dovecot makes them at a login
        (root / part).mkdir()
    fill(store, INBOX, origin(b"INBOX"), [4, 5])
    assert uids(root) == [4, 5]
    assert uidlist(root)[0][1] == b"V77" and [uid for uid, _name in uidlist(root)[1]] == [4, 5]
    marker = "mailimport-" + origin(b"INBOX").import_digest
    assert sorted(os.listdir(root)) == ["cur", "dovecot-uidlist", marker, "new", "tmp"]


def test_folders_of_the_fs_layout(location, root, origin, fill, uids, uidlist):
    store = MaildirStore(location(layout="fs"))
    fill(store, ("A", "B.c"), origin(b"A/B.c"), [1])
    fill(store, A, origin(b"A"), [2])  # its directory is there already, for the sake of the other
    fill(store, INBOX, origin(b"INBOX"), [3])
    assert (uids(root / "A" / "B.c"), uids(root / "A"), uids(root)) == ([1], [2], [3])
    for folder in ("A/B.c", "A", "."):
        assert uidlist(root / folder)[0][1] == b"V77"
        assert not (root / folder / "maildirfolder").exists()


@pytest.mark.parametrize("layout", ["maildir++", "fs"])
def test_control_files_kept_elsewhere(location, tmp_path, root, origin, message, uidlist, layout):
    store = MaildirStore(location(control="control", layout=layout))
    for path in (A, INBOX):
        writer = store.open_folder(path, origin(path[0].encode()), False)
        writer.add(message(1, flags=[b"key"]))
        writer.mark_complete()
    store.commit()
    store.subscribe([A])
    dot = "." if layout == "maildir++" else ""
    for folder in (dot + "A", dot + "INBOX"):
        assert [uid for uid, _name in uidlist(tmp_path / "control" / folder)[1]] == [1]
        assert (tmp_path / "control" / folder / "dovecot-keywords").read_bytes() == b"0 key\n"
    assert (tmp_path / "control" / "subscriptions").exists()
    assert not list(root.rglob("dovecot-*")) and not (root / "subscriptions").exists()
    assert len(names(root)) == len(names(root / (dot + "A"))) == 1


def test_quota_is_counted_anew(store, root):
    (root / "maildirsize").write_text("1000S\n5 1\n")
    store.clean_up()
    store.clean_up()
    assert not (root / "maildirsize").exists()


def test_stages_of_other_folders_of_an_import_go_and_those_of_other_imports_stay(store, root, origin, fill):
    other_import = ImportKey("imap.old.example", "bert", "anna@example.org")
    origins = {"kept": origin(b"A"), "gone": origin(b"B"), "other import": origin(b"B", key=other_import)}
    for number, staged in enumerate(origins.values()):
        fill(store, ("Folder %d" % number,), staged, [1], finish=False)
    stages = {what: maildir_stage.stage_name(staged) for what, staged in origins.items()}
    assert sorted(os.listdir(root / "tmp")) == sorted(stages.values())
    store.forget(origins["kept"].key, [b"A"])
    assert sorted(os.listdir(root / "tmp")) == sorted([stages["kept"], stages["other import"]])
