# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scripted IMAP server over the network, any number of connections at a time, and stores that write to it."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import suppress

from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import MailSession, TargetAccount
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.deliveries import DeliveryBook
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.network import Dialler
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.pending import PendingMessage
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.session import HostSession
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.store import ImapStore
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.uid_map import UidMap
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_host import (
    _ITEM,
    GoneError,
    Host,
    Stored,
)
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import fill

# A message that is a session of its own for whoever reads on in it.
COMMANDS = b"Subject: x\r\n\r\n" + b"".join(
    b"X%d %s\r\n" % (number, command)
    for number, command in enumerate(
        (b'DELETE "INBOX"', b'CREATE "Owned"', b'APPEND "INBOX" {3+}\r\nabc', b"LOGOUT", b'RENAME "INBOX" "Gone"')
    )
)

WITHOUT_MANY = "IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS NAMESPACE ID UNSELECT"


class NetworkHost(Host):
    """See the module. Attributes that make it misbehave besides those of Host:

    `refuse_early` takes a line that announces a message and returns the answer that refuses it before it was read, or
    None: what comes then is taken for commands, unless it `eats` what was announced without being asked for. `dies` may
    return `late`, too: the connection ends, and the message is stored `lateness` seconds later (None: `late` gets it);
    or `bye`, said after the OK. `stores_some`: of many messages in one APPEND, those before a refused one stay.
    `deduplicates`: a message that is there already is not stored again, and its UID is told. `product` is what it says
    that it is; `most` the number of connections it admits; `message_limit` how many messages a command may be about,
    `last_told` the last one that it says it got to then, whichever it was;
    `append_limit` what STATUS says of the size of one. `skips_parts`: it reads on in a refused command after what it
    was sent as parts (CATENATE), as Cyrus does. `limit` is that of its quota in KiB, as it says; None without one.
    `asked` is how often it has asked for a message, `refused` over how many connections it has refused one that came
    without, and `went_on` how often another command came over one of these.

    `ran` are the commands that no client of ours has.
    """

    def __init__(self):
        super().__init__()
        self.capabilities = WITHOUT_MANY
        self.refuse_early = lambda line: None
        self.stores_some = self.deduplicates = self.eats = False
        self.product = "Scripted"
        self.skips_parts = True
        self.limit = None
        self.lateness = 0.1
        self.late = []
        self.message_limit = self.append_limit = self.last_told = 0
        self.asked = self.refused = self.went_on = 0
        self.most = 100
        self.ran = []
        self.lock = threading.RLock()
        self.connections = 0
        self.busiest = 0
        self._of_thread = threading.local()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def open(self):
        return self._of_thread.open

    @open.setter
    def open(self, folder):
        self._of_thread.open = folder

    def close(self):
        self._listener.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._serve_client, args=(client,), daemon=True).start()

    def _serve_client(self, client):
        with client, client.makefile("rb") as lines, client.makefile("wb", 0) as output, suppress(OSError):
            with self.lock:
                self.connections += 1
                self.busiest = max(self.busiest, self.connections)
                admitted = self.connections <= self.most
            try:
                if admitted:
                    self.serve(lines, output)
                else:
                    output.write(b"* BYE Too many connections\r\n")
            finally:
                with self.lock:
                    self.connections -= 1

    def serve(self, lines, output):
        self.open = None
        self._of_thread.has_refused = False
        output.write(b"* OK [CAPABILITY %s] hello\r\n" % self.capabilities.encode())
        with suppress(GoneError, BrokenPipeError, ConnectionResetError):
            for line in lines:
                tag, _blank, rest = line.rstrip(b"\r\n").partition(b" ")
                found = re.match(rb"((?:UID )?\S+) ?(.*)", rest, re.DOTALL)
                name = "on_" + found.group(1).decode("latin-1").lower().replace(" ", "_") if found else ""
                if not hasattr(self, name) or not re.fullmatch(rb"[A-Z]+\d+", tag):
                    self.ran.append(line)
                    output.write(tag + b" BAD what is that\r\n")
                    continue
                with self.lock:
                    self.went_on += self._of_thread.has_refused and name not in ("on_append", "on_logout")
                    self.commands.append(found.group(1).decode())
                answer = getattr(self, name)(found.group(2) + b"\r\n", lines, output)
                output.write(tag + b" " + (answer or b"OK") + b"\r\n")
                if answer and b"\r\n* BYE" in answer:
                    break

    def on_status(self, rest, lines, output):
        if self.append_limit and rest.split(b'"')[1] in self.folders:
            output.write(b'* STATUS "%s" (APPENDLIMIT %d)\r\n' % (rest.split(b'"')[1], self.append_limit))
        return super().on_status(rest, lines, output)

    def on_uid_fetch(self, rest, lines, output):
        return self._some(super().on_uid_fetch, rest, lines, output)

    def on_uid_store(self, rest, lines, output):
        return self._some(super().on_uid_store, rest, lines, output)

    def on_uid_expunge(self, rest, lines, output):
        return self._some(super().on_uid_expunge, rest, lines, output)

    def _some(self, work, rest, lines, output):
        """Do something with as many messages as one command may be about, from the highest UID down."""
        uids, _blank, items = rest.partition(b" ")
        found = self.chosen(uids.strip()) if self.open is not None else []
        if not self.message_limit or len(found) <= self.message_limit:
            return work(rest, lines, output)
        some = sorted(message.uid for message in found)[-self.message_limit :]
        work(b"%s %s" % (b",".join(b"%d" % uid for uid in some), items), lines, output)
        return b"OK [MESSAGELIMIT %d %d] that many" % (self.message_limit, self.last_told or some[0])

    def on_login(self, rest, lines, output):
        return b"OK [CAPABILITY %s] in" % self.capabilities.encode()

    def on_authenticate(self, rest, lines, output):
        self.authenticated = rest.split()
        return self.on_login(rest, lines, output)

    def on_id(self, rest, lines, output):
        output.write(b'* ID ("name" "%s")\r\n' % self.product.encode())

    def on_getquotaroot(self, rest, lines, output):
        name = rest.split(b'"')[1]
        if name not in self.folders:
            return b"NO none"
        held = sum(len(message.data) for messages in self.folders.values() for message in messages) // 1024
        limit = b"" if self.limit is None else b"STORAGE %d %d" % (held, self.limit)
        output.write(b'* QUOTAROOT "%s" anna\r\n* QUOTA anna (%s)\r\n' % (name, limit))
        return None

    def on_unselect(self, rest, lines, output):
        self.open = None

    on_close = on_unselect

    def on_append(self, rest, lines, output):
        name, items = rest.split(b'"')[1], []
        while _ITEM.search(rest):
            early = self.refuse_early(rest)
            if early:
                self._eat(rest, lines)
                return early
            flags, date, size, ahead = _ITEM.search(rest).groups()
            if not ahead:
                self.asked += 1
                output.write(b"+ go on\r\n")
            data = lines.read(int(size))
            if len(data) < int(size):
                raise GoneError
            refusal = self.refuse(flags.split(), data)
            if refusal:
                if self.stores_some:
                    self.store(name, items)
                if ahead:
                    self._note_refused()
                self._eat(lines.readline(), lines)
                return refusal
            items.append((flags.split(), date, data))
            rest = lines.readline()
        if self.message_limit and len(items) > self.message_limit:
            return b"NO [MESSAGELIMIT %d] too many" % self.message_limit
        with self.lock:
            self.appends += 1
            self.append_lines.append(rest)
            fate = self.dies(self.appends)
            if fate == "late" and self.lateness is None:
                self.late.append((name, items))
            elif fate == "late":
                threading.Timer(self.lateness, self.store, (name, items)).start()
            if fate in ("before", "late"):
                raise GoneError
            uids = self.store(name, items)
            if fate == "after":
                raise GoneError
            if fate == "bye":
                return b"OK done\r\n* BYE being restarted"
        code = self.appenduid(uids)
        return b"OK [%s] done" % code if code else b"OK done"

    def _note_refused(self):
        with self.lock:
            self.refused += not self._of_thread.has_refused
            self._of_thread.has_refused = True

    def _eat(self, rest, lines):
        """Read on to the end of a refused command."""
        if b"+}" in rest:
            self._note_refused()
        while announced := re.search(rb"(\(TEXT )?\{(\d+)\+\}\r\n$", rest):
            if not (self.eats or (self.skips_parts and announced.group(1))):
                break
            lines.read(int(announced.group(2)))
            rest = lines.readline()

    def store(self, name, items):
        folder = self.folders[name]
        uids = []
        with self.lock:
            for flags, date, data in items:
                same = next((each.uid for each in folder if each.data == data), None) if self.deduplicates else None
                if same is None:
                    folder.append(Stored(self.next_uid, self.keep_flags(flags), self.keep_date(date), self.keep(data)))
                    self.next_uid += 1
                uids.append(same or folder[-1].uid)
        return uids


class FoldedNames(dict):
    """Folders of a server that takes names for the same which `fold` makes equal, and calls a folder as it was made."""

    def __init__(self, fold, names):
        super().__init__()
        self._fold = fold
        for name in names:
            self[name] = []

    def called(self, name):
        return next((known for known in self if self._fold(known) == self._fold(name)), name)

    def __contains__(self, name):
        return super().__contains__(self.called(name))

    def __getitem__(self, name):
        return super().__getitem__(self.called(name))

    def __setitem__(self, name, messages):
        super().__setitem__(self.called(name), messages)


def network_store(
    host, delivered, interrupted=False, connections=4, verify="digests", auth="auto", known_epoch=5, folders=None
):
    """A store of one run, and the pauses that it made; `delivered` maps UIDs, and takes what is delivered.

    `known_epoch` is the UIDVALIDITY that folder A had, `folders` where source folders went before.
    """
    location = MailSession(0, 0, separator="/", connections=connections, verify=verify)
    account = TargetAccount("127.0.0.1", "anna", "secret", port=host.port, tls="none", timeout=30.0, auth=auth)

    def take(_origin, _uidvalidity, uids):
        delivered.update({**dict.fromkeys(uids.hidden(), 0), **uids.targets_of(uids.sources())})

    book = DeliveryBook(interrupted, take, folders=folders or {})
    known = UidMap()
    for source, target in sorted(delivered.items()):
        known.add(source, target)
    if known:
        book.load(b"A", 77, known_epoch, known.runs)
    pauses = []
    dialler = Dialler(account, None, lambda seconds, why: pauses.append((seconds, why)))
    store = ImapStore(
        location, dialler.open, book, b"", dialler.open_more, lambda seconds, why: pauses.append((seconds, why))
    )
    store.pauses, store.dialler = pauses, dialler
    return store


def bodies(host):
    return sorted(message.data for message in host.folders[b"A"])


def imported(host, origin, messages, delivered=None, **how):
    """Fill folder A; return the writer's refusals, and the store."""
    store = network_store(host, {} if delivered is None else delivered, **how)
    writer = fill(store, origin, messages)
    store.clean_up()
    store.sessions.close()
    return writer.take_refusals(), store


def let_break_off(monkeypatch, host, uid, beginning):
    """Let a message break off behind these bytes, and whoever lost a session then wait until the host has ended it."""
    outgoing = PendingMessage.outgoing

    def breaking_off(pending, keywords):
        def most():
            yield beginning
            raise MemoryError

        whole = outgoing(pending, keywords)
        return whole._replace(chunks=most()) if pending.uid == uid else whole

    def await_quiet(_session, _names, _seconds):
        while host.connections > 1:
            time.sleep(0.001)

    monkeypatch.setattr(HostSession, "await_quiet", await_quiet)
    monkeypatch.setattr(PendingMessage, "outgoing", breaking_off)
