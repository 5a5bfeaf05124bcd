# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the pilot measures, and the estimate that is made of it."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.pace import (
    Amount,
    pace_lines,
    planned_lines,
    read_sizes,
    sizes_of,
    written,
)

from .test_gates import box, facts

MB = 1000 * 1000


def run(**entries):
    return {"mail1": {"imports": [{"email": "%s@example.org" % name, **entry} for name, entry in entries.items()]}}


def came(messages, size, seconds):
    return {"messages_copied": messages, "bytes_copied": size, "duration": seconds}


PILOT = run(anna=came(1000, 100 * MB, 10.0))


def test_the_others_take_as_long_as_the_plan_says_there_is():
    measured, estimate = pace_lines(facts(0, box("anna")), PILOT, {"ben@example.org": Amount(72_000, 7200 * MB)})
    assert measured == (
        "measured: 1,000 messages, 100 MB of 1 mailbox in 10 s, one queue alone: 10 MB and 100 messages a second"
    )
    # A single mailbox is no faster in more queues.
    assert estimate == (
        "estimate for the rest, 1 mailbox (72,000 messages, 7.2 GB by the plan), as fast as these: "
        "1 queue 12 min, 2 queues 12 min, 4 queues 12 min, 8 queues 12 min"
    )


def test_without_a_plan_they_are_taken_for_alike():
    known = facts(0, box("anna"))
    known.mailboxes += [box("other%d" % number, "not_begun") for number in range(719)]
    estimate = pace_lines(known, PILOT, {})[1]
    assert estimate == (
        "estimate for the rest, 720 mailboxes (if they are like these; the plan counts them), as fast as these: "
        "1 queue 2 h 0 min, 2 queues 60 min, 4 queues 30 min, 8 queues 15 min"
    )


def test_many_small_messages_take_longer_than_their_bytes():
    known = facts(0, box("anna"))
    known.mailboxes.append(box("carl", "not_begun"))
    small = {"%s@example.org" % name: Amount(36_000, MB) for name in ("ben", "carl")}
    assert "1 queue 12 min, 2 queues 6 min, 4 queues 6 min" in pace_lines(known, PILOT, small)[1]


@pytest.mark.parametrize(
    ("runs", "lines"),
    [
        ({}, ["measured: nothing, for no message came in this run"]),
        (run(anna=came(0, 0, 3.0)), ["measured: nothing, for no message came in this run"]),
        ({"mail1": {"failed": True}}, ["measured: nothing, for no message came in this run"]),
    ],
)
def test_nothing_is_measured_where_nothing_came(runs, lines):
    assert pace_lines(facts(0, box("anna")), runs, {}) == lines


def test_a_moment_is_too_short_to_tell_from():
    estimate = pace_lines(facts(0, box("anna")), run(anna=came(3, 3000, 0.1)), {})[1]
    assert estimate.startswith("no estimate for the rest, 1 mailbox ")


def test_the_last_pilot_leaves_nothing_to_estimate():
    assert len(pace_lines(facts(0, box("anna"), box("ben")), PILOT, {})) == 1


def test_the_plan_keeps_what_it_counts(tmp_path):
    sizes = sizes_of(PILOT)
    assert sizes == {"anna@example.org": Amount(1000, 100 * MB)}
    (tmp_path / "sizes.json").write_text(written(sizes))
    assert read_sizes(tmp_path / "sizes.json") == sizes
    assert read_sizes(tmp_path / "missing.json") == {}
    (tmp_path / "broken.json").write_text('["x"]')
    assert read_sizes(tmp_path / "broken.json") == {}


def test_the_plan_tells_what_is_to_come():
    nothing = {name: [] for name in ("largest", "slow", "over_quota", "disks", "durations")}
    estimate = {
        "mailboxes": 2,
        "messages": 1200,
        "bytes": 3 * MB,
        "bytes_estimated": False,
        "connections": None,
        **nothing,
    }
    one = planned_lines({"mail1": {"estimate": estimate}, "mail2": {"failed": True}})
    assert one[0] == "mail1: to import: 1,200 messages, 3.0 MB"
    assert planned_lines({"mail1": {"estimate": estimate}})[0] == "to import: 1,200 messages, 3.0 MB"
    assert planned_lines({"mail1": {"skipped": True}}) == []
