# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the tests on other servers than Dovecot: each server runs once, and each test has an account of its own
on it.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from support.dovecot import Dovecot
from support.other_servers import ClassicCyrus, Courier, Cyrus, Imap4d, OtherServer, Pymap
from support.overlay import OverlayError
from support.scene import Scene
from support.tls import Authority

SERVERS = (Cyrus, ClassicCyrus, Courier, Imap4d, Pymap)
# In so many imports into a server the line breaks, and as many are killed; a campaign takes more.
FAULTS = int(os.environ.get("TARGET_FAULTS", "1"))
# Enough for all files of tests in one process
ACCOUNTS = 20 + 2 * FAULTS

NewScene = Callable[[type[OtherServer]], Scene]


@pytest.fixture(scope="session")
def running(workplace: Path, authority: Authority) -> Iterator[Callable[[type[OtherServer]], tuple[OtherServer, str]]]:
    """A server of a kind, and the name of an account that nobody has used yet."""
    started: dict[type[OtherServer], OtherServer] = {}
    numbers: dict[type[OtherServer], Iterator[int]] = collections.defaultdict(itertools.count)
    with contextlib.ExitStack() as stack:

        def start(kind: type[OtherServer]) -> tuple[OtherServer, str]:
            users = {"user%d" % number: "pass word %d" % number for number in range(ACCOUNTS)}
            if kind is Pymap or kind not in started:  # pymap has one account
                directory = workplace / ("%s%d" % (kind.__name__, len(list(workplace.iterdir()))))
                try:
                    started[kind] = stack.enter_context(kind(directory, users, authority))
                except OverlayError as error:
                    pytest.skip(str(error))
            return started[kind], "user%d" % (0 if kind is Pymap else next(numbers[kind]))

        yield start


@pytest.fixture
def new_scene(
    running: Callable[[type[OtherServer]], tuple[OtherServer, str]], place: Path, host: Dovecot, authority: Authority
) -> NewScene:
    """Make an empty account on a server of a kind, and a mail host that knows nothing of it."""

    def make(kind: type[OtherServer]) -> Scene:
        server, user = running(kind)
        way = "starttls" if server.starttls else "implicit" if server.tls_port else "none"
        options = {
            "source_port": server.tls_port or server.port,
            "source_tls": way,
            "source_ca_cert": None if way == "none" else str(authority.ca_file),
        }
        return Scene(
            place, server, "%s@other.example" % user, server.users[user], host, authority.ca_file, options, user
        )

    return make


@pytest.fixture(params=SERVERS, ids=[server.__name__ for server in SERVERS])
def other(request: pytest.FixtureRequest, new_scene: NewScene) -> Scene:
    """The same on each of the servers."""
    return new_scene(request.param)
