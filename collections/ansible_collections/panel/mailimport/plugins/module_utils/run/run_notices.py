# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail to the administrators of a run: at the first mailbox that fails, and at the end."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from ..model.errors import MailImportError
from ..model.imports import ImportResult
from ..model.last_screen import last_screen, notable
from ..state.database import State
from .info import Filter
from .settings import HostSettings

# Seconds that a mail server has to answer: the run waits meanwhile.
_LONGEST_ANSWER = 10


@dataclass(frozen=True)
class Administrators:
    """Who is written to (nobody, if there are none), who writes, and who delivers."""

    to: Tuple[str, ...] = ()
    sender: Optional[str] = None
    server: str = "localhost"
    port: int = 25
    protocol: str = "smtp"


class RunNotices:
    """The notices of one run. Each piece of news is told once, by record, whichever run comes upon it again.

    Attributes:
        troubles: why notices could not be sent; imports do not fail of that.
    """

    def __init__(self, settings: HostSettings, administrators: Administrators) -> None:
        self._settings = settings
        self._administrators = administrators
        self._has_failed = False
        self.troubles: List[str] = []

    def tell_first_failure(self, result: ImportResult) -> None:
        """Tell of the first import that failed, while the others go on."""
        if self._administrators.to and result.state == "failed" and not self._has_failed:
            self._has_failed = True
            lines = [*notable(result.as_dict()), "", "The other imports of this run go on."]
            self._send(self._standing("failure", [result]), "first failure: %s" % (result.email or "a row"), lines)

    def tell_end(self, results: Sequence[ImportResult]) -> None:
        """Tell what the run came to, unless nothing has changed and all stands as the latest notice said."""
        if not self._administrators.to:
            return
        changed = any(result.changed for result in results)
        if changed or any(result.state in ("failed", "paused") for result in results):
            lines = last_screen([result.as_dict() for result in results])
            standing = self._standing("end", results)
            subject, _dot, _figures = lines[0].partition(" · ")
            sent = self._send("end at %r" % time.time() if changed else standing, subject, lines)
            if changed and sent:
                with State(self._settings.state_dir) as state:
                    for address in sent:
                        state.note_notice(address, standing)

    def _send(self, kind: str, subject: str, lines: Sequence[str]) -> Sequence[str]:
        """Send a notice that is not recorded yet; return who has got it."""
        to, by = self._administrators.to, self._administrators
        from .notices import Notice, Text, send_notices
        from .smtp import Relay

        values = {"subject": "Mailbox import on %s: %s" % (platform.node(), subject), "lines": "\n".join(lines)}
        notice = Notice(kind, by.sender or to[0], Text("$subject", "$lines\n"), values=values, to=to)
        try:
            came = send_notices(
                self._settings, Filter(), notice, Relay(by.server, by.port, by.protocol, _LONGEST_ANSWER)
            )
        except (MailImportError, OSError) as error:
            came = {"sent": (), "failed": [{"email": ", ".join(to), "message": str(error)}]}
        self.troubles += ["the notice to %(email)s was not sent: %(message)s" % each for each in came["failed"]]
        return tuple(came["sent"])

    def _standing(self, what: str, results: Sequence[ImportResult]) -> str:
        """What a notice is recorded by: who is in which state, and for those that failed, since when."""
        with State.open_readonly(self._settings.state_dir) as state:
            successes = {(record.result.email, record.result.source): record.last_success for record in state.imports()}
        told = [
            (
                result.email,
                result.source,
                result.state,
                result.reason,
                None if result.state == "completed" else successes.get((result.email, result.source)),
            )
            for result in results
        ]
        return "%s %s" % (what, hashlib.blake2b(json.dumps(sorted(told, key=str)).encode(), digest_size=12).hexdigest())
