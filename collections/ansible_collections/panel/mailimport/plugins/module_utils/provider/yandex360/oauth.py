# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tokens of Yandex's OAuth: exchanged for a mailbox by a service application, got by a person with a code, and
renewed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Dict, Mapping, Optional, Union

from ...model.errors import MailImportError, one_line
from ..http import Call, Http, ServiceError
from . import schemas

OAUTH_URL = "https://oauth.yandex.ru"

# Seconds; documented for a code of the device flow, and usual for its polling.
_CODE_LIFETIME = 600
_POLL_INTERVAL = 5
# RFC 8628 section 3.5: so many seconds more for this request and all that follow.
_POLL_SLOWER = 5

_SUBJECT = "urn:yandex:params:oauth:token-type:%s"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"

_CAUSES = {
    "invalid_client": "client_id or client_secret is wrong",
    "invalid_scope": "the application does not have one of the scopes",
}
_SUBJECT_CAUSES = (
    "the service application must be on the organization's list and switched on, and the mailbox must "
    "be one of the organization's own"
)


@dataclass(frozen=True)
class Token:
    """What OAuth gives. `expires_in` is in seconds, None when it is not said."""

    access_token: str = field(repr=False)
    expires_in: Optional[int] = None
    refresh_token: Optional[str] = field(default=None, repr=False)


@dataclass(frozen=True)
class DeviceCode:
    """A code for a person to enter at an address; `device_code` is the program's part. Times are in seconds."""

    device_code: str = field(repr=False)
    user_code: str
    verification_url: str
    expires_in: int = _CODE_LIFETIME
    interval: int = _POLL_INTERVAL


class OAuth:
    """Yandex's OAuth for one application, https://yandex.ru/dev/id/doc/ru/.

    Args:
        url: of the service, without a path.
    """

    def __init__(self, http: Http, client_id: str, client_secret: str, url: str = OAUTH_URL) -> None:
        self._http = http
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._url = url.rstrip("/")

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
            raise _refused(error, "no token for %s" % subject, _SUBJECT_CAUSES) from None

    def begin(self, scopes: str = "") -> DeviceCode:
        """Begin the device code flow.

        Args:
            scopes: separated by blanks; those of the application when empty.
        """
        try:
            answer = self._post("/device/code", {"scope": scopes} if scopes else {}, schemas.DEVICE)
        except ServiceError as error:
            raise _refused(error, "no code", "see the application's page") from None
        return DeviceCode(
            answer["device_code"],
            one_line(answer["user_code"], 40),
            one_line(answer["verification_url"], 200),
            answer.get("expires_in") or _CODE_LIFETIME,
            answer.get("interval") or _POLL_INTERVAL,
        )

    def poll(self, code: DeviceCode) -> Union[Token, DeviceCode]:
        """Return the token when the person has entered the code; as long as not, the code with the interval to keep
        from now on.

        Raises:
            MailImportError: `auth_failed` when the code has expired or was refused.
        """
        try:
            return self._token(grant_type="device_code", code=code.device_code)
        except ServiceError as error:
            if error.word == "authorization_pending":
                return code
            if error.word == "slow_down":
                return replace(code, interval=code.interval + _POLL_SLOWER)
            raise _refused(error, "no token", "the code was refused or has expired, so begin again") from None

    def refresh(self, refresh_token: str) -> Token:
        """Get a new token for a refresh token; the answer may hold the same access token, and holds a new refresh
        token.

        Raises:
            MailImportError: `auth_failed` when it is refused.
        """
        try:
            return self._token(grant_type="refresh_token", refresh_token=refresh_token)
        except ServiceError as error:
            raise _refused(
                error, "the token is not renewed", "it was revoked or has expired, so get a new one"
            ) from None

    def _token(self, **form: str) -> Token:
        answer = self._post("/token", form, schemas.TOKEN)
        return Token(answer["access_token"], answer.get("expires_in"), answer.get("refresh_token") or None)

    def _post(self, path: str, form: Mapping[str, str], schema: Mapping[str, Any]) -> Dict[str, Any]:
        secrets = tuple(value for name, value in form.items() if name in ("code", "refresh_token"))
        return self._http.call(
            Call(
                "POST",
                self._url + path,
                schema,
                form={**form, **self._client},
                secrets=(*secrets, self._client["client_secret"]),
            )
        )


def _refused(error: ServiceError, what: str, hint: str) -> MailImportError:
    if error.status >= 500 or error.status == 429:
        return error
    if error.status == 404:
        return MailImportError("not_found", "%s: is oauth_url right?" % error.message)
    said = " (%s)" % ", ".join(text for text in (error.word, error.said) if text) if error.word or error.said else ""
    return MailImportError("auth_failed", "%s: Yandex refuses%s: %s" % (what, said, _CAUSES.get(error.word, hint)))
