# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import stat

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.files import atomic
from ansible_collections.panel.mailimport.plugins.module_utils.host.accounts.users_file import NewUser, UsersFile
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import Address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError

ANNA = Address("anna", "example.org")
LINE = b"anna@example.org:{X}hash:::::"
FILES = [
    b"",
    b"# comment\n\n  \nbert@example.org:{PLAIN}x:1:2:gecos:/home::userdb_mail=maildir:~/M\n",
    b"# no end of line at the end\nbert@example.org:{PLAIN}x",
    b"bert@example.org:{PLAIN}x::::::\r\n#anna@example.org:{PLAIN}old\r\n",
    b"\xff\xfe no UTF-8: \x80\n",
]


def add(users, address, *fields):
    for failure in users.add_all({address: NewUser(*fields)}).values():
        raise failure


def users_file(tmp_path, content=b""):
    path = tmp_path / "users"
    path.write_bytes(content)
    return UsersFile(str(path), os.getgid()), path


@pytest.mark.parametrize("content", FILES)
def test_new_line_leaves_every_other_byte(tmp_path, content):
    users, path = users_file(tmp_path, content)
    assert ANNA not in users
    add(users, ANNA, "{X}hash", None, None, None)
    assert ANNA in users
    after = path.read_bytes()
    assert after.startswith(content)
    assert after[len(content) :].strip() == LINE + b":"
    assert after.endswith(b"\n") == (content.endswith(b"\n") or not content)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"anna@example.org:{PLAIN}old", b"anna@example.org:{X}hash"),
        (b"# top\nAnna@Example.org:{PLAIN}a:5:6:g:/h:/s:x=y:z\n\nb@c.de:{PLAIN}q\n", None),
        (b"anna@example.org:{PLAIN}old:::::\r\n#anna@example.org:1\r\n", None),
        (b"anna@example.org\n", b"anna@example.org:{X}hash\n"),
    ],
)
def test_new_password_changes_one_field(tmp_path, before, after):
    users, path = users_file(tmp_path, before)
    users.set_hash(ANNA, "{X}hash")
    expected = after or before.replace(b"{PLAIN}old", b"{X}hash").replace(b"{PLAIN}a", b"{X}hash")
    assert path.read_bytes() == expected


def test_user_is_added_once_and_changed_only_when_there(tmp_path):
    users, path = users_file(tmp_path, b"ANNA@example.org:{PLAIN}x\n")
    with pytest.raises(MailImportError) as refused:
        add(users, ANNA, "{X}hash", None, None, None)
    assert refused.value.reason == "host_refused"
    with pytest.raises(MailImportError):
        users.set_hash(Address("bert", "example.org"), "{X}hash")
    assert path.read_bytes() == b"ANNA@example.org:{PLAIN}x\n"


def test_mode_owner_and_symbolic_link_are_kept(tmp_path):
    (tmp_path / "real").mkdir()
    _users, path = users_file(tmp_path / "real")
    path.chmod(0o604)
    if os.geteuid() == 0:
        os.chown(path, 1234, 5678)
    before = path.stat()
    link = tmp_path / "link"
    link.symlink_to(path)
    add(UsersFile(str(link), 0), ANNA, "{X}hash", 1, 2, "/home/anna")
    assert link.is_symlink()
    assert path.read_bytes() == b"anna@example.org:{X}hash:1:2::/home/anna::\n"
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_new_file_is_readable_by_dovecot_only(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root to give a file to another group")
    users = UsersFile(str(tmp_path / "users"), 4321)
    assert list(users.users()) == []
    add(users, ANNA, "{X}hash", None, None, None)
    status = (tmp_path / "users").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o640, 0, 4321)


def _add_many(path, worker):
    users = UsersFile(path, os.getgid())
    for number in range(15):
        add(users, Address("user%d-%d" % (worker, number), "example.org"), "{X}hash", None, None, None)


def test_concurrent_runs_lose_no_line(tmp_path):
    users, path = users_file(tmp_path, b"# comment\n")
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_add_many, args=(str(path), worker)) for worker in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert sorted(users.users()) == sorted(
        "user%d-%d@example.org" % (worker, number) for worker in range(6) for number in range(15)
    )
    assert os.listdir(tmp_path) == ["users"]


def test_killed_before_the_rename_the_old_file_stands_and_the_next_run_goes_on(tmp_path):
    users, path = users_file(tmp_path, b"# comment\nbert@example.org:{PLAIN}x\n")
    child = os.fork()
    if child == 0:
        os.rename = lambda *_paths: os.kill(os.getpid(), signal.SIGKILL)
        add(users, ANNA, "{X}hash", None, None, None)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert path.read_bytes() == b"# comment\nbert@example.org:{PLAIN}x\n"
    add(users, ANNA, "{X}hash", None, None, None)
    assert path.read_bytes() == b"# comment\nbert@example.org:{PLAIN}x\n" + LINE + b":\n"
    assert os.listdir(tmp_path) == ["users"]


def test_no_two_versions_share_size_and_second(tmp_path):
    users, path = users_file(tmp_path, b"# comment\n")
    versions = []
    for number in range(4):
        add(users, Address("user%d" % number, "example.org"), "{X}hash", None, None, None)
        versions.append((path.stat().st_size, int(path.stat().st_mtime)))
        for hashed in ("{X}HASH", "{X}h", "{X}hash"):
            users.set_hash(Address("user%d" % number, "example.org"), hashed)
            versions.append((path.stat().st_size, int(path.stat().st_mtime)))
    assert len(set(versions)) == len(versions)


def test_directory_that_is_not_there(tmp_path):
    users = UsersFile(str(tmp_path / "absent" / "users"), os.getgid())
    with pytest.raises(MailImportError, match="absent/users: No such file") as refused:
        add(users, ANNA, "{X}hash", None, None, None)
    assert refused.value.reason == "host_refused"


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    users, path = users_file(tmp_path, b"# comment\n")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MailImportError) as refused:
        add(users, ANNA, "{X}hash", None, None, None)
    assert refused.value.reason == "disk_full"
    assert path.read_bytes() == b"# comment\n"
    assert os.listdir(tmp_path) == ["users"]


def test_a_lock_that_somebody_does_not_let_go_of_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    """Whoever can read the directory can lock it."""
    monkeypatch.setattr(atomic, "LONGEST_WAIT", 0.2, raising=False)
    users, path = users_file(tmp_path)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    signal.alarm(10)
    try:
        with pytest.raises(MailImportError, match="lslocks") as error:
            add(users, ANNA, "{X}hash", None, None, None)
    finally:
        signal.alarm(0)
        os.close(descriptor)
    assert error.value.reason == "host_refused" and str(tmp_path) in error.value.message
    assert path.read_bytes() == b""
    add(users, ANNA, "{X}hash", None, None, None)


def test_many_are_added_in_one_step_and_who_is_there_is_told(tmp_path):
    path = tmp_path / "users"
    path.write_text("anna@example.org:{X}hers::::::")
    users = UsersFile(str(path), os.getgid())
    ben = Address("ben", "example.org")
    failures = users.add_all({each: NewUser("{X}hash", None, None, None) for each in (ANNA, ben)})
    assert [(address, "meanwhile" in failure.message) for address, failure in failures.items()] == [(ANNA, True)]
    assert path.read_text() == "anna@example.org:{X}hers::::::\nben@example.org:{X}hash::::::"
