# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import time

from ansible_collections.panel.mailimport.plugins.module_utils.imap.connection import seconds_quiet


def test_how_long_a_server_has_been_quiet_whether_it_was_read_or_not():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        peer = server.accept()[0]
    with client, peer:
        for _line in range(2):
            sent = time.monotonic()
            peer.sendall(b"* OK\r\n")
            client.recv(1, socket.MSG_PEEK)
            while True:
                quiet = seconds_quiet(client)
                assert quiet <= time.monotonic() - sent
                if quiet >= 0.05:
                    break


def test_nobody_says_how_long_a_socket_of_another_kind_has_been_quiet():
    one, other = socket.socketpair()
    with one, other:
        assert seconds_quiet(one) == 0.0
