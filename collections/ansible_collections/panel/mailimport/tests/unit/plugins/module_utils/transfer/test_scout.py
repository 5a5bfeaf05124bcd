# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One process visits account after account, and keeps nothing of one for the next."""

from __future__ import annotations

import os
import signal

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.scout import Scout, Visit


@pytest.fixture
def scout(account):
    source = account(INBOX=[1])
    source.server.answers[b"LOGIN"] = lambda command: (
        b"TAG OK in\r\n" if b"right" in command else b"TAG NO [AUTHENTICATIONFAILED] no\r\n"
    )
    started = Scout(source.request().source, None)
    started.visited = source
    yield started
    if not started.is_closed:
        started.close()


def visit(scout, user, password):
    request = scout.visited.request(user=user, password=password)
    scout.visit(Visit(request.source, "look at %s" % user), lambda news: None, lambda child: None)


def test_a_login_that_is_refused_says_nothing_of_the_next_account(scout):
    with pytest.raises(MailImportError) as refused:
        visit(scout, "anna", "wrong")
    assert refused.value.reason == "auth_failed"
    visit(scout, "boris", "right")
    with pytest.raises(MailImportError):
        visit(scout, "anna", "wrong")
    logins = [line.split(b" ", 2)[2] for line in scout.visited.server.heard if b" LOGIN " in line]
    assert logins == [b'"anna" "wrong"', b'"boris" "right"', b'"anna" "wrong"']


def test_a_process_that_was_killed_between_two_visits_is_told_as_that(scout):
    visit(scout, "anna", "right")
    os.kill(scout._process._child, signal.SIGKILL)
    os.waitid(os.P_PID, scout._process._child, os.WEXITED | os.WNOWAIT)
    with pytest.raises(MailImportError, match="ended early") as ended:
        visit(scout, "boris", "right")
    assert ended.value.reason == "interrupted" and scout.is_closed
