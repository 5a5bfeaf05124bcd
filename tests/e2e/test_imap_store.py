# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mailboxes that are no Maildir are filled through Dovecot's own IMAP process: sdbox and mdbox, whole, once and truthfully."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

import pytest
from support.dovecot import MAIL_GID, MAIL_UID, Dovecot, wait_until
from support.imap import Account, Digest, Facts, Item, snapshot
from support.mail import load_mail, small_message
from support.processes import group_members, peak_memory_mib, repeatedly
from support.run import Outcome, finish_module
from support.scene import Scene, fill
from support.tls import Certificate

BOXES = {
    "sdbox": {"mail_location": "sdbox:~/sdbox", "separator": "/"},
    "mdbox": {"mail_location": "mdbox:~/mdbox", "separator": "/"},
}
FOLDERS = ("INBOX", "Sent", "Projects{0}2024", "Party 🎉", "Fish & Chips")
KILLS = 10
IMAP_KILLS = 6
LIMIT_MIB = 64
LARGE_MESSAGE = 150_000_000
MANY_MESSAGES = 30_000

OLD_PASSWORD = "what it was before"  # noqa: S105 - of a mailbox that lives for one test
OLD_MAIL = [small_message(number, "It was here before.") for number in range(1000, 1006)]

CAPABILITIES = frozenset(
    "IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS NAMESPACE UNSELECT CHILDREN CONDSTORE LIST-EXTENDED LIST-STATUS SPECIAL-USE MOVE ID ENABLE".split()
)

QUOTA = """\
mail_plugins = $mail_plugins quota
protocol imap {
  mail_plugins = $mail_plugins quota imap_quota
}
plugin {
  quota = count:Mailbox
  quota_vsizes = yes
  quota_rule = *:storage=%s
  quota_max_mail_size = %s
}
"""


@pytest.fixture(params=sorted(BOXES))
def box_scene(request: pytest.FixtureRequest, scene: Scene, new_host: Callable[..., Dovecot]) -> Scene:
    """A scene whose mail host keeps mail in a format of Dovecot's own; its source account is empty."""
    scene.host = new_host(**BOXES[request.param])
    return scene


@pytest.fixture
def sdbox_scene(scene: Scene, new_host: Callable[..., Dovecot]) -> Scene:
    """A scene whose mail host has sdbox mailboxes; its source account is empty."""
    scene.host = new_host(**BOXES["sdbox"])
    return scene


def loss(source: Account, host: Account) -> list[str]:
    """Where the mailbox differs from its source in anything but UIDs, which APPEND cannot choose."""
    found = ["folder %r" % (path,) for path in source.folders.keys() ^ host.folders.keys()]
    found += ["subscription %r" % (path,) for path in source.subscriptions ^ host.subscriptions]
    for path in source.folders.keys() & host.folders.keys():
        there, here = messages(source, path), messages(host, path)
        found += ["%r lacks %r" % (path, facts) for facts in surplus(there, here)]
        found += ["%r has in addition %r" % (path, facts) for facts in surplus(here, there)]
    return found


def messages(account: Account, path: tuple[str, ...]) -> list[Facts]:
    """Everything but the UID of each message in a folder."""
    return list(account.folders[path].messages.values())


def surplus(some: list[Facts], others: list[Facts]) -> list[Facts]:
    """Those of some, each as often as it is there more often than among the others."""
    left = list(others)
    found = []
    for facts in some:
        if facts in left:
            left.remove(facts)
        else:
            found.append(facts)
    return found


def in_order(account: Account, path: tuple[str, ...]) -> list[str]:
    """Digests of a folder's messages in the order of their UIDs."""
    return [facts.content.sha256 for _uid, facts in sorted(account.folders[path].messages.items())]


def imap_processes(host: Dovecot) -> list[int]:
    """Sessions without a login on a mail host."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            words = (path / "cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"/imap") and str(host.config).encode() in words:
                found.append(int(path.name))
    return found


def reasons(outcome: Outcome) -> dict[str, int]:
    """How often each reason is given for something that was not imported as it is."""
    entries = [entry["reason"] for entry in outcome.entry["not_imported"]]
    return {reason: entries.count(reason) for reason in entries}


def test_whole_corpus_arrives_equal(box_scene: Scene) -> None:
    mail = load_mail()
    with box_scene.source_session() as session:
        fill(session, mail)
    source = box_scene.source_account()

    outcome = box_scene.run()

    assert outcome.entry["state"] == "completed", outcome.output
    assert outcome.entry["messages_copied"] == outcome.entry["messages_total"] == len(mail)
    assert outcome.entry["not_imported"] == []
    assert loss(source, box_scene.host_account()) == []
    for state in ("present", "latest"):
        again = box_scene.run(state=state)
        assert (again.result["changed"], again.entry["messages_copied"], again.entry["state"]) == (False, 0, "completed")
    assert imap_processes(box_scene.host) == []


def test_messages_keep_their_order(sdbox_scene: Scene) -> None:
    with sdbox_scene.source_session() as session:
        session.append("INBOX", [Item(small_message(number)) for number in range(1200)])
    assert sdbox_scene.run().entry["state"] == "completed"
    assert in_order(sdbox_scene.host_account(), ("INBOX",)) == in_order(sdbox_scene.source_account(), ("INBOX",))


def test_latest_carries_over_what_is_new_and_nothing_else(box_scene: Scene) -> None:
    scene = box_scene
    with scene.source_session() as session:
        fill(session, load_mail(60), ("INBOX", "Sent"))
        session.append("INBOX", [Item(small_message(number), ("\\Seen", "Old")) for number in range(5)])
    assert scene.run().entry["state"] == "completed"
    before = scene.host_account()
    with scene.source_session() as session:
        session.select("INBOX")
        uids = session.uids()[-5:]
        session.store(uids[:2], "+FLAGS (\\Flagged New)")
        session.store(uids[2:4], "-FLAGS (\\Seen Old)")
        session.append("INBOX", [Item(small_message(100, "It is new."), ("\\Answered",))])
        session.create("Later")
        session.append("Later", [Item(small_message(101))])

    outcome = scene.run(state="latest")

    assert outcome.entry["state"] == "completed", outcome.output
    assert (outcome.entry["messages_copied"], outcome.entry["flags_updated"]) == (2, 4)
    after = scene.host_account()
    assert loss(scene.source_account(), after) == []
    assert after.folders[("Sent",)] == before.folders[("Sent",)]
    assert before.folders[("INBOX",)].messages.keys() < after.folders[("INBOX",)].messages.keys()
    assert scene.run(state="latest").result["changed"] is False


def test_mail_the_user_removed_stays_removed(box_scene: Scene) -> None:
    scene = box_scene
    with scene.source_session() as session:
        session.append("INBOX", [Item(small_message(number)) for number in range(10)])
    assert scene.run().entry["state"] == "completed"
    with scene.host_session() as session:
        session.create("Kept")
        session.select("INBOX")
        uids = session.uids()
        session.delete(uids[:2])
        session.move(uids[2:4], "Kept")
    with scene.source_session() as session:
        session.append("INBOX", [Item(small_message(99))])

    outcome = scene.run(state="latest")

    assert outcome.entry["messages_copied"] == 1
    host = scene.host_account()
    assert len(host.folders[("INBOX",)].messages) == 7
    assert len(host.folders[("Kept",)].messages) == 2


def test_flags_find_their_message_among_others(sdbox_scene: Scene) -> None:
    """UIDs differ on both sides: mail of the user's own came in between, and the source has gaps."""
    scene = sdbox_scene
    with scene.source_session() as session:
        fill(session, load_mail(30), ("INBOX",))
    assert scene.run().entry["state"] == "completed"
    with scene.host_session() as session:
        session.append("INBOX", [Item(small_message(number, "Not of the source.")) for number in range(3)])
    with scene.source_session() as session:
        session.append("INBOX", [Item(small_message(50))])
    assert scene.run(state="latest").entry["messages_copied"] == 1
    with scene.source_session() as session:
        session.select("INBOX")
        last = session.uids()[-1]
        session.store([last], "+FLAGS (Found)")

    assert scene.run(state="latest").entry["flags_updated"] == 1

    having = [facts for facts in messages(scene.host_account(), ("INBOX",)) if "Found" in facts.flags]
    assert having == [facts for facts in messages(scene.source_account(), ("INBOX",)) if "Found" in facts.flags]


@pytest.fixture
def big_scene(box_scene: Scene) -> Scene:
    """A scene with enough mail that a random moment is likely to lie inside the copy."""
    with box_scene.source_session() as session:
        fill(session, load_mail(300), FOLDERS)
        for name in ("INBOX", "Sent"):
            session.append(name, [Item(small_message(number), ("Keyword",) if number % 7 == 0 else ()) for number in range(2000)])
    return box_scene


def test_killed_at_random_points(big_scene: Scene) -> None:
    """Killed is the module, the module with its child, or these and the IMAP process too, as in a crash of the machine."""
    scene = big_scene
    source = scene.source_account()
    started = time.monotonic()
    assert scene.run(target_email="whole@target.example").entry["state"] == "completed"
    whole = time.monotonic() - started
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    partial = 0
    for number in range(KILLS):
        address = "box%d@target.example" % number
        label = "seed %d, kill %d: " % (seed, number)
        for _again in range(1 + number % 2):
            process = scene.start(target_email=address)
            time.sleep(chance.uniform(0.25, 0.9) * whole)
            if number % 3 == 2:
                kill_processes(imap_processes(scene.host))
            kill_processes(group_members(process.pid) if number % 3 else [process.pid])
            process.communicate()
            wait_until(lambda: not imap_processes(scene.host), "the IMAP process to end")
        half = account_or_none(scene, address)
        partial += half is not None and 0 < len(half.contents()) < len(source.contents())
        outcome = scene.run(target_email=address)
        assert outcome.entry["state"] == "completed", label + outcome.output
        assert loss(source, snapshot(scene.host.port, address, scene.password)) == [], label
        assert scene.run(target_email=address).result["changed"] is False, label
    assert partial > 0, "no kill left a part of the mail behind"


def kill_processes(pids: list[int]) -> None:
    """Kill processes that may have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def account_or_none(scene: Scene, address: str) -> Optional[Account]:
    """The mailbox's content when it exists."""
    return snapshot(scene.host.port, address, scene.password) if scene.host.accepts_password(address, scene.password) else None


def test_next_run_waits_for_what_a_killed_one_has_sent(big_scene: Scene) -> None:
    """The IMAP process may still store a batch when its import is dead already: the next run must not look before."""
    scene = big_scene
    process = scene.start()
    with stopped_imap_process(scene, process):
        kill_processes(group_members(process.pid))
        second = scene.start()
        wait_until(lambda: second.poll() is not None or any(map(waits_for_lock, group_members(second.pid))), "the second run to wait")
        assert second.poll() is None
    process.communicate()

    outcome = finish_module(second)

    assert outcome.entry["state"] == "completed", outcome.output
    assert loss(scene.source_account(), scene.host_account()) == []


@contextlib.contextmanager
def stopped_imap_process(scene: Scene, process: Any) -> Iterator[None]:
    """Stop the IMAP process of an import that has stored something, and let it go on in the end."""
    mailbox = scene.host.home_of(scene.address)
    wait_until(lambda: process.poll() is not None or any(mailbox.rglob("[um].[0-9]*")), "the first message to be stored")
    (imap,) = imap_processes(scene.host)
    os.kill(imap, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(imap, signal.SIGCONT)


def waits_for_lock(pid: int) -> bool:
    """Whether a process sleeps in flock(2)."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return "lock_inode" in Path("/proc/%d/wchan" % pid).read_text()
    return False


def test_imap_process_that_dies_loses_nothing(big_scene: Scene) -> None:
    """Its answers are lost, whatever it had stored by then; the same run goes on with another."""
    scene = big_scene
    chance = random.Random(seed := random.randrange(2**32))
    process = scene.start()
    kills, enough = 0, 0.0
    while process.poll() is None and kills < IMAP_KILLS:
        if bytes_stored(scene) > enough:
            time.sleep(chance.uniform(0, 0.05))
            kill_processes(imap_processes(scene.host))
            kills += 1
            # One that dies again and again without getting any further is given up, and rightly so.
            enough = bytes_stored(scene) + chance.uniform(2e4, 1e5)

    outcome = finish_module(process)

    assert kills > 1
    assert outcome.entry["state"] == "completed", "seed %d: %s" % (seed, outcome.output)
    assert outcome.entry["messages_copied"] == outcome.entry["messages_total"]
    assert loss(scene.source_account(), scene.host_account()) == [], "seed %d" % seed


def test_imap_process_that_does_not_start_is_told(sdbox_scene: Scene) -> None:
    scene = sdbox_scene
    with scene.source_session() as session:
        session.append("INBOX", [Item(small_message(1))])
    # What the host's configuration names does not exist: the program says so and ends.
    scene.host.config.write_text(scene.host.config.read_text() + "protocol imap {\n  mail_plugins = $mail_plugins nonesuch\n}\n")
    outcome = scene.run()
    assert (outcome.entry["state"], outcome.entry["reason"]) == ("failed", "host_refused")
    assert "nonesuch" in outcome.entry["message"]


def test_full_mailbox_stops_the_import_and_room_lets_it_go_on(sdbox_scene: Scene, new_host: Callable[..., Dovecot]) -> None:
    scene = sdbox_scene
    scene.host = new_host(extra_config=QUOTA % ("150K", "1G"), **BOXES["sdbox"])
    with scene.source_session() as session:
        session.append("INBOX", [Item(large_message(number, 10_000)) for number in range(30)])
    source = scene.source_account()

    outcome = scene.run()

    assert (outcome.entry["state"], outcome.entry["reason"], outcome.result["changed"]) == ("failed", "over_quota", True)
    stored = in_order(scene.host_account(), ("INBOX",))
    assert 10 <= len(stored) <= 15
    assert stored == in_order(source, ("INBOX",))[: len(stored)]
    assert outcome.entry["messages_copied"] == len(stored)
    assert scene.run().result["changed"] is False

    scene.host.config.write_text(scene.host.config.read_text().replace("storage=150K", "storage=1G"))
    outcome = scene.run()
    assert outcome.entry["state"] == "completed", outcome.output
    assert loss(source, scene.host_account()) == []


def test_message_that_the_host_refuses_is_listed_and_the_rest_arrives(box_scene: Scene, new_host: Callable[..., Dovecot]) -> None:
    """Small ones, refused in the middle of a batch, and a long one: the commands in it must not be taken for commands."""
    scene = box_scene
    box = next(options for name, options in BOXES.items() if name in scene.host.config.read_text())
    scene.host = new_host(extra_config=QUOTA % ("1G", "50K"), **box)
    evil = b"Message-ID: <evil@example.net>\r\n\r\n" + b'x1 DELETE "Sent"\r\nM1 OK\r\nx2 CREATE "Owned"\r\n' * 1500
    with scene.source_session() as session:
        session.create("Sent")
        session.append("Sent", [Item(small_message(1))])
        session.append("INBOX", [Item(small_message(number)) for number in range(20)])
        session.append("INBOX", [Item(evil), Item(evil * 3, ("Keyword",))])
        session.append("INBOX", [Item(small_message(number)) for number in range(20, 40)])

    outcome = scene.run()

    assert (outcome.entry["state"], outcome.entry["reason"]) == ("failed", "message_refused")
    assert (outcome.entry["messages_copied"], outcome.entry["messages_failed"]) == (41, 2)
    assert [(entry["uid"], entry["size"]) for entry in outcome.entry["not_imported"]] == [(21, len(evil)), (22, len(evil * 3))]
    assert outcome.entry["not_imported"][0]["message_id"] == "<evil@example.net>"
    assert sorted(loss(scene.source_account(), scene.host_account())) == sorted(
        "('INBOX',) lacks %r" % (facts,) for uid, facts in scene.source_account().folders[("INBOX",)].messages.items() if uid in (21, 22)
    )
    again = scene.run()
    assert (again.entry["state"], again.result["changed"], again.entry["messages_failed"]) == ("failed", False, 2)
    assert len(scene.host_account().contents()) == 41


def test_keywords_that_the_host_refuses_are_named_and_cost_no_message(scene: Scene, certificate: Certificate, new_host: Callable[..., Dovecot]) -> None:
    scene.source = new_host(certificate=certificate, users={scene.address: scene.password}, extra_config="mail_max_keyword_length = 100\n")
    scene.host = new_host(**BOXES["sdbox"])
    long_name = "A" + "long" * 20
    with scene.source_session() as session:
        for name in ("INBOX", "Other"):
            if name != "INBOX":
                session.create(name)
            session.append(name, [Item(small_message(number), ("\\Seen", "Good") if number % 2 else ()) for number in range(6)])
            session.append(name, [Item(small_message(7), ("\\Flagged", "Good", long_name, "Better"))])
            session.append(name, [Item(large_message(8, 300_000), ("Best", long_name))])
            session.append(name, [Item(small_message(9), (long_name,))])

    outcome = scene.run()

    assert outcome.entry["state"] == "completed", outcome.output
    assert reasons(outcome) == {"keyword_refused": 1}
    assert long_name in outcome.entry["not_imported"][0]["message"]
    source, host = scene.source_account(), scene.host_account()
    for path in source.folders:
        there = [facts._replace(flags=facts.flags - {long_name}) for facts in messages(source, path)]
        assert surplus(there, messages(host, path)) == surplus(messages(host, path), there) == []
    assert scene.run(state="latest").result["changed"] is False


@pytest.mark.parametrize("lacking", ["MULTIAPPEND", "LITERAL+", "MULTIAPPEND LITERAL+", "MULTIAPPEND LITERAL+ UIDPLUS NAMESPACE CONDSTORE"])
def test_host_that_offers_less(scene: Scene, new_host: Callable[..., Dovecot], lacking: str) -> None:
    offered = " ".join(sorted(CAPABILITIES - set(lacking.split())))
    scene.host = new_host(extra_config="protocol imap {\n  imap_capability = %s\n}\n" % offered, **BOXES["sdbox"])
    with scene.source_session() as session:
        fill(session, load_mail(80), FOLDERS)
        session.append("INBOX", [Item(large_message(1, 500_000), ("\\Seen", "Word"))])

    outcome = scene.run()

    assert outcome.entry["state"] == "completed", outcome.output
    assert loss(scene.source_account(), scene.host_account()) == []


def test_what_the_host_keeps_otherwise_is_told(sdbox_scene: Scene, certificate: Certificate, new_host: Callable[..., Dovecot]) -> None:
    """Dovecot drops some CRs of what is appended: such messages are there, once, and named."""
    scene = sdbox_scene
    scene.source = new_host(certificate=certificate, users={scene.address: scene.password})
    odd = [b"Subject: odd\r\n\r\nends in CR\r", b"Subject: odd\r\n\r\ntwo\r\r\nof them\r\n"]
    write_maildir(scene.source, scene.address, [small_message(1), *odd, small_message(2), large_message(3, 400_000) + b"\r"])

    outcome = scene.run()

    assert (outcome.entry["state"], outcome.entry["messages_copied"], outcome.entry["messages_failed"]) == ("completed", 5, 0)
    assert [(entry["reason"], entry["uid"]) for entry in outcome.entry["not_imported"]] == [("message_altered", uid) for uid in (2, 3, 5)]
    host = scene.host_account()
    assert len(surplus(messages(scene.source_account(), ("INBOX",)), messages(host, ("INBOX",)))) == 3
    assert len(messages(host, ("INBOX",))) == 5
    assert scene.run(state="latest").result["changed"] is False


def test_altered_messages_are_found_again_after_a_kill(sdbox_scene: Scene, certificate: Certificate, new_host: Callable[..., Dovecot]) -> None:
    scene = sdbox_scene
    scene.source = new_host(certificate=certificate, users={scene.address: scene.password})
    write_maildir(scene.source, scene.address, [small_message(number) + (b"\r\r\n" if number % 10 == 0 else b"") for number in range(1500)])
    for _again in range(3):
        process = scene.start()
        stored = len(list(scene.host.home_of(scene.address).rglob("u.*")))
        wait_until(lambda: process.poll() is not None or count_stored(scene) > stored, "something to be stored")  # noqa: B023 - called at once
        kill_processes([*imap_processes(scene.host), *group_members(process.pid)])
        process.communicate()
        wait_until(lambda: not imap_processes(scene.host), "the IMAP process to end")
    outcome = scene.run()
    assert outcome.entry["state"] == "completed", outcome.output
    assert len(scene.host_account().contents()) == 1500


@pytest.fixture
def occupied(box_scene: Scene) -> Scene:
    """A scene whose mailbox exists on the host, with another password and mail of its own, some of it the source's too."""
    scene = box_scene
    with scene.source_session() as session:
        fill(session, load_mail(40), ("INBOX", "Sent"))
    scene.host.add_user(scene.address, OLD_PASSWORD)
    with scene.host_session(OLD_PASSWORD) as session:
        session.append("INBOX", [Item(data) for data in OLD_MAIL])
        session.create("Own")
        session.append("Own", [Item(OLD_MAIL[0])])
    return scene


def test_replace_keeps_the_old_mail_aside(occupied: Scene) -> None:
    outcome = occupied.run(ignore_existing=False)
    assert (outcome.entry["state"], outcome.result["changed"]) == ("completed", True), outcome.output
    wait_until(lambda: occupied.host.accepts_password(occupied.address, occupied.password), "Dovecot to look at its users file")
    assert loss(occupied.source_account(), occupied.host_account()) == []
    aside = Path(outcome.entry["replaced_to"])
    kept = b"".join(file.read_bytes() for file in aside.rglob("*") if file.is_file()).replace(b"\r\n", b"\n")
    assert [data for data in OLD_MAIL if data.replace(b"\r\n", b"\n") not in kept] == []
    for state in ("present", "latest"):
        again = occupied.run(ignore_existing=False, state=state)
        assert (again.entry["state"], again.result["changed"]) == ("completed", False)


def test_replace_refuses_where_mail_would_stay_behind(scene: Scene, new_host: Callable[..., Dovecot]) -> None:
    scene.host = new_host(mail_location="mdbox:~/mdbox:ALT=~/alt", separator="/")
    scene.host.add_user(scene.address, OLD_PASSWORD)
    with scene.source_session() as session:
        fill(session, load_mail(20), ("INBOX",))
    with scene.host_session(OLD_PASSWORD) as session:
        session.append("INBOX", [Item(data) for data in OLD_MAIL])
    before, users = scene.host_account(OLD_PASSWORD), scene.host.users_file.read_bytes()
    for check_mode in (True, False):
        outcome = scene.run(ignore_existing=False, check_mode=check_mode)
        assert (outcome.entry["state"], outcome.entry["reason"]) == ("failed", "store_unsupported")
        assert "ALT" in outcome.entry["message"]
        assert (scene.host_account(OLD_PASSWORD), scene.host.users_file.read_bytes()) == (before, users)
    merged = scene.run(ignore_existing=False, existing_content="merge")
    assert merged.entry["state"] == "completed", merged.output


def test_merge_adds_what_is_not_there(occupied: Scene) -> None:
    scene = occupied
    shared = list(scene.source_account().folders[("INBOX",)].messages.values())[:3]
    mail = [message.data for message in load_mail(40)]
    with scene.host_session(OLD_PASSWORD) as session:
        session.append("INBOX", [Item(data) for data in mail if any(facts.content == digest_of(data) for facts in shared)])
    before = scene.host_account(OLD_PASSWORD)

    outcome = scene.run(ignore_existing=False, existing_content="merge")

    assert outcome.entry["state"] == "completed", outcome.output
    source, host = scene.source_account(), scene.host_account(OLD_PASSWORD)
    expected = sorted([facts.content for facts in messages(source, ("INBOX",))] + [digest_of(data) for data in OLD_MAIL])
    assert sorted(facts.content for facts in messages(host, ("INBOX",))) == expected
    assert surplus(messages(before, ("INBOX",)), messages(host, ("INBOX",))) == []
    assert host.folders[("Own",)] == before.folders[("Own",)]
    again = scene.run(ignore_existing=False, existing_content="merge", state="latest")
    assert (again.entry["state"], again.result["changed"]) == ("completed", False)


def test_force_finds_what_is_there(box_scene: Scene) -> None:
    with box_scene.source_session() as session:
        fill(session, load_mail(60), FOLDERS)
    assert box_scene.run().entry["state"] == "completed"
    before = box_scene.host_account()
    outcome = box_scene.run(force=True)
    assert (outcome.entry["state"], outcome.entry["messages_copied"]) == ("completed", 0), outcome.output
    assert box_scene.host_account() == before


def test_maildir_may_be_written_over_imap(scene: Scene) -> None:
    with scene.source_session() as session:
        fill(session, load_mail(60), FOLDERS)
    outcome = scene.run(message_store="imap")
    assert outcome.entry["state"] == "completed", outcome.output
    assert loss(scene.source_account(), scene.host_account()) == []
    assert not any(b"mailimport" in os.fsencode(path.name) for path in scene.maildir.rglob("*"))


def test_files_are_not_written_where_they_are_not_understood(sdbox_scene: Scene) -> None:
    outcome = sdbox_scene.run(message_store="maildir")
    assert (outcome.entry["state"], outcome.entry["reason"]) == ("failed", "store_unsupported")
    assert sdbox_scene.host_account().contents() == []


def test_host_with_a_prefix(scene: Scene, new_host: Callable[..., Dovecot]) -> None:
    scene.host = new_host(mail_location="sdbox:~/sdbox", separator=".", prefix="Mail.")
    with scene.source_session() as session:
        fill(session, load_mail(20), ("INBOX", "Projects{0}2024"))
    outcome = scene.run()
    assert outcome.entry["state"] == "completed", outcome.output
    source, host = scene.source_account(), scene.host_account()
    assert messages(host, ("Mail", "Projects", "2024")) == messages(source, ("Projects", "2024"))
    assert messages(host, ("INBOX",)) == messages(source, ("INBOX",))


def test_memory_stays_flat(scene: Scene, certificate: Certificate, new_host: Callable[..., Dovecot]) -> None:
    settings = "default_vsz_limit = 0\n"
    scene.source = new_host(certificate=certificate, users={scene.address: scene.password}, extra_config=settings, **BOXES["mdbox"])
    scene.host = new_host(extra_config=settings, **BOXES["mdbox"])
    with scene.source_session() as session:
        session.append("INBOX", [Item(large_message(1, LARGE_MESSAGE))])
        session.create("Many")
        session.append("Many", [Item(small_message(number)) for number in range(MANY_MESSAGES)])
    process = scene.start()
    peaks = [0.0]
    with repeatedly(lambda: peaks.extend(map(peak_memory_mib, group_members(process.pid)))):
        outcome = finish_module(process)
    assert outcome.entry["state"] == "completed", outcome.output
    assert scene.source_account().contents() == scene.host_account().contents()
    assert max(peaks) < LIMIT_MIB


def write_maildir(server: Dovecot, address: str, mail: list[bytes]) -> None:
    """Put files into a mailbox as they are: Dovecot gives them back so, and would have changed them when appended."""
    home = server.home_of(address)
    new = home / "Maildir" / "new"
    new.mkdir(parents=True)
    for number, data in enumerate(mail, 1_700_000_000):
        (new / ("%d.M1P1.example" % number)).write_bytes(data)
    for path in (home, *home.rglob("*")):
        os.chown(path, MAIL_UID, MAIL_GID)
    os.chown(home.parent, MAIL_UID, MAIL_GID)


def bytes_stored(scene: Scene) -> int:
    """How much mail is in the files of a mailbox, whether it is finished or not."""
    stored = 0
    for path in scene.host.home_of(scene.address).rglob("[um].[0-9]*"):
        with contextlib.suppress(FileNotFoundError):
            stored += path.stat().st_size
    return stored


def count_stored(scene: Scene) -> int:
    """Messages in an sdbox mailbox, each a file."""
    return sum(1 for _file in scene.host.home_of(scene.address).rglob("u.*"))


def large_message(number: int, size: int) -> bytes:
    """A message of about so many bytes, with lines of a usual length."""
    beginning = small_message(number)
    line = b"%072d\r\n" % number
    return beginning + line * ((size - len(beginning)) // len(line))


def digest_of(data: bytes) -> Digest:
    """What a snapshot says of a message of these bytes."""
    return Digest(hashlib.sha256(data).hexdigest(), len(data))
