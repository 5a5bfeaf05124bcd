# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the tests that run the engine, without Ansible, from scripted sources into mailboxes of a real
Dovecot."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap import refusals as throttle
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import patience
from support.dovecot import Dovecot

from .bench import PASSWORD, Bench

# Mailboxes that exist already cost no wait: Dovecot looks at its users file once a second.
MAILBOXES = 400


@pytest.fixture(scope="session")
def mail_host(workplace: Path) -> Iterator[Dovecot]:
    """A mail host for all tests; each has an empty mailbox of its own on it."""
    users = {"box%d@engine.example" % number: PASSWORD for number in range(MAILBOXES)}
    with Dovecot(workplace / "engine-host", "engine-%s" % workplace.name, users=users) as server:
        yield server


@pytest.fixture(scope="session")
def mailbox_numbers() -> Iterator[int]:
    """Numbers of mailboxes that nobody has used yet."""
    return itertools.count()


@pytest.fixture
def bench(mail_host: Dovecot, place: Path, mailbox_numbers: Iterator[int]) -> Bench:
    """An empty mailbox, and a way to import into it."""
    return Bench(mail_host, place / "state", "box%d@engine.example" % next(mailbox_numbers))


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as often as ever, but not as long."""
    monkeypatch.setattr(patience, "RECONNECT_WAIT", 0.01)
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.1)
    monkeypatch.setattr(throttle, "DEFAULT_WAIT", 0.05)
