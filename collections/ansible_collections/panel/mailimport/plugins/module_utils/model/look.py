# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What check mode finds out of a mailbox besides its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional


@dataclass
class Look:
    """See the module.

    `size_estimated`: the bytes of the result are not the sum of what the source says of each message. `place` is the
    directory that the mail goes to, or the nearest above it that exists, and `device` the file system it is on; None
    where nobody can tell before an import. `daily_bytes` is what the source gives within a day, None without a limit.
    `at_most`: an import compares messages with those that are in the mailbox, and leaves out what is there.
    """

    size_estimated: bool = False
    daily_bytes: Optional[int] = None
    place: Optional[str] = None
    device: Optional[int] = None
    at_most: bool = False
