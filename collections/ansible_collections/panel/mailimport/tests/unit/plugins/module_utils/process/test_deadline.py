# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import socket
import threading

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.process.deadline import ended_after


def test_one_that_drips_comes_to_an_end():
    ours, theirs = socket.socketpair()
    stopped = threading.Event()

    def drip():
        with contextlib.suppress(OSError):
            while not stopped.wait(0.01):
                theirs.send(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        ours.settimeout(60)
        with ours, pytest.raises(TimeoutError, match="no whole answer within 0.2 s"), ended_after(ours, 0.2):
            # To whoever reads, it ends as if it were whole.
            ours.makefile("rb").readline()
    finally:
        stopped.set()
        dripping.join()
        theirs.close()


def test_what_fails_before_says_why_itself():
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(EOFError, match="over"), ended_after(ours, 3600):
        raise EOFError("over")


def test_a_connection_may_be_closed_before_the_end():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with ended_after(ours, 3600):
            ours.close()
        assert theirs.recv(1) == b""
