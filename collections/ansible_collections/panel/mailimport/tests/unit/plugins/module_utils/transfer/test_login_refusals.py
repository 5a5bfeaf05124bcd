# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What servers say to a login that they do not take: what is told of it, and whether they are asked again."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import patience
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.line import Line, open_first
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.login import AccountLogin

NEVER, RECONNECTING, ALWAYS = "never", "when the connection was lost", "at the first login too"

REFUSALS = [
    # A wrong password, or a right one that opens nothing: whoever asks again may be banned.
    ("NO [AUTHENTICATIONFAILED] Authentication failed.", "auth_failed", NEVER),
    ("NO [AUTHENTICATIONFAILED] Invalid credentials; account temporarily locked", "auth_failed", NEVER),
    ("NO [AUTHENTICATIONFAILED] Login failed. Please try again later.", "auth_failed", NEVER),
    ("NO [ALERT] [AUTHENTICATIONFAILED] Temporary authentication failure", "auth_failed", NEVER),
    ("NO Login failed, try again later [AUTHENTICATIONFAILED]", "auth_failed", NEVER),
    ("NO [AUTHORIZATIONFAILED] Logging in as this user is temporarily not allowed", "auth_failed", NEVER),
    ("NO [CONTACTADMIN] Account is temporarily disabled.", "auth_failed", NEVER),
    ("NO [EXPIRED] Password expired, mail is temporarily withheld", "auth_failed", NEVER),
    ("NO [NOPERM] IMAP access temporarily not permitted", "auth_failed", NEVER),
    ("NO [PRIVACYREQUIRED] Plaintext authentication disallowed, try later with TLS", "auth_failed", NEVER),
    ("NO [SYS/PERM] Account temporarily closed", "auth_failed", NEVER),
    ("NO Your account has been temporarily blocked, try again later", "auth_failed", NEVER),
    ("NO Login failed: account suspended temporarily", "auth_failed", NEVER),
    ("NO Access for this address is disabled for now, temporarily.", "auth_failed", NEVER),
    ("NO Login failed: authentication failure", "auth_failed", NEVER),
    ("NO LOGIN failed.", "auth_failed", NEVER),
    ("NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)", "auth_failed", NEVER),
    ("NO [ALERT] Application-specific password required (Failure)", "auth_failed", NEVER),
    ("NO [AUTHENTICATIONFAILED] LOGIN Invalid credentials or IMAP is disabled sc=1", "auth_failed", NEVER),
    ("BYE [AUTHENTICATIONFAILED] Too many failures, try again later", "auth_failed", NEVER),
    # A server in trouble.
    ("NO [UNAVAILABLE] Temporary authentication failure. [mx1:2026-11-30 23:50:01]", "throttled", RECONNECTING),
    ("NO [UNAVAILABLE] Account temporarily locked by a backup", "throttled", RECONNECTING),
    ("NO [SERVERBUG] Internal error occurred. Refer to server log.", "throttled", RECONNECTING),
    ("NO Login failed: remote authentication server unavailable", "throttled", RECONNECTING),
    ("NO Server Unavailable. 15", "throttled", RECONNECTING),
    ("NO [UNAVAILABLE] LOGIN internal server error sc=1", "throttled", RECONNECTING),
    ("NO [SYS/TEMP] Login failed", "throttled", RECONNECTING),
    ("NO Login failed [SYS/TEMP]", "throttled", RECONNECTING),
    ("NO the mailbox is being moved, try later", "throttled", RECONNECTING),
    ("NO Mailbox temporarily unavailable: locked by another session", "throttled", RECONNECTING),
    ("NO The mailbox is locked and temporarily unavailable", "throttled", RECONNECTING),
    ("NO User is authenticated but not connected.", "permission_denied", ALWAYS),
    # One that asks for less.
    ("BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds", "throttled", RECONNECTING),
    ("NO [LIMIT] LOGIN Rate limit hit. sc=1", "throttled", RECONNECTING),
    ("NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)", "throttled", NEVER),
    ("NO [ALERT] Too many simultaneous connections. (Failure)", "too_many_connections", ALWAYS),
    ("NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded", "too_many_connections", ALWAYS),
    # One that ends the session, as busy ones do now and then.
    ("BYE Server temporarily unavailable", "source_unavailable", ALWAYS),
    ("BYE Temporary System Error", "source_unavailable", ALWAYS),
    ("BYE Temporary problem, please try again later", "source_unavailable", ALWAYS),
    ("BYE [UNAVAILABLE] Server shutting down.", "source_unavailable", ALWAYS),
    ("BYE Service temporarily suspended", "source_unavailable", ALWAYS),
    ("BYE Connection is closed. 13", "source_unavailable", ALWAYS),
    ("BYE Too many connections", "too_many_connections", ALWAYS),
]


class AskedAgainError(Exception):
    """A login is about to be repeated."""


@pytest.fixture(autouse=True)
def no_second_login(monkeypatch):
    def pause(*_arguments):
        raise AskedAgainError

    monkeypatch.setattr(patience, "pause", pause)


def when_asked_again(login):
    """Log in once at the beginning, and once as after a lost connection."""
    tells = []
    line = Line(lambda: login.open(tells.append), patience.Patience(tells.append), lambda: None)
    asked = []
    for work in (lambda: open_first(login, True, tells.append), line.connected):
        with pytest.raises((MailImportError, AskedAgainError)) as ended:
            work()
        asked.append(ended.type is AskedAgainError)
    return {(False, False): NEVER, (False, True): RECONNECTING, (True, True): ALWAYS}[tuple(asked)]


@pytest.mark.parametrize(("answer", "reason", "again"), REFUSALS)
def test_what_is_told_of_a_refused_login_and_when_it_is_repeated(account, answer, reason, again):
    started = account(INBOX=[])
    started.server.answers[b"LOGIN"] = b"%s %s\r\n" % (b"*" if answer.startswith("BYE") else b"TAG", answer.encode())
    login = AccountLogin(started.request().source, None, None)
    with pytest.raises(MailImportError) as error:
        login.open(lambda news: None)
    assert error.value.reason == reason, error.value.message
    assert when_asked_again(login) == again
