# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An organization moves by the playbooks of a migration, its pilot first."""

from __future__ import annotations

from support.migrations import Move
from support.yandex import YandexScene


def test_the_pilot_of_a_migration(scene: YandexScene) -> None:
    waves = [{"name": "pilot", "mailboxes": ["person0@*"]}, {"name": "others"}]
    move = Move("yandex", scene.arguments(parallel=None), waves, scene.directory)
    pilot = move.play("pilot")
    assert pilot.returncode == 0, pilot.output
    ((address, password),) = scene.new_passwords().items()
    assert scene.unequal(address, password) == []
    assert "wave pilot: synced (1 completed, grade perfect)" in move.report("pilot")
