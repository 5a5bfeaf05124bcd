# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A tenant of the fake Microsoft 365."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Callable, Iterator

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.provider.http import Http
from ansible_collections.panel.mailimport.plugins.module_utils.provider.microsoft365.credentials import ClientSecret
from ansible_collections.panel.mailimport.plugins.module_utils.provider.microsoft365.directory import Directory
from ansible_collections.panel.mailimport.plugins.module_utils.provider.microsoft365.tokens import AppTokens
from fakes.microsoft365 import CLIENT_ID, SECRET, TENANT, Service
from fakes.microsoft365_organization import Tenant, company
from support.dovecot import Dovecot
from support.microsoft import ExchangeImap, MicrosoftScene
from support.tls import Authority, Certificate

MAIL = "https://outlook.office365.example"


@pytest.fixture
def service() -> Iterator[Service]:
    """The services, around a company of 50 accounts."""
    with Service(company()) as running:
        yield running


@pytest.fixture
def tokens(http: Http, service: Service) -> AppTokens:
    """What the application opens."""
    return AppTokens(http, TENANT, CLIENT_ID, ClientSecret(SECRET), service.url, frozenset((service.url, MAIL)))


@pytest.fixture
def directory(http: Http, service: Service, tokens: AppTokens) -> Directory:
    """The tenant, as the application sees it."""
    return Directory(http, tokens, service.url)


@pytest.fixture
def new_scene(
    place: Path, certificate: Certificate, authority: Authority, host: Dovecot
) -> Iterator[Callable[[Tenant], MicrosoftScene]]:
    """Make a scene of a tenant."""
    with contextlib.ExitStack() as stack:

        def make(tenant: Tenant) -> MicrosoftScene:
            service = stack.enter_context(Service(tenant))
            imap = stack.enter_context(ExchangeImap(place / "exchange", "ex-%s" % place.name, service, certificate))
            return MicrosoftScene(place, service, host, imap.source_options(authority), imap)

        yield make
