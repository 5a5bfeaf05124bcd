# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.imap_process import ImapProcess
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.news import Note, SessionWanted
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.sandbox import run_as
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.session_broker import SessionBroker


def echo():
    """A process that answers each line, and ends when its input does."""
    return ImapProcess(
        [b"/bin/sh", b"-c", b"while read -r word; do echo $$ $word; done"], {"PATH": "/bin:/usr/bin"}, ()
    )


class Parent:
    """The parent's side of a run: serves its child and remembers what that said."""

    def __init__(self, start=echo):
        self.said, self.processes = [], 0
        self.broker = SessionBroker(self.start)
        self._start = start

    def start(self):
        self.processes += 1
        return self._start()

    def handle(self, event):
        if isinstance(event, SessionWanted):
            self.broker.serve()
        else:
            self.said.append(json.loads(event.message))

    def run(self, work):
        try:
            run_as(os.geteuid(), os.getegid(), work, self.handle, keep=(self.broker.descriptor,))
        finally:
            self.broker.close()


def asked(pipe, word):
    pipe.sendall(word + b"\n")
    space = bytearray(100)
    return bytes(space[: pipe.recv_into(memoryview(space))]).split()


def test_child_talks_to_processes_of_its_parents():
    parent, pids = Parent(), []

    def work(emit):
        for word in (b"one", b"two"):
            pipe = parent.broker.open_pipe(emit)
            pid, answer = asked(pipe, word)
            pipe.close()
            pids.append(int(pid))
            gone = [os.path.exists("/proc/%d" % earlier) for earlier in pids[:-1]]
            emit(Note(json.dumps([int(pid), answer.decode(), gone])))

    parent.run(work)

    assert [said[1:] for said in parent.said] == [["one", []], ["two", [False]]], "the one before has ended"
    assert parent.said[0][0] != parent.said[1][0]
    assert parent.processes == 2


def test_process_that_cannot_be_started_ends_the_run():
    def start():
        raise MailImportError("host_refused", "no such program")

    with pytest.raises(MailImportError, match="no such program"):
        Parent(start).run(lambda emit: parent_of(emit).open_pipe(emit))


def parent_of(emit):
    """A broker to ask at; the answer never comes, for the parent gives up."""
    return SessionBroker(echo)


def test_sessions_without_end_are_not_served():
    parent = Parent()

    def work(emit):
        while True:
            parent.broker.open_pipe(emit).close()

    with pytest.raises(MailImportError) as error:
        parent.run(work)
    assert error.value.reason == "host_refused"
    assert parent.processes < 100


def test_no_process_is_left_when_the_child_is_gone():
    parent = Parent()

    def work(emit):
        pid, _answer = asked(parent.broker.open_pipe(emit), b"x")
        emit(Note(pid.decode()))
        os._exit(0)

    parent.run(work)
    assert not os.path.exists("/proc/%d" % parent.said[0])
