# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Getting and keeping a token for which a person enters a code: the modules `yandex360_token` and
`microsoft365_token` from their options to their results.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, Mapping, NoReturn, Optional

from ansible.module_utils.basic import AnsibleModule

from ..files.private import held_private
from ..model.errors import MailImportError, file_errors
from ..provider.oauth import DeviceCode, OAuthClient, Token
from ..provider.token_files import read_tokens, values_of, write_tokens
from .organization import with_secrets
from .secrets import take_secrets

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
    enter, `device`. Called again with that, it waits for the person. The program's part of the code gives the token to
    whoever has it, and Ansible shows the answers of modules to whoever wants to see much: it stays in a file between.

    Args:
        wanted_of: tells what the parameters ask for; raises MailImportError.
    """
    try:
        params = with_secrets(module.params, TOKEN_SECRETS)
        wanted = wanted_of(params)
        if params.get("device"):
            _replace(module, params, wanted, _wait(wanted.oauth, DeviceCode(**take_secrets(params["device"]["file"]))))
        _ensure(module, params, wanted)
    except MailImportError as error:
        module.fail_json(msg=error.message, reason=error.reason)


def _ensure(module: AnsibleModule, params: Mapping[str, Any], wanted: Wanted) -> None:
    dest = params["dest"]
    may_be_kept = bool(_stored(dest, wanted)) and not params["force"]
    if may_be_kept:
        _exit_if_good(module, dest, wanted)
    if dest:
        _check_dest(dest)
    if module.check_mode:
        module.exit_json(changed=True, msg="a token would be got")
    if may_be_kept:
        _renew(module, params, wanted)
    code = wanted.oauth.begin(wanted.scopes)
    shown = dict(user_code=code.user_code, verification_url=code.verification_url, expires_in=code.expires_in)
    message = "enter %s at %s" % (code.user_code, code.verification_url)
    module.exit_json(changed=False, msg=message, device=dict(shown, file=_kept_apart(code)))


def _kept_apart(code: DeviceCode) -> str:
    """Leave a code in a file that nobody else can read, for the next call to take; return its path."""
    with file_errors(tempfile.gettempdir()):
        descriptor, path = tempfile.mkstemp(prefix="panel-mailimport-code-")
        with open(descriptor, "w", encoding="ascii") as stream:
            json.dump(vars(code), stream)
    return path


def _exit_if_good(module: AnsibleModule, dest: str, wanted: Wanted) -> Optional[Dict[str, Any]]:
    """Return what the file holds, None when it holds no such token; end the module when nothing is to be done."""
    stored = _stored(dest, wanted)
    left = stored["expires_at"] - time.time() if stored else 0.0
    if stored and left > wanted.spare:
        module.exit_json(changed=False, msg="the token in %s is good for %s" % (dest, _in_words(left)))
    return stored


def _renew(module: AnsibleModule, params: Mapping[str, Any], wanted: Wanted) -> None:
    """End the module with another token without a person; return when one is needed.

    An import may renew the same file: two would spend one refresh token, or put back an older one.
    """
    with held_private(params["dest"]):
        stored = _exit_if_good(module, params["dest"], wanted)
        token = _renewed(module, wanted, stored) if stored else None
        if token:
            _finish(module, params, wanted, token)


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


def _replace(module: AnsibleModule, params: Mapping[str, Any], wanted: Wanted, token: Token) -> NoReturn:
    """End the module with a token of a person; whoever renews the one before has done so by then."""
    if params["dest"] and os.path.exists(params["dest"]):
        with held_private(params["dest"]):
            _finish(module, params, wanted, token)
    _finish(module, params, wanted, token)


def _finish(module: AnsibleModule, params: Mapping[str, Any], wanted: Wanted, token: Token) -> NoReturn:
    values = values_of(token, wanted.facts)
    if params["dest"]:
        write_tokens(params["dest"], values)
        module.exit_json(changed=True, msg="the token is in %s" % params["dest"])
    module.exit_json(changed=True, msg="the token is in the result", **values)
    raise AssertionError("not reached")
