# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An errand: a question whose answer comes from the network, asked by a process without privileges."""

from __future__ import annotations

import gc
import json
import os
from contextlib import suppress
from functools import partial
from typing import Any, Callable, NoReturn, Tuple

from ..model.errors import MailImportError
from .fork import describe_bug, die_with, fork_with_pipe, give_up_privileges, keep_only, limit_memory

_NOBODY = 65534
_LONGEST_ANSWER = 16 << 20


def nobody() -> Tuple[int, int]:
    """The uid and gid of a process that owns nothing: nobody's, or our own when this process is not root's."""
    return (_NOBODY, _NOBODY) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


def run_errand(ask: Callable[[], Any]) -> Any:
    """Run `ask` in a forked process without privileges; return what it returned, which JSON must be able to hold.

    Raises:
        MailImportError: what `ask` raised; `internal_error` when its process ended without an answer.
    """
    child, reading = fork_with_pipe(partial(_run, ask))
    with os.fdopen(reading, "rb") as stream:
        said = stream.read(_LONGEST_ANSWER)
    os.waitpid(child, 0)
    try:
        answer = json.loads(said)
        error = answer["error"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise MailImportError("internal_error", "a process that was to ask a server ended without an answer") from None
    if error:
        raise MailImportError(*error)
    return answer["found"]


def _run(ask: Callable[[], Any], parent: int, writing: int) -> NoReturn:
    try:
        keep_only([writing])
        gc.disable()
        limit_memory()
        give_up_privileges(*nobody())
        die_with(parent)
        answer: Any = {"error": None}
        try:
            answer["found"] = ask()
        except MailImportError as error:
            answer["error"] = [error.reason, error.message]
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent has to hear of it
            answer["error"] = ["internal_error", describe_bug(error)]
        with suppress(BrokenPipeError), os.fdopen(writing, "wb") as stream:
            stream.write(json.dumps(answer).encode("ascii"))
    finally:
        os._exit(0)
