# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run tells whoever watches it: a controller, which does not take a host's word for its shape."""

from __future__ import annotations

import json

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.progress import (
    Begun,
    Counts,
    Ended,
    Finished,
    Noted,
    decode,
    encode,
)

EACH = [
    Begun(4),
    Ended("anna@example.org", "failed", "auth_failed", "no", 0),
    Ended("", "skipped", "shared_mailbox", "M\u00fcll\r\n", 2**40),
    Ended("anna@example.org", "completed", None, "done", 7),
    Counts(1, 4, 50, 1000, 0.125),
    Noted("{}\u2028"),
    Finished(),
]


@pytest.mark.parametrize("event", EACH)
def test_an_event_is_a_line_of_plain_characters(event):
    line = encode(event)
    assert line.endswith("\n") and line.isascii() and line.count("\n") == 1
    assert decode(line) == event


def spoiled(progress, /, **values):
    return json.dumps({**json.loads(encode(progress)), **values})


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Welcome to mx1",
        "[" * 100_000,
        "7",
        "{}",
        '{"event": "Begun"}',
        spoiled(Begun(1), more=1),
        *(spoiled(Begun(1), mailboxes=value) for value in (-1, 1.5, True, "1", None, 2**63)),
        *(spoiled(Counts(1, 4, 50, 1000, 0.5), share=value) for value in (-0.1, "a", None, [], float("nan"))),
        spoiled(Ended("a", "failed", "auth_failed", "no", 0), reason="made up"),
        spoiled(Noted("a"), text=["a"]),
        spoiled(Noted("a"), text="a" * (2 << 20)),
        spoiled(Finished(), **{"event": "Failed"}),
    ],
)
def test_what_is_no_event_is_refused(line):
    with pytest.raises(ValueError):
        decode(line)
