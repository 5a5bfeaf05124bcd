# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An organization moves by the playbooks of a migration, its pilot first."""

from __future__ import annotations

from fakes.google_organization import member
from support.google import GoogleScene
from support.migrations import Move

FIRST = "person0@one.example"


def test_the_plan_and_the_pilot_of_a_migration(scene: GoogleScene) -> None:
    scene.service.customer.add_group("first@one.example", member("other0@one.example"))
    waves = [{"name": "pilot", "groups": ["first@one.example"]}, {"name": "others"}]
    move = Move("google", scene.arguments(parallel=None), waves, scene.directory)
    begun = move.play("plan", "pilot")
    assert begun.returncode == 0, begun.output
    plan = move.report("plan")
    assert "wave pilot: planned (1 not begun)" in plan and "wave others: planned (1 not begun)" in plan
    assert "not imported, suspended: fired@one.example: the account is suspended by an administrator" in plan
    assert "so their mailboxes stay where they are: two.example" in plan
    passwords = scene.new_passwords()
    assert set(passwords) == {FIRST} and scene.unequal(FIRST, passwords[FIRST]) == []
