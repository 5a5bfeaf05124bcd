# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Yandex's OAuth, https://yandex.ru/dev/id/doc/ru/: with the exchange that gives a service application a token for a
mailbox.
"""

from __future__ import annotations

from typing import Dict, Optional

from ..http import Http, ServiceError
from ..oauth import OAuthClient, Token

OAUTH_URL = "https://oauth.yandex.ru"

_SUBJECT = "urn:yandex:params:oauth:token-type:%s"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"

_SUBJECT_CAUSES = (
    "the service application must be on the organization's list and switched on, and the mailbox must "
    "be one of the organization's own"
)


class OAuth(OAuthClient):
    """Yandex's OAuth for one application.

    Args:
        url: of the service, without a path.
    """

    PROVIDER = "Yandex"
    DEVICE_GRANT = "device_code"
    VERIFICATION_URL = "verification_url"

    def __init__(self, http: Http, client_id: str, client_secret: str, url: str = OAUTH_URL) -> None:
        service = url.rstrip("/")
        super().__init__(http, client_id, client_secret, service + "/token", service + "/device/code")

    def _code_field(self, device_code: str) -> Dict[str, str]:
        return {"code": device_code}

    def exchange(self, subject: str, kind: str = "uid", scope: Optional[str] = None) -> Token:
        """Get a token for a user's mail with the rights of a service application.

        Args:
            subject: the user's number (`kind` uid) or address (`kind` email).
            scope: asked for when given. Yandex's documentation asks for none.

        Raises:
            MailImportError: `auth_failed` when it is refused; see Http.call for the rest.
        """
        asked = {"scope": scope} if scope else {}
        try:
            return self._token(grant_type=_EXCHANGE, subject_token=subject, subject_token_type=_SUBJECT % kind, **asked)
        except ServiceError as error:
            raise self._refused(error, "no token for %s" % subject, _SUBJECT_CAUSES) from None
