# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What imports are going to take: mail, room on disks, connections and hours, as check mode tells them."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Sequence

from ..imap.tls import tls_context
from ..model.errors import MailImportError
from ..model.estimate import MOST_NAMED, QUEUES
from ..model.imports import ImportRequest, ImportResult
from ..process.errand import nobody
from ..process.meeting import Meeting
from ..queue.dispatcher import run_over_queues
from ..queue.jobs import Assignment, Bounds, Job, Tell
from ..queue.messages import JobNews, JobResult
from ..state.database import State
from ..transfer.login import Login
from ..transfer.sample import sample_account
from ..transfer.sandbox import run_as
from .many import Scheduling
from .news_handler import NewsHandler
from .outcome import Outcome, new_outcome
from .outcomes import Item
from .reporter import Reporter
from .settings import HostSettings

# Less mail than this is not worth a sample: it is here before one is taken.
LEAST_BYTES = 4 << 20
# An import logs in at the source twice, and makes a mailbox; a look logs in once.
_OVERHEAD = 2.0
# Seconds that a run takes besides: it begins, and Dovecot looks for new mailboxes once a second.
_BEGINNING = 2.0
# So long, in seconds, samples wait for each other's login, and a source may count a connection that is closed.
_LONGEST_LOGIN = 10.0
_CLOSING = 1.0


@dataclass(frozen=True)
class _Sample:
    """What came over some connections at a time: how many were admitted, bytes, and bytes a second of all together."""

    connections: int
    bytes: int
    rate: float


@dataclass(frozen=True)
class _Came(JobResult):
    """What came over one connection, and in how many seconds."""

    bytes: int = 0
    seconds: float = 0.0


def estimate(
    items: Sequence[Item],
    outcomes: Sequence[Outcome],
    settings: HostSettings,
    how: Scheduling,
    note: Callable[[str], None] = lambda line: None,
) -> Dict[str, Any]:
    """Say what the imports that check mode has looked into are going to take.

    Mail is read from the source to find out how fast it gives it, some megabytes at most, and thrown away.

    Args:
        note: told what takes some seconds.
    """
    coming = [
        (item, outcome)
        for item, outcome in zip(items, outcomes)
        if isinstance(item, ImportRequest) and outcome.result.state == "queued"
    ]
    coming.sort(key=lambda pair: -pair[1].result.bytes_copied)
    results = [outcome.result for _request, outcome in coming]
    total = sum(result.bytes_copied for result in results)
    sources = [request for request, outcome in coming if outcome.result.bytes_copied]
    each = max((request.connections.most for request in sources), default=1)
    samples: Dict[int, _Sample] = {}
    if total >= LEAST_BYTES:
        note("a little mail is read from the source, to estimate how long the imports take")
        samples = _samples(_connections_of(sources), settings, how.source_max_connections)
    return {
        "mailboxes": len(coming),
        "messages": sum(result.messages_copied for result in results),
        "bytes": total,
        "bytes_estimated": any(outcome.look.size_estimated for _request, outcome in coming),
        "largest": _largest(results),
        "slow": _slow([outcome for _request, outcome in coming]),
        "over_quota": _over_quota(results, settings.options.get("quota")),
        "disks": _disks([outcome for _request, outcome in coming]),
        "connections": _connections(samples),
        "sampled_bytes": sum(sample.bytes for sample in samples.values()),
        "durations": [_duration(queues, each, results, samples) for queues in QUEUES] if samples.get(1) else [],
    }


def _largest(results: Sequence[ImportResult]) -> List[Dict[str, Any]]:
    return [
        {"email": result.email, "messages": result.messages_copied, "bytes": result.bytes_copied}
        for result in results[:MOST_NAMED]
        if result.bytes_copied
    ]


def _slow(outcomes: Sequence[Outcome]) -> List[Dict[str, Any]]:
    """Mailboxes of which the source does not give everything in a day, and in how many it does."""
    return [
        {"email": outcome.result.email, "days": -(-outcome.result.bytes_copied // outcome.look.daily_bytes)}
        for outcome in outcomes
        if outcome.look.daily_bytes and outcome.result.bytes_copied > outcome.look.daily_bytes
    ]


def _over_quota(results: Sequence[ImportResult], quota: Optional[int]) -> List[str]:
    """New mailboxes whose mail is more than the quota that they are made with."""
    return [result.email for result in results if quota and result.created and result.bytes_copied > quota]


def _disks(outcomes: Sequence[Outcome]) -> List[Dict[str, Any]]:
    """What goes to each file system, and what is free there for others than root."""
    found: Dict[int, List[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.look.device is not None:
            found[outcome.look.device].append(outcome)
    return [_disk(some) for some in found.values()]


def _disk(outcomes: Sequence[Outcome]) -> Dict[str, Any]:
    place = os.path.commonpath([outcome.look.place or "/" for outcome in outcomes])
    room = os.statvfs(place)
    messages = sum(outcome.result.messages_copied for outcome in outcomes)
    # A file takes whole blocks, half of one more than its bytes on the average.
    needed = sum(outcome.result.bytes_copied for outcome in outcomes) + messages * room.f_frsize // 2
    free = room.f_bavail * room.f_frsize
    # File systems without a number of inodes that is fixed say 0.
    enough = needed <= free and (messages <= room.f_favail or not room.f_files)
    return {
        "place": place,
        "mailboxes": len(outcomes),
        "bytes_needed": needed,
        "files_needed": messages,
        "bytes_free": free,
        "files_free": room.f_favail if room.f_files else None,
        "enough": enough,
    }


def _connections(samples: Dict[int, _Sample]) -> Optional[Dict[str, int]]:
    if not samples:
        return None
    tried = max(samples)
    return {"tried": tried, "admitted": samples[tried].connections}


def _duration(
    queues: int, connections: int, results: Sequence[ImportResult], samples: Dict[int, _Sample]
) -> Dict[str, Any]:
    """How long it takes over so many queues, each import having so many connections: mail at the rate that they had
    together, logins besides, and no less than the largest mailbox alone.
    """
    alone, rate = (
        samples[max(number for number in samples if number <= most)].rate
        for most in (connections, queues * connections)
    )
    overhead = [_OVERHEAD * result.duration for result in results]
    together = sum(overhead) / min(queues, len(results)) + sum(result.bytes_copied for result in results) / rate
    longest = max(besides + result.bytes_copied / alone for besides, result in zip(overhead, results))
    seconds = _BEGINNING + max(together, longest)
    return {"queues": queues, "bytes_per_second": round(rate), "seconds": round(seconds, 1)}


def _connections_of(requests: Sequence[ImportRequest]) -> List[ImportRequest]:
    """The connections that imports may have: one of each, then the second one of those that have two, and so on."""
    turns = range(max((request.connections.most for request in requests), default=0))
    return [request for turn in turns for request in requests if turn < request.connections.most]


def _samples(connections: Sequence[ImportRequest], settings: HostSettings, bound: Optional[int]) -> Dict[int, _Sample]:
    """Read over 1, 2, 4 and 8 connections at a time, as far as imports may have them."""
    found: Dict[int, _Sample] = {}
    for number in QUEUES:
        if number > min(len(connections), bound or len(connections)):
            break
        sample = _sample(connections[:number], settings)
        if sample is None:
            break
        found[number] = sample
        if sample.connections < number:
            break
    return found


def _sample(requests: Sequence[ImportRequest], settings: HostSettings) -> Optional[_Sample]:
    """Read over one connection for each of the requests, all at the same time."""
    came: Dict[int, _Came] = {}
    meeting = Meeting(len(requests))

    def handle(number: int, news: JobNews) -> None:
        if isinstance(news, _Came) and news.seconds:
            came[number] = news

    jobs = [Job(number, request.source.host.casefold()) for number, request in enumerate(requests)]
    bounds = Bounds(range(1, len(requests) + 1), imports=False)
    run_over_queues(jobs, bounds, partial(_sample_one, requests, settings, meeting), handle, lambda _number, _why: None)
    total = sum(each.bytes for each in came.values())
    if not total:
        return None
    return _Sample(len(came), total, sum(each.bytes / each.seconds for each in came.values()))


def _sample_one(
    requests: Sequence[ImportRequest], settings: HostSettings, meeting: Meeting, assignment: Assignment, _tell: Tell
) -> _Came:
    number = assignment.number

    def begin() -> None:
        meeting.come(number)
        meeting.wait(_LONGEST_LOGIN)

    try:
        came = _came_over_one(requests[number], settings, begin)
        if not meeting.has_come(number):
            # The source may have counted a connection of the sample before.
            time.sleep(_CLOSING)
            came = _came_over_one(requests[number], settings, begin)
        return came
    finally:
        meeting.come(number)  # whom the source does not admit, nobody waits for


def _came_over_one(request: ImportRequest, settings: HostSettings, begin: Callable[[], None]) -> _Came:
    with State.open_readonly(settings.state_dir) as state, Login(request, tls_context(request.source)) as login:
        handler = NewsHandler(request, state, new_outcome(request), Reporter())
        handler.login = login
        work: Callable[[Any], None] = partial(sample_account, request, login, begin)
        try:
            run_as(*nobody(), work, handler.handle, keep=login.descriptors)
        except MailImportError:
            return _Came()  # what is wrong with it, the look at it has told
    return _Came(handler.sampled.bytes, handler.sampled.seconds) if handler.sampled else _Came()
