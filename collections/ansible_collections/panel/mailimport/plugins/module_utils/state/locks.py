# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time on a mailbox, across all runs on the host."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from contextlib import contextmanager, suppress
from typing import Callable, Iterator, Optional

from ..model.address import Address
from ..process.stop import is_stopping, stopped
from .errors import state_file_errors

_LOOK_AGAIN = 0.05


@contextmanager
def mailbox_lock(state_dir: str, address: Address, waiting: Optional[Callable[[], None]] = None) -> Iterator[int]:
    """Hold the lock of a mailbox; blocks until it is free.

    The kernel frees it when the last process that holds it is gone, however that ends. Forked children hold it too:
    a worker that outlives its parent still keeps others out.

    Args:
        state_dir: the state's directory.
        address: the mailbox.
        waiting: called once when somebody else holds the lock.

    Raises:
        MailImportError: `interrupted` when this process is to stop.

    Yields:
        The lock's descriptor: a child that closes what it inherits keeps this one.
    """
    directory = os.path.join(state_dir, "locks")
    path = os.path.join(directory, hashlib.sha256(str(address).encode("utf-8")).hexdigest() + ".lock")
    with state_file_errors(path):
        os.makedirs(directory, 0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _lock(descriptor, waiting)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, waiting: Optional[Callable[[], None]]) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    except BlockingIOError:
        if waiting is not None:
            waiting()
    while True:
        if is_stopping():
            raise stopped()
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_LOOK_AGAIN)
