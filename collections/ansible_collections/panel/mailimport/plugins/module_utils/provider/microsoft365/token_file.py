# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token with which a person has let an application open mail at Microsoft 365: kept in a file, which
`microsoft365_token` makes, and renewed there.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Callable, Dict, FrozenSet, Iterator, Optional, Tuple

from ...files.private import held_private
from ...model.errors import MailImportError
from ..http import Http
from ..oauth import Token
from ..token_files import read_tokens, values_of, write_tokens
from .person_oauth import PersonOAuth
from .tokens import DEFAULT_SCOPES, USUAL_LIFETIME, Tokens

# What such a file says of its tokens, beside them.
FACTS = ("client_id", "tenant", "login_url", "scope")
# A token that is good for less than this is renewed, in seconds.
SPARE = 600.0
# Without it there is nothing to renew a token with.
OFFLINE = "offline_access"

Values = Dict[str, Any]


def is_good(values: Values) -> bool:
    """Whether the token in a file can be used as it is."""
    return bool(values["expires_at"] - time.time() > SPARE)


class TokenFile:
    """See the module. Microsoft may give another refresh token with each token, so whoever renews one holds the file.

    Raises:
        MailImportError: `invalid_row` or `host_refused` when there is no such file, or it cannot be used.
    """

    def __init__(self, http: Http, path: str) -> None:
        self._http = http
        self._path = path
        values = self._read()
        self.tenant: str = values["tenant"]
        self.client_id: str = values["client_id"]

    def token(self) -> str:
        """Return the token; a new one when it is good for a short time only.

        Raises:
            MailImportError: `auth_failed` when Microsoft gives no new one.
        """
        values = self._read()
        return str(values["access_token"]) if is_good(values) else self._renewed(is_good)

    def in_place_of(self, refused: str) -> str:
        """Return a token in place of one that was refused; raises as `token` does."""
        return self._renewed(lambda values: values["access_token"] != refused)

    def good_token(self) -> Optional[Tuple[str, float]]:
        """Return the token as it is in the file, and for how many seconds it is good; None when for a short time only.

        Raises:
            MailImportError: `invalid_row` or `host_refused` when the file cannot be used.
        """
        values = self._read()
        return (str(values["access_token"]), values["expires_at"] - time.time()) if is_good(values) else None

    def new_token(self) -> Token:
        """Return a new token; raises as `token` does."""
        with self._held() as values:
            return self._renew(values)

    def token_for(self, scope: str) -> Token:
        """Return a token for something else than the mail, which the file does not keep; raises as `token` does."""
        with self._held() as values:
            token = self._refreshed(values, scope)
            write_tokens(self._path, dict(values, refresh_token=token.refresh_token))
            return token

    def _renewed(self, will_do: Callable[[Values], bool]) -> str:
        """Renew the token, unless another process has done so meanwhile."""
        with self._held() as values:
            return str(values["access_token"]) if will_do(values) else self._renew(values).access_token

    def _renew(self, values: Values) -> Token:
        token = self._refreshed(values, values["scope"])
        write_tokens(self._path, values_of(token, {name: values[name] for name in FACTS}))
        return token

    def _refreshed(self, values: Values, scope: str) -> Token:
        oauth = PersonOAuth(self._http, values["client_id"], values["login_url"], values["tenant"])
        try:
            token = oauth.refresh(values["refresh_token"], scope)
        except MailImportError as error:
            if error.reason != "auth_failed":
                raise
            message = "%s; microsoft365_token with dest=%s gets another one" % (error.message, self._path)
            raise MailImportError(error.reason, message) from None
        return replace(token, refresh_token=token.refresh_token or values["refresh_token"])

    @contextmanager
    def _held(self) -> Iterator[Values]:
        with held_private(self._path):
            yield self._read()

    def _read(self) -> Values:
        values: Optional[Values] = read_tokens(self._path)
        if values is None:
            message = "there is no file %s on this host: microsoft365_token makes it" % self._path
            raise MailImportError("invalid_row", message)
        if not values["refresh_token"] or not all(isinstance(values.get(name), str) for name in FACTS):
            raise MailImportError("invalid_row", "%s is no file of microsoft365_token" % self._path)
        return values


class PersonTokens(Tokens):
    """Tokens with the rights of whoever has let an application have them.

    Args:
        mail: which of the resources is the mail.
    """

    KIND = "Delegated"

    def __init__(self, file: TokenFile, mail: str, resources: FrozenSet[str]) -> None:
        super().__init__(resources)
        self._file = file
        self._mail = mail

    def token(self, resource: str) -> str:
        """Return a token as `Tokens` does, and that of the file before another one is asked for."""
        kept = self._file.good_token() if resource == self._mail and not self._shared[resource].get() else None
        if kept is None:
            return super().token(resource)
        token, lifetime = kept
        self._shared[resource].put(token, lifetime - SPARE)
        return token

    def _ask(self, resource: str) -> Tuple[str, float]:
        is_mail = resource == self._mail
        token = (
            self._file.new_token() if is_mail else self._file.token_for("%s%s %s" % (resource, DEFAULT_SCOPES, OFFLINE))
        )
        return token.access_token, float(USUAL_LIFETIME if token.expires_in is None else token.expires_in)
