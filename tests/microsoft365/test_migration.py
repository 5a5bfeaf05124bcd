# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An organization moves by the playbooks of a migration, its pilot first."""

from __future__ import annotations

from typing import Callable

from fakes.microsoft365_organization import company
from support.microsoft import MicrosoftScene
from support.migrations import Move


def test_the_pilot_of_a_migration(new_scene: Callable[..., MicrosoftScene]) -> None:
    scene = new_scene(company(2))
    first = scene.service.tenant.users[0]["userPrincipalName"].lower()
    scene.imap.fill(first, messages=2)
    waves = [{"name": "pilot", "mailboxes": ["person0@*"]}, {"name": "others"}]
    move = Move("microsoft365", scene.arguments(parallel=None), waves, scene.directory)
    pilot = move.play("pilot")
    assert pilot.returncode == 0, pilot.output
    ((address, password),) = scene.new_passwords().items()
    assert scene.unequal(address, password, first) == []
    assert "wave pilot: synced (1 completed, grade perfect)" in move.report("pilot")
