# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies in mdbox that came to light long after a crash: an import that begins again removes them, and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from fakes.imap_mail import Folder, Message
from fakes.imap_server import FakeServer
from support.dovecot import Dovecot
from support.imap import Item
from support.mail import small_message

from .bench import PASSWORD, Bench

ADDRESS = "box@late.example"


def test_a14_a_new_beginning_removes_no_mail_of_another_source(new_host: Callable[..., Dovecot], place: Path) -> None:
    """The second source has the same message twice, so a copy comes from there. The first import was killed long
    ago.
    """
    host = new_host(mail_location="mdbox:~/mdbox", separator="/", users={ADDRESS: PASSWORD})
    bench = Bench(host, place / "state", ADDRESS)

    def bring(user: str, count: int, **changes: object) -> int:
        with FakeServer([Folder(b"INBOX", [Message(uid, small_message(1)) for uid in range(1, count + 1)])]) as source:
            run = bench.run(source.port, source_user=user, existing_content="merge", **changes)
        assert run.result.state == "completed", run
        return len(bench.messages())

    def copy() -> None:
        date = next(iter(bench.messages().values())).internal_date
        with bench.session() as session:
            session.append("INBOX", [Item(small_message(1), (), date)])

    assert (bring("first", 1), bring("second", 2)) == (1, 2)
    with closing(sqlite3.connect(bench.state_dir / "state.db")) as state, state:
        state.execute("UPDATE imports SET crashed_since = 1700000000 WHERE source_user = 'first'")
    copy()
    assert bring("first", 1, force=True) == 2, "the copy is gone"
    copy()
    assert bring("first", 1, force=True) == 3, "the second one is the owner's"
    assert bring("second", 2, state="latest") == 3
