# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the tests on real servers: certificates, a source that all share, a mail host for each test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.provider.http import Http, HttpSettings
from support.dovecot import Dovecot
from support.mail import load_mail
from support.network import Network
from support.scene import Scene, fill
from support.tls import Authority, Certificate

SOURCE_ACCOUNTS = 400


@pytest.fixture(scope="session")
def workplace() -> Iterator[Path]:
    """A directory that the mail's unprivileged owner can reach, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="mailimport-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def shelf(workplace: Path) -> Path:
    """A directory for what the tests of a module share; a new one each time, for modules may be taken up again."""
    directory = Path(tempfile.mkdtemp(prefix="m-", dir=workplace))
    directory.chmod(0o755)
    return directory


@pytest.fixture(scope="session")
def authority(workplace: Path) -> Authority:
    """The certificate authority that the tests trust."""
    return Authority(workplace / "tls")


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> Certificate:
    """A good certificate for localhost."""
    return authority.issue("good")


@pytest.fixture(scope="session")
def source(workplace: Path, certificate: Certificate) -> Iterator[Dovecot]:
    """A source server with many empty accounts: each scene takes one."""
    users = {"user%d@source.example" % number: "pass word %d" % number for number in range(SOURCE_ACCOUNTS)}
    with Dovecot(workplace / "source", "source-%s" % workplace.name, certificate=certificate, users=users) as server:
        yield server


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """A network for servers that are to have the ports that everybody knows."""
    with Network() as network:
        yield network


@pytest.fixture(scope="session")
def account_numbers() -> Iterator[int]:
    """Numbers of the source's accounts that nobody has used yet."""
    return itertools.count()


@pytest.fixture
def place(workplace: Path) -> Iterator[Path]:
    """A directory of the test's own."""
    directory = Path(tempfile.mkdtemp(prefix="t-", dir=workplace))
    directory.chmod(0o755)
    yield directory
    # What a killed import has left running may still write there.
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def new_host(place: Path) -> Iterator[Callable[..., Dovecot]]:
    """Start mail hosts for one test; options are those of `Dovecot`."""
    hosts: list[Dovecot] = []

    def start(**options: Any) -> Dovecot:
        directory = place / ("host%d" % len(hosts))
        host = Dovecot(directory, "host-%s-%d" % (place.name, len(hosts)), **options)
        host.start()
        hosts.append(host)
        return host

    yield start
    for host in hosts:
        host.stop()


@pytest.fixture
def host(new_host: Callable[..., Dovecot]) -> Dovecot:
    """A mail host with no mailboxes."""
    return new_host()


@pytest.fixture
def scene(place: Path, source: Dovecot, host: Dovecot, authority: Authority, account_numbers: Iterator[int]) -> Scene:
    """An empty account at the source, and a mail host that knows nothing of it."""
    number = next(account_numbers)
    return Scene(place, source, "user%d@source.example" % number, "pass word %d" % number, host, authority.ca_file)


@pytest.fixture
def small_scene(scene: Scene) -> Scene:
    """A scene whose account holds a few dozen messages in a few folders."""
    with scene.source_session() as session:
        fill(session, load_mail(40), ("INBOX", "Sent", "Party 🎉", "Projects{0}2024"))
    return scene


@pytest.fixture
def pauses() -> list[float]:
    """Seconds that a client would have waited."""
    return []


@pytest.fixture
def http(pauses: list[float]) -> Http:
    """A client without patience for a silent service, and with all patience for a failing one."""
    return Http(HttpSettings(timeout=2.0), pauses.append)
