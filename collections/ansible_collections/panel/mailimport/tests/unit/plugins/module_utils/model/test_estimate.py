# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What imports are going to take is said in a few lines, and what of it is estimated is called so."""

from __future__ import annotations

from typing import Any, Dict, List

from ansible_collections.panel.mailimport.plugins.filter.last_screen import last_screen as by_host
from ansible_collections.panel.mailimport.plugins.module_utils.model.estimate import estimate_lines
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportResult

DISK = {
    "place": "/var/vmail",
    "mailboxes": 38,
    "bytes_needed": 150_000_000,
    "bytes_free": 3_100_000_000,
    "files_needed": 2936,
    "files_free": 1_000_000,
    "enough": True,
}


def estimate(**changes: Any) -> Dict[str, Any]:
    durations = [(1, 8000.0), (2, 4100.0), (4, 2100.0), (8, 2000.0)]
    return {
        "mailboxes": 38,
        "messages": 2936,
        "bytes": 142_000_000,
        "bytes_estimated": False,
        "largest": [{"email": "%s@a.example" % name, "messages": 9, "bytes": 40_000_000} for name in ("anna", "ben")],
        "over_quota": [],
        "slow": [],
        "disks": [DISK],
        "connections": {"tried": 8, "admitted": 8},
        "sampled_bytes": 24_000_000,
        "durations": [{"queues": queues, "bytes_per_second": 9, "seconds": took} for queues, took in durations],
        **changes,
    }


def lines(**changes: Any) -> List[str]:
    return list(estimate_lines(estimate(**changes)))


def test_mail_room_connections_and_hours():
    assert lines() == [
        "to import: 2,936 messages, 142 MB; the largest: anna@a.example 40 MB, ben@a.example 40 MB",
        "room in /var/vmail: 3.1 GB free, about 150 MB needed",
        "connections: the source admitted 8 at a time, more were not tried",
        "time, estimated from a sample of 24 MB: 1 queue 2 h 13 min, 2 queues 68 min, 4 queues 35 min, 8 queues 33 min",
    ]


def test_what_is_estimated_missing_or_too_little_is_said():
    said = lines(bytes_estimated=True, largest=[], connections={"tried": 8, "admitted": 5}, durations=[])
    assert said[0] == "to import: 2,936 messages, about 142 MB (estimated from a part of the messages)"
    assert said[2:] == [
        "connections: of 8 at a time the source admitted 5: set source_max_connections=5",
        "time: not estimated, this is too little mail to measure the source with",
    ]
    assert lines(mailboxes=0) == lines(mailboxes=1, durations=[]) == []


def test_mailboxes_that_cannot_come_in_one_go():
    slow = [{"email": "%d@a.example" % days, "days": days} for days in range(2, 9)]
    assert lines(over_quota=["anna@a.example"], slow=slow)[1:3] == [
        "more mail than the quota of the new mailbox: anna@a.example",
        "more mail than the source gives within a day, with a run each day: 8@a.example 8 days, 7@a.example 7 days, "
        "6@a.example 6 days, 5@a.example 5 days, 4@a.example 4 days and 2 more",
    ]


def test_a_disk_without_room_or_inodes():
    small = dict(DISK, bytes_free=9_000_000, enough=False)
    assert lines(disks=[small])[1] == "not enough room in /var/vmail: about 150 MB needed, 9.0 MB free"
    full = dict(DISK, files_free=12, enough=False)
    assert lines(disks=[full])[1] == "not enough room in /var/vmail: about 2,936 files needed, 12 files free"


def test_the_screen_of_several_hosts_has_them_of_each():
    result = {"imports": [ImportResult("a@a.example", "s").as_dict()], "estimate": estimate(largest=[], disks=[])}
    alone, several = by_host({"mail1": result}), by_host({"mail1": result, "mail2": result}, "only")
    assert alone[1] == "to import: 2,936 messages, 142 MB"
    assert several[1] == "mail1: to import: 2,936 messages, 142 MB" and several[4].startswith("mail2: to import")


def test_the_screen_of_mailboxes_that_are_hosts_has_them_together():
    small = dict(DISK, bytes_free=9_000_000, enough=False)
    results = {
        name: {
            "imports": [ImportResult(name, "s").as_dict()],
            "estimate": estimate(
                mailboxes=1,
                messages=3,
                bytes=size,
                largest=[{"email": name, "messages": 3, "bytes": size}],
                disks=[small],
            ),
        }
        for name, size in (("a@a.example", 1_000_000), ("b@a.example", 2_000_000))
    }
    assert by_host(results)[1:] == [
        "to import: 6 messages, 3.0 MB; the largest: b@a.example 2.0 MB, a@a.example 1.0 MB",
        "not enough room in /var/vmail: about 150 MB needed, 9.0 MB free",
    ]
