# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks a mailbox's files, with the mailbox's rights, what they tell of an import."""

from __future__ import annotations

import os
from functools import partial
from typing import Callable, List

from ..model.imports import ImportKey
from ..model.mail import MailFiles, StoreLocation
from ..state.database import State
from ..store.evidence import holds_import
from ..store.marker import is_proved
from ..transfer.news import Emit, News, Proved
from ..transfer.sandbox import run_as


def is_ours(location: StoreLocation, key: ImportKey, state: State) -> bool:
    """Whether the store is of an import of this host, which the state need not know: nobody else can make it so.

    Raises:
        MailImportError: `host_refused` when it cannot be found out.
    """
    if not isinstance(location, MailFiles) or not os.path.lexists(location.root):
        return False
    proof = state.proof_of(key)
    return bool(proof) and _is_so(location, partial(is_proved, location.root, key, proof))


def holds_mail_of_import(location: MailFiles, key: ImportKey) -> bool:
    """Whether mail of the import is there, if the mailbox's owner is to be believed.

    Raises:
        MailImportError: `host_refused` when it cannot be found out.
    """
    return _is_so(location, partial(holds_import, location, key))


def _is_so(location: MailFiles, question: Callable[[], bool]) -> bool:
    answers: List[News] = []

    def ask(emit: Emit) -> None:
        if question():
            emit(Proved())

    run_as(location.uid, location.gid, ask, answers.append)
    return Proved() in answers
