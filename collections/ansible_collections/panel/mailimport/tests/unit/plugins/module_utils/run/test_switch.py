# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model import clock
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.moment import read_moment
from ansible_collections.panel.mailimport.plugins.module_utils.run.settings import HostSettings
from ansible_collections.panel.mailimport.plugins.module_utils.run.switch import (
    ASSUMED_TTL,
    Answer,
    last_seen_elsewhere,
    note_answers,
    old_records_until,
    switched_since,
    with_answer,
)

DAY = 86_400.0


def history(*answers):
    """Of moments, what the records were, and their time to live."""
    made = []
    for moment, switched, ttl in answers:
        made = with_answer(made, Answer("example.org", switched, (switched,), ttl), moment)
    return made


@pytest.mark.parametrize(
    ("answers", "since", "until"),
    [
        ([(0, "no", 3600)], None, None),
        ([(0, "no", 3600), (100, "yes", 300)], 100, 3700),
        ([(0, "no", 3600), (50, "no", 3600), (100, "yes", 300), (200, "yes", 300)], 100, 3700),
        # Lowered: what had the long time to live may have been handed out until it was seen lowered.
        ([(0, "no", DAY), (100, "no", 300), (5000, "yes", 300)], 5000, 100 + DAY),
        ([(0, "no", DAY), (100, "no", 300), (3 * DAY, "yes", 300)], 3 * DAY, 3 * DAY + 300),
        # In part is not yet.
        ([(0, "no", 3600), (100, "mixed", 600), (200, "yes", 300)], 200, 3700),
        # Nobody has looked before, or was told.
        ([(100, "yes", 300)], 100, 100 + ASSUMED_TTL),
        ([(0, "no", None), (100, "yes", 300)], 100, 100 + ASSUMED_TTL),
        # There and back, and there again.
        ([(0, "no", 600), (100, "yes", 300), (200, "no", 600)], None, None),
        ([(0, "no", 600), (100, "yes", 300), (200, "no", 900), (300, "yes", 300)], 300, 1200),
        # Other records of the new host change nothing.
        ([(0, "no", 600), (100, "yes", 300), (200, "yes", 86400)], 100, 700),
    ],
)
def test_old_records_run_out(answers, since, until):
    seen = history(*answers)
    assert (switched_since(seen), old_records_until(seen)) == (since, until)


def test_the_change_came_after_the_old_records_were_last_seen():
    assert last_seen_elsewhere(history((0, "no", 60), (50, "no", 60), (100, "yes", 60))) == 50
    assert last_seen_elsewhere(history((100, "yes", 60))) is None


def test_a_clock_that_was_set_back_opens_nothing_early(tmp_path, monkeypatch):
    """A switch that is noted two days too early would end the old records, and the quiet hours, before their time."""
    settings = HostSettings(str(tmp_path))
    old, new = Answer("example.org", "no", ["mx"], 7200), Answer("example.org", "yes", ["mail"], 300)
    monkeypatch.setenv(clock.AHEAD, str(2 * DAY))
    known = note_answers(settings, [old], None)["domains"]
    monkeypatch.setenv(clock.AHEAD, "0")
    for check_mode in (False, True):
        with pytest.raises(MailImportError) as refused:
            note_answers(settings, [new], None, check_mode)
        assert refused.value.message.startswith("example.org: the clock of this mail host says ")
        assert known[0]["seen_at"] in refused.value.message and "set the clock right" in refused.value.message
    # As time servers do.
    monkeypatch.setenv(clock.AHEAD, str(2 * DAY - 60))
    (entry,) = note_answers(settings, [new], None)["domains"]
    assert entry["switched_at"] == known[0]["seen_at"]
    assert read_moment(entry["old_records_until"]) - read_moment(entry["switched_at"]) == 7200


def test_what_is_seen_again_changes_nothing(tmp_path, monkeypatch):
    settings = HostSettings(str(tmp_path / "state"))
    answer = Answer("Example.ORG", "no", ["mx2.old.example", "mx1.old.example"], 600)
    assert note_answers(settings, [answer], None, check_mode=True)["changed"] and not (tmp_path / "state").exists()
    assert note_answers(settings, [answer], None)["changed"]
    monkeypatch.setenv(clock.AHEAD, "60")
    again = note_answers(settings, [answer], None)
    (entry,) = again["domains"]
    assert not again["changed"] and entry["records"] == ["mx1.old.example", "mx2.old.example"]
    assert entry["domain"] == "example.org" and entry["ttl_was_seen"] and entry["switched_at"] is None
    monkeypatch.setenv(clock.AHEAD, "120")
    switched = note_answers(settings, [Answer("example.org", "yes", ["mail.example.net"], 300)], None)
    (entry,) = switched["domains"]
    assert switched["changed"] and entry["switched"] == "yes"
    assert read_moment(entry["old_records_until"]) - read_moment(entry["switched_at"]) == 600
    # The old records were last seen a minute before.
    assert 60 <= read_moment(entry["switched_at"]) - read_moment(entry["last_seen_elsewhere"]) <= 61
    assert note_answers(settings, [], None)["domains"] == switched["domains"]


def test_a_migration_is_finished_once(tmp_path, monkeypatch):
    settings = HostSettings(str(tmp_path))
    assert note_answers(settings, [], "example", check_mode=True)["changed"]
    assert note_answers(settings, [], None)["finished_migrations"] == {}
    done = note_answers(settings, [], "example")
    monkeypatch.setenv(clock.AHEAD, "3600")
    again = note_answers(settings, [], "example")
    assert done["changed"] and not again["changed"] and again["finished_migrations"] == done["finished_migrations"]


@pytest.mark.parametrize("answer", [Answer("no domain", "yes"), Answer("example.org", "perhaps")])
def test_what_cannot_be_is_refused(tmp_path, answer):
    with pytest.raises(MailImportError) as refused:
        note_answers(HostSettings(str(tmp_path)), [answer], None)
    assert refused.value.reason == "invalid_row"
