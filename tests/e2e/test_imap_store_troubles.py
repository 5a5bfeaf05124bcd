# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP store when something goes wrong: kills, crashes, refusals, a full mailbox. No mail is lost or doubled, and
all of it is told.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

import pytest
from support.dovecot import Dovecot, wait_until
from support.dovecot_words import words
from support.imap import Account, ImapError, Item, snapshot
from support.mail import load_mail, small_message
from support.processes import group_members
from support.run import Outcome, finish_module
from support.scene import Scene, fill
from support.tls import Certificate

from .boxes import BOXES, FOLDERS, imap_processes, in_order, large_message, loss, messages, surplus, write_maildir

pytestmark = pytest.mark.both_dovecots

KILLS = 10
IMAP_KILLS = 6
CAPABILITIES = frozenset(
    "IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS NAMESPACE UNSELECT CHILDREN CONDSTORE LIST-EXTENDED LIST-STATUS "
    "SPECIAL-USE MOVE ID ENABLE".split()
)


def reasons(outcome: Outcome) -> dict[str, int]:
    """How often each reason is given for something that was not imported as it is."""
    entries = [entry["reason"] for entry in outcome.entry["not_imported"]]
    return {reason: entries.count(reason) for reason in entries}


def test_killed_at_random_points(big_box_scene: Scene) -> None:
    """Killed is the module, the module with its child, or these and the IMAP process too, as in a crash of the
    machine."""
    scene = big_box_scene
    source = scene.source_account()
    started = time.monotonic()
    assert scene.run(target_email="whole@target.example").entry["state"] == "completed"
    whole = time.monotonic() - started
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    partial = 0
    # More of them on a machine whose pace changes, until one has come while mail was there in part.
    for number in range(4 * KILLS):
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
        if partial and number + 1 >= KILLS:
            break
    assert partial > 0, "no kill left a part of the mail behind"


def kill_processes(pids: list[int]) -> None:
    """Kill processes that may have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def account_or_none(scene: Scene, address: str) -> Optional[Account]:
    """The mailbox's content when it exists. After a crash, Dovecot may refuse a folder before it repairs it."""
    if not scene.host.accepts_password(address, scene.password):
        return None
    with contextlib.suppress(ImapError):
        return snapshot(scene.host.port, address, scene.password)
    return snapshot(scene.host.port, address, scene.password)


def test_next_run_waits_for_what_a_killed_one_has_sent(big_box_scene: Scene) -> None:
    """The IMAP process may still store a batch when its import is dead already: the next run must not look before."""
    scene = big_box_scene
    process = scene.start()
    with stopped_imap_process(scene, process):
        kill_processes(group_members(process.pid))
        second = scene.start()
        wait_until(
            lambda: second.poll() is not None or any(map(waits_for_lock, group_members(second.pid))),
            "the second run to wait",
        )
        assert second.poll() is None
    process.communicate()

    outcome = finish_module(second)

    assert outcome.entry["state"] == "completed", outcome.output
    assert loss(scene.source_account(), scene.host_account()) == []


@contextlib.contextmanager
def stopped_imap_process(scene: Scene, process: Any) -> Iterator[None]:
    """Stop the IMAP process of an import that has stored something, and let it go on in the end."""
    mailbox = scene.host.home_of(scene.address)
    wait_until(
        lambda: process.poll() is not None or any(mailbox.rglob("[um].[0-9]*")), "the first message to be stored"
    )
    (imap,) = imap_processes(scene.host)
    os.kill(imap, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(imap, signal.SIGCONT)


def waits_for_lock(pid: int) -> bool:
    """Whether a process has come to the lock of a mailbox, which the test knows to be held."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return any("/locks/" in os.readlink(link) for link in Path("/proc/%d/fd" % pid).iterdir())
    return False


def test_imap_process_that_dies_loses_nothing(big_box_scene: Scene) -> None:
    """Its answers are lost, whatever it had stored by then; the same run goes on with another."""
    scene = big_box_scene
    chance = random.Random(seed := random.randrange(2**32))
    process = scene.start()
    kills, enough = 0, 0.0
    while process.poll() is None and kills < IMAP_KILLS:
        if bytes_stored(scene) > enough:
            time.sleep(chance.uniform(0, 0.05))
            kill_processes(imap_processes(scene.host))
            kills += 1
            # One that dies again and again without getting any further is given up, and rightly so.
            enough = bytes_stored(scene) + chance.uniform(1e5, 4e5)

    outcome = finish_module(process)
    if outcome.entry["reason"] == "message_refused":
        # The same message was on its way each time, so it is taken for what kills the process: listed, and brought by
        # the next run.
        assert [entry["reason"] for entry in outcome.entry["not_imported"]] == ["message_refused"] * outcome.entry[
            "messages_failed"
        ]
        outcome = scene.run()
    else:
        assert outcome.entry["messages_copied"] == outcome.entry["messages_total"]

    assert kills > 1
    assert outcome.entry["state"] == "completed", "seed %d: %s" % (seed, outcome.output)
    assert loss(scene.source_account(), scene.host_account()) == [], "seed %d" % seed


def test_imap_process_that_does_not_start_is_told(sdbox_scene: Scene) -> None:
    scene = sdbox_scene
    with scene.source_session() as session:
        session.append("INBOX", [Item(small_message(1))])
    # What the host's configuration names does not exist: the program says so and ends.
    scene.host.config.write_text(scene.host.config.read_text() + words().imap_plugin_settings("nonesuch"))
    outcome = scene.run()
    assert (outcome.entry["state"], outcome.entry["reason"]) == ("failed", "host_refused")
    assert "nonesuch" in outcome.entry["message"]


def test_full_mailbox_stops_the_import_and_room_lets_it_go_on(
    sdbox_scene: Scene, new_host: Callable[..., Dovecot]
) -> None:
    scene = sdbox_scene
    scene.host = new_host(extra_config=words().quota_settings("150K"), **BOXES["sdbox"])
    with scene.source_session() as session:
        session.append("INBOX", [Item(large_message(number, 10_000)) for number in range(30)])
    source = scene.source_account()

    outcome = scene.run()

    assert (outcome.entry["state"], outcome.entry["reason"], outcome.result["changed"]) == (
        "failed",
        "over_quota",
        True,
    )
    stored = in_order(scene.host_account(), ("INBOX",))
    assert 10 <= len(stored) <= 15
    assert stored == in_order(source, ("INBOX",))[: len(stored)]
    assert outcome.entry["messages_copied"] == len(stored)
    again = scene.run()
    assert (again.result["changed"], again.entry["reason"], again.entry["messages_present"]) == (
        False,
        "over_quota",
        len(stored),
    )

    scene.host.config.write_text(scene.host.config.read_text().replace("150K", "1G"))
    outcome = scene.run()
    assert outcome.entry["state"] == "completed", outcome.output
    assert loss(source, scene.host_account()) == []


def test_message_that_the_host_refuses_is_listed_and_the_rest_arrives(
    box_scene: Scene, new_host: Callable[..., Dovecot]
) -> None:
    """Small ones, refused in the middle of a batch, and a long one: the commands in it must not be taken for
    commands."""
    scene = box_scene
    box = next(options for name, options in BOXES.items() if name in scene.host.config.read_text())
    scene.host = new_host(extra_config=words().quota_settings("1G", largest_message="50K"), **box)
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
    assert [(entry["uid"], entry["size"]) for entry in outcome.entry["not_imported"]] == [
        (21, len(evil)),
        (22, len(evil * 3)),
    ]
    assert outcome.entry["not_imported"][0]["message_id"] == "<evil@example.net>"
    assert sorted(loss(scene.source_account(), scene.host_account())) == sorted(
        "('INBOX',) lacks %r" % (facts,)
        for uid, facts in scene.source_account().folders[("INBOX",)].messages.items()
        if uid in (21, 22)
    )
    again = scene.run()
    assert (again.entry["state"], again.result["changed"], again.entry["messages_failed"]) == ("failed", False, 2)
    assert len(scene.host_account().contents()) == 41


def test_keywords_that_the_host_refuses_are_named_and_cost_no_message(
    scene: Scene, certificate: Certificate, new_host: Callable[..., Dovecot]
) -> None:
    scene.source = new_host(
        certificate=certificate, users={scene.address: scene.password}, extra_config="mail_max_keyword_length = 100\n"
    )
    scene.host = new_host(**BOXES["sdbox"])
    long_name = "A" + "long" * 20
    with scene.source_session() as session:
        for name in ("INBOX", "Other"):
            if name != "INBOX":
                session.create(name)
            session.append(
                name, [Item(small_message(number), ("\\Seen", "Good") if number % 2 else ()) for number in range(6)]
            )
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


@pytest.mark.parametrize(
    "lacking", ["MULTIAPPEND", "LITERAL+", "MULTIAPPEND LITERAL+", "MULTIAPPEND LITERAL+ UIDPLUS NAMESPACE CONDSTORE"]
)
def test_host_that_offers_less(scene: Scene, new_host: Callable[..., Dovecot], lacking: str) -> None:
    offered = " ".join(sorted(CAPABILITIES - set(lacking.split())))
    scene.host = new_host(extra_config="protocol imap {\n  imap_capability = %s\n}\n" % offered, **BOXES["sdbox"])
    with scene.source_session() as session:
        fill(session, load_mail(80), FOLDERS)
        session.append("INBOX", [Item(large_message(1, 500_000), ("\\Seen", "Word"))])

    outcome = scene.run()

    assert outcome.entry["state"] == "completed", outcome.output
    assert loss(scene.source_account(), scene.host_account()) == []


def test_what_the_host_keeps_otherwise_is_told(
    sdbox_scene: Scene, certificate: Certificate, new_host: Callable[..., Dovecot]
) -> None:
    """Dovecot drops some CRs of what is appended: such messages are there, once, and named."""
    scene = sdbox_scene
    scene.source = new_host(certificate=certificate, users={scene.address: scene.password})
    odd = [b"Subject: odd\r\n\r\nends in CR\r", b"Subject: odd\r\n\r\ntwo\r\r\nof them\r\n"]
    write_maildir(
        scene.source, scene.address, [small_message(1), *odd, small_message(2), large_message(3, 400_000) + b"\r"]
    )

    outcome = scene.run()

    assert (outcome.entry["state"], outcome.entry["messages_copied"], outcome.entry["messages_failed"]) == (
        "completed",
        5,
        0,
    )
    assert [(entry["reason"], entry["uid"]) for entry in outcome.entry["not_imported"]] == [
        ("message_altered", uid) for uid in (2, 3, 5)
    ]
    host = scene.host_account()
    assert len(surplus(messages(scene.source_account(), ("INBOX",)), messages(host, ("INBOX",)))) == 3
    assert len(messages(host, ("INBOX",))) == 5
    assert scene.run(state="latest").result["changed"] is False


def test_altered_messages_are_found_again_after_a_kill(
    sdbox_scene: Scene, certificate: Certificate, new_host: Callable[..., Dovecot]
) -> None:
    scene = sdbox_scene
    scene.source = new_host(certificate=certificate, users={scene.address: scene.password})
    write_maildir(
        scene.source,
        scene.address,
        [small_message(number) + (b"\r\r\n" if number % 10 == 0 else b"") for number in range(1500)],
    )
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
