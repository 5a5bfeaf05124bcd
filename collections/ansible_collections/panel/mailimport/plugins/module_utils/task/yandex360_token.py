# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Getting and keeping a token of Yandex's OAuth: the module `yandex360_token` from its options to its result."""

from __future__ import annotations

import json
import os
import time
from typing import Any, Dict, Mapping, NoReturn, Optional

from ansible.module_utils.basic import AnsibleModule

from ..files.private import read_private, write_private
from ..model.errors import MailImportError
from ..provider.oauth import DeviceCode, Token
from ..provider.yandex360.oauth import OAuth
from .options import Options
from .organization import http_of, with_secrets
from .yandex360 import service_options

TOKEN_SECRETS = ("client_secret", "device")

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


def run_token(module: AnsibleModule) -> None:
    """Make sure that there is a token.

    What a person has to do comes in between: without a token that will do, the module ends with a code for a person to
    enter, and with the program's part of it, `device`. Called again with that, it waits for the person.
    """
    try:
        params = with_secrets(module.params, TOKEN_SECRETS)
        if not params["client_secret"]:
            raise MailImportError("invalid_row", "client_secret is required, and must not be empty")
        oauth = OAuth(http_of(params), params["client_id"], params["client_secret"], params["oauth_url"])
        if params.get("device"):
            _finish(module, params, _wait(oauth, DeviceCode(**params["device"])))
        _ensure(module, params, oauth)
    except MailImportError as error:
        module.fail_json(msg=error.message, reason=error.reason)


def _ensure(module: AnsibleModule, params: Mapping[str, Any], oauth: OAuth) -> None:
    stored = _stored(params)
    if stored and not params["force"] and stored["expires_at"] - time.time() > params["minimum_days"] * _DAY:
        module.exit_json(
            changed=False,
            msg="the token in %s is good for %d days" % (params["dest"], (stored["expires_at"] - time.time()) // _DAY),
        )
    _check_dest(params)
    if module.check_mode:
        module.exit_json(changed=True, msg="a token would be got")
    if stored and stored["refresh_token"] and not params["force"]:
        try:
            token: Optional[Token] = oauth.refresh(stored["refresh_token"])
        except MailImportError as error:
            if error.reason != "auth_failed":
                raise
            module.warn("%s; a person has to get a new one" % error.message)
            token = None
        if token:
            _finish(module, params, token)
    code = oauth.begin(" ".join(params["scopes"]))
    module.exit_json(changed=False, msg="enter %s at %s" % (code.user_code, code.verification_url), device=vars(code))


def _check_dest(params: Mapping[str, Any]) -> None:
    """Before a person enters a code, or the refresh token is spent, for nothing.

    Raises:
        MailImportError: `host_refused` when the token could not be kept.
    """
    if not params["dest"]:
        return
    directory = os.path.dirname(os.path.abspath(params["dest"]))
    if not os.path.isdir(directory):
        raise MailImportError("host_refused", "dest cannot be written: there is no directory %s" % directory)
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise MailImportError(
            "host_refused",
            "dest cannot be written: the user of the task may not read and write the directory %s" % directory,
        )


def _wait(oauth: OAuth, code: DeviceCode) -> Token:
    deadline = time.monotonic() + code.expires_in
    while time.monotonic() < deadline:
        answer = oauth.poll(code)
        if isinstance(answer, Token):
            return answer
        code = answer
        time.sleep(code.interval)
    raise MailImportError(
        "auth_failed",
        "nobody entered the code %s within %d seconds; run the task again" % (code.user_code, code.expires_in),
    )


def _finish(module: AnsibleModule, params: Mapping[str, Any], token: Token) -> NoReturn:
    # A token of which it is not said how long it lasts is renewed by the next run.
    expires_at = int(time.time()) + (token.expires_in or 0)
    values = dict(
        client_id=params["client_id"],
        access_token=token.access_token,
        refresh_token=token.refresh_token or "",
        expires_at=expires_at,
    )
    if params["dest"]:
        write_private(params["dest"], json.dumps(values, indent=2).encode("ascii") + b"\n")
        module.exit_json(changed=True, msg="the token is in %s" % params["dest"])
    module.exit_json(changed=True, msg="the token is in the result", **values)
    raise AssertionError("not reached")


def _stored(params: Mapping[str, Any]) -> Optional[Dict[str, Any]]:
    """The token of this application in the file, None when there is none."""
    data = read_private(params["dest"]) if params["dest"] else None
    if not data:
        return None
    try:
        values = json.loads(data)
        fits = (
            values["client_id"] == params["client_id"]
            and isinstance(values["access_token"], str)
            and isinstance(values["expires_at"], (int, float))
        )
        values.setdefault("refresh_token", "")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise MailImportError("invalid_row", "%s is no file of this module: move it away" % params["dest"]) from None
    return values if fits else None
