# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module `microsoft365_token`: its options, and the token that they ask for."""

from __future__ import annotations

from typing import Any, Mapping

from ..model.errors import MailImportError
from ..provider.microsoft365.clouds import CLOUDS
from ..provider.microsoft365.person_oauth import PersonOAuth
from ..provider.microsoft365.token_file import FACTS, OFFLINE, SPARE
from .device_token import Wanted
from .options import Options
from .organization import http_of, reaching_options


def token_options() -> Options:
    """Every option a task of `microsoft365_token` may give."""
    return dict(
        client_id=dict(type="str", required=True),
        tenant=dict(type="str", default="common"),
        cloud=dict(type="str", choices=list(CLOUDS), default="worldwide"),
        login_url=dict(type="str"),
        scopes=dict(type="list", elements="str", default=[]),
        dest=dict(type="path", required=True),
        force=dict(type="bool", default=False),
        **reaching_options(),
    )


def wanted_token(params: Mapping[str, Any]) -> Wanted:
    """Return the token that a task declares.

    Raises:
        MailImportError: `invalid_row`, when there is no application or no tenant.
    """
    for name in ("client_id", "tenant", "dest"):
        if not params[name]:
            raise MailImportError("invalid_row", "%s is required, and must not be empty" % name)
    cloud = CLOUDS[params["cloud"]]
    login_url = params["login_url"] or cloud.login_url
    scopes = [scope for scope in params["scopes"] if scope != OFFLINE] or [cloud.mail_scope]
    scope = " ".join([*scopes, OFFLINE])
    oauth = PersonOAuth(http_of(params), params["client_id"], login_url, params["tenant"])
    facts = dict(zip(FACTS, (params["client_id"], params["tenant"], login_url, scope)))
    return Wanted(oauth, scope, SPARE, facts)
