# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Getting and keeping a token for which a person enters a code: the modules `yandex360_token` and
`microsoft365_token` from their options to their results.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, Mapping, NoReturn, Optional

from ansible.module_utils.basic import AnsibleModule

from ..model.errors import MailImportError
from ..provider.oauth import DeviceCode, OAuthClient, Token
from ..provider.token_files import read_tokens, values_of, write_tokens
from .organization import with_secrets

TOKEN_SECRETS = ("client_secret", "device")

_MINUTE, _DAY = 60.0, 86400.0


@dataclass(frozen=True)
class Wanted:
    """The token that a task declares.

    Attributes:
        oauth: who gives it.
        scopes: what it is for, separated by blanks.
        spare: a token that is good for fewer seconds is renewed.
        facts: what a file says of it, beside the token; one with other facts is another token.
    """

    oauth: OAuthClient
    scopes: str
    spare: float
    facts: Mapping[str, Any]


def run_token(module: AnsibleModule, wanted_of: Callable[[Mapping[str, Any]], Wanted]) -> None:
    """Make sure that there is a token.

    What a person has to do comes in between: without a token that will do, the module ends with a code for a person to
    enter, and with the program's part of it, `device`. Called again with that, it waits for the person.

    Args:
        wanted_of: tells what the parameters ask for; raises MailImportError.
    """
    try:
        params = with_secrets(module.params, TOKEN_SECRETS)
        wanted = wanted_of(params)
        if params.get("device"):
            _finish(module, params, wanted, _wait(wanted.oauth, DeviceCode(**params["device"])))
        _ensure(module, params, wanted)
    except MailImportError as error:
        module.fail_json(msg=error.message, reason=error.reason)


def _ensure(module: AnsibleModule, params: Mapping[str, Any], wanted: Wanted) -> None:
    stored = _stored(params["dest"], wanted)
    if stored and not params["force"] and stored["expires_at"] - time.time() > wanted.spare:
        message = "the token in %s is good for %s" % (params["dest"], _in_words(stored["expires_at"] - time.time()))
        module.exit_json(changed=False, msg=message)
    if params["dest"]:
        _check_dest(params["dest"])
    if module.check_mode:
        module.exit_json(changed=True, msg="a token would be got")
    token = _renewed(module, wanted, stored) if stored and not params["force"] else None
    if token:
        _finish(module, params, wanted, token)
    code = wanted.oauth.begin(wanted.scopes)
    module.exit_json(changed=False, msg="enter %s at %s" % (code.user_code, code.verification_url), device=vars(code))


def _stored(path: Optional[str], wanted: Wanted) -> Optional[Dict[str, Any]]:
    """What the file holds, None when it holds no such token."""
    values = read_tokens(path) if path else None
    return values if values and all(values.get(name) == fact for name, fact in wanted.facts.items()) else None


def _in_words(seconds: float) -> str:
    if seconds >= 2 * _DAY:
        return "%d days" % (seconds // _DAY)
    return "%d minutes" % (seconds // _MINUTE)


def _renewed(module: AnsibleModule, wanted: Wanted, stored: Mapping[str, Any]) -> Optional[Token]:
    """Another token without a person; None when one is needed."""
    if not stored["refresh_token"]:
        return None
    try:
        token = wanted.oauth.refresh(stored["refresh_token"], wanted.scopes)
    except MailImportError as error:
        if error.reason != "auth_failed":
            raise
        module.warn("%s; a person has to get a new one" % error.message)
        return None
    return token if token.refresh_token else replace(token, refresh_token=stored["refresh_token"])


def _check_dest(dest: str) -> None:
    """Before a person enters a code, or the refresh token is spent, for nothing.

    Raises:
        MailImportError: `host_refused` when the token could not be kept.
    """
    directory = os.path.dirname(os.path.abspath(dest))
    if not os.path.isdir(directory):
        raise MailImportError("host_refused", "dest cannot be written: there is no directory %s" % directory)
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise MailImportError(
            "host_refused",
            "dest cannot be written: the user of the task may not read and write the directory %s" % directory,
        )


def _wait(oauth: OAuthClient, code: DeviceCode) -> Token:
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


def _finish(module: AnsibleModule, params: Mapping[str, Any], wanted: Wanted, token: Token) -> NoReturn:
    values = values_of(token, wanted.facts)
    if params["dest"]:
        write_tokens(params["dest"], values)
        module.exit_json(changed=True, msg="the token is in %s" % params["dest"])
    module.exit_json(changed=True, msg="the token is in the result", **values)
    raise AssertionError("not reached")
