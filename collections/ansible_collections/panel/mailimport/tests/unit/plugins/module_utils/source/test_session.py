# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.fetch import FetchRequest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.session import PIPELINE_DEPTH
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceFolder
from ansible_collections.panel.mailimport.plugins.module_utils.source.session import SourceSession

LISTED = b'* LIST (\\HasNoChildren) "/" INBOX\r\n* LIST (\\Noselect) "/" A\r\n* LIST (\\Sent) "/" "A/B"\r\n'
STATUS = b"* STATUS INBOX (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 5)\r\n"


def folder(name):
    return SourceFolder(name.encode(), tuple(name.split("/")))


def commands(session):
    return [line.partition(b" ")[2] for line in session.heard]


@pytest.fixture
def opened(server, account):
    """A server, and a session on it."""
    sessions = []

    def make(answers=(), capabilities=b"IMAP4rev1"):
        started = server(answers, capabilities=capabilities)
        sessions.append(SourceSession(account(started), None))
        return started, sessions[-1]

    yield make
    for each in sessions:
        each.close()


def test_folders_and_figures_in_one_command_where_the_server_can(opened):
    started, session = opened(
        {b"LIST": LISTED + STATUS + b"TAG OK done\r\n"}, b"IMAP4rev1 LIST-STATUS SPECIAL-USE CONDSTORE NAMESPACE ID"
    )
    folders = session.list_folders()
    assert [(found.path, found.selectable, found.messages) for found in folders] == [
        (("INBOX",), True, 3),
        (("A",), False, None),
        (("A", "B"), True, None),
    ]
    asked = commands(started)
    assert (
        asked[-1] == b'LIST "" "*" RETURN (SUBSCRIBED SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))'
    )
    assert b"NAMESPACE" in asked and any(line.startswith(b"ID (") for line in asked)


def test_folders_and_figures_of_a_plain_server(opened):
    started, session = opened(
        {
            b"LIST": LISTED + b"TAG OK done\r\n",
            b"LSUB": b'* LSUB () "/" "A/B"\r\nTAG OK done\r\n',
            b'STATUS "INBOX"': STATUS + b"TAG OK done\r\n",
            b'STATUS "A/B"': b"TAG NO not now\r\n",
        }
    )
    folders = session.list_folders()
    assert [(found.path, found.subscribed, found.messages) for found in folders] == [
        (("INBOX",), False, 3),
        (("A",), False, None),
        (("A", "B"), True, None),
    ]
    asked = commands(started)
    assert not any(line.startswith((b"ID", b"NAMESPACE")) for line in asked)
    assert b'STATUS "A"' not in b" ".join(asked)


def test_more_folders_than_are_asked_for_at_once(opened):
    count = PIPELINE_DEPTH * 3 + 1
    answers = {
        b"STATUS": b"TAG OK\r\n",
        b"LIST": b"".join(b'* LIST () "/" %d\r\n' % number for number in range(count)) + b"TAG OK\r\n",
    }
    started, session = opened(answers)
    assert len(session.list_folders()) == count
    assert sum(line.startswith(b"STATUS") for line in commands(started)) == count + 1, "and INBOX, which is not listed"


@pytest.mark.parametrize("capabilities", [b"IMAP4rev1", b"IMAP4rev1 LIST-STATUS"])
def test_an_inbox_that_is_not_listed_and_cannot_be_asked_for_now(opened, capabilities):
    """Without its mail no import is complete."""
    answers = {b"LIST": b'* LIST () "/" A\r\nTAG OK done\r\n', b'STATUS "INBOX"': b"TAG NO [UNAVAILABLE] later\r\n"}
    _started, session = opened(answers, capabilities)
    with pytest.raises(MailImportError, match="later") as refused:
        session.list_folders()
    assert refused.value.reason == "throttled"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"TAG NO [NOPERM] no\r\n", "source_unavailable"),
        (b"TAG NO [UNAVAILABLE] later\r\n", "throttled"),
        (None, "connection_failed"),
    ],
)
def test_a_server_that_does_not_list(opened, answer, reason):
    _started, session = opened({b"LIST": answer})
    with pytest.raises(MailImportError) as refused:
        session.list_folders()
    assert refused.value.reason == reason


def test_every_folder_of_many_is_opened_and_read(opened):
    started, session = opened(
        {
            b"EXAMINE": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\nTAG OK [READ-ONLY]\r\n",
            b"UID FETCH": b"* 1 FETCH (UID 7 FLAGS ())\r\nTAG OK\r\n",
        }
    )
    requests = [FetchRequest(folder("folder %d" % number), flags_only=True) for number in range(PIPELINE_DEPTH * 3)]
    read = [
        (stream.folder.name, [fetched.message.uid for fetched in stream.messages()])
        for stream in session.fetch(requests)
    ]
    assert read == [(request.folder.name, [7]) for request in requests]
    assert all(line.startswith((b"EXAMINE", b"UID FETCH", b"LOGIN", b"CAPABILITY")) for line in commands(started))


def test_what_is_not_read_of_a_folder_does_not_get_into_the_next(opened):
    body = (
        b'* 1 FETCH (UID 7 FLAGS () INTERNALDATE " 1-Jan-2024 00:00:00 +0000" BODY[] {400000}\r\n'
        + b"x" * 400_000
        + b")\r\n"
    )
    _started, session = opened({b"EXAMINE": b"TAG OK\r\n", b"UID FETCH": body * 2 + b"TAG OK\r\n"})
    names = [stream.folder.name for stream in session.fetch([FetchRequest(folder("a")), FetchRequest(folder("b"))])]
    assert names == ["a", "b"]


@pytest.mark.parametrize(
    ("request_", "command"),
    [
        (FetchRequest(folder("a"), b"5:*"), b"UID FETCH 5:* (UID FLAGS INTERNALDATE BODY.PEEK[])"),
        (FetchRequest(folder("a"), b"1,2", flags_only=True), b"UID FETCH 1,2 (UID FLAGS)"),
        (
            FetchRequest(folder("a"), b"1:9", flags_only=True, changed_since=17),
            b"UID FETCH 1:9 (UID FLAGS) (CHANGEDSINCE 17)",
        ),
    ],
)
def test_the_source_is_never_altered(request_, command):
    assert request_.command() == command


def test_names_are_quoted_and_those_that_cannot_be_are_refused(opened):
    started, session = opened()
    list(session.fetch([FetchRequest(SourceFolder(b'a "b" \\ \xc3\xa9', ("x",)))]))
    assert b'EXAMINE "a \\"b\\" \\\\ \xc3\xa9"' in commands(started)
    with pytest.raises(MailImportError) as refused:
        list(session.fetch([FetchRequest(SourceFolder(b"a\r\nM1 DELETE INBOX", ("x",)))]))
    assert refused.value.reason == "folder_refused"


def test_uids_from_one_on(opened):
    # A server answers n:* with its last message even when that is below n (RFC 3501 section 6.4.8).
    _started, session = opened(
        {
            b"EXAMINE": b"TAG OK\r\n",
            b"UID FETCH 10:*": b"* 3 FETCH (UID 9 FLAGS ())\r\n* 4 FETCH (UID 12 FLAGS ())\r\nTAG OK\r\n",
        }
    )
    found = []
    session.search_uids(folder("a"), found.append, 10)
    assert found == [12]


def test_uids_that_are_refused_are_not_none(opened):
    _started, session = opened({b"EXAMINE": b"TAG OK\r\n", b"UID FETCH": b"TAG NO broken index\r\n"})
    with pytest.raises(MailImportError, match="broken index") as refused:
        session.search_uids(folder("a"), lambda uid: None)
    assert refused.value.reason == "source_unavailable"
