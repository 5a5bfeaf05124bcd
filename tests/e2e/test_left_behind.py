# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that could not begin or were killed leave no passwords and no progress on the host, at the latest after the next
run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml
from support.dovecot import wait_until
from support.processes import group_members
from support.relay import Relay
from support.run import environment
from support.scene import Scene

SECRET = "geheim-und-lang"  # noqa: S105 - of an account that lives for one test


@pytest.fixture
def remote_tmp(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Ansible keeps its files on the host."""
    directory = place / "remote-tmp"
    monkeypatch.setenv("ANSIBLE_REMOTE_TMP", str(directory))
    return directory


@pytest.fixture
def guarded_scene(small_scene: Scene) -> Scene:
    """A scene with a password that is easy to find."""
    small_scene.options["target_password"] = SECRET
    return small_scene


def left(remote_tmp: Path) -> list[str]:
    """Our files below Ansible's temporary directory."""
    paths = [path for path in remote_tmp.rglob("*") if path.is_file()]
    return [str(path) for path in paths if "panel-mailimport-" in path.name or SECRET.encode() in path.read_bytes()]


def play(scene: Scene, keywords: dict[str, Any] | None = None, **changes: Any) -> Path:
    """A play of one task that imports the mailbox, on this machine."""
    task = {
        "name": "Import",
        "panel.mailimport.mail_import_imap": scene.arguments(**changes),
        **(keywords or {}),
    }
    file = scene.directory / "import.yml"
    content = [{"name": "Import", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}]
    file.write_text(yaml.safe_dump(content))
    return file


@contextlib.contextmanager
def started(file: Path, *options: str, python: str = sys.executable) -> Iterator[subprocess.Popen[str]]:
    """A run of the play; killed with all its processes at the end, if there are any left."""
    command = ["ansible-playbook", "-i", "localhost,", "-e", "ansible_python_interpreter=%s" % python]
    with output_of(file).open("w") as output:
        process = subprocess.Popen(
            [*command, *options, str(file)],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill_tree(process.pid)
        process.wait()


def output_of(file: Path) -> Path:
    """What the run of a play has printed."""
    return file.with_suffix(".output")


def kill_tree(pid: int) -> None:
    """Kill a process and all that descend from it, which have sessions of their own. It goes before them: whoever sees
    a child end tidies up.
    """
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGSTOP)
        children = Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().split()
        os.kill(pid, signal.SIGKILL)
        for child in children:
            kill_tree(int(child))


@pytest.mark.parametrize("way", ["plain", "watched", "async"])
def test_c8_passwords_go_when_the_module_cannot_start(guarded_scene: Scene, remote_tmp: Path, way: str) -> None:
    keywords = {"async": 60, "poll": 1} if way == "async" else {}
    options = ["-v"] if way == "watched" else []
    file = play(guarded_scene, keywords)
    with started(file, *options, python="/no/such/python") as controller:
        assert controller.wait() != 0
    assert "/no/such/python" in output_of(file).read_text()
    assert remote_tmp.is_dir() and left(remote_tmp) == []


@pytest.mark.parametrize("options", [[], ["-v"]])
def test_c8_passwords_of_a_killed_controller_are_swept_by_the_next_run(
    guarded_scene: Scene, remote_tmp: Path, options: list[str]
) -> None:
    hanging = guarded_scene.directory / "hanging-python"
    hanging.write_text("#!/bin/sh\nexec sleep 1000\n")
    hanging.chmod(0o755)
    with started(play(guarded_scene), *options, python=str(hanging)):
        wait_until(lambda: left(remote_tmp) != [], "the passwords to be on the host")
    assert left(remote_tmp) != []
    outcome = guarded_scene.task()
    assert not outcome.result.get("failed"), outcome.output
    assert left(remote_tmp) == []


def test_d13_progress_goes_when_the_task_times_out(guarded_scene: Scene, remote_tmp: Path) -> None:
    with Relay(guarded_scene.source.port, hold_after=0) as relay:
        options = {"source_port": relay.port, "source_tls": "none"}
        file = play(guarded_scene, {"timeout": 8}, **options)
        with started(file, "-v") as controller:
            assert controller.wait() != 0
    assert "timed out" in output_of(file).read_text().lower()
    assert left(remote_tmp) == []


def test_d13_progress_of_an_interrupted_run_is_swept_by_the_next(guarded_scene: Scene, remote_tmp: Path) -> None:
    with Relay(guarded_scene.source.port, hold_after=0) as relay:
        options = {"source_port": relay.port, "source_tls": "none"}
        with started(play(guarded_scene, **options), "-v") as controller:
            wait_until(lambda: any("progress" in path for path in left(remote_tmp)), "the import to be watched")
            os.killpg(controller.pid, signal.SIGINT)
            controller.wait()
            assert group_members(controller.pid) == []
    outcome = guarded_scene.task()
    assert not outcome.result.get("failed"), outcome.output
    assert left(remote_tmp) == []


def test_c8_a_local_user_cannot_make_the_sweep_remove_what_is_not_ours(guarded_scene: Scene, remote_tmp: Path) -> None:
    remote_tmp.mkdir()
    remote_tmp.chmod(0o1777)
    of_others = remote_tmp / "of-others"
    of_others.write_text("a letter")
    for directory in (remote_tmp, remote_tmp / "x\n.ssh", remote_tmp / "ansible-tmp-1\n.ssh"):
        directory.mkdir(exist_ok=True)
        bait = directory / "panel-mailimport-job-0123456789abcdef-1-1-00000000"
        bait.touch()
        os.utime(bait, (0, 0))
    before = sorted(remote_tmp.rglob("*"))
    outcome = guarded_scene.task()
    assert not outcome.result.get("failed"), outcome.output
    assert sorted(remote_tmp.rglob("*")) == before
