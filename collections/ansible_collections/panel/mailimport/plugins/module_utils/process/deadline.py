# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An end for what another machine says: the timeout of a socket begins anew with every byte, and one that drips has no
end.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import Iterator


@contextlib.contextmanager
def ended_after(connection: socket.socket, seconds: float) -> Iterator[None]:
    """End a connection that is in use for longer, whatever comes over it; TLS may begin on it meanwhile.

    Raises:
        TimeoutError: in one line, whatever came of it: the end of a connection may look like that of an answer.
    """
    # Its own handle: that of the caller is given to TLS, or closed.
    handle = socket.socket(fileno=os.dup(connection.fileno()))
    ended = threading.Event()

    def end() -> None:
        ended.set()
        with contextlib.suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        if not ended.is_set():
            raise
    finally:
        timer.cancel()
        timer.join()
        handle.close()
    if ended.is_set():
        raise TimeoutError("no whole answer within %g s" % seconds)
