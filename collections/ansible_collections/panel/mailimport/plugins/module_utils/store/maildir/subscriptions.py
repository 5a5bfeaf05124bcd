# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dovecot's subscriptions file (subscription-file.c): version 2 with tabs between components, or one name a line."""

from __future__ import annotations

from typing import Sequence, Tuple

from .control_files import SUBSCRIPTIONS
from .files import read_file, write_file

_VERSION_2 = b"V\t2\n\n"


def _escape(part: bytes) -> bytes:
    return part.replace(b"\x01", b"\x011").replace(b"\t", b"\x01t").replace(b"\n", b"\x01n").replace(b"\r", b"\x01r")


def add_subscriptions(directory: int, names: Sequence[Tuple[bytes, ...]], separator: bytes) -> int:
    """Add folder names (their components, encoded) that are missing; return how many. The caller holds the lock.

    Args:
        separator: the layout's, which the old format of the file has between components whatever users see.
    """
    content = read_file(SUBSCRIPTIONS, directory)
    if content is None:
        content = _VERSION_2
    joint = b"\t" if content.startswith(b"V\t2") else separator
    known = set(content.splitlines())
    lines = [joint.join(_escape(part) for part in name) for name in names]
    missing = [line for line in dict.fromkeys(lines) if line not in known]
    if missing:
        if content and not content.endswith(b"\n"):
            content += b"\n"
        write_file(SUBSCRIPTIONS, directory, content + b"".join(line + b"\n" for line in missing))
    return len(missing)
