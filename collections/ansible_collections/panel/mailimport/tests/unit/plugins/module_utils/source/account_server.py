# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An account of folders and messages on a small server."""

from __future__ import annotations

from ansible_collections.panel.mailimport.plugins.module_utils.model.address import Address
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportRequest
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceAccount
from ansible_collections.panel.mailimport.plugins.module_utils.source.session import SourceSession
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.source.scripted_server import ScriptedServer


class AccountServer:
    """An account on a server. `folders` holds bodies by name and UID; `withheld` UIDs are listed and not sent.

    `status` is what a FETCH of bodies is answered when something was withheld, None to hang up then.
    """

    def __init__(self, folders):
        self.folders = folders
        self.withheld = set()
        self.status = b"OK"
        self.examined = b"* OK [UIDVALIDITY 77] ok\r\n"
        self._open = b""
        self.server = ScriptedServer(
            {
                b'LIST "" "*"': lambda command: (
                    b"".join(b'* LIST () "/" "%s"\r\n' % name for name in self.folders) + b"TAG OK\r\n"
                ),
                b"LSUB": lambda command: (
                    b"".join(b'* LSUB () "/" "%s"\r\n' % name for name in self.folders) + b"TAG OK\r\n"
                ),
                b"STATUS": self._status,
                b"EXAMINE": self._examine,
                b"SELECT": self._examine,
                b"UID FETCH": self._fetch,
            }
        )

    def _uidnext(self, name):
        return max(self.folders[name], default=0) + 1

    def _status(self, command):
        name = command.split(b'"')[1]
        if name not in self.folders:
            return b"TAG NO no such folder\r\n"
        figures = (name, len(self.folders[name]), self._uidnext(name))
        return b'* STATUS "%s" (MESSAGES %d UIDNEXT %d UIDVALIDITY 77)\r\nTAG OK\r\n' % figures

    def _examine(self, command):
        self._open = command.split(b'"')[1]
        figures = (len(self.folders[self._open]), self._uidnext(self._open))
        return b"* %d EXISTS\r\n* OK [UIDNEXT %d] next\r\n" % figures + self.examined + b"TAG OK [READ-ONLY]\r\n"

    def _fetch(self, command):
        if self._open not in self.folders:
            return b"TAG BAD no folder is open\r\n"
        bodies = b"BODY" in command
        answer, status = b"", b"OK"
        for uid in self._wanted(command.split(b" ")[2]):
            if bodies and uid in self.withheld:
                status = self.status
                if status is None:
                    return None
                continue
            body = self.folders[self._open][uid]
            if b"RFC822.SIZE" in command:
                answer += b"* 1 FETCH (UID %d RFC822.SIZE %d)\r\n" % (uid, len(body))
                continue
            about = b'INTERNALDATE " 1-Jan-2024 00:00:00 +0000" BODY[] {%d}\r\n%s' % (len(body), body)
            answer += b"* 1 FETCH (UID %d FLAGS ()%s)\r\n" % (uid, b" " + about if bodies else b"")
        return answer + b"TAG " + status + b" done\r\n"

    def _wanted(self, uids):
        there = sorted(self.folders[self._open])
        for part in uids.split(b","):
            first, _colon, last = part.partition(b":")
            low, high = int(first), (there or [0])[-1] if last == b"*" else int(last or first)
            yield from [uid for uid in there if min(low, high) <= uid <= max(low, high)]

    def request(self, user="anna", password="a secret", **options):
        """What a task asks for that imports this account."""
        source = SourceAccount(
            host="127.0.0.1", port=self.server.port, user=user, password=password, tls="none", timeout=30.0
        )
        defaults = {"address": Address("anna", "example.org"), "target_password": "the mailbox's", "owner": "customer"}
        return ImportRequest(source=source, **{**defaults, **options})

    def session(self):
        return SourceSession(self.request().source, None)
