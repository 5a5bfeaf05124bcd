# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An account of a few folders on a small server, and a mailbox below tmp_path."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import MailFiles
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.source.account_server import AccountServer


@pytest.fixture
def account():
    """Start an account; messages are UIDs, or bodies by UID."""
    started = []

    def start(**folders):
        bodies = {
            name.encode(): uids
            if isinstance(uids, dict)
            else {uid: b"Subject: %d\r\n\r\nbody\r\n" % uid for uid in uids}
            for name, uids in folders.items()
        }
        started.append(AccountServer(bodies))
        return started[-1]

    yield start
    for each in started:
        each.server.close()


@pytest.fixture
def location(tmp_path):
    root = str(tmp_path / "Maildir")
    return MailFiles(0, 0, "maildir", root, root, root)


@pytest.fixture
def marks_in():
    """The marks that events carry, the latest of each folder, as the next run gets them."""

    def collect(events):
        marks = {}
        for event in events:
            marks.update({mark.raw_name: mark for mark in getattr(event, "marks", ())})
        return marks

    return collect


@pytest.fixture
def uids(tmp_path):
    """UIDs of the messages a folder of the mailbox holds."""

    def read(directory):
        return sorted(
            int(file.name[:10])
            for part in ("cur", "new")
            for file in (tmp_path / "Maildir" / directory / part).iterdir()
        )

    return read
