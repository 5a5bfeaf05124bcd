# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An organization at the fake Yandex 360."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Callable, Iterator

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.provider.http import Http
from ansible_collections.panel.mailimport.plugins.module_utils.provider.yandex360.directory import Directory
from fakes.yandex360 import Service
from fakes.yandex360_organization import Organization, company
from support.dovecot import Dovecot
from support.tls import Authority, Certificate
from support.yandex import YandexImap, YandexScene


@pytest.fixture
def service() -> Iterator[Service]:
    """The services, around a company of 60 people."""
    with Service(company()) as running:
        yield running


@pytest.fixture
def directory(http: Http, service: Service) -> Directory:
    """The organization, as its administrator sees it."""
    return Directory(http, service.admin_token(), service.url, service.url + "/cloud")


@pytest.fixture
def new_scene(
    place: Path, certificate: Certificate, authority: Authority, host: Dovecot
) -> Iterator[Callable[..., YandexScene]]:
    """Make a scene of an organization; each has an administrator's token and a service application."""
    with contextlib.ExitStack() as stack:

        def make(organization: Organization) -> YandexScene:
            service = stack.enter_context(Service(organization))
            imap = stack.enter_context(YandexImap(place / "yandex", "yandex-%s" % place.name, service, certificate))
            return YandexScene(place, service, host, imap.source_options(authority), imap).with_access()

        yield make


@pytest.fixture
def scene(new_scene: Callable[..., YandexScene]) -> YandexScene:
    """A company of three people, one of them on the second domain, with a few messages each."""
    made = new_scene(company(3))
    for user in made.service.organization.users[:3]:
        made.imap.fill(user["email"], messages=2)
    return made
