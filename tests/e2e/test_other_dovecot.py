# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a Dovecot 2.4 into a Dovecot 2.3, and the other way round where these tests run in the other Debian."""

from __future__ import annotations

from typing import Callable

import pytest
from support.dovecot import Dovecot
from support.dovecot_words import words
from support.mail import load_mail
from support.other_debian import enter_other_debian
from support.scene import Scene, difference, fill
from support.tls import Certificate


@pytest.mark.both_dovecots
def test_the_other_dovecots_mail_arrives_equal(
    scene: Scene, certificate: Certificate, new_host: Callable[..., Dovecot]
) -> None:
    enter = enter_other_debian()
    if enter is None:
        pytest.skip("there is one Dovecot only: bash scripts/other_debian.sh --setup brings another")
    scene.source = new_host(certificate=certificate, users={scene.address: scene.password}, enter=enter)
    assert scene.source.words != words()
    with scene.source_session() as session:
        fill(session, load_mail())
    source = scene.source_account()

    outcome = scene.run()

    assert outcome.entry["state"] == "completed", outcome.output
    assert difference(source, scene.host_account()) == []
    assert scene.run(state="latest").result["changed"] is False
