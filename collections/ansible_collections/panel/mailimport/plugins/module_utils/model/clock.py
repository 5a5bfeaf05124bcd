# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The time."""

from __future__ import annotations

import os
import time

# So many seconds is the clock of a rehearsal ahead: what takes days can be gone through in minutes.
AHEAD = "MAILIMPORT_CLOCK_AHEAD"


def now() -> float:
    """Seconds since the epoch."""
    return time.time() + float(os.environ.get(AHEAD) or 0)
