# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scripted IMAP process of a mail host, and the mailbox that it serves."""

from __future__ import annotations

import os
import re
import tempfile
import threading

from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.pipe import HostPipe

ALL = "IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS NAMESPACE"
_ITEM = re.compile(rb' \(([^)]*)\) "([^"]*)" (?:CATENATE \(TEXT )?\{(\d+)(\+?)\}\r\n$')


class GoneError(Exception):
    """The process ends here."""


class Stored:
    """A message in a folder of the process."""

    def __init__(self, uid, flags, date, data, saved=b"30-Nov-2026 12:00:00 +0000"):
        self.uid, self.flags, self.date, self.data, self.saved = uid, set(flags), date, data, saved


class Host:
    """Mail of one mailbox and the processes that serve it, one after the other.

    Attributes that make it misbehave: `greeting`, `capabilities`, `complaint`; `keep`, `keep_date` and `keep_flags`
    turn what is sent of a message into what is stored; `refuse` takes flags and data of a message and returns the
    answer that refuses it, or None; `dies` takes the number of an APPEND command and returns `before` or `after`
    when the process is to end, instead of storing or answering; `appenduid` turns the UIDs of an answer into its code;
    `reveal` is called when an APPEND was begun and its message never sent, which `abandoned` counts; `no_folder` is
    answered where there is none, and `only_parents` are listed and cannot be opened.
    """

    def __init__(self):
        self.folders = {b"INBOX": []}
        self.subscribed = set()
        self.greeting = b"* PREAUTH [CAPABILITY %s] Logged in\r\n"
        self.capabilities = ALL
        self.keep = lambda data: data
        self.refuse = lambda flags, data: None
        self.dies = lambda number: None
        self.appenduid = lambda uids: b"APPENDUID 5 %s" % b",".join(b"%d" % uid for uid in uids)
        self.appends = 0
        self.processes = 0
        self.commands = []
        self.append_lines = []
        self.abandoned = 0
        self.complaint = b"Fatal: that is why\n"
        self.keep_date = lambda date: date
        self.keep_flags = lambda flags: flags
        self.reveal = lambda: None
        self.no_folder = b"NO [NONEXISTENT] none"
        self.only_parents = set()
        self.next_uid = 1
        self.threads = []

    def open_pipe(self):
        """Start a process; the one before has ended."""
        for thread in self.threads:
            thread.join()
        self.processes += 1
        from_process, output = os.pipe()
        standard_input, to_process = os.pipe()
        with tempfile.TemporaryFile() as file:
            complaints = os.dup(file.fileno())
        os.write(complaints, self.complaint)
        thread = threading.Thread(target=self.serve, args=(os.fdopen(standard_input, "rb"), os.fdopen(output, "wb", 0)))
        thread.start()
        self.threads.append(thread)
        return HostPipe(from_process, to_process, complaints)

    def serve(self, lines, output):
        with lines, output:
            self.open = None
            try:
                if not self.greeting:
                    raise GoneError
                output.write(self.greeting % self.capabilities.encode() if b"%s" in self.greeting else self.greeting)
                for line in lines:
                    tag, command, rest = re.match(rb"(\S+) ((?:UID )?\S+) ?(.*)", line, re.DOTALL).groups()
                    self.commands.append(command.decode())
                    answer = getattr(self, "on_" + command.decode().lower().replace(" ", "_"))(rest, lines, output)
                    output.write(tag + b" " + (answer or b"OK") + b"\r\n")
            except (GoneError, BrokenPipeError):
                pass

    def on_logout(self, rest, lines, output):
        raise GoneError

    def on_namespace(self, rest, lines, output):
        output.write(b'* NAMESPACE (("" "/")) NIL NIL\r\n')

    def on_status(self, rest, lines, output):
        name = rest.split(b'"')[1]
        if name not in self.folders:
            return self.no_folder
        output.write(
            b'* STATUS "%s" (MESSAGES %d UIDNEXT %d UIDVALIDITY 5)\r\n' % (name, len(self.folders[name]), self.next_uid)
        )
        return None

    def on_create(self, rest, lines, output):
        name = rest.split(b'"')[1]
        if name.startswith(b"forbidden"):
            return b"NO [CANNOT] not this name"
        self.folders[name] = []
        return None

    def on_delete(self, rest, lines, output):
        del self.folders[rest.split(b'"')[1]]

    def on_append(self, rest, lines, output):
        line = rest
        folder = self.folders[rest.split(b'"')[1]]
        items, refusal = [], None
        while _ITEM.search(rest):
            flags, date, size, ahead = _ITEM.search(rest).groups()
            if not ahead:
                output.write(b"+ go on\r\n")
            data = lines.read(int(size))
            if not data:
                self.abandoned += 1
                self.reveal()
            if len(data) < int(size):
                raise GoneError
            refusal = refusal or self.refuse(flags.split(), data)
            items.append((flags.split(), date, data))
            rest = lines.readline()
        self.appends += 1
        self.append_lines.append(line)
        fate = self.dies(self.appends)
        if fate == "before":
            raise GoneError
        if refusal:
            return refusal
        uids = range(self.next_uid, self.next_uid + len(items))
        folder.extend(
            Stored(uid, self.keep_flags(flags), self.keep_date(date), self.keep(data))
            for uid, (flags, date, data) in zip(uids, items)
        )
        self.next_uid += len(items)
        if fate == "after":
            raise GoneError
        return b"OK [%s] done" % self.appenduid(uids)

    def on_examine(self, rest, lines, output):
        self.open = None
        if rest.split(b'"')[1] not in self.folders:
            return self.no_folder
        self.open = self.folders[rest.split(b'"')[1]]
        output.write(
            b"* %d EXISTS\r\n* OK [UIDVALIDITY 5] that\r\n* OK [UIDNEXT %d] that\r\n" % (len(self.open), self.next_uid)
        )
        return None

    on_select = on_examine

    def chosen(self, uids):
        highest = max((message.uid for message in self.open), default=0)
        ends = [[int(end.replace(b"*", b"%d" % highest)) for end in part.split(b":")] for part in uids.split(b",")]
        return [message for message in self.open if any(min(end) <= message.uid <= max(end) for end in ends)]

    def on_uid_fetch(self, rest, lines, output):
        if self.open is None:
            return b"BAD no folder is open"
        uids, items = rest.split(b" ", 1)
        for message in self.chosen(uids):
            body = (
                b' INTERNALDATE "%s" BODY[] {%d}\r\n%s' % (message.date, len(message.data), message.data)
                if b"BODY" in items
                else b""
            )
            if b"SAVEDATE" in items:
                output.write(b'* 1 FETCH (UID %d SAVEDATE "%s")\r\n' % (message.uid, message.saved))
                continue
            if b"RFC822.SIZE" in items:
                output.write(b"* 1 FETCH (UID %d RFC822.SIZE %d)\r\n" % (message.uid, len(message.data)))
                continue
            output.write(b"* 1 FETCH (UID %d FLAGS (%s)%s)\r\n" % (message.uid, b" ".join(sorted(message.flags)), body))
        return None

    def on_uid_store(self, rest, lines, output):
        uids, sign, flags = re.match(rb"(\S+) ([+-])FLAGS.SILENT \((.*)\)", rest).groups()
        if self.refuse([flags], b""):
            return self.refuse([flags], b"")
        for message in self.chosen(uids):
            (message.flags.add if sign == b"+" else message.flags.discard)(flags)
        return None

    def on_uid_expunge(self, rest, lines, output):
        for message in self.chosen(rest.strip()):
            if b"\\Deleted" in message.flags:
                self.open.remove(message)

    def on_lsub(self, rest, lines, output):
        for name in self.subscribed:
            output.write(b'* LSUB () "/" "%s"\r\n' % name)

    def on_list(self, rest, lines, output):
        pattern = rest.split(b'"')[3]
        for name in [self.called(pattern)] if pattern in self.folders else self.folders if pattern == b"*" else ():
            output.write(b'* LIST () "/" "%s"\r\n' % name)
        if pattern in self.only_parents:
            output.write(b'* LIST (\\NoSelect \\HasChildren) "/" "%s"\r\n' % pattern)

    def called(self, name):
        """What the server itself calls a folder that it has by this name."""
        return name

    def on_subscribe(self, rest, lines, output):
        name = rest.split(b'"')[1]
        if name not in self.folders:
            return self.no_folder
        if name.startswith(b"private"):
            return b"NO [NOPERM] not you"
        self.subscribed.add(name)
        return None

    def bodies(self, name=b"A"):
        return [message.data for message in self.folders[name]]
