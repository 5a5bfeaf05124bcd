# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module `yandex360_token`: its options, and the token that they ask for."""

from __future__ import annotations

from typing import Any, Mapping

from ..model.errors import MailImportError
from ..provider.yandex360.oauth import OAuth
from .device_token import Wanted
from .options import Options
from .organization import http_of
from .yandex360 import service_options

_DAY = 86400.0


def token_options() -> Options:
    """Every option a task of `yandex360_token` may give."""
    service = {name: option for name, option in service_options().items() if name not in ("api_url", "cloud_api_url")}
    return dict(
        client_id=dict(type="str", required=True),
        client_secret=dict(type="str", no_log=True),
        scopes=dict(type="list", elements="str", default=[]),
        dest=dict(type="path"),
        minimum_days=dict(type="int", default=30),
        force=dict(type="bool", default=False),
        **service,
    )


def wanted_token(params: Mapping[str, Any]) -> Wanted:
    """Return the token that a task declares.

    Raises:
        MailImportError: `invalid_row`, when the application's secret is missing.
    """
    if not params["client_secret"]:
        raise MailImportError("invalid_row", "client_secret is required, and must not be empty")
    oauth = OAuth(http_of(params), params["client_id"], params["client_secret"], params["oauth_url"])
    facts = dict(client_id=params["client_id"])
    return Wanted(oauth, " ".join(params["scopes"]), params["minimum_days"] * _DAY, facts)
