# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of the IMAP store against a scripted IMAP process."""

from __future__ import annotations

from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import FORGOTTEN_EPOCH
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.deliveries import DeliveryBook
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.store import ImapStore
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.uid_map import UidMap

A = ("A",)


class Run:
    """One run of an import: a store, and what it tells the state, which the next run is given."""

    def __init__(self, host, location, delivered, interrupted=False, others=(), forgotten=(), **since):
        self.host, self.delivered = host, delivered
        book = DeliveryBook(interrupted, self.take, others=[(5, UidMap(runs)) for runs in others])
        book.load(b"A", FORGOTTEN_EPOCH, 5, forgotten)
        known = UidMap()
        for source, target in sorted(delivered.items()):
            known.add(source, target)
        if known:
            book.load(b"A", 77, 5, known.runs)
        self.store = ImapStore(location, host.open_pipe, book, **since)

    def take(self, origin, target_uidvalidity, uids):
        assert target_uidvalidity == 5
        self.delivered.update({**dict.fromkeys(uids.hidden(), 0), **uids.targets_of(uids.sources())})

    def end(self):
        self.store.sessions.close()


def fill(store, origin, messages, by_content=False):
    """Add messages to folder A and commit; return the writer."""
    writer = store.open_folder(A, origin(), by_content)
    for fetched in messages:
        writer.add(fetched)
    writer.mark_complete()
    store.commit()
    return writer


def body(uid):
    return b"Message-ID: <%d@example.net>\r\n\r\nNumber %d\r\n" % (uid, uid)
