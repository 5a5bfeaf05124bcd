# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wish that a run comes to an orderly end. It is a flag that is looked at, so that it interrupts no write."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import Iterator

from ..model.errors import MailImportError

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
STOPPED = "the run was stopped before this import was done; the next one continues"

_requested = False


def request_stop(*_signal: object) -> None:
    """Have this process stop soon; a handler of signals."""
    global _requested
    _requested = True


def is_stopping() -> bool:
    return _requested


def stopped(message: str = STOPPED) -> MailImportError:
    """What an import comes to that was stopped."""
    return MailImportError("interrupted", message)


def stop_on_signals() -> None:
    """Let a signal that ends a process request the stop instead."""
    for number in _SIGNALS:
        signal.signal(number, request_stop)


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """The same as long as the context lasts."""
    global _requested
    before = [(number, signal.getsignal(number)) for number in _SIGNALS]
    stop_on_signals()
    try:
        yield
    finally:
        _requested = False
        for number, handler in before:
            signal.signal(number, handler)
