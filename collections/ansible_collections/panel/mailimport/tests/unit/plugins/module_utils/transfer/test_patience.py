# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.refusals import SourceBusyError
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import patience

AWAY = MailImportError("connection_failed", "nobody there")
BUSY = SourceBusyError("try again later", 5.0, overload=False)
OVERLOADED = SourceBusyError("you ask for too much", 5.0, overload=True)
CROWDED = SourceBusyError("too many connections", 5.0, overload=True, crowded=True)
IN_ANY_CASE = patience.ATTEMPTS


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Seconds that would have been waited."""
    seconds = []
    monkeypatch.setattr(patience.time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def patient(waits):
    """Meet an error again and again until it is raised; return what was waited."""

    def meet(error, subject=None, **options):
        before = len(waits)
        subject = subject or patience.Patience(lambda event: None)
        with pytest.raises(MailImportError) as raised:
            for _time in range(2000):
                subject.wait(error, **options)
        assert raised.value is error
        return waits[before:]

    return meet


@pytest.mark.parametrize("error", [BUSY, OVERLOADED, CROWDED, AWAY])
def test_patience_begins_anew_when_something_came(patient, error):
    subject = patience.Patience(lambda event: None)
    first = patient(error, subject, connecting=True)
    assert patient(error, subject, connecting=True) == []
    subject.gained()
    assert patient(error, subject, connecting=True) == first


def test_waits_grow_to_eight_times_what_the_source_names(patient):
    assert patient(BUSY)[:6] == [5.0, 10.0, 20.0, 40.0, 40.0, 40.0]
    assert patient(AWAY, connecting=True)[:8] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]


@pytest.mark.parametrize(
    ("error", "connecting", "longest"),
    [(OVERLOADED, False, 3600), (CROWDED, False, 3600), (BUSY, False, 300), (BUSY, True, 300), (AWAY, True, 300)],
)
def test_it_is_time_that_counts_for_a_source_that_asks_for_it_or_is_away(patient, error, connecting, longest):
    waited = patient(error, connecting=connecting)
    assert len(waited) > IN_ANY_CASE and sum(waited[:-1]) < longest <= sum(waited)


def test_a_few_attempts_are_made_in_any_case_and_no_more_when_a_connection_can_be_made(patient):
    assert len(patient(AWAY)) == IN_ANY_CASE
    assert len(patient(SourceBusyError("come back after lunch", 600.0, overload=False))) == IN_ANY_CASE


def test_what_does_not_pass_is_not_waited_for(patient):
    assert patient(MailImportError("auth_failed", "wrong password")) == []


def test_whoever_opened_too_many_connections_has_to_wait_for_that_and_for_nothing_else(patient):
    for error, waited in ((CROWDED, False), (OVERLOADED, True), (AWAY, True)):
        assert bool(patient(error, patience.Patience(lambda event: None, wait_if_crowded=False))) is waited
