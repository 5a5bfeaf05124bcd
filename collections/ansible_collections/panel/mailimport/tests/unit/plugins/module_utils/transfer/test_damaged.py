# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages that the host's own IMAP keeps with other bytes than the source sent: told by each run, stored once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import FolderRules, SourceConnections
from ansible_collections.panel.mailimport.plugins.module_utils.source.connections import Connections
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import patience
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.batch import Batch
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.copy import AccountCopy
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.line import Line
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.memory import Memories
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.news import Committed, Copied, LeftBehind
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.plan import plan_folders
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_host import GoneError, Host
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import Run

BODIES = {uid: b"Subject: %d\r\n\r\nbody %d\r\n" % (uid, uid) for uid in (1, 2, 3)}
DAMAGED = b"Subject: 2\r\n\r\nbawdy 2\r\n"


@pytest.fixture
def host():
    serving = Host()
    serving.folders[b"A"] = []
    yield serving
    for thread in serving.threads:
        thread.join(10)


@pytest.fixture
def copy(account, host, location):
    """Run after run of the same import; each returns what it says of the messages."""
    source = account(A=dict(BODIES))
    known = SimpleNamespace(marks={}, messages={}, delivered={}, source=source)

    def once():
        events = []
        begun = Run(host, location, known.delivered)
        quiet = patience.Patience(events.append)
        memories = Memories(list(known.messages.values()))
        batch = Batch(source.request(), begun.store, known.marks, memories, events.append, quiet.gained)
        session = source.session()
        plans = plan_folders(session.list_folders(), FolderRules(), location, {})
        try:
            line = Line(lambda: session, quiet, batch.commit)
            one = Connections(lambda: session, SourceConnections(1), str)
            AccountCopy(line, one, batch, begun.store, known.marks).run(plans)
        finally:
            begun.end()
            session.abandon()
            for event in events:
                if isinstance(event, Committed):
                    known.marks.update({mark.raw_name: mark for mark in event.marks})
                    known.messages.update({each.raw_name: each for each in event.messages})
        told = [(each.uid, each.reason) for event in events if isinstance(event, LeftBehind) for each in event.entries]
        counts = [event for event in events if isinstance(event, Copied)][-1:]
        return told, [(each.messages, each.present) for each in counts], batch.counts.total(plans)

    once.known = known
    return once


def test_a15_damage_is_told_by_each_run_until_it_is_mended_and_nothing_is_doubled(copy, host):
    host.keep = lambda data: data.replace(b"body 2", b"bawdy 2")
    assert copy() == ([(2, "verification_failed")], [(2, 0)], 3)
    assert copy() == ([(2, "verification_failed")], [(0, 2)], 3)
    copy.known.source.folders[b"A"][4] = b"Subject: 4\r\n\r\nnew\r\n"
    assert copy() == ([(2, "verification_failed")], [(1, 2)], 4)
    assert sorted(host.bodies()) == sorted([BODIES[1], DAMAGED, BODIES[3], b"Subject: 4\r\n\r\nnew\r\n"])
    host.folders[b"A"][1].data = BODIES[2]  # its disk is repaired
    assert copy() == ([], [(0, 4)], 4)
    looks = host.commands.count("EXAMINE")
    assert copy()[0] == []
    assert host.commands.count("EXAMINE") == looks, "nothing is looked at any more"


def test_a15_damage_that_is_removed_on_either_side_is_told_no_more(copy, host):
    host.keep = lambda data: data.replace(b"body", b"bawdy")
    assert copy()[0] == [(uid, "verification_failed") for uid in (1, 2, 3)]
    del host.folders[b"A"][0]
    del copy.known.source.folders[b"A"][3]
    assert copy()[0] == [(2, "verification_failed")]
    assert copy()[0] == [(2, "verification_failed")]
    assert len(host.bodies()) == 2


def test_a15_a_message_that_is_only_altered_does_not_fail_the_next_run(copy, host):
    host.keep = lambda data: data.replace(b"\r", b"") if b"2" in data else data
    copy.known.source.folders[b"A"][2] = b"Subject: 2\r\n\r\nbody\r\r\n"
    assert copy()[0] == [(2, "message_altered")]
    assert copy()[0] == []


@pytest.mark.parametrize("damaged", [True, False])
def test_a15_what_a_run_could_not_compare_is_compared_by_the_next_one(copy, host, damaged):
    """The host's process ends whenever it is to give a message back, so that the run ends."""

    def end(rest, lines, output):
        raise GoneError

    if damaged:
        host.keep = lambda data: data.replace(b"body 2", b"bawdy 2")
    give_back, host.on_uid_fetch = host.on_uid_fetch, end
    with pytest.raises(MailImportError):
        copy()
    host.on_uid_fetch = give_back
    assert copy() == ([(2, "verification_failed")] * damaged, [(0, 3 - damaged)], 3)
    assert len(host.bodies()) == 3
    assert copy()[0] == [(2, "verification_failed")] * damaged
