# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tokens of OAuth 2.0 for an application: got with a code that a person enters, renewed, or by a grant of a provider's
own (RFC 6749, RFC 8628).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Dict, Mapping, Optional, Union

from ..model.errors import MailImportError, one_line
from .http import Call, Http, ServiceError

# Seconds; usual for a code, and for the polling (RFC 8628 section 3.2).
_CODE_LIFETIME = 600
_POLL_INTERVAL = 5
# RFC 8628 section 3.5: so many seconds more for this request and all that follow.
_POLL_SLOWER = 5

# How long a token is good, in seconds. RFC 6749 has a number; some services give it as a text.
LIFETIME: Mapping[str, Any] = {
    "anyOf": [
        {"type": "null"},
        {"type": "number", "minimum": 0, "maximum": 1e9},
        {"type": "string", "pattern": "^[0-9]{1,9}$"},
    ]
}
_TOKEN: Mapping[str, Any] = {
    "type": "object",
    "required": ["access_token"],
    "properties": {
        "access_token": {"type": "string", "minLength": 1},
        "expires_in": LIFETIME,
        "refresh_token": {"type": ["string", "null"]},
    },
}

# What the words for an error mean (RFC 6749 section 5.2), where it is not what was asked for that decides.
_CAUSES = {
    "invalid_client": "client_id or client_secret is wrong",
    "invalid_scope": "the application does not have one of the scopes",
    "access_denied": "the person who was asked has declined",
    "authorization_declined": "the person who was asked has declined",
    "expired_token": "nobody entered the code in time, so begin again",
}


def lifetime_of(answer: Mapping[str, Any]) -> Optional[float]:
    """For how many seconds the token of an answer is good, None when it does not say. One may be over as it comes."""
    seconds = answer.get("expires_in")
    return None if seconds is None else float(seconds)


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


class OAuthClient:
    """One application at an OAuth service.

    Args:
        client_secret: empty for an application that has none, which only people can use.
        token_url, device_url: the addresses that give tokens, and codes for people.

    Attributes, for a provider to set: `PROVIDER`, its name for people; `DEVICE_GRANT`, what a code is exchanged with;
    `VERIFICATION_URL`, what it calls the address at which the code is entered; `URL_OPTION`, what says where it is.
    """

    PROVIDER = "the service"
    DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
    VERIFICATION_URL = "verification_uri"
    URL_OPTION = "oauth_url"

    def __init__(self, http: Http, client_id: str, client_secret: str, token_url: str, device_url: str) -> None:
        self._http = http
        self._client_secret = client_secret
        self._client = {"client_id": client_id, **({"client_secret": client_secret} if client_secret else {})}
        self._token_url = token_url
        self._device_url = device_url

    def begin(self, scopes: str = "") -> DeviceCode:
        """Begin the device code flow.

        Args:
            scopes: separated by blanks; those of the application when empty.
        """
        try:
            answer = self._post(self._device_url, {"scope": scopes} if scopes else {}, self._device_schema())
        except ServiceError as error:
            raise self._refused(error, "no code", "see the application's page") from None
        return DeviceCode(
            answer["device_code"],
            one_line(answer["user_code"], 40),
            one_line(answer[self.VERIFICATION_URL], 200),
            answer.get("expires_in") or _CODE_LIFETIME,
            answer.get("interval") or _POLL_INTERVAL,
        )

    def _device_schema(self) -> Mapping[str, Any]:
        texts = ("device_code", "user_code", self.VERIFICATION_URL)
        numbers = ("expires_in", "interval")
        return {
            "type": "object",
            "required": list(texts),
            "properties": {
                **{name: {"type": "string", "minLength": 1} for name in texts},
                **{name: {"type": "integer", "minimum": 1} for name in numbers},
            },
        }

    def poll(self, code: DeviceCode) -> Union[Token, DeviceCode]:
        """Return the token when the person has entered the code; as long as not, the code with the interval to keep
        from now on.

        Raises:
            MailImportError: `auth_failed` when the code has expired or was refused.
        """
        try:
            return self._token(grant_type=self.DEVICE_GRANT, **self._code_field(code.device_code))
        except ServiceError as error:
            if error.word == "authorization_pending":
                return code
            if error.word == "slow_down":
                return replace(code, interval=code.interval + _POLL_SLOWER)
            raise self._refused(error, "no token", "the code was refused or has expired, so begin again") from None

    def _code_field(self, device_code: str) -> Dict[str, str]:
        return {"device_code": device_code}

    def refresh(self, refresh_token: str, scopes: str = "") -> Token:
        """Get a new token for a refresh token; the answer may hold the same access token, and may hold a new refresh
        token.

        Args:
            scopes: separated by blanks; the same as before when empty.

        Raises:
            MailImportError: `auth_failed` when it is refused.
        """
        try:
            asked = {"scope": scopes} if scopes else {}
            return self._token(grant_type="refresh_token", refresh_token=refresh_token, **asked)
        except ServiceError as error:
            hint = "it was revoked or has expired, so get a new one"
            raise self._refused(error, "the token is not renewed", hint) from None

    def _token(self, **form: str) -> Token:
        answer = self._post(self._token_url, form, _TOKEN)
        lifetime = lifetime_of(answer)
        seconds = None if lifetime is None else int(lifetime)
        return Token(answer["access_token"], seconds, answer.get("refresh_token") or None)

    def _post(self, url: str, form: Mapping[str, str], schema: Mapping[str, Any]) -> Dict[str, Any]:
        secrets = [value for name, value in form.items() if name in ("code", "device_code", "refresh_token")]
        secrets.append(self._client_secret)
        return self._http.call(Call("POST", url, schema, form={**form, **self._client}, secrets=tuple(secrets)))

    def _refused(self, error: ServiceError, what: str, hint: str) -> MailImportError:
        """Say what a refusal means; `hint` where the service's word for it does not."""
        if error.status >= 500 or error.status == 429:
            return error
        if error.status == 404:
            return MailImportError("not_found", "%s: is %s right?" % (error.message, self.URL_OPTION))
        words = ", ".join(filter(None, (error.word, error.said)))
        said = " (%s)" % words if words else ""
        advice = self._advice(error, hint)
        return MailImportError("auth_failed", "%s: %s refuses%s: %s" % (what, self.PROVIDER, said, advice))

    def _advice(self, error: ServiceError, hint: str) -> str:
        """Say what to do about a refusal; `hint` where its word does not tell."""
        return _CAUSES.get(error.word, hint)
