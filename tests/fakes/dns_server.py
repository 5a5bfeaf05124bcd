# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fake name server for what a real one does not do: stay silent, or say that an answer is cut off and not give it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import dns.flags
import dns.message
from support.dns_servers import PORT
from support.network import Network

Answer = Callable[[dns.message.Message], "bytes | None"]


def silence(_query: dns.message.Message) -> bytes | None:
    """Give no answer."""
    return None


def cut_off(query: dns.message.Message) -> bytes | None:
    """Say that the answer does not fit, while there is no TCP to ask by."""
    message = dns.message.make_response(query)
    message.flags |= dns.flags.AA | dns.flags.TC
    return message.to_wire()


class FakeDnsServer:
    """Answers each question over UDP with what `answer` makes of it."""

    def __init__(self, network: Network, answer: Answer) -> None:
        self.address = network.free_address(PORT)
        self._answer = answer
        with network.inside():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.address, PORT))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> FakeDnsServer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wake:
            wake.sendto(b"", (self.address, PORT))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, peer = self._socket.recvfrom(65535)
            if not data:
                return
            answer = self._answer(dns.message.from_wire(data))
            if answer is not None:
                self._socket.sendto(answer, peer)
