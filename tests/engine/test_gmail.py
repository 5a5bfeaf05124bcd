# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gmail's labels: each message comes over the line once, and is in every folder it has at the source."""

from __future__ import annotations

import os
import signal
from collections import Counter
from dataclasses import replace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import FolderRules
from ansible_collections.panel.mailimport.plugins.module_utils.run import status as status_of
from ansible_collections.panel.mailimport.plugins.module_utils.source import profiles
from ansible_collections.panel.mailimport.plugins.module_utils.state import budgets
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.session import HostSession
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.writer import MaildirWriter
from fakes.gmail import ALL, DRAFTS, IMPORTANT, SENT, SPAM, STARRED, TRASH, GmailAccount
from fakes.imap_server import FakeServer
from support.mail import small_message

from .bench import Bench, Run, digest, folders_of

WORK, DEEP, OTHER = b"Work", b"Work/2024/Q1", b'Kunde (neu) "x"'
# What the folders of the account are called on the host.
HERE = {
    b"INBOX": ("INBOX",),
    WORK: ("Work",),
    DEEP: ("Work", "2024", "Q1"),
    OTHER: ('Kunde (neu) "x"',),
    SENT: ("Sent",),
    DRAFTS: ("Drafts",),
    SPAM: ("Junk",),
    TRASH: ("Trash",),
}


def body(number: int, size: int = 400) -> bytes:
    return small_message(number) + b"x" * size + b"\r\n"


def account() -> GmailAccount:
    """Thirty messages with up to five labels, five that are archived without any, and some in Spam and Trash."""
    made = GmailAccount((WORK, DEEP, OTHER))
    for number in range(30):
        labels = [
            name for place, name in enumerate((b"INBOX", WORK, DEEP, OTHER, IMPORTANT)) if number % (place + 1) == 0
        ]
        made.add(body(number), *labels, flags=(b"\\Seen",) if number % 2 else (b"\\Flagged", b"$Phishing"))
    for number in range(30, 35):
        made.add(body(number), flags=(b"\\Flagged",) if number == 30 else ())
    made.add(body(35), SENT)
    made.add(body(36), DRAFTS, flags=(b"\\Draft",))
    made.add(body(37), SPAM)
    made.add(body(38), TRASH, flags=(b"\\Seen",))
    return made


def expected(made: GmailAccount) -> dict[tuple[str, ...], Counter]:
    """What the mailbox is to hold with `labels: folders`: each folder as it is, and in Archive what is in none."""
    folders = {path: made.folders[name].messages for name, path in HERE.items() if made.folders[name].messages}
    labelled = {mail.number for name in HERE for mail in made.folders[name].messages}
    archived = [mail for mail in made.folders[ALL].messages if mail.number not in labelled]
    if archived:
        folders["Archive",] = archived
    return {path: Counter(digest(mail.body) for mail in mails) for path, mails in folders.items()}


def here(bench: Bench) -> dict[tuple[str, ...], Counter]:
    """What the mailbox holds; folders without a message do not matter."""
    return {
        path: Counter(facts.content.sha256 for facts in folder.messages.values())
        for path, folder in bench.account().folders.items()
        if folder.messages
    }


def completed(run: Run) -> Run:
    assert (run.result.state, run.result.reason, run.reasons) == ("completed", None, []), run
    return run


@pytest.mark.parametrize("store", ["maildir", "imap"])
def test_a10_each_message_comes_once_and_is_in_all_its_folders(bench: Bench, store: str) -> None:
    made = account()
    total = sum(sum(counts.values()) for counts in expected(made).values())
    with made.serve() as server:
        looked = bench.look(server.port, message_store=store)
        assert (looked.result.messages_copied, looked.result.messages_total) == (total, total), looked
        assert made.sent_bytes == 0
        run = completed(bench.run(server.port, message_store=store))
        assert here(bench) == expected(made)
        assert made.sent_bytes == made.size, "nothing comes twice over the line"
        result = run.result
        assert (result.messages_copied, result.messages_total, result.messages_linked) == (total, total, total - 39)
        assert result.bytes_copied == made.size and "2 with mail that is in other folders" in " ".join(run.lines)
        archived = bench.messages("Archive")
        assert [facts.flags for facts in archived.values() if facts.flags - {"\\Recent"}] == [frozenset({"\\Flagged"})]

        for state in ("present", "latest"):
            again = completed(bench.run(server.port, message_store=store, state=state))
            told = again.result.changed, again.result.messages_copied, again.result.messages_present
            assert (*told, again.result.messages_total) == (False, 0, total, total)
        assert made.sent_bytes == made.size
        assert here(bench) == expected(made)
    if store == "maildir":
        home = bench.host.home_of(bench.address) / "Maildir"
        files = list(home.rglob("cur/*"))
        assert len({os.stat(path).st_ino for path in files}) == 39 and len(files) == total


@pytest.mark.parametrize("store", ["maildir", "imap"])
def test_a10_labels_that_come_and_go_later_bring_no_message_again(bench: Bench, store: str) -> None:
    made = account()
    numbers = [mail.number for mail in made.folders[ALL].messages]
    with made.serve() as server:
        completed(bench.run(server.port, message_store=store))
        before, sent = here(bench), made.sent_bytes
        made.label(numbers[32], WORK)  # was archived
        made.label(numbers[1], OTHER)  # was in INBOX
        made.unlabel(numbers[1], b"INBOX")
        fresh = made.add(body(50), b"INBOX", WORK, DEEP)
        alone = made.add(body(51))
        assert fresh != alone
        run = completed(bench.run(server.port, message_store=store, state="latest"))
        assert made.sent_bytes - sent == len(body(50)) + len(body(51))
        assert (run.result.messages_copied, run.result.messages_linked) == (6, 4)
        gained = {path: counts - before.get(path, Counter()) for path, counts in here(bench).items()}
        assert {path: sum(counts.values()) for path, counts in gained.items() if counts} == {
            ("INBOX",): 1,
            ("Work",): 2,
            ("Work", "2024", "Q1"): 1,
            ('Kunde (neu) "x"',): 1,
            ("Archive",): 1,
        }
        assert completed(bench.run(server.port, message_store=store, state="latest")).result.changed is False


def test_a10_what_its_owner_removed_here_is_fetched_for_another_folder(bench: Bench) -> None:
    made = account()
    numbers = [mail.number for mail in made.folders[ALL].messages]
    with made.serve() as server:
        completed(bench.run(server.port))
        with bench.session() as session:
            session.select("Archive")
            session.command(b"UID STORE 1:* +FLAGS.SILENT (\\Deleted)")
            session.command(b"EXPUNGE")
        made.label(numbers[32], WORK)
        run = completed(bench.run(server.port, state="latest"))
        assert (run.result.messages_copied, run.result.messages_linked) == (1, 0)
        assert "Archive" not in [path[0] for path in here(bench)]


def test_a10_first_gives_each_message_one_place(bench: Bench) -> None:
    made = account()
    with made.serve() as server:
        rules = FolderRules(labels="first")
        assert bench.look(server.port, rules=rules).result.messages_copied == 39
        run = completed(bench.run(server.port, rules=rules))
        assert (run.result.messages_copied, run.result.messages_linked, made.sent_bytes) == (39, 0, made.size)
        counts = {path: sum(found.values()) for path, found in here(bench).items()}
        # Every third is in the deepest label, then every fourth and every second in others, and what is left in INBOX.
        assert counts == {
            ("Work", "2024", "Q1"): 10,
            ('Kunde (neu) "x"',): 5,
            ("Work",): 5,
            ("INBOX",): 10,
            ("Archive",): 5,
            ("Sent",): 1,
            ("Drafts",): 1,
            ("Junk",): 1,
            ("Trash",): 1,
        }
        again = completed(bench.run(server.port, rules=rules, state="latest")).result
        assert (again.changed, again.messages_present, again.messages_total) == (False, 39, 39)
        made.label(made.folders[b"INBOX"].messages[1].number, OTHER)
        later = completed(bench.run(server.port, rules=rules, state="latest")).result
        assert (later.messages_copied, sum(sum(found.values()) for found in here(bench).values())) == (0, 39)


def test_a10_all_mail_is_one_folder(bench: Bench) -> None:
    made = account()
    with made.serve() as server:
        run = completed(bench.run(server.port, rules=FolderRules(labels="all_mail")))
        assert {path: sum(found.values()) for path, found in here(bench).items()} == {
            ("Archive",): 37,
            ("Junk",): 1,
            ("Trash",): 1,
        }
        assert made.sent_bytes == made.size and run.result.messages_total == 39
        assert bench.run(server.port, rules=FolderRules(labels="all_mail"), state="latest").result.changed is False


def test_a10_where_all_mail_is_hidden_nothing_is_lost(bench: Bench) -> None:
    made = GmailAccount((WORK,), all_mail=False)
    made.add(body(1), b"INBOX", WORK, IMPORTANT)
    made.add(body(2), IMPORTANT)
    made.add(body(3), STARRED)
    with made.serve() as server:
        run = completed(bench.run(server.port))
        kept = sum(here(bench).values(), Counter())
        assert kept == Counter({digest(body(1)): 3, digest(body(2)): 1, digest(body(3)): 1})
        assert made.sent_bytes == made.size
        assert any("All Mail is not shown over IMAP" in line for line in run.lines)


def test_q76_a_folder_that_may_be_limited_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    made = account()
    limits = replace(profiles.GMAIL, limits_folders_to=frozenset((30,)))
    monkeypatch.setattr(profiles, "_PROFILES", (limits,))
    with made.serve() as server:
        (told,) = [line for line in bench.look(server.port).lines if "exactly as many messages" in line]
        assert "(INBOX)" in told and "Folder size limits" in told


def test_a10_what_is_left_out_by_name_does_not_come_by_way_of_all_mail(bench: Bench) -> None:
    made = account()
    with made.serve() as server:
        completed(bench.run(server.port, rules=FolderRules(exclude=("Work",))))
        found = here(bench)
        assert ("Work",) not in found and sum(found["Archive",].values()) == 5


def test_a10_a_label_called_archive_keeps_its_name(bench: Bench) -> None:
    made = GmailAccount((b"Archive",))
    made.add(body(1), b"Archive")
    made.add(body(2))
    with made.serve() as server:
        completed(bench.run(server.port))
        assert here(bench) == {
            ("Archive",): Counter([digest(body(1))]),
            ("All Mail",): Counter([digest(body(2))]),
        }


@pytest.mark.parametrize("store", ["maildir", "imap"])
def test_a10_b11_three_budgets_take_three_days_and_nothing_comes_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    made = account()
    day = made.size // 3 + 39 * 80
    made.budget = 0
    with made.serve() as server:
        states = []
        for _day in range(3):
            made.budget = made.sent_bytes + day + 2000
            run = bench.run(server.port, message_store=store, source_daily_bytes=day)
            states.append(run.result.state)
            monkeypatch.setattr(status_of, "is_past", lambda _moment: True)
            monkeypatch.setattr(budgets, "DAY", 0.0)
        assert states == ["paused", "paused", "completed"], run
        assert here(bench) == expected(made) and made.sent_bytes == made.size
        looked = bench.look(server.port, force=True, source_daily_bytes=day)
        assert "in about 3 days" in " ".join(looked.lines) or looked.result.messages_copied


def test_a10_labels_of_another_server_are_no_option(bench: Bench) -> None:
    with FakeServer(folders_of(b"Mine")) as server:
        run = bench.run(server.port, rules=FolderRules(labels="first"))
        assert (run.result.state, run.result.reason) == ("failed", "invalid_row")
        assert "labels=first is for Gmail" in run.result.message


def test_a10_verification_knows_labels(bench: Bench) -> None:
    made = account()
    with made.serve() as server:
        completed(bench.run(server.port))
        run = bench.run(server.port, verify="deep")
        assert run.reasons == [], run


@pytest.mark.parametrize("store", ["maildir", "imap"])
def test_a10_a_kill_while_messages_are_copied_here_doubles_and_loses_none(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    made = account()
    place, name = (MaildirWriter, "link") if store == "maildir" else (HostSession, "copy")
    whole = getattr(place, name)
    done: list[int] = []

    def killed_behind(count: int) -> None:
        """Let the importing process die behind so many copies."""

        def act(*arguments: object) -> object:
            answer = whole(*arguments)
            done.append(1)
            if len(done) == count:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        monkeypatch.setattr(place, name, act)

    with made.serve() as server:
        ends = []
        for count in (1, 2, 9):
            killed_behind(count)
            ends.append(bench.run(server.port, message_store=store).result.reason)
        assert ends[:2] == ["interrupted", "interrupted"]
        monkeypatch.setattr(place, name, whole)
        completed(bench.run(server.port, message_store=store))
        assert here(bench) == expected(made)
        assert made.sent_bytes == made.size, "what came before a kill does not come again"
        again = completed(bench.run(server.port, message_store=store, state="latest")).result
        assert (again.changed, here(bench)) == (False, expected(made))


def test_a10_more_labels_than_are_open_at_once(bench: Bench) -> None:
    names = tuple(b"L%03d" % number for number in range(80))
    made = GmailAccount(names)
    for number in range(120):
        made.add(body(number), *{names[(number * step) % 80] for step in range(1, 1 + number % 6)})
    with made.serve() as server:
        completed(bench.run(server.port))
        wanted = {
            (name.decode(),): Counter(digest(mail.body) for mail in made.folders[name].messages)
            for name in names
            if made.folders[name].messages
        }
        found = here(bench)
        assert sum(found.pop(("Archive",)).values()) == 20 and found == wanted
        assert made.sent_bytes == made.size


def test_a10_labels_are_called_anything(bench: Bench) -> None:
    """Quotation marks, backslashes, a name like NIL or an attribute, one below a label that is none, another script."""
    names = [
        b'Kunde "A" (neu)',
        b"a\\b",
        b"NIL",
        b"\\Inbox",
        b"Work/2024/Q1",
        b"v1.2",
        b"R&-D",
        b"&BBoEOwQ4BDUEPQRCBEs-",
    ]
    made = GmailAccount(tuple(names))
    for number, name in enumerate(names):
        made.add(body(number), name, names[(number + 1) % len(names)], b"INBOX")
    with made.serve() as server:
        completed(bench.run(server.port))
        counts = {path: sum(found.values()) for path, found in here(bench).items()}
        assert counts.pop(("INBOX",)) == len(names) and set(counts.values()) == {2}, counts
        assert {('Kunde "A" (neu)',), ("NIL",), ("Work", "2024", "Q1"), ("R&D",), ("Клиенты",)} <= counts.keys()
        assert made.sent_bytes == made.size and len(counts) == len(names)
        assert completed(bench.run(server.port, state="latest")).result.changed is False


def test_a10_labels_that_look_like_folders_of_gmail_or_of_the_host(bench: Bench) -> None:
    """Equal but for capitals, below a label of Gmail's own, or called like INBOX, Trash or Archive: each stays one."""
    names = [b"Work", b"WORK", b"work/a", b"Work/A", b"[Gmail]/Mine", b"INBOX/Deep", b"Trash", b"Junk/x", b"Archive"]
    made = GmailAccount(tuple(names))
    labelled: Counter[bytes] = Counter()
    for number in range(20):
        # Five labels each.
        labels = [names[(number + step) % len(names)] for step in range(4)]
        labelled.update(labels)
        made.add(body(number, 40_000), b"INBOX", *labels)
    made.add(body(20, 40_000))
    words: list[int] = []

    def counted(piece: bytes) -> bytes:
        words.append(len(piece))
        return piece

    with made.serve() as server:
        server.rewrite = counted
        completed(bench.run(server.port))
        # All that the server has said, not the messages alone.
        assert made.sent_bytes == made.size and sum(words) < 0.05 * made.size
        found = here(bench)
        # The host has a Trash of its own, and All Mail what has no label.
        wanted = Counter({name.decode().replace("Trash", "Trash-2"): count for name, count in labelled.items()})
        assert Counter({"/".join(path): sum(counts.values()) for path, counts in found.items()}) == wanted + Counter(
            {"INBOX": 20, "All Mail": 1}
        )
        assert completed(bench.run(server.port, state="latest")).result.changed is False
        assert here(bench) == found
