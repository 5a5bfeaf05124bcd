# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenes whose mail host keeps mail in formats of Dovecot's own."""

from __future__ import annotations

from typing import Callable

import pytest
from support.dovecot import Dovecot
from support.imap import Item
from support.mail import load_mail, small_message
from support.scene import Scene, fill

from .boxes import BOXES, FOLDERS


@pytest.fixture(params=sorted(BOXES))
def box_scene(request: pytest.FixtureRequest, scene: Scene, new_host: Callable[..., Dovecot]) -> Scene:
    """A scene whose mail host keeps mail in a format of Dovecot's own; its source account is empty."""
    scene.host = new_host(**BOXES[request.param])
    return scene


@pytest.fixture
def sdbox_scene(scene: Scene, new_host: Callable[..., Dovecot]) -> Scene:
    """A scene whose mail host has sdbox mailboxes; its source account is empty."""
    scene.host = new_host(**BOXES["sdbox"])
    return scene


@pytest.fixture
def big_scene(box_scene: Scene) -> Scene:
    """A scene with enough mail that a random moment is likely to lie inside the copy."""
    with box_scene.source_session() as session:
        fill(session, load_mail(300), FOLDERS)
        for name in ("INBOX", "Sent"):
            session.append(name, [Item(small_message(number), ("Keyword",) if number % 7 == 0 else ()) for number in range(2000)])
    return box_scene
