# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.refusals import (
    DEFAULT_WAIT,
    LONGEST_WAIT,
    busy_error,
    is_overload,
    refusal_error,
)
from ansible_collections.panel.mailimport.plugins.module_utils.imap.responses import parse_status


@pytest.mark.parametrize(
    ("line", "wait"),
    [
        (b"NO Request is throttled. Suggested Backoff Time: 299961 milliseconds", 299.961),
        (b"BAD Request is throttled. Suggested Backoff Time: 5 milliseconds", 0.005),
        (b"NO throttled, suggested backoff time: 2000000 MILLISECONDS", 2000),
        (b"NO Request is throttled. Suggested Backoff Time: 256625", 256.625),
        (b"NO Request is throttled. Suggested Backoff Time: 256625.", 256.625),
        (b"NO Suggested Backoff Time: 30 seconds", 30),
        (b"NO Suggested Backoff Time: 2 min", 120),
        (b"NO Suggested backoff time 5000 ms", 5),
        (b"NO please try again in 5 minutes", 300),
        (b"NO busy, retry after 30 seconds", 30),
        (b"BYE wait 1 hour", 3600),
        (b"NO [UNAVAILABLE] UID FETCH Server error", DEFAULT_WAIT),
        (b"NO [LIMIT] UID FETCH Rate limit hit.", DEFAULT_WAIT),
        (b"NO [limit] hit", DEFAULT_WAIT),
        (b"NO [INUSE] mailbox is locked", DEFAULT_WAIT),
        (b"NO [SERVERBUG] oops", DEFAULT_WAIT),
        (b"OK [THROTTLED] slow down", DEFAULT_WAIT),
        (b"NO Server Unavailable. 15", DEFAULT_WAIT),
        (b"OK FETCH Success [THROTTLED]", DEFAULT_WAIT),
        (b"OK Success [THROTTLED].", DEFAULT_WAIT),
        (b"NO slower, please [LIMIT]", DEFAULT_WAIT),
        (b"NO not now [UNAVAILABLE]", DEFAULT_WAIT),
        (b"NO [SYS/TEMP] Login failed", DEFAULT_WAIT),
        (b"NO Login failed [SYS/TEMP]", DEFAULT_WAIT),
        (b"NO the mailbox is being moved, try later", DEFAULT_WAIT),
        (b"NO Temporary authentication failure", DEFAULT_WAIT),
        (b"NO login failed, temporary system error", DEFAULT_WAIT),
        (b"NO message is temporarily unavailable", DEFAULT_WAIT),
    ],
)
def test_answers_that_ask_for_patience(line, wait):
    error = busy_error(parse_status(line), "imap.example:993")
    assert error.reason == "throttled" and error.wait == wait
    assert error.message.startswith("imap.example:993 asks to wait: ")


@pytest.mark.parametrize(
    "line",
    [
        b"NO [AUTHENTICATIONFAILED] Invalid credentials",
        b"NO [NONEXISTENT] no such folder",
        b"BAD parse error",
        b"OK done",
        b"OK Success [READ-ONLY]",
        b"OK try again in 5 minutes",
        b"NO [OVERQUOTA] mailbox is full",
        b"NO I waited 5 seconds",
        b"NO [NOPERM] no",
        b"NO [UNAVAILABLEX] no",
        b"NO [SYS/PERM] no",
        b"NO this is a temporary password: change it on the web first",
        b"BYE logging out",
    ],
)
def test_answers_that_do_not(line):
    assert busy_error(parse_status(line), "imap.example:993") is None


@pytest.mark.parametrize(
    "line",
    [
        b"NO [ALERT] Too many simultaneous connections. (Failure)",
        b"BYE Too many connections from your address",
        b"NO [LIMIT] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=3)",
        b"NO [UNAVAILABLE] Too many open sessions",
        b"BYE connection limit reached",
    ],
)
def test_too_many_connections_are_told_from_too_much_of_anything_else(line):
    error = busy_error(parse_status(line), "imap.example:993")
    assert error.reason == "too_many_connections" and error.crowded and error.overload and error.wait == DEFAULT_WAIT
    assert not busy_error(parse_status(b"NO [LIMIT] Rate limit hit"), "imap.example:993").crowded


@pytest.mark.parametrize(
    ("line", "hours"),
    [
        (b"NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)", 24),
        (b"NO [ALERT] Account exceeded bandwidth limits.", 24),
        (b"BYE [OVERQUOTA] Account exceeded command or bandwidth limits", 24),
        (b"NO Daily download limit reached", 24),
        (b"NO Request is throttled. Suggested Backoff Time: 7200000 milliseconds", 2),
        (b"NO Suggested Backoff Time: 999999999999", 277777),
    ],
)
def test_b11_a_lock_that_is_too_long_to_be_waited_for_says_until_when(line, hours):
    error = busy_error(parse_status(line), "imap.example:993")
    assert (error.reason, is_overload(error), error.wait > LONGEST_WAIT) == ("throttled", True, True)
    assert int(error.wait / 3600) == hours
    assert "run the task again after 2" in error.message and "UTC" in error.message


@pytest.mark.parametrize("judge", [busy_error, refusal_error])
def test_b11_authenticated_but_not_connected_is_waited_for(judge):
    error = judge(parse_status(b"NO User is authenticated but not connected."), "imap.example:993")
    assert (error.reason, error.overload, error.wait) == ("permission_denied", True, DEFAULT_WAIT)
    assert "no mailbox behind this login" in error.message
