# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `existing_content: merge` takes for the message that is there already: the same in every format of mailbox."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.imap_mail import Folder, Message
from fakes.imap_server import FakeServer
from support.dovecot import Dovecot
from support.imap import Digest, Item

from .bench import PASSWORD, Bench, three_folders

FORMATS = {"maildir": "maildir:~/Maildir", "sdbox": "sdbox:~/sdbox", "mdbox": "mdbox:~/mdbox"}
HEADER = b"Subject: merge\r\n\r\n"
ADDRESS = "box@merge.example"

# What the mailbox holds, what the source has, and whether that is another message.
CASES = [
    (b"ab", b"a\rb", True),
    (b"a\nb", b"a\rb", True),
    (b"a\rb", b"a\r\rb", True),
    (b"\x81", b"\0", True),
    (b"a\r\nb", b"a\nb", False),
    (b"a\r\nb", b"a\r\r\nb", False),
    (b"end\r\n", b"end\n", False),
    (b"end", b"end\r", False),
    (b"a\x80b", b"a\0b", False),
]


@pytest.fixture(params=sorted(FORMATS))
def merging(request: pytest.FixtureRequest, new_host: Callable[..., Dovecot], place: Path) -> Bench:
    """A mailbox with the messages that are there already, by Dovecot's own hand."""
    host = new_host(mail_location=FORMATS[request.param], separator="/", users={ADDRESS: PASSWORD})
    bench = Bench(host, place / "state", ADDRESS)
    with bench.session() as session:
        for number, (held, _sent, _other) in enumerate(CASES):
            name = "Case%d" % number
            session.create(name)
            session.append(name, [Item(HEADER + held)])
    return bench


def test_a8_one_notion_of_equal_messages_in_every_format(merging: Bench) -> None:
    folders = [Folder(b"INBOX", [])]
    folders += [Folder(b"Case%d" % n, [Message(1, HEADER + sent)]) for n, (_held, sent, _other) in enumerate(CASES)]
    with FakeServer(folders) as server:
        run = merging.run(server.port, existing_content="merge")
    found = merging.account().folders
    counts = [len(found["Case%d" % number,].messages) for number in range(len(CASES))]
    assert counts == [1 + other for _held, _sent, other in CASES], run
    assert run.result.messages_copied == sum(other for _held, _sent, other in CASES)


def test_a8_a_second_run_and_a_forced_one_find_all_of_it(merging: Bench) -> None:
    folders = [Folder(b"Case%d" % n, [Message(1, HEADER + sent)]) for n, (_held, sent, _other) in enumerate(CASES)]
    with FakeServer([Folder(b"INBOX", []), *folders]) as server:
        merging.run(server.port, existing_content="merge")
        before = contents(merging)
        for changes in ({}, {"state": "latest"}, {"force": True}):
            merging.run(server.port, existing_content="merge", **changes)
    assert contents(merging) == before


def contents(bench: Bench) -> dict[tuple[str, ...], list[Digest]]:
    """Digests of the messages of each folder."""
    return {
        path: sorted(facts.content for facts in folder.messages.values())
        for path, folder in bench.account().folders.items()
    }


def moved_elsewhere(folder: Path) -> None:
    """Dovecot follows such a link, and nobody else reads the files."""
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")


def renumbered_here(folder: Path) -> None:
    """Dovecot gives the folder another UIDVALIDITY."""
    for index in folder.glob("dovecot*"):
        index.unlink()


@pytest.mark.parametrize(
    ("store", "content", "harm"),
    [
        ("maildir", "merge", moved_elsewhere),
        ("maildir", "replace", moved_elsewhere),
        ("imap", "merge", renumbered_here),
        ("imap", "replace", renumbered_here),
    ],
)
def test_a_new_message_is_none_that_came_before_though_they_are_equal(
    bench: Bench, store: str, content: str, harm: Callable[[Path], None]
) -> None:
    """Nor when it is not known any more which of them are which."""
    options = {"existing_content": content, "state": "latest"}
    with three_folders() as server:
        bench.completed(server, message_store=store, **options)
        folder = server.folder(b"Middle")
        folder.messages.append(Message(500, folder.messages[0].body))
        harm(bench.host.home_of(bench.address) / "Maildir" / ".Middle")
        assert bench.completed(server, message_store="imap", **options).result.messages_copied == 1
        assert not bench.completed(server, message_store="imap", **options).result.changed
