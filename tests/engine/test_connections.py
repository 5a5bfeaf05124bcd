# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One import over several connections brings what one would, over no more of them than the source admits."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.dovecot import wait_until
from support.imap import Item, snapshot
from support.mail import load_mail, small_message
from support.relay import Relay
from support.run import run_module
from support.scene import Scene, difference, fill, torn_or_foreign

# A hundred of them by hand: MAILIMPORT_KILLS=100.
KILLS = int(os.environ.get("MAILIMPORT_KILLS", "4"))


@pytest.fixture
def wide(scene: Scene) -> Scene:
    """An account with nearly all of its mail in one folder, and small folders before and behind that."""
    with scene.source_session() as session:
        fill(session, load_mail(60))
        sizes = random.Random(17)
        session.create("Big")
        session.append(
            "Big", [Item(small_message(number, "x" * sizes.choice((10, 2_000, 60_000)))) for number in range(400)]
        )
        session.select("Big")
        session.delete(session.uids()[100:300:3])
    scene.options.update(source_connections=4)
    return scene


@pytest.fixture
def relay(wide: Scene) -> Iterator[Relay]:
    with Relay(wide.source.tls_port) as relay:
        yield relay


def test_four_connections_bring_what_one_would(wide: Scene, relay: Relay) -> None:
    outcome = wide.run(source_port=relay.port)
    assert outcome.entry["state"] == "completed", outcome.output
    assert relay.most_open == 4
    assert difference(wide.source_account(), wide.host_account()) == []
    before = relay.connections
    outcome = wide.run(source_port=relay.port, state="latest")
    assert outcome.result["changed"] is False, outcome.output
    assert relay.connections == before + 1, "nothing is new, and one connection tells it"


def test_the_source_is_asked_for_each_message_once(wide: Scene) -> None:
    with Relay(wide.source.port) as relay:
        outcome = wide.run(source_port=relay.port, source_tls="none", source_ca_cert=None)
    assert outcome.entry["state"] == "completed", outcome.output
    ranges = [
        (int(first), int(last) if last.isdigit() else 2**32)
        for first, last in re.findall(rb"UID FETCH (\d+):(\d+|\*) \(UID FLAGS INTERNALDATE BODY", relay.sent)
        if first != b"1" or last != b"*"
    ]
    assert len(ranges) > 4
    ranges.sort()
    assert ranges[0][0] == 1 and ranges[-1][1] == 2**32
    assert [last + 1 for _first, last in ranges[:-1]] == [first for first, _last in ranges[1:]]


def test_a_source_that_admits_two_gets_two(wide: Scene) -> None:
    with Relay(wide.source.tls_port, admits=2) as relay:
        outcome = wide.task("-v", source_port=relay.port)
    assert outcome.entry["state"] == "completed", outcome.output
    assert (relay.most_open, relay.turned_away) == (2, 1)
    assert "goes on with 2 connections" in outcome.output
    assert difference(wide.source_account(), wide.host_account()) == []


def test_no_more_than_source_max_connections(wide: Scene, relay: Relay) -> None:
    wide.options.pop("source_connections")
    source, row = wide.arguments(source_port=relay.port), "email,password,source_connections\n%s,%s,4\n"
    list_file = wide.directory / "list.csv"
    list_file.write_text(row % (wide.address, wide.password))
    for name in ("email", "password"):
        source.pop(name)
    outcome = run_module(
        {**source, "src": str(list_file), "remote_src": True, "source_max_connections": 3},
        wide.directory,
        module="mail_import_csv",
    )
    assert outcome.result["imports"][0]["state"] == "completed", outcome.output
    assert relay.most_open == 3


def test_killed_at_random_points(wide: Scene) -> None:
    source, seed = wide.source_account(), random.randrange(2**32)
    chance = random.Random(seed)
    for number in range(KILLS):
        address = "box%d@target.example" % number
        process = wide.start(target_email=address)
        home = wide.host.home_of(address)
        goal = chance.randrange(1, 380)
        _wait_for(process, home, goal)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert torn_or_foreign(source, wide.host_glimpse(address)) == [], "seed %d" % seed
        outcome = wide.run(target_email=address)
        assert outcome.entry["state"] == "completed", outcome.output
        assert difference(source, snapshot(wide.host.port, address, wide.password)) == [], "seed %d" % seed


def _wait_for(process: subprocess.Popen[str], home: Path, goal: int) -> None:
    wait_until(lambda: process.poll() is not None or _files(home) >= goal, "messages to be written")


def _files(home: Path) -> int:
    return sum(len(files) for directory, _below, files in os.walk(home) if directory.endswith("/cur"))


@pytest.mark.parametrize("number", ["0", "17", "many"])
def test_what_is_no_number_of_connections_is_refused(scene: Scene, number: str) -> None:
    outcome = scene.run(source_connections=number)
    assert outcome.result["failed"]
    assert "source_connections must be auto or a number from 1 to 16" in outcome.result["msg"], outcome.output
