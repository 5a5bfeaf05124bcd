# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What imports are going to take, in lines for people. Estimates are those of a result in check mode."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from .readable import readable_size, readable_time

Estimate = Mapping[str, Any]

# Numbers of queues that people choose from.
QUEUES = (1, 2, 4, 8)
# So many of the largest mailboxes are named.
MOST_NAMED = 5


def estimate_lines(estimate: Estimate) -> Iterator[str]:
    """The lines that stand below the headline; of a single small mailbox that says it all, but for what is wrong."""
    if estimate["mailboxes"] == 1 and not estimate["durations"]:
        yield from _troubles(estimate)
        yield from (too_small(disk) for disk in estimate["disks"] if not disk["enough"])
    elif estimate["mailboxes"]:
        yield _mail(estimate)
        yield from _troubles(estimate)
        for disk in estimate["disks"]:
            yield _room(disk) if disk["enough"] else too_small(disk)
        if estimate["connections"]:
            yield _connections(estimate["connections"])
        yield _time(estimate)


def lines_of_many(estimates: Sequence[Estimate]) -> Iterator[str]:
    """The lines of runs of one mailbox each, which say nothing of how long all of them take."""
    summed = {name: sum(estimate[name] for estimate in estimates) for name in ("mailboxes", "messages", "bytes")}
    largest = sorted((each for estimate in estimates for each in estimate["largest"]), key=lambda each: -each["bytes"])
    if summed["mailboxes"]:
        estimated = any(estimate["bytes_estimated"] for estimate in estimates)
        yield _mail(dict(summed, bytes_estimated=estimated, largest=largest[:MOST_NAMED]))
    troubles = {name: [each for estimate in estimates for each in estimate[name]] for name in ("over_quota", "slow")}
    yield from _troubles(troubles)
    lacking = (too_small(disk) for estimate in estimates for disk in estimate["disks"] if not disk["enough"])
    yield from dict.fromkeys(lacking)


def _mail(estimate: Estimate) -> str:
    size = readable_size(estimate["bytes"])
    if estimate["bytes_estimated"]:
        size = "about %s (estimated from a part of the messages)" % size
    coming = "to import: %s, %s" % (_counted(estimate["messages"], "message"), size)
    largest = ["%s %s" % (each["email"], readable_size(each["bytes"])) for each in estimate["largest"]]
    return "%s; the largest: %s" % (coming, ", ".join(largest)) if len(largest) > 1 else coming


def _troubles(estimate: Estimate) -> Iterator[str]:
    """Lines for what keeps single mailboxes from being imported in one go."""
    if estimate["over_quota"]:
        yield "more mail than the quota of the new mailbox: %s" % _named(estimate["over_quota"])
    if estimate["slow"]:
        slowest = sorted(estimate["slow"], key=lambda each: -each["days"])
        days = _named(["%s %d days" % (each["email"], each["days"]) for each in slowest])
        yield "more mail than the source gives within a day, with a run each day: %s" % days


def _named(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (" and %s more" % format(more, ",") if more > 0 else "")


def _room(disk: Mapping[str, Any]) -> str:
    free, needed = readable_size(disk["bytes_free"]), readable_size(disk["bytes_needed"])
    return "room in %s: %s free, about %s needed" % (disk["place"], free, needed)


def too_small(disk: Mapping[str, Any]) -> str:
    """The line for a disk without the room, or the inodes, for what is to come."""
    needed, free = (readable_size(disk[name]) for name in ("bytes_needed", "bytes_free"))
    if disk["bytes_needed"] <= disk["bytes_free"]:
        needed, free = (_counted(disk[name], "file") for name in ("files_needed", "files_free"))
    return "not enough room in %s: about %s needed, %s free" % (disk["place"], needed, free)


def _connections(connections: Mapping[str, int]) -> str:
    tried, admitted = connections["tried"], connections["admitted"]
    if admitted < tried:
        advice = "set source_max_connections=%d" % admitted
        return "connections: of %d at a time the source admitted %d: %s" % (tried, admitted, advice)
    return "connections: the source admitted %d at a time, more were not tried" % tried


def _time(estimate: Estimate) -> str:
    hours = [
        "%s %s" % (_counted(each["queues"], "queue"), readable_time(each["seconds"])) for each in estimate["durations"]
    ]
    if not hours:
        return "time: not estimated, this is too little mail to measure the source with"
    sample = readable_size(estimate["sampled_bytes"])
    return "time, estimated from a sample of %s: %s" % (sample, ", ".join(hours))


def _counted(number: int, what: str) -> str:
    return "%s %s%s" % (format(number, ","), what, "" if number == 1 else "s")
