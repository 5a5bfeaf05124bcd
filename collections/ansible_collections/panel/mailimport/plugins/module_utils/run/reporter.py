# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Telling whoever watches how imports come along."""

from __future__ import annotations

from typing import Callable

from ..model.imports import ImportResult


class Reporter:
    """Takes what there is to tell of one import while it runs.

    Args:
        note: takes lines for people.
        progress: takes the result as it stands, whenever its counts have grown.
    """

    def __init__(
        self,
        note: Callable[[str], None] = lambda line: None,
        progress: Callable[[ImportResult], None] = lambda result: None,
    ) -> None:
        self.note = note
        self.progress = progress
