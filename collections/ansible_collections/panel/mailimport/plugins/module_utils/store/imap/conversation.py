# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Talking to the host's own IMAP process: its greeting, commands and answers, and how a session ends."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import partial
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Union, cast

from ...imap.responses import Parts, Status, parse_status
from ...imap.session import ImapSession
from ...imap.stream import ByteStream, Socket
from ...model.errors import MailImportError
from .pipe import HostPipe

PEER = "the IMAP process of this host"

# Reasons that only this side gives; all others come from the reader, which does not know whose server it reads from.
_OWN_REASONS = frozenset(("host_refused", "folder_refused", "disk_full", "over_quota"))


class SessionEndedError(MailImportError):
    """The IMAP process went away, fell silent or answered something that is not IMAP; what was sent may be done or
    not. It is the host's, so its end never says anything of the source."""

    def __init__(self, message: str, reason: str = "host_refused") -> None:
        super().__init__(reason, message)


def _ended_error(pipe: HostPipe, what: str) -> SessionEndedError:
    text = "%s (%s)" % (what, pipe.last_complaint() or "it gave no reason")
    return SessionEndedError(text, pipe.full_reason() or "host_refused")


def _bye_error(pipe: HostPipe, status: Status) -> SessionEndedError:
    return _ended_error(pipe, "%s ends the session: %s" % (PEER, status))


class HostConversation(ImapSession):
    """A session that needs no login (RFC 3501, PREAUTH), as commands and answers.

    Every method raises SessionEndedError when the process is lost, and then the session is of no use any more.
    """

    def __init__(self, pipe: HostPipe) -> None:
        super().__init__(ByteStream(cast(Socket, pipe), PEER), partial(_bye_error, pipe))
        self._pipe = pipe
        # Answers that nobody has asked for
        self._answers: Dict[bytes, Status] = {}
        with self._process():
            self.capabilities = self._greet()

    def _greet(self) -> frozenset:
        greeting = parse_status(self.stream.read_line().lstrip(b"* "))
        if greeting is None or greeting.condition != "PREAUTH":
            raise MailImportError("host_refused", "%s does not let this mailbox in: %s" % (PEER, greeting))
        words = greeting.code.upper().split()
        if words[:1] != [b"CAPABILITY"]:
            responses: List[bytes] = []
            self.ask(b"CAPABILITY", lambda parts: responses.append(parts[0]))
            words = b" ".join(responses).upper().split()
        return frozenset(words)

    @contextmanager
    def _process(self) -> Iterator[None]:
        """Whatever is wrong in here is wrong with the process, and nothing that a source does."""
        try:
            yield
        except MailImportError as error:
            if error.reason in _OWN_REASONS:
                raise
            raise _ended_error(self._pipe, error.message) from None

    def transmit(self, data: Union[bytes, bytearray]) -> None:
        try:
            self._pipe.sendall(data)
        except OSError as error:
            raise _ended_error(self._pipe, "%s takes nothing any more: %s" % (PEER, error)) from None

    def refusal(self, status: Status, reason: str, text: str) -> MailImportError:
        """Return the error for an answer that is not OK; `text` tells what the host does not do."""
        full = self._pipe.full_reason() if status.code.upper() == b"SERVERBUG" else None
        if full:
            message = "the mailbox's disk or its user's share of it is full (%s); make room and run the task again"
            return MailImportError(full, message % self._pipe.last_complaint())
        return MailImportError(reason, "%s: %s" % (text, status))

    def has_rebuilt(self) -> bool:
        """True when the host has rebuilt indexes in this session: flags may be lost."""
        return self._pipe.has_rebuilt()

    def close(self) -> None:
        with suppress(MailImportError):  # a process that is gone already is what is wanted
            self.send(b"LOGOUT")
        self._pipe.close()

    def abandon(self) -> None:
        self._pipe.close()

    def ask(self, command: bytes, handle: Optional[Callable[[Parts], None]] = None) -> Status:
        """Send one command and return the answer."""
        return self.ask_all([command], handle)[0]

    def ask_all(self, commands: Sequence[bytes], handle: Optional[Callable[[Parts], None]] = None) -> List[Status]:
        """Send commands in one piece and return their answers."""
        with self._process():
            return [self._answer(tag, handle) for tag in self.send(*commands)]

    def _answer(self, tag: bytes, handle: Optional[Callable[[Parts], None]] = None) -> Status:
        """Read on to the answer to a command; answers to commands before it are kept for whoever asks for them."""
        while tag not in self._answers:
            line = self.stream.read_line()
            answered = line.partition(b" ")[0]
            status = self.reader.read_response(line, answered, handle)
            if status:
                self._answers[answered] = status
        return self._answers.pop(tag)

    def _await_answers(self, tags: Iterable[bytes]) -> None:
        """Read on until these commands are answered; the answers are kept."""
        for tag in tags:
            self._answers[tag] = self._answer(tag)

    def _is_asked_for(self, tag: bytes) -> bool:
        """Wait until the server asks for the literal; keep the answers to commands before."""
        with self._process():
            while tag not in self._answers:
                line = self.stream.read_line()
                if line.startswith(b"+"):
                    return True
                answered = line.partition(b" ")[0]
                status = self.reader.read_response(line, answered)
                if status:
                    self._answers[answered] = status
        return False
