# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests of several layers share."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.stream import ByteStream
from ansible_collections.panel.mailimport.plugins.module_utils.imap.tls import tls_context
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceAccount
from ansible_collections.panel.mailimport.plugins.module_utils.source.session import SourceSession
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import patience
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.source.scripted_server import (
    ChallengingServer,
    ScriptedServer,
)
from hypothesis import settings

# No time limits on a busy machine, and nothing left behind in the repository.
settings.register_profile("unit", deadline=None, max_examples=60, database=None)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def own_umask():
    """A store sets that of its process, which is a child of its own everywhere else."""
    previous = os.umask(0o022)
    yield
    os.umask(previous)


@pytest.fixture
def no_waiting(monkeypatch):
    """A source that is away is asked again at once, and a few times only."""
    monkeypatch.setattr(patience, "RECONNECT_WAIT", 0.0)
    monkeypatch.setattr(patience, "LONGEST_OUTAGE", 0.0)


class Trickle(socket.socket):
    """A socket that hands out only so many bytes at a time, as a slow network does."""

    step = 1 << 20

    def recv_into(self, buffer, *arguments):
        return super().recv_into(memoryview(buffer)[: self.step], *arguments)


@pytest.fixture
def stream_of():
    """Make a ByteStream of bytes that a peer sends; it closes then unless `close` is False."""
    opened = []

    def make(data, step=1 << 20, close=True, timeout=30.0):
        ours, theirs = socket.socketpair()
        ours = Trickle(fileno=ours.detach())
        ours.step = step
        ours.settimeout(timeout)

        def send():
            with suppress(OSError):  # the test has seen enough
                theirs.sendall(data)
                if close:
                    theirs.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        opened.append((ours, theirs, thread))
        return ByteStream(ours, "imap.example:993")

    yield make
    for ours, theirs, thread in opened:
        ours.close()
        theirs.close()
        thread.join(30)


@pytest.fixture
def server():
    """Start a ScriptedServer."""
    started = []

    def start(answers=(), greeting=None, capabilities=b"IMAP4rev1"):
        started.append(ScriptedServer(answers, greeting, capabilities))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def challenger():
    """Start a ChallengingServer."""
    started = []

    def start(*arguments):
        started.append(ChallengingServer(*arguments))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def account():
    """An account on a ScriptedServer."""

    def make(server, **options):
        values = {"user": "anna", "password": "a secret", "tls": "none", "timeout": 30.0}
        return SourceAccount(host="127.0.0.1", port=server.port, **{**values, **options})

    return make


@pytest.fixture
def session(server, account):
    """Log in at a ScriptedServer that answers as told."""
    opened = []

    def make(answers, capabilities=b"IMAP4rev1", **options):
        started = account(server(answers, capabilities=capabilities), **options)
        opened.append(SourceSession(started, tls_context(started)))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
