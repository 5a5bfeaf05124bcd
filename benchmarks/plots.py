# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plots of the results, as small SVG files that read well on light and dark pages. `python plots.py DIRECTORY` draws
them again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping, Tuple

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt  # noqa: E402 - the backend is chosen first
from contestants import ANSIBLE, DSYNC, ENGINE, FLOOR, IMAPSYNC, MBSYNC  # noqa: E402

_COLORS = {
    ENGINE: "#0b7a75",
    ANSIBLE: "#5fb3ae",
    FLOOR: "#9a9a9a",
    DSYNC: "#c98b2b",
    MBSYNC: "#b4533c",
    IMAPSYNC: "#7a4b8c",
}
_STYLE: Dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "panel.mailimport",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "figure.facecolor": "white",
    "legend.frameon": False,
}


def draw(results: Mapping[str, Any], directory: Path) -> None:
    """Draw what was measured: copies.svg, line.svg, compression.svg."""
    with plt.rc_context(_STYLE):
        if "small" in results.get("copies", {}):
            _draw_copies(results["copies"]["small"], directory / "copies.svg")
        if "line" in results:
            _draw_line(results["line"], directory / "line.svg")
        if "compression" in results:
            _draw_compression(results["compression"], directory / "compression.svg")


def _draw_copies(copies: Mapping[str, Any], path: Path) -> None:
    times = [
        (kinds["first"]["seconds"], name)
        for name, kinds in copies["contestants"].items()
        if "seconds" in kinds["first"]
    ]
    times.sort(reverse=True)
    figure, axes = plt.subplots(figsize=(7, 0.45 * len(times) + 1))
    bars = axes.barh(
        [name for _seconds, name in times],
        [seconds for seconds, _name in times],
        color=[_COLORS[name] for _seconds, name in times],
    )
    axes.bar_label(bars, fmt="%.1f s", padding=4)
    axes.set_title("First import of %s" % copies["title"])
    axes.set_xlabel("seconds, less is better")
    axes.margins(x=0.12)
    _save(figure, path)


def _draw_line(line: Mapping[str, Any], path: Path) -> None:
    figure, panels = plt.subplots(1, 2, figsize=(8, 3.2))
    lengths = list(line["milliseconds"])
    for axes, kind, title in zip(panels, ("first", "again"), ("First import of %s" % line["title"], "Nothing new")):
        for name in line["milliseconds"][lengths[0]]:
            points = _points(line, name, kind)
            axes.plot(*zip(*points), marker="o", color=_COLORS[name], label=name)
        axes.set_title(title)
        axes.set_xlabel("round trip, ms")
        axes.set_ylim(bottom=0)
    panels[0].set_ylabel("seconds")
    panels[0].legend()
    _save(figure, path)


def _points(line: Mapping[str, Any], name: str, kind: str) -> List[Tuple[float, float]]:
    groups = line["milliseconds"].items()
    return [(float(length), group[name][kind]["seconds"]) for length, group in groups if "seconds" in group[name][kind]]


def _draw_compression(compression: Mapping[str, Any], path: Path) -> None:
    rates = compression["rates"]
    figure, axes = plt.subplots(figsize=(7, 3))
    for place, (way, color) in enumerate((("plain", _COLORS[FLOOR]), ("compressed", _COLORS[ENGINE]))):
        bars = axes.bar(
            [number + place * 0.4 for number in range(len(rates))],
            [ways[way]["seconds"] for ways in rates.values()],
            0.38,
            color=color,
            label=way,
        )
        axes.bar_label(bars, fmt="%.1f", padding=2)
    axes.set_xticks([number + 0.2 for number in range(len(rates))], list(rates))
    axes.set_title("COMPRESS=DEFLATE: import of %s over a line of" % compression["title"])
    axes.set_ylabel("seconds")
    axes.legend()
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    draw(json.loads((directory / "results.json").read_text()), directory)
