# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How fast a source gives its mail: a little of it is read and thrown away."""

from __future__ import annotations

import time
from typing import Callable

from ..imap.fetch import FetchRequest, NoUidError
from ..model.imports import ImportRequest
from .line import open_first
from .login import Login
from .news import Emit, Sampled
from .plan import plan_folders
from .preview import ANY_STORE

# Seconds and bytes after which enough has been read over one connection.
SECONDS = 2.0
MOST_BYTES = 4 << 20
# A small folder is read so often that so many messages come, but not more often than that.
_MESSAGES, _TIMES = 200, 32


def sample_account(request: ImportRequest, login: Login, begin: Callable[[], None], emit: Emit) -> None:
    """Read messages of the largest folder, again and again if it is small, as an import would; tell how fast they came.

    Args:
        begin: called when the account is open; comes back when the reading may begin.

    Raises:
        MailImportError: what keeps the account from being read; `too_many_connections` at once, without waiting.
    """
    session = open_first(login, False, emit)
    plans = plan_folders(session.list_folders(), request.rules, ANY_STORE, {})
    largest = max((plan.source for plan in plans), key=lambda folder: folder.messages or 0, default=None)
    begin()
    began, came = time.monotonic(), 0
    try:
        times = min(_TIMES, 1 + _MESSAGES // (largest.messages or _MESSAGES)) if largest else 0
        for opened in session.fetch([FetchRequest(largest)] * times if largest else ()):
            for fetched in opened.messages():
                for chunk in fetched.chunks:
                    came += len(chunk)
                    if came >= MOST_BYTES or time.monotonic() - began >= SECONDS:
                        return
    except NoUidError:
        pass  # what came until here counts
    finally:
        emit(Sampled(came, max(time.monotonic() - began, 1e-6)))
        session.abandon()  # what is under way is not waited for
