# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests of several layers share."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import patience
from hypothesis import settings

# No time limits on a busy machine, and nothing left behind in the repository.
settings.register_profile("unit", deadline=None, max_examples=60, database=None)
settings.load_profile("unit")


@pytest.fixture
def no_waiting(monkeypatch):
    """A source that is away is asked again at once, and a few times only."""
    monkeypatch.setattr(patience, "RECONNECT_WAIT", 0.0)
    monkeypatch.setattr(patience, "LONGEST_OUTAGE", 0.0)
