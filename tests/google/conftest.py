# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A customer of the fake Google Workspace."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Callable, Iterator

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.provider.google.directory import Directory
from ansible_collections.panel.mailimport.plugins.module_utils.provider.google.service_account import ServiceAccount
from ansible_collections.panel.mailimport.plugins.module_utils.provider.google.tokens import Tokens
from ansible_collections.panel.mailimport.plugins.module_utils.provider.http import Http
from fakes.google import Service
from fakes.google_organization import Customer, company
from support.dovecot import Dovecot
from support.google import GoogleImap, GoogleScene
from support.tls import Authority, Certificate

ADMIN = "person0@one.example"


@pytest.fixture
def service() -> Iterator[Service]:
    """The services, around a company of 60 people."""
    with Service(company()) as running:
        yield running


@pytest.fixture
def tokens(http: Http, service: Service) -> Tokens:
    """What the service account opens."""
    return Tokens(http, ServiceAccount.from_json(service.key_text()), service.url)


@pytest.fixture
def directory(http: Http, service: Service, tokens: Tokens) -> Directory:
    """The customer, as its administrator sees it."""
    return Directory(http, tokens, ADMIN, api_url=service.url, gmail_api_url=service.url)


@pytest.fixture
def new_scene(
    place: Path, certificate: Certificate, authority: Authority, host: Dovecot
) -> Iterator[Callable[..., GoogleScene]]:
    """Make a scene of a customer."""
    with contextlib.ExitStack() as stack:

        def make(customer: Customer) -> GoogleScene:
            service = stack.enter_context(Service(customer))
            imap = stack.enter_context(GoogleImap(place / "google", "google-%s" % place.name, service, certificate))
            return GoogleScene(place, service, host, imap.source_options(authority), imap)

        yield make


@pytest.fixture
def scene(new_scene: Callable[..., GoogleScene]) -> GoogleScene:
    """A company of three people, one of them on the second domain, with a few messages each."""
    made = new_scene(company(3))
    for user in made.service.customer.users[:3]:
        made.imap.fill(user["primaryEmail"], messages=2)
    return made
