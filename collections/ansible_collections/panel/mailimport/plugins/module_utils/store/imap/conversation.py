# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Talking to the IMAP server of the host: commands and answers, and how a session ends."""

from __future__ import annotations

import select
import ssl
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, List, Optional, Sequence, Union

from ...imap.responses import Parts, Status, parse_parts
from ...imap.session import ImapSession
from ...model.errors import MailImportError
from .channel import HostChannel

# The names that servers give themselves (RFC 2971) which store all messages of an APPEND or none.
_DOVECOT = b"dovecot"
_CYRUS = b"cyrus imapd"
_ALL_OR_NONE = frozenset((_DOVECOT, _CYRUS))

# With a round trip of so many seconds, a server waits longer for its client than for its disk.
_FAR = 0.01

# Reasons that only this side gives; all others come from the reader, which does not know whose server it reads from.
_OWN_REASONS = frozenset(("host_refused", "folder_refused", "disk_full", "over_quota"))


class SessionEndedError(MailImportError):
    """The IMAP server went away, fell silent or answered something that is not IMAP; what was sent may be done or
    not. It is the host's, so its end never says anything of the source."""

    def __init__(self, message: str, reason: str = "host_refused") -> None:
        super().__init__(reason, message)


def _ended_error(channel: HostChannel, what: str) -> SessionEndedError:
    return SessionEndedError(what + channel.reason_of_end(), channel.full_reason() or "host_refused")


def _bye_error(channel: HostChannel, status: Status) -> SessionEndedError:
    return _ended_error(channel, "%s ends the session: %s" % (channel.peer, status))


def _own_namespaces(values: Sequence[Any]) -> Dict[bytes, bytes]:
    """Prefixes and separators of the user's own folders in an answer to NAMESPACE."""
    spaces = values[1] if values[:1] == [b"NAMESPACE"] and len(values) > 1 and isinstance(values[1], list) else []
    return {
        bytes(space[0]): bytes(space[1]) if isinstance(space[1], bytes) else b""
        for space in spaces
        if isinstance(space, list) and len(space) > 1 and isinstance(space[0], bytes)
    }


class HostConversation(ImapSession):
    """A session of the mailbox, as commands and answers.

    Every method raises SessionEndedError when the server is lost, and then the session is of no use any more.

    Attributes:
        is_own_process: see HostChannel.
        reads_on: after a refusal, too, the server takes literals that were announced without being asked for as what
            they are, if there is no mistake in the line before. Dovecot is known to: with others, bytes of a message
            could be run as commands. Cyrus runs them where it cannot open the file that the message is to go to.
        reads_on_catenated: the same for messages as parts of CATENATE (RFC 4469). Cyrus opens that file before it has
            seen anything of the part, and so knows what to skip; only one that is longer than it takes it would not
            skip, and it is one whose limit is known.
        has_uidplus: messages can be removed by their UIDs, and it tells those of what it stores (RFC 4315).
        stores_all_or_none: many messages may go in one APPEND (RFC 3502).
    """

    def __init__(self, channel: HostChannel) -> None:
        super().__init__(channel.stream, partial(_bye_error, channel))
        self._channel = channel
        self.is_own_process = channel.is_own_process
        # Answers that nobody has asked for
        self._answers: Dict[bytes, Status] = {}
        # The fewest seconds in which anything was answered
        self.round_trip = 0.0
        self._namespaces: Optional[Dict[bytes, bytes]] = None
        with self._process():
            self.capabilities = channel.begin() or self._ask_capabilities()
            product = _DOVECOT if self.is_own_process else self._introduce()
        self.has_uidplus = b"UIDPLUS" in self.capabilities
        self.reads_on = product == _DOVECOT
        self.stores_all_or_none = product in _ALL_OR_NONE and b"MULTIAPPEND" in self.capabilities
        self._append_limit = self._capability_figure(b"APPENDLIMIT=")
        self.reads_on_catenated = (
            product == _CYRUS
            and {b"CATENATE", b"LITERAL+", b"MULTIAPPEND"} <= self.capabilities
            and self._append_limit is not None
            and not any(word.startswith(b"MUPDATE") for word in self.capabilities)  # one of several behind a frontend
        )

    @property
    def may_alter(self) -> bool:
        """Whether it may be a server that keeps a message with other bytes than those it was sent."""
        return not self.reads_on

    @property
    def timeout(self) -> float:
        """After so many seconds of silence the server is given up."""
        return self.stream.sock.gettimeout() or 0.0

    def _capability_figure(self, word: bytes) -> Optional[int]:
        """The figure behind a capability, as in APPENDLIMIT=35651584; None where there is none."""
        figures = [each[len(word) :] for each in self.capabilities if each.startswith(word)]
        return next((int(figure) for figure in figures if figure.isdigit()), None)

    def _ask_capabilities(self) -> FrozenSet[bytes]:
        responses: List[bytes] = []
        self.ask(b"CAPABILITY", lambda parts: responses.append(parts[0]))
        return frozenset(b" ".join(responses).upper().split())

    def _introduce(self) -> bytes:
        """Return the name of the server's software as it says itself (RFC 2971), in small letters. The namespaces come
        in the same round trip."""
        said: List[bytes] = []
        namespaces: Dict[bytes, bytes] = {}

        def handle(parts: Parts) -> None:
            values = parse_parts(parts)
            if len(values) > 1 and values[0].upper() == b"ID" and isinstance(values[1], list):
                said.extend(value for value in values[1] if isinstance(value, bytes))
            namespaces.update(_own_namespaces(values))

        questions = {b"ID": b'ID ("name" "panel.mailimport")', b"NAMESPACE": b"NAMESPACE"}
        self.ask_all([question for word, question in questions.items() if word in self.capabilities], handle)
        self._namespaces = namespaces
        fields = dict(zip((name.lower() for name in said[::2]), said[1::2]))
        return fields.get(b"name", b"").lower()

    def namespaces(self) -> Dict[bytes, bytes]:
        """Prefixes and separators of the user's own folders (RFC 2342)."""
        if self._namespaces is None:
            found: Dict[bytes, bytes] = {}
            if b"NAMESPACE" in self.capabilities:
                self.ask(b"NAMESPACE", lambda parts: found.update(_own_namespaces(parse_parts(parts))))
            self._namespaces = found
        return self._namespaces

    @property
    def is_far(self) -> bool:
        """Whether the way to the server takes longer than most of what it is asked for."""
        return self.round_trip >= _FAR

    @contextmanager
    def _process(self) -> Iterator[None]:
        """Whatever is wrong in here is wrong with the server, and nothing that a source does."""
        try:
            yield
        except MailImportError as error:
            if error.reason in _OWN_REASONS:
                raise
            raise _ended_error(self._channel, error.message) from None

    def speaks_within(self, seconds: float, tag: bytes) -> bool:
        """Whether a command is answered, or something is to be read within so many seconds, be it that the session has
        ended."""
        sock = self.stream.sock
        if (
            sock.fileno() < 0
            or tag in self._answers
            or self.stream.has_line()
            or (isinstance(sock, ssl.SSLSocket) and sock.pending())
        ):
            return True
        readable = select.poll()
        readable.register(sock, select.POLLIN)
        return bool(readable.poll(seconds * 1000))

    def is_answered_within(self, seconds: float, tag: bytes) -> bool:
        """Whether a command is answered within so many seconds; what else is said meanwhile is taken in."""
        ends = time.monotonic() + seconds
        with self._process():
            while tag not in self._answers:
                left = ends - time.monotonic()
                if left <= 0 or not self.speaks_within(left, tag):
                    return False
                self._read_on()
        return True

    def transmit(self, data: Union[bytes, bytearray]) -> None:
        try:
            self._channel.sendall(data)
        except MailImportError as error:
            raise _ended_error(self._channel, error.message) from None
        except OSError as error:
            raise _ended_error(self._channel, "%s takes nothing any more: %s" % (self.peer, error)) from None

    def refusal(self, status: Status, reason: str, text: str) -> MailImportError:
        """Return the error for an answer that is not OK; `text` tells what the host does not do."""
        full = self._channel.full_reason() if status.code.upper() == b"SERVERBUG" else None
        if full:
            message = "the mailbox's disk or its user's share of it is full (%s); make room and run the task again"
            return MailImportError(full, message % self._channel.last_complaint())
        return MailImportError(reason, "%s: %s" % (text, status))

    def has_rebuilt(self) -> bool:
        """True when the host has rebuilt indexes in this session: flags may be lost."""
        return self._channel.has_rebuilt()

    def close(self) -> None:
        with suppress(MailImportError):  # a server that is gone already is what is wanted
            self.send(b"LOGOUT")
        self._channel.close()

    def abandon(self) -> None:
        self._channel.close()

    def ask(self, command: bytes, handle: Optional[Callable[[Parts], None]] = None) -> Status:
        """Send one command and return the answer."""
        return self.ask_all([command], handle)[0]

    def ask_all(self, commands: Sequence[bytes], handle: Optional[Callable[[Parts], None]] = None) -> List[Status]:
        """Send commands in one piece and return their answers."""
        began = time.monotonic()
        with self._process():
            answers = [self._answer(tag, handle) for tag in self.send(*commands)]
        if answers:
            seconds = time.monotonic() - began
            self.round_trip = min(self.round_trip or seconds, seconds)
        return answers

    def _answer(self, tag: bytes, handle: Optional[Callable[[Parts], None]] = None) -> Status:
        """Read on to the answer to a command; answers to commands before it are kept for whoever asks for them."""
        while tag not in self._answers:
            self._read_on(handle)
        return self._answers.pop(tag)

    def _read_on(self, handle: Optional[Callable[[Parts], None]] = None) -> None:
        """Read what comes next, and take note of it if it is an answer."""
        line = self.stream.read_line()
        answered = line.partition(b" ")[0]
        status = self.reader.read_response(line, answered, handle)
        if status:
            self._note_answer(answered, status)

    def _note_answer(self, tag: bytes, status: Status) -> None:
        self._answers[tag] = status

    def _await_answers(self, tags: Iterable[bytes]) -> None:
        """Read on until these commands are answered; the answers are kept."""
        for tag in tags:
            self._answers[tag] = self._answer(tag)

    def is_asked_for(self, tag: bytes) -> bool:
        """Wait until the server asks for the literal; keep the answers to commands before. False when it refuses."""
        with self._process():
            while tag not in self._answers:
                line = self.stream.read_line()
                if line.startswith(b"+"):
                    return True
                answered = line.partition(b" ")[0]
                status = self.reader.read_response(line, answered)
                if status:
                    self._note_answer(answered, status)
        if self._answers[tag].ok:  # of whatever it has stored nothing is known
            status = self._answers.pop(tag)
            raise _ended_error(self._channel, "%s takes what was not sent: %s" % (self.peer, status))
        return False
