# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports that are under way, from outside of the run that does them."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Optional, Sequence

from ..model.address import Address
from ..model.errors import MailImportError
from ..state.database import State
from ..state.records import ImportRecord
from .info import as_seen_now, summarize
from .settings import HostSettings

_LOOK_AGAIN = 0.1


def stop_imports(
    settings: HostSettings, addresses: Optional[Sequence[Address]], check_mode: bool, timeout: float
) -> Dict[str, Any]:
    """End imports that run or wait, whatever run they belong to, and wait until those that run have ended.

    Args:
        addresses: their mailboxes, None for all.
        timeout: seconds.

    Returns:
        What a module answers: whether there was anything to stop, the imports as they stand now, and sums.

    Raises:
        MailImportError: `interrupted` when one has not ended in time.
    """
    open_state = State.open_readonly if check_mode else State
    with open_state(settings.state_dir) as state:
        chosen = [record for record in state.imports() if _is_meant(record, addresses)]
        if not check_mode:
            for record in chosen:
                state.request_stop(record.key)
            _wait_for_end(state, [record for record in chosen if _is_running(record)], timeout)
            keys = {record.key for record in chosen}
            chosen = [record for record in state.imports() if record.key in keys]
    results = [as_seen_now(record) for record in chosen]
    return {
        "changed": bool(results),
        "imports": [result.as_dict() for result in results],
        "summary": summarize(results),
    }


def _is_meant(record: ImportRecord, addresses: Optional[Sequence[Address]]) -> bool:
    named = addresses is None or record.key.address in {str(address).casefold() for address in addresses}
    return named and not record.stop_requested and (record.waiting or _is_running(record))


def _is_running(record: ImportRecord) -> bool:
    return record.result.state == "running"


def _wait_for_end(state: State, running: List[ImportRecord], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    for record in running:
        while True:
            now = state.import_record(record.key)
            if now is None or not _is_running(now):
                break
            if time.monotonic() > deadline:
                message = "the import of %s has not ended within %d seconds; it ends as soon as it can"
                raise MailImportError("interrupted", message % (record.key.address, timeout))
            time.sleep(_LOOK_AGAIN)
