# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Microsoft's OAuth for a person: a code is entered in a browser, and no secret of an application is needed
(https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code).
"""

from __future__ import annotations

from urllib.parse import quote

from ..http import Http, ServiceError
from ..oauth import OAuthClient
from .tokens import meaning_of


class PersonOAuth(OAuthClient):
    """An application without a secret, which people let act for them.

    Args:
        login_url: of the service, without a path.
        tenant: Directory (tenant) ID, a domain of it, or `common`, `organizations` or `consumers`.
    """

    PROVIDER = "Microsoft"
    URL_OPTION = "login_url"

    def __init__(self, http: Http, client_id: str, login_url: str, tenant: str) -> None:
        service = "%s/%s/oauth2/v2.0" % (login_url.rstrip("/"), quote(tenant, safe=""))
        super().__init__(http, client_id, "", service + "/token", service + "/devicecode")

    def _advice(self, error: ServiceError, hint: str) -> str:
        return meaning_of(error) or super()._advice(error, hint)
