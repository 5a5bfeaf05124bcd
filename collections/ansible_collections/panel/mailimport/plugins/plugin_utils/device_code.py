# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action plugins have in common that have a person enter a code for a token."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from .secrets_file import run_with_secrets

display = Display()


def run_with_code(
    action: ActionBase,
    module: str,
    arguments: t.Mapping[str, t.Any],
    secrets: t.Mapping[str, t.Any],
    who: str,
    task_vars: dict[str, t.Any] | None,
) -> dict[str, t.Any]:
    """Run the module; where it needs a person, show the code to enter, and run it again to wait for that.

    Args:
        who: the person, for people.
    """
    answer = run_with_secrets(action, module, arguments, secrets, task_vars)
    device = answer.get("device")
    if not device:
        return answer
    display.display(
        "Enter the code %s at %s, logged in as %s." % (device["user_code"], device["verification_url"], who)
    )
    display.display("Waiting for that for %d minutes." % (device["expires_in"] // 60))
    warnings = answer.get("warnings", [])
    answer = run_with_secrets(action, module, arguments, {**secrets, "device": device}, task_vars)
    if warnings:
        answer["warnings"] = [*warnings, *answer.get("warnings", [])]
    return answer
