# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of the fake Microsoft 365 in which people enter codes, and let an application act for them."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
PERSON_ROLE = "IMAP.AccessAsUser.All"
# Delegated permissions of Microsoft Graph that somebody has consented to.
PERSON_GRAPH = ("User.Read.All", "Domain.Read.All", "Group.Read.All", "MailboxSettings.Read", "Organization.Read.All")

Refuse = Callable[[int, str, int, str], Exception]


@dataclass
class Code:
    """A code that waits for a person; `user` is who has entered it."""

    user_code: str
    scope: str
    expires_at: float
    user: Optional[str] = None
    declined: bool = False
    hurried: int = 0


@dataclass
class People:
    """See the module. Attributes that change its ways: `public_client`, whether the application may do without a
    secret; `policy`, a number of Microsoft's with which all are refused; `rotates`, whether a refresh token is good for
    one use; `interval`, seconds between two questions.

    `full_access` are mailboxes of others, by login.
    """

    refuse: Refuse
    codes: dict[str, Code] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    full_access: dict[str, set[str]] = field(default_factory=dict)
    public_client: bool = True
    policy: Optional[int] = None
    rotates: bool = True
    interval: int = 1

    def begin(self, form: dict[str, str], now: float) -> dict[str, Any]:
        """Give a code for a person to enter."""
        self._check_policy()
        if "/" not in form.get("scope", ""):
            raise self.refuse(400, "invalid_scope", 70011, "The provided value for scope is not valid.")
        device_code, user_code = "D" + secrets.token_urlsafe(60), secrets.token_hex(5).upper()
        self.codes[device_code] = Code(user_code, form["scope"], now + 900)
        return {
            "user_code": user_code,
            "device_code": device_code,
            "verification_uri": "https://microsoft.com/devicelogin",
            "expires_in": 900,
            "interval": self.interval,
            "message": "To sign in, use a web browser to open the page ... and enter the code %s" % user_code,
        }

    def enter(self, user_code: str, user: str) -> None:
        """What a person does who has logged in."""
        self._waiting(user_code).user = user

    def decline(self, user_code: str) -> None:
        """What a person does who wants none of it."""
        self._waiting(user_code).declined = True

    def _waiting(self, user_code: str) -> Code:
        return next(code for code in self.codes.values() if code.user_code == user_code)

    @contextmanager
    def attended_by(self, user: str) -> Iterator[list[str]]:
        """Somebody enters every code there is; yields the codes."""
        entered: list[str] = []
        stopped = threading.Event()

        def watch() -> None:
            while not stopped.wait(0.02):
                for code in list(self.codes.values()):
                    if code.user is None:
                        entered.append(code.user_code)
                        code.user = user

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        yield entered
        stopped.set()
        thread.join()

    def redeem(self, form: dict[str, str], now: float) -> tuple[str, str]:
        """Return whose token it is and what it is for, for a code or a refresh token."""
        if not self.public_client:
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise self.refuse(401, "invalid_client", 7000218, text)
        self._check_policy()
        if form["grant_type"] == "refresh_token":
            return self._refreshed(form)
        code = self.codes.get(form.get("device_code", ""))
        if code is None:
            raise self.refuse(400, "bad_verification_code", 70016, "The code is not known.")
        if code.expires_at <= now:
            raise self.refuse(400, "expired_token", 70020, "The provided value for the device code has expired.")
        if code.hurried:
            code.hurried -= 1
            raise self.refuse(400, "slow_down", 70020, "Too many requests.")
        if code.declined:
            raise self.refuse(400, "authorization_declined", 65004, "User declined to consent.")
        if code.user is None:
            raise self.refuse(400, "authorization_pending", 70016, "OAuth 2.0 device flow error. Pending.")
        del self.codes[form["device_code"]]
        return code.user, code.scope

    def _refreshed(self, form: dict[str, str]) -> tuple[str, str]:
        token = form.get("refresh_token", "")
        user = self.refresh_tokens.pop(token, None) if self.rotates else self.refresh_tokens.get(token)
        if user is None:
            raise self.refuse(400, "invalid_grant", 700082, "The refresh token has expired due to inactivity.")
        return user, form["scope"]

    def refresh_token(self, user: str) -> str:
        """Make a refresh token."""
        token = "1.A" + secrets.token_urlsafe(200)
        self.refresh_tokens[token] = user
        return token

    def _check_policy(self) -> None:
        if self.policy:
            raise self.refuse(400, "invalid_grant", self.policy, "Access has been blocked by policy.")
