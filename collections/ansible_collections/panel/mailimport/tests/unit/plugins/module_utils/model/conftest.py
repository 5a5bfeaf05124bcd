# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from hypothesis import settings

# No time limits on a busy machine, and nothing left behind in the repository.
settings.register_profile("unit", deadline=None, max_examples=60, database=None)
settings.load_profile("unit")
