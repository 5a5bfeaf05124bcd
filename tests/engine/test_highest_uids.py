# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A source at the end of its UIDs."""

from __future__ import annotations

import re

import pytest
from fakes.imap_mail import Folder, Message
from fakes.imap_server import FakeServer
from support.imap import Item
from support.mail import small_message

from .bench import Bench, inbox, messages

LAST_UID = 2**32 - 1


def near_the_end(case: str) -> FakeServer:
    """A source whose UIDs, or what it says of the next one, leave no room for more mail."""
    if case == "next UID":
        server = inbox(3)
        server.rewrite = lambda piece: re.sub(rb"UIDNEXT \d+", b"UIDNEXT %d" % LAST_UID, piece)
        return server
    highest = {"UID": LAST_UID - 2, "last UID": LAST_UID, "UIDVALIDITY": 3}[case]
    return FakeServer(
        [Folder(b"INBOX", [*messages(2), Message(highest, small_message(3))], LAST_UID if case == "UIDVALIDITY" else 7)]
    )


@pytest.mark.parametrize("case", ["next UID", "UID", "last UID", "UIDVALIDITY"])
def test_a_source_at_the_end_of_its_uids_leaves_a_mailbox_that_takes_mail(bench: Bench, case: str) -> None:
    """Dovecot ends with an assertion, at every delivery, when no UID is left."""
    with near_the_end(case) as server:
        bench.completed(server)
        for number in range(5):
            with bench.session() as session:
                session.append("INBOX", [Item(small_message(100 + number))])
        assert len(bench.messages()) == 8
        run = bench.run(server.port, state="latest")
        assert (run.result.state, run.result.messages_copied) == ("completed", 0)


def test_mail_at_the_end_of_the_uids_that_comes_later_leaves_a_mailbox_that_takes_mail(bench: Bench) -> None:
    with inbox(3) as server:
        bench.completed(server)
        server.folder(b"INBOX").messages.append(Message(LAST_UID - 1, small_message(90)))
        run = bench.run(server.port, state="latest")
        assert (run.result.state, run.result.messages_copied) == ("completed", 1)
        for number in range(3):
            with bench.session() as session:
                session.append("INBOX", [Item(small_message(100 + number))])
        assert len(bench.messages()) == 7
