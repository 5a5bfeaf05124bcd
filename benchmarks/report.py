# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the runs come to: medians, ratios, round trips, the goals, and a table for people."""

from __future__ import annotations

import statistics
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from contestants import BARE_LOOP, DSYNC, ENGINE, FLOOR, IMAPSYNC, MBSYNC, OVER_IMAP

_LONG_LINE = "200"
_LONG_LINE_SECONDS = 0.2


def summary(runs: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    """Medians of some runs of one kind, and all their seconds; empty when there are none.

    Runs whose copy is not equal, or that failed, are in `troubles` and count for nothing else.
    """
    good = [run for run in runs if not run["trouble"]]
    found: Dict[str, Any] = {"troubles": [run["trouble"] for run in runs if run["trouble"]]} if runs else {}
    if good:
        found["runs"] = [round(run["seconds"], 4) for run in good]
        for name in good[0].keys() - {"trouble"}:
            found[name] = round(statistics.median(run[name] for run in good), 4)
        found["peak_mib"] = round(max(run["peak_mib"] for run in good), 1)
    return found


def ratio(mine: Mapping[str, Any], other: Mapping[str, Any]) -> Optional[float]:
    """How many times `other` took as long: the median over the rounds of what was run side by side."""
    pairs = list(zip(mine.get("runs", ()), other.get("runs", ())))
    return round(statistics.median(theirs / ours for ours, theirs in pairs), 2) if pairs else None


def round_trips(line: Mapping[str, Any], contestant: str, kind: str) -> Optional[float]:
    """Round trips of a run: what it takes longer on the long line than on none, in round trips of that line."""
    lengths = line["milliseconds"]
    near, far = (
        lengths.get(length, {}).get(contestant, {}).get(kind, {}).get("seconds") for length in ("0", _LONG_LINE)
    )
    return None if near is None or far is None else round((far - near) / _LONG_LINE_SECONDS, 1)


def troubles(results: Mapping[str, Any], contestant: str) -> List[str]:
    """What went wrong with a contestant, wherever it did."""
    return [
        trouble for name, found in _summaries(results) if name == contestant for trouble in found.get("troubles", ())
    ]


def _summaries(results: Mapping[str, Any]) -> Iterator[Tuple[str, Mapping[str, Any]]]:
    """Every summary with the name of its contestant."""
    groups = [
        copies["contestants"] for section in ("copies", "servers") for copies in results.get(section, {}).values()
    ]
    for lines in (results.get("line", {}), results.get("folders", {}), *results.get("target", {}).values()):
        groups += list(lines.get("milliseconds", {}).values())
    for group in groups:
        for name, kinds in group.items():
            yield from ((name, found) for found in kinds.values())
    variants = [
        *results.get("compression", {}).get("rates", {}).values(),
        results.get("tls", {}).get("ways", {}),
        results.get("queues", {}).get("queues", {}),
        results.get("wide", {}).get("connections", {}),
    ]
    for group in results.get("many", {}).get("queues", {}).values():
        for name, kinds in group.items():
            yield from ((name, found) for found in kinds.values())
    yield from ((ENGINE, found) for ways in variants for found in ways.values())


def goals(results: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """The goals beside what was found; `met` is None for what was not measured."""
    small = results.get("copies", {}).get("small", {}).get("contestants", {})
    engine = small.get(ENGINE, {}).get("first", {})

    def times(peer: str) -> Optional[float]:
        return ratio(engine, small.get(peer, {}).get("first", {}))

    floor = times(FLOOR)
    peaks = [found["peak_mib"] for name, found in _summaries(results) if name == ENGINE and "peak_mib" in found]
    found: List[Tuple[str, str, float, Optional[float]]] = [
        ("times as fast as imapsync", ">=", 15, times(IMAPSYNC)),
        ("times as fast as mbsync", ">=", 8, times(MBSYNC)),
        ("times as fast as dsync", ">=", 3, times(DSYNC)),
        ("times as long as cp -a && sync", "<=", 1.5, round(1 / floor, 2) if floor else None),
        ("MB/s of large messages", ">=", 400, _throughput(results)),
    ]
    for section, what in (("line", "5 folders"), ("folders", "300 folders")):
        for kind, words, limit in (("first", "for a first import of", 12), ("again", "with nothing new in", 6)):
            trips = round_trips(results[section], ENGINE, kind) if section in results else None
            found.append(("round trips %s %s" % (words, what), "<=", limit, trips))
    for section, what in (("queues", "queues"), ("wide", "connections")):
        found.append(("times as fast with 4 %s as with 1" % what, ">=", 3.5, _speed_up(results, section, what)))
    found.append(("times as long for 1,000,000 messages as for 100,000", "<=", 11, _growth(results)))
    for kind, words, limit in (("again", "nothing new", 2), ("first", "a first import of all", 4)):
        many = _many_ratio(results, kind)
        found.append(("times as long as a bare loop for many mailboxes, %s" % words, "<=", limit, many))
    for peer, goal in ((IMAPSYNC, 10), (MBSYNC, 2)):
        for kind, lines in results.get("target", {}).items():
            for length, group in lines["milliseconds"].items():
                what = "times as fast as %s into %s, %s ms" % (peer, kind, length)
                found.append((what, ">=", goal, _target_ratio(group, peer)))
    found.append(("MiB of memory", "<", 64, max(peaks) if peaks else None))
    return [
        {"what": what, "relation": relation, "goal": goal, "found": value, "met": _met(relation, goal, value)}
        for what, relation, goal, value in found
    ]


def _throughput(results: Mapping[str, Any]) -> Optional[float]:
    large = results.get("copies", {}).get("large")
    seconds = large and large["contestants"].get(ENGINE, {}).get("first", {}).get("seconds")
    return round(large["bytes"] / seconds / 1e6, 1) if large and seconds else None


def _growth(results: Mapping[str, Any]) -> Optional[float]:
    """How many times as long the engine takes for ten times as many messages in one folder."""
    sizes = [
        results.get("copies", {}).get(name, {}).get("contestants", {}).get(ENGINE, {}).get("first", {})
        for name in ("tiny", "million")
    ]
    seconds = [first["seconds"] for first in sizes if "seconds" in first]
    return round(seconds[1] / seconds[0], 1) if len(seconds) == 2 else None


def _speed_up(results: Mapping[str, Any], section: str, what: str) -> Optional[float]:
    by_number = results.get(section, {}).get(what, {})
    return ratio(by_number.get("4", {}), by_number.get("1", {}))


def _many_ratio(results: Mapping[str, Any], kind: str) -> Optional[float]:
    """How many times as long the engine takes as a bare loop in two processes."""
    group = results.get("many", {}).get("queues", {}).get("2", {})
    return ratio(group.get(BARE_LOOP, {}).get(kind, {}), group.get(ENGINE, {}).get(kind, {}))


def _target_ratio(group: Mapping[str, Any], peer: str) -> Optional[float]:
    return ratio(group.get(OVER_IMAP, {}).get("first", {}), group.get(peer, {}).get("first", {}))


def _met(relation: str, goal: float, value: Optional[float]) -> Optional[bool]:
    if value is None:
        return None
    return value >= goal if relation == ">=" else value <= goal if relation == "<=" else value < goal


def text(results: Mapping[str, Any]) -> str:
    """All results as tables."""
    blocks = [_copies_table(copies) for copies in results.get("copies", {}).values()]
    blocks += [_copies_table(copies) for copies in results.get("servers", {}).values()]
    blocks += [_line_table(results[section]) for section in ("line", "folders") if section in results]
    blocks += [_line_table(lines) for lines in results.get("target", {}).values()]
    if "compression" in results:
        blocks.append(_variants_table(results["compression"]["title"] + ", seconds", results["compression"]["rates"]))
    if "tls" in results:
        blocks.append(_variants_table(results["tls"]["title"] + ", seconds", {"no limit": results["tls"]["ways"]}))
    if "queues" in results:
        title = results["queues"]["title"] + ", 20 Mbit/s and 40 ms for each connection, seconds by number of queues"
        blocks.append(_variants_table(title, {"first import": results["queues"]["queues"]}))
    if "wide" in results:
        title = results["wide"]["title"] + ", 20 Mbit/s and 40 ms for each connection, seconds by number of connections"
        blocks.append(_variants_table(title, {"first import": results["wide"]["connections"]}))
    if "many" in results:
        blocks.append(_many_table(results["many"]))
    blocks.append(_goals_table(results["goals"]))
    blocks.append("\n".join("%-14s %s" % item for item in results["machine"].items()))
    return "\n\n".join(blocks) + "\n"


def _copies_table(copies: Mapping[str, Any]) -> str:
    rows = [("", "seconds", "messages/s", "MB/s", "engine is", "nothing new", "CPU s", "MiB")]
    everybody = copies["contestants"]
    engine = everybody.get(ENGINE, {}).get("first", {})
    for name, kinds in everybody.items():
        first, again = kinds["first"], kinds["again"]
        if "seconds" not in first:
            rows.append((name, "FAILED", *[""] * 6))
            continue
        seconds = first["seconds"]
        times = ratio(engine, first)
        rows.append(
            (
                name,
                "%.2f" % seconds,
                "%d" % (copies["messages"] / seconds),
                "%.0f" % (copies["bytes"] / seconds / 1e6),
                "%.2f x" % times if times else "",
                "%.2f" % again["seconds"] if "seconds" in again else "",
                "%.2f" % first["cpu_seconds"],
                "%.0f" % first["peak_mib"],
            )
        )
    return "%s\n%s" % (copies["title"], _table(rows))


def _line_table(line: Mapping[str, Any]) -> str:
    lengths = line["milliseconds"]
    rows = [
        (
            "",
            *["%s ms" % length for length in lengths],
            "round trips",
            "",
            *["%s ms" % length for length in lengths],
            "round trips",
        )
    ]
    for name in next(iter(lengths.values())):
        cells = [name]
        for kind in ("first", "again"):
            seconds = [group[name][kind].get("seconds") for group in lengths.values()]
            trips = round_trips(line, name, kind)
            cells += ["%.2f" % value if value is not None else "FAILED" for value in seconds] + [
                "" if trips is None else "%.1f" % trips,
                "",
            ]
        rows.append(tuple(cells[:-1]))
    return "%s, seconds: first import, then nothing new\n%s" % (line["title"], _table(rows))


def _variants_table(title: str, groups: Mapping[str, Mapping[str, Any]]) -> str:
    names = list(next(iter(groups.values())))
    rows = [("", *names)]
    rows += [
        (label, *["%.2f" % ways[name]["seconds"] if "seconds" in ways[name] else "FAILED" for name in names])
        for label, ways in groups.items()
    ]
    return "%s\n%s" % (title, _table(rows))


def _many_table(many: Mapping[str, Any]) -> str:
    kinds = {"first": "first import", "present": "present", "again": "nothing new", "news": "new in 1 %"}
    rows: List[Sequence[str]] = [("", *kinds.values(), "CPU s", "MiB")]
    for queues, group in many["queues"].items():
        for name, found in group.items():
            cells = ["%.2f" % found[kind]["seconds"] if "seconds" in found.get(kind, {}) else "" for kind in kinds]
            first = found.get("first", {})
            memory = max((ran["peak_mib"] for ran in found.values() if "peak_mib" in ran), default=0)
            rows.append(
                ("%s, %s queues" % (name, queues), *cells, "%.1f" % first.get("cpu_seconds", 0), "%.0f" % memory)
            )
    return "%s, seconds\n%s" % (many["title"], _table(rows))


def _goals_table(found: Sequence[Mapping[str, Any]]) -> str:
    words = {True: "met", False: "NOT met", None: "not measured"}
    rows = [("goal", "", "", "found", "")]
    rows += [
        (
            goal["what"],
            goal["relation"],
            "%g" % goal["goal"],
            "" if goal["found"] is None else "%g" % goal["found"],
            words[goal["met"]],
        )
        for goal in found
    ]
    return _table(rows)


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Columns, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))] for row in rows
    ]
    return "\n".join("  ".join(line).rstrip() for line in lines)
