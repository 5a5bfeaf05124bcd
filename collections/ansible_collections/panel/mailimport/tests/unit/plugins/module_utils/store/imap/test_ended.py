# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.refusals import SourceBusyError
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.conversation import SessionEndedError
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.pipe import HostPipe
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.session import HostSession


@pytest.mark.parametrize(
    "bye",
    [
        b"* BYE Too many connections\r\n",
        b"* BYE [LIMIT] Maximum number of connections from user+IP exceeded\r\n",
        b"* BYE [UNAVAILABLE] Internal error occurred. Try again later\r\n",
        b"* BYE Request is throttled. Suggested Backoff Time: 5000 milliseconds\r\n",
    ],
)
def test_c3_the_hosts_own_process_is_never_a_crowded_source(bye, tmp_path):
    (reading, their_output), (their_input, writing) = os.pipe(), os.pipe()
    os.write(their_output, b"* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n" + bye)
    pipe = HostPipe(reading, writing, os.open(tmp_path / "complaints", os.O_CREAT | os.O_RDWR))
    session = HostSession(pipe)
    with pytest.raises(SessionEndedError) as error:
        session.ask(b"NOOP")
    assert error.value.reason == "host_refused"
    assert not isinstance(error.value, SourceBusyError)
    pipe.close()
    os.close(their_output)
    os.close(their_input)
