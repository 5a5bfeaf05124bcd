# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import time
from contextlib import suppress

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError, os_failure
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.news import Note
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.sandbox import keep_only, run_as

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a process another uid")
UID, GID = (65_534, 65_533) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


def say(emit, values):
    """Tell any values, as a note."""
    emit(Note(json.dumps(values)))


def heard(news):
    return json.loads(news.message)


def events_of(work, keep=()):
    """What `work` tells in a process of its own."""
    told = []
    run_as(UID, GID, work, lambda news: told.append(heard(news)), keep)
    return told


def failure_of(work, handle=lambda event: None):
    with pytest.raises(MailImportError) as failed:
        run_as(UID, GID, work, handle)
    return failed.value


def wait_until_gone(pid):
    deadline = time.monotonic() + 30
    while os.path.exists("/proc/%d" % pid):
        with open("/proc/%d/stat" % pid, "rb") as stream:
            if stream.read().rpartition(b")")[2].split()[0] == b"Z":
                return
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_events_arrive_in_their_order_and_as_they_were():
    wanted = [{"event": "a", "text": "Ü\n\0\udcff", "number": 2**60}, {"event": "b", "list": list(range(50_000))}]
    assert events_of(lambda emit: [say(emit, event) for event in wanted]) == wanted


@needs_root
def test_the_work_has_the_rights_of_the_mailbox_and_no_others():
    def work(emit):
        try:
            os.setresuid(0, 0, 0)
        except PermissionError as error:
            say(emit, {"event": "refused", "error": error.errno})
        ids = {"uids": os.getresuid(), "gids": os.getresgid(), "groups": os.getgroups()}
        with open("/proc/self/status") as stream:
            rights = [line.split()[1] for line in stream if line.startswith(("CapEff", "CapPrm"))]
        say(
            emit,
            {
                "event": "ids",
                **ids,
                "rights": [int(value, 16) for value in rights],
                "umask": os.umask(0),
                "place": os.getcwd(),
            },
        )

    refused, ids = events_of(work)
    assert refused["error"] == errno.EPERM
    assert ids == {
        "event": "ids",
        "uids": [UID] * 3,
        "gids": [GID] * 3,
        "groups": [GID],
        "rights": [0, 0],
        "umask": 0o077,
        "place": "/",
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everybody's mail")
def test_who_is_not_root_writes_only_own_mail():
    with pytest.raises(MailImportError, match="become"):
        run_as(os.geteuid() + 1, os.getegid(), lambda emit: None, lambda event: None)


def open_files():
    """Descriptors of this process and what each is."""
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # that of the listing itself
            found[int(fd)] = os.readlink("/proc/self/fd/" + fd)
    return found


def pipe_of_events():
    (pipe,) = [fd for fd, name in open_files().items() if name.startswith("pipe:")]
    return pipe


@needs_root
def test_a_process_that_has_given_up_root_can_still_close_what_it_has_open():
    """What /proc shows of its descriptors is root's then, and nobody else's to read."""

    def work(emit):
        os.open("/etc/passwd", os.O_RDONLY)
        kept = os.open("/", os.O_RDONLY)
        shown = os.stat("/proc/self/fd")
        keep_only([pipe_of_events(), kept])
        say(
            emit,
            {
                "event": "open",
                "uid": os.getuid(),
                "owner": shown.st_uid,
                "mode": shown.st_mode & 0o777,
                "files": list(open_files().items()),
            },
        )

    (event,) = events_of(work)
    assert (event["uid"], event["owner"], event["mode"]) == (UID, 0, 0o500)
    assert sorted(name.split(":")[0] for _fd, name in event["files"] if name != "/dev/null") == ["/", "pipe"]


def test_numbers_up_to_the_limit_are_not_closed_one_by_one(monkeypatch):
    """Python 3.9 does so, and the limit may be a billion."""
    asked = []
    monkeypatch.setattr(os, "closerange", lambda low, high: asked.append(high - low))
    monkeypatch.setattr(os, "sysconf", lambda name: 1 << 30)
    (event,) = events_of(lambda emit: say(emit, {"event": "asked", "numbers": sum(asked)}))
    assert event["numbers"] < 10_000


def test_nothing_is_inherited_but_what_is_to_be_kept(tmp_path):
    ours, theirs = socket.socketpair()
    with ours, theirs, open(tmp_path / "secret", "w") as secret:
        os.set_inheritable(secret.fileno(), True)
        (event,) = events_of(
            lambda emit: say(emit, {"event": "open", "files": list(open_files().items())}), keep=(theirs.fileno(),)
        )
        found = dict(event["files"])
        assert [found.pop(fd) for fd in (0, 1, 2)] == ["/dev/null"] * 3
        assert found.pop(theirs.fileno()).startswith("socket:")
        assert sorted(name.split(":")[0] for name in found.values() if name != "/dev/null") == ["pipe"]


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (MailImportError("auth_failed", "wrong"), "auth_failed", "wrong"),
        (OSError(errno.ENOSPC, "No space left"), "disk_full", "free space and run the task again"),
        (OSError(errno.EDQUOT, "Quota"), "over_quota", "disk quota"),
        (PermissionError(errno.EACCES, "Permission denied", "/srv/x"), "host_refused", "Permission denied: /srv/x"),
        (ValueError("odd"), "internal_error", "ValueError in test_sandbox.py line"),
        (MemoryError(), "internal_error", "MemoryError"),
        (RecursionError("deep"), "internal_error", "RecursionError"),
    ],
)
def test_what_ends_the_work_is_told(error, reason, words):
    def work(emit):
        raise error

    failed = failure_of(work)
    assert failed.reason == reason and words in failed.message


def test_what_was_emitted_before_a_failure_counts():
    events = []

    def work(emit):
        say(emit, {"event": "copied"})
        raise MailImportError("connection_failed", "gone")

    with pytest.raises(MailImportError, match="gone"):
        run_as(UID, GID, work, lambda news: events.append(heard(news)))
    assert events == [{"event": "copied"}]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV])
def test_work_that_is_killed_is_interrupted(number):
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    failed = failure_of(lambda emit: os.kill(os.getpid(), number))
    assert failed.reason == "interrupted" and "run the task again to continue" in failed.message


def test_work_that_ends_the_process_by_itself_is_interrupted():
    assert failure_of(lambda emit: os._exit(3)).reason == "interrupted"


def test_work_dies_with_the_process_that_waits_for_it():
    reading, writing = os.pipe()
    parent = os.fork()
    if parent == 0:
        run_as(
            UID,
            GID,
            lambda emit: (os.write(writing, b"%d\n" % os.getpid()), signal.pause()),
            lambda event: None,
            keep=(writing,),
        )
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        child = int(pipe.readline())
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        assert pipe.readline() == b""  # the child held the other end
    wait_until_gone(child)


def test_work_is_ended_when_its_events_cannot_be_taken():
    children = []

    def handle(event):
        children.append(heard(event)["pid"])
        raise OSError(errno.ENOSPC, "no space for the state")

    with pytest.raises(OSError, match="no space for the state"):
        run_as(UID, GID, lambda emit: (say(emit, {"event": "x", "pid": os.getpid()}), signal.pause()), handle)
    wait_until_gone(children[0])


@pytest.mark.parametrize(
    "said",
    [
        b"garbage\n",
        b"5\n",
        b"null\n",
        b"[]\n",
        b"{}\n",
        b'{"news": 5}\n',
        b'{"news": "Failed"}\n',
        b'{"news": "Failed", "reason": "victory", "message": "made up"}\n',
        b'{"news": "News"}\n',
        b"\xff\xfe\n",
        b"\n",
        b"[" * 500_000 + b"\n",
        b'{"news": "Unknown"}\n',
        b'{"news": "FlagsUpdated", "messages": ' + b"9" * 25 + b"}\n",
    ],
)
def test_garbage_from_a_process_that_was_taken_over(said):
    def work(emit):
        with os.fdopen(pipe_of_events(), "wb") as pipe:
            pipe.write(said)
        signal.pause()

    failed = failure_of(work)
    assert failed.reason == "internal_error" and "said something unknown" in failed.message


def test_an_event_without_end_does_not_fill_the_memory():
    def work(emit):
        pipe = pipe_of_events()
        while True:
            os.write(pipe, b"x" * 65_536)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert failure_of(work).reason == "internal_error"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10


def test_failures_of_the_operating_system():
    assert os_failure(OSError("only text")).message == "cannot write the mailbox: only text"


def test_memory_without_end_is_the_end_of_the_import_alone():
    def work(emit):
        pieces = []
        for _number in range(4096):
            pieces.append(bytes(1 << 20))
        say(emit, {"event": "taken"})

    assert "takes more memory than" in failure_of(work).message


@needs_root
def test_other_processes_of_the_mailbox_cannot_look_into_it():
    """The owner of a mailbox may have processes of the same uid, and this one knows a password."""
    (event,) = events_of(lambda emit: say(emit, {"event": "dumpable", "value": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)}))
    assert event["value"] != 1
