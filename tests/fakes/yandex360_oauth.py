# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The OAuth service of the fake Yandex 360: the exchange of service applications, the device flow, and refreshing."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Optional

from .http_service import Answer, RefusedError

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
# Ids below it are of people's own accounts at Yandex.
FIRST_DOMAIN_UID = 1130000000000000


@dataclass
class Grant:
    """What a token opens: scopes, and an organization's administration or one mailbox."""

    scopes: frozenset[str]
    login: str
    mailbox: Optional[str] = None
    expires_at: float = float("inf")
    revoked: bool = False


@dataclass
class Application:
    """An OAuth application; on an organization's list it is a service application."""

    secret: str
    scopes: frozenset[str]
    service: bool = True


def oauth_error(word: str, description: str = "refused", code: int = 400) -> RefusedError:
    """As OAuth refuses."""
    return RefusedError(Answer(code, {"error": word, "error_description": description}))


def token_endpoint(handler: Any) -> Any:
    """A token, for whatever the form offers."""
    grants = {EXCHANGE: _exchange, "device_code": _redeem_device, "refresh_token": _refresh}
    grant = grants.get(handler.form().get("grant_type", ""))
    if grant is None:
        raise oauth_error("unsupported_grant_type")
    return grant(handler, handler.application(), handler.form())


def _exchange(handler: Any, application: Application, form: dict[str, str]) -> Any:
    service = handler.service
    if not application.service:
        raise oauth_error("unauthorized_client", "not a service application")
    if service.switches.exchange_needs_scope and "scope" not in form:
        raise oauth_error("invalid_scope", "scope is required")
    subject, is_address = form["subject_token"], form["subject_token_type"].endswith(":email")
    try:
        uid, address = service.organization.find(subject)
    except KeyError:
        raise oauth_error("invalid_grant", "unknown subject %s" % subject) from None
    if ("@" in subject) != is_address or int(uid) < FIRST_DOMAIN_UID:
        raise oauth_error("invalid_grant", "wrong subject")
    token = service.issue(Grant(application.scopes, address, address, service.expires(3600)), prefix="2.%s." % uid)
    issued = "urn:ietf:params:oauth:token-type:access_token"
    return {
        "access_token": token,
        "expires_in": 3600,
        "issued_token_type": issued,
        "scope": " ".join(application.scopes),
        "token_type": "bearer",
    }


def device_endpoint(handler: Any) -> Any:
    """A code for a person to enter."""
    form = handler.form()
    if form.get("client_id") not in handler.service.applications:
        raise oauth_error("invalid_client")
    code, user_code = secrets.token_hex(16), "%s-%s" % (secrets.token_hex(2).upper(), secrets.token_hex(2).upper())
    handler.service.device_codes[code] = {
        "user_code": user_code,
        "approved": False,
        "expires_at": handler.service.expires(600),
        "client": form["client_id"],
    }
    return {
        "device_code": code,
        "user_code": user_code,
        "verification_url": "https://ya.ru/device",
        "expires_in": 600,
        "interval": 1,
    }


def _redeem_device(handler: Any, application: Application, form: dict[str, str]) -> Any:
    code = handler.service.device_codes.get(form.get("code", ""))
    if code is None or code["client"] != form["client_id"] or code["expires_at"] <= handler.service.expires(0):
        raise oauth_error("bad_verification_code", "Code has expired")
    if code.pop("hurried", False):
        raise oauth_error("slow_down", "You are polling too often")
    if not code["approved"]:
        raise oauth_error("authorization_pending", "User has not yet authorized your application")
    del handler.service.device_codes[form["code"]]
    return _personal_token(handler.service, application.scopes)


def _refresh(handler: Any, application: Application, form: dict[str, str]) -> Any:
    service = handler.service
    old = service.refresh_tokens.pop(form.get("refresh_token", ""), None)
    if old is None or service.grants[old].revoked:
        raise oauth_error("invalid_grant", "expired_token %s" % form.get("refresh_token"))
    if not service.switches.refresh_keeps_token:
        return _personal_token(service, application.scopes)
    service.grants[old].expires_at = service.expires(31536000)
    return _personal_answer(service, old)


def _personal_token(service: Any, scopes: frozenset[str]) -> Any:
    return _personal_answer(service, service.issue(Grant(scopes, "admin@one.example", None, service.expires(31536000))))


def _personal_answer(service: Any, token: str) -> Any:
    refresh = "1:" + secrets.token_urlsafe(30)
    service.refresh_tokens[refresh] = token
    return {"access_token": token, "token_type": "bearer", "expires_in": 31536000, "refresh_token": refresh}
