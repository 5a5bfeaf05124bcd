# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP store against a server over the network that misbehaves: nothing of a message is ever run as a command, and
each message is there once.
"""

from __future__ import annotations

import unicodedata

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.folder_names import (
    decode_folder_name,
    encode_folder_name,
)
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import A, body
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.network_host import (
    COMMANDS,
    FoldedNames,
    bodies,
    imported,
    network_store,
)


@pytest.fixture
def host(network_host):
    return network_host


EARLY = [
    b"NO [TOOBIG] too big",
    b"NO [TRYCREATE] no such folder",
    b"NO [LIMIT] Too many user flags in mailbox",
    b"NO [CANNOT] not that",
    b"NO [NOPERM] not you",
    b"NO [UNAVAILABLE] not now",
    b"NO not that",
    b"BAD Invalid literal",
    b"NO [TOOBIG] too big\r\n* BYE [TOOBIG] too big",
]


@pytest.mark.parametrize(
    ("product", "answer"),
    [(product, EARLY[0]) for product in ("Cyrus IMAP", "", "NotDovecot")]
    + [(product, answer) for product in ("Stalwart", "Cyrus IMAPD") for answer in EARLY],
)
def test_a_server_that_refuses_early_never_runs_a_message(host, origin, message, some, product, answer):
    """It would read the rest of the message as commands if that came unasked, whatever it offers.

    So does Cyrus where it cannot open the file that a message is to go to, for want of inodes, say.
    """
    host.product = product
    host.refuse_early = lambda line: answer if b"{%d" % len(COMMANDS) in line else None
    refusals, _store = imported(host, origin, [*some(1, 2), message(3, COMMANDS), *some(4)])
    assert host.ran == []
    assert set(host.folders) == {b"INBOX", b"A"}
    assert bodies(host) == [body(1), body(2), body(4)]
    assert [(refusal.uid, refusal.reason) for refusal in refusals] == [(3, "message_refused")]
    assert answer.partition(b"\r\n")[0].split(b" ", 1)[1].decode().partition("] ")[2] in refusals[0].message


@pytest.mark.parametrize("product", ["Dovecot", "Cyrus IMAPD", "Scripted"])
def test_a_mailbox_that_is_full_early_never_runs_a_message(host, origin, message, some, product):
    host.product, host.eats = product, product == "Dovecot"
    if host.eats:
        host.refuse = lambda flags, data: b"NO [OVERQUOTA] full" if data == COMMANDS else None
    host.refuse_early = lambda line: b"NO [OVERQUOTA] full" if b"{%d" % len(COMMANDS) in line else None
    with pytest.raises(MailImportError, match="the mailbox is full") as error:
        imported(host, origin, [*some(1, 2), message(3, COMMANDS), *some(4)])
    assert (error.value.reason, host.ran) == ("over_quota", [])
    assert set(bodies(host)) >= {body(1), body(2)}


def test_a_folder_that_goes_away_is_told_and_the_next_run_makes_it(host, origin, some):
    def vanish(line):
        if len(host.folders.get(b"A", ())) >= 3:
            del host.folders[b"A"]
        return None if b"A" in host.folders else b"NO [TRYCREATE] no such folder"

    host.refuse_early = vanish
    delivered = {}
    refusals, _store = imported(host, origin, some(*range(1, 7)), delivered)
    assert [(refusal.uid, refusal.reason) for refusal in refusals] == [(uid, "message_refused") for uid in (4, 5, 6)]
    assert "TRYCREATE" in refusals[0].message
    host.refuse_early = lambda line: None
    refusals, _store = imported(host, origin, some(4, 5, 6), delivered)
    assert (bodies(host), refusals) == ([body(4), body(5), body(6)], [])


def test_a_literal_of_4096_bytes_is_the_largest_that_is_not_asked_for(host, origin, message):
    """By a server that offers LITERAL- (RFC 7888)."""
    host.product, host.eats = "Dovecot", True
    host.capabilities = "IMAP4rev1 LITERAL- UIDPLUS ID"
    imported(host, origin, [message(1, b"x" * 4096), message(2, b"y" * 4097), message(3, b"z" * 4096)])
    assert (len(bodies(host)), host.asked) == (3, 1)


def test_a_long_message_that_is_refused_early_is_not_run_either(host, origin, message, some):
    long_one = COMMANDS * 3000
    host.refuse_early = lambda line: b"NO [TOOBIG] too big" if b"{%d}" % len(long_one) in line else None
    cut = message(3, long_one, cuts=[100_000, 300_000])
    refusals, _store = imported(host, origin, [*some(1), cut, *some(4)])
    assert (host.ran, bodies(host)) == ([], [body(1), body(4)])
    assert [refusal.uid for refusal in refusals] == [3]


def test_only_a_server_that_reads_on_is_sent_what_it_has_not_asked_for(host, origin, message, some):
    """Many in one command, and when that is refused, all of them at once once more, but for an empty one; over other
    connections than those over which something was refused.
    """
    host.product, host.eats = "Dovecot", True
    host.capabilities = "IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS ID"
    imported(host, origin, some(1, 2))
    assert (host.commands.count("APPEND"), len(host.append_lines), host.asked) == (1, 1, 0)
    size = len(COMMANDS)
    host.refuse_early = lambda line: b"NO [TOOBIG] too big" if b"{%d}" % size in line else None
    host.refuse = lambda flags, data: b"NO [CANNOT] such a message" if data in (COMMANDS, b"") else None
    sent = [message(13, COMMANDS), *some(14, 15), message(16, b""), *some(17)]
    refusals, _store = imported(host, origin, sent, delivered={1: 1, 2: 2})
    assert bodies(host) == sorted(map(body, (1, 2, 14, 15, 17)))
    assert [refusal.uid for refusal in refusals] == [13, 16]
    assert (host.commands.count("APPEND"), host.ran) == (1 + 1 + 5 + 2, [])
    assert (host.refused, host.went_on) == (2, 0)


def test_cyrus_asks_for_each_of_many_in_one_command(host, origin, message, some):
    host.product = "Cyrus IMAPD"
    host.capabilities = "IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS ID"
    imported(host, origin, some(1, 2, 3))
    assert (host.commands.count("APPEND"), host.asked) == (1, 3)
    host.product = "Cyrus"
    imported(host, origin, some(21, 22), delivered=dict.fromkeys((1, 2), 1))
    assert host.commands.count("APPEND") == 1 + 2


def test_a_server_that_takes_what_was_not_sent_is_not_believed(host, origin, message, some):
    """It says OK in place of asking for the message."""
    host.refuse_early = lambda line: b"OK [APPENDUID 5 99] done" if b"{%d}" % len(COMMANDS) in line else None
    delivered = {}
    refusals, _store = imported(host, origin, [*some(1, 2), message(3, COMMANDS), *some(4)], delivered)
    assert (bodies(host), sorted(delivered)) == ([body(1), body(2), body(4)], [1, 2, 4])
    assert [(refusal.uid, refusal.reason) for refusal in refusals] == [(3, "message_refused")]
    assert "takes what was not sent" in refusals[0].message


def test_many_at_once_are_not_sent_to_a_server_that_may_store_some_of_them(host, origin, some):
    host.stores_some = True
    host.refuse = lambda flags, data: b"NO not that" if data == body(5) else None
    delivered = {}
    refusals, _store = imported(host, origin, some(*range(1, 9)), delivered)
    assert bodies(host) == sorted(body(uid) for uid in range(1, 9) if uid != 5)
    assert [refusal.uid for refusal in refusals] == [5]
    assert sorted(delivered) == [1, 2, 3, 4, 6, 7, 8]


def test_a_killed_run_is_continued_and_nothing_comes_twice(host, origin, some):
    delivered = {}
    store = network_store(host, delivered)
    writer = store.open_folder(A, origin(), False)
    for fetched in some(*range(1, 41)):
        writer.add(fetched)
    store.appender.drain()
    store.sessions.close()
    assert (len(host.folders[b"A"]), delivered) == (40, {})
    refusals, _store = imported(host, origin, some(*range(1, 61)), delivered, interrupted=True)
    assert bodies(host) == sorted(map(body, range(1, 61)))
    assert (sorted(delivered), refusals) == (list(range(1, 61)), [])


@pytest.mark.parametrize(
    "alter",
    [
        lambda data: data + b"\r\n",
        lambda data: data.rstrip(b"\r\n"),
        lambda data: data.replace(b"Message-ID: ", b"Message-ID:"),
        lambda data: data.replace(b"\xe4", b"X"),
        lambda data: b"X-UID: 7\r\n" + data,
    ],
)
def test_what_a_server_alters_is_known_again_and_told(host, origin, message, alter):
    """After a lost acknowledgement, after a kill, and without any."""
    bodies_sent = [b"X-Name: \xe4\r\n" + body(uid) for uid in range(1, 31)]
    host.keep = alter
    host.dies = lambda number: "after" if number == 11 else None
    delivered = {}
    sent = [message(uid, data) for uid, data in enumerate(bodies_sent, 1)]
    refusals, _store = imported(host, origin, sent, delivered)
    assert len(host.folders[b"A"]) == 30
    assert sorted(delivered) == list(range(1, 31))
    assert {refusal.reason for refusal in refusals} == {"message_altered"}
    assert {refusal.uid for refusal in refusals} == set(range(1, 31))
    again = [message(uid, data) for uid, data in enumerate(bodies_sent, 1)]
    imported(host, origin, again, {}, interrupted=True)
    assert len(host.folders[b"A"]) == 30


@pytest.mark.parametrize("known_epoch", [5, 4])
def test_what_a_server_makes_unrecognizable_is_not_sent_again(host, origin, some, known_epoch):
    """Not in a folder that has got another UIDVALIDITY, either (GNU Mailutils)."""
    host.keep = lambda data: b"X: all else is gone\r\n\r\n" if b"Number 2" in data else data
    host.appenduid = lambda uids: b""
    delivered = {}
    for _run in range(3):
        refusals, _store = imported(host, origin, some(1, 2, 3), delivered, known_epoch=known_epoch)
        assert len(host.folders[b"A"]) == 3
        assert [(refusal.uid, refusal.reason) for refusal in refusals] == [(2, "verification_failed")]
        assert delivered[2] == 0


def test_a_server_that_keeps_something_else_is_told_as_that(host, origin, some):
    host.keep = lambda data: data.replace(b"Number 2", b"Number two")
    refusals, _store = imported(host, origin, some(1, 2, 3))
    assert [(refusal.uid, refusal.reason) for refusal in refusals] == [(2, "verification_failed")]


def test_a_server_that_keeps_equal_messages_once(host, origin, message):
    host.deduplicates = True
    delivered = {}
    refusals, _store = imported(host, origin, [message(1), message(2), message(3, b"Subject: y\r\n\r\n")], delivered)
    assert (len(host.folders[b"A"]), refusals) == (2, [])
    assert delivered == {1: 1, 2: 1, 3: 2}


def test_forgotten_flags_and_refused_keywords_are_told(host, origin, message, some):
    host.keep_flags = lambda flags: [flag for flag in flags if flag != b"\\Flagged"]
    host.refuse = lambda flags, data: b"NO [LIMIT] Too many user flags" if b"Work" in flags else None
    delivered = {}
    sent = [*some(1), message(2, body(2), (b"\\Flagged", b"\\Seen")), message(3, body(3), (b"Work",))]
    refusals, store = imported(host, origin, sent, delivered)
    assert bodies(host) == [body(1), body(2), body(3)]
    assert [(refusal.uid, refusal.reason) for refusal in refusals] == [(2, "message_altered")]
    assert "without \\Flagged" in refusals[0].message
    assert store.lost_keywords() == ["Work"]


@pytest.mark.parametrize(("verify", "told"), [("digests", []), ("none", ["Play"])])
def test_keywords_that_a_folder_does_not_admit_are_sent_and_told_if_nobody_looks(host, origin, message, verify, told):
    """Some servers keep more than they say."""
    examine = host.on_select

    def select(rest, lines, output):
        output.write(b"* OK [PERMANENTFLAGS (\\Seen \\Answered Work)] limited\r\n")
        return examine(rest, lines, output)

    host.on_select = select
    sent = [message(1, body(1), (b"\\Seen", b"Work", b"Play"))]
    refusals, store = imported(host, origin, sent, verify=verify)
    assert host.folders[b"A"][0].flags == {b"\\Seen", b"Work", b"Play"}
    assert (refusals, store.lost_keywords()) == ([], told)


@pytest.mark.parametrize("said_by", ["capability", "status"])
def test_a_message_that_is_too_large_is_not_sent(host, origin, message, some, said_by):
    host.capabilities += " APPENDLIMIT=1000" if said_by == "capability" else " APPENDLIMIT"
    host.append_limit = 1000 if said_by == "status" else 0
    large = [message(2, b"x" * 1001), message(3, b"y" * 5000, cuts=[2000])]
    refusals, _store = imported(host, origin, [*some(1), *large, *some(4)])
    assert bodies(host) == [body(1), body(4)]
    assert [(refusal.uid, refusal.reason) for refusal in refusals] == [(2, "message_refused"), (3, "message_refused")]
    assert "1000 bytes" in refusals[0].message
    assert host.commands.count("APPEND") == 2


def test_a_server_that_asks_to_wait_is_given_time(host, origin, some):
    left = [2]

    def throttle(_flags, data):
        if data == body(2) and left[0]:
            left[0] -= 1
            return b"NO Request is throttled. Suggested Backoff Time: 7000 milliseconds"
        return None

    host.refuse = throttle
    refusals, store = imported(host, origin, some(1, 2, 3))
    assert (bodies(host), refusals) == ([body(1), body(2), body(3)], [])
    assert [seconds for seconds, _why in store.pauses] == [7.0]


def test_a_full_mailbox_ends_the_import(host, origin, some):
    host.refuse = lambda flags, data: b"NO [OVERQUOTA] full" if len(host.folders[b"A"]) >= 3 else None
    delivered = {}
    with pytest.raises(MailImportError, match="the mailbox is full") as error:
        imported(host, origin, some(*range(1, 9)), delivered)
    assert error.value.reason == "over_quota"
    assert len(host.folders[b"A"]) == 3


@pytest.mark.parametrize(("verify", "told"), [("digests", {1, 2}), ("counts", {2}), ("none", set())])
def test_as_much_is_read_back_as_was_asked_for(host, origin, message, verify, told):
    host.keep = lambda data: data + b"\r\n"
    host.keep_flags = lambda flags: []
    sent = [message(1, body(1)), message(2, body(2), (b"\\Seen",))]
    refusals, _store = imported(host, origin, sent, verify=verify)
    assert {refusal.uid for refusal in refusals} == told
    assert ("UID FETCH" in host.commands) == (verify != "none")


def test_a_use_is_told_when_a_folder_is_made(host, origin, some):
    """And a server that does not take it makes the folder without."""
    host.capabilities += " CREATE-SPECIAL-USE"
    said = []

    def create(rest, lines, output):
        said.append(rest.strip())
        if b"Junk" in rest and b"USE" in rest:
            return b"NO [USEATTR] not here"
        host.folders.setdefault(rest.split(b'"')[1], [])
        return None

    host.on_create = create
    store = network_store(host, {})
    store.note_uses({("Gesendet",): "\\Sent", ("Junk",): "\\Junk"})
    for name in ("Gesendet", "Junk", "Other"):
        assert store.open_folder((name,), origin(), False).created
    store.sessions.close()
    assert said == [b'"Gesendet" (USE (\\Sent))', b'"Junk" (USE (\\Junk))', b'"Junk"', b'"Other"']


def test_a_view_is_never_written_to(host, origin):
    store = network_store(host, {})
    store._views = frozenset((("[Gmail]", "All Mail"),))
    with pytest.raises(MailImportError, match="is a view of this host") as error:
        store.open_folder(("[Gmail]", "All Mail"), origin(), False)
    assert error.value.reason == "folder_refused"


@pytest.mark.parametrize("there", [None, 0, 1])
@pytest.mark.parametrize(
    ("first", "second", "fold"),
    [
        ("Work", "work", str.casefold),
        ("Caf\u00e9", "Cafe\u0301", lambda name: unicodedata.normalize("NFD", name)),
    ],
)
def test_folders_that_the_server_takes_for_one_are_not_mixed(host, origin, there, first, second, fold):
    """Upper and lower case may make no difference to it, or how a letter is written. The other is told, with what
    helps."""
    host.folders = FoldedNames(lambda raw: fold(decode_folder_name(raw)), [])
    host.folders.update({} if there is None else {encode_folder_name((first, second)[there]): []})
    host.called = host.folders.called
    store = network_store(host, {})
    paths = [("Other",), (first,), (second,)]
    store.expect_folders(paths)
    assert [store.open_folder(path, origin(), False).path for path in paths[:2]] == paths[:2]
    with pytest.raises(MailImportError, match="takes it for folder %s.*folder_map" % first) as error:
        store.open_folder(paths[2], origin(), False)
    assert error.value.reason == "folder_refused"
    store.open_folder(paths[1], origin(), False)  # two folders may go into one where folder_map says so
    store.sessions.close()
    again = network_store(host, {})  # in which the first one has nothing new
    again.note_targets(paths)
    with pytest.raises(MailImportError, match="takes it for folder %s.*folder_map" % first):
        again.open_folder(paths[2], origin(), False)
    again.sessions.close()


def test_a_folder_that_is_established_keeps_its_name(host, origin):
    """Another one that the server takes for it comes later, and is listed before it."""
    host.folders = FoldedNames(lambda raw: raw.lower(), [b"work"])
    host.called = host.folders.called
    store = network_store(host, {})
    store.note_targets([("work",), ("Work",)])
    with pytest.raises(MailImportError, match="takes it for folder work"):
        store.open_folder(("Work",), origin(), False)
    assert store.open_folder(("work",), origin(), False).path == ("work",)
    store.sessions.close()


@pytest.mark.parametrize("name", [b"NIL", b"()", b"(A)"])
def test_a_server_that_lists_a_folder_without_a_name(host, origin, name):
    def on_list(_rest, _lines, output):
        output.write(b'* LIST () "/" %s\r\n* LIST () () A\r\n' % name)

    host.folders[b"A"] = []
    host.on_list = on_list
    store = network_store(host, {})
    assert store.open_folder(A, origin(), False).path == A
    assert store.sessions.attempt(lambda session: session.names(b'LIST "" "*"')) == [(b"", b"A")]
    store.sessions.close()


def test_folders_that_differ_in_upper_and_lower_case_are_two_where_the_server_says_so(host, origin):
    for _run in range(2):
        store = network_store(host, {})
        paths = [("Work",), ("work",)]
        store.note_targets(paths)
        assert [store.open_folder(path, origin(), False).path for path in paths[::-1]] == paths[::-1]
        store.sessions.close()


def test_a_folder_that_the_server_does_not_make_is_told_with_what_helps(host, origin):
    host.on_create = lambda rest, lines, output: b"NO [CANNOT] reserved name"
    with pytest.raises(MailImportError, match="reserved name.*folder_map can give it another name") as error:
        network_store(host, {}).open_folder(("Files",), origin(), False)
    assert error.value.reason == "folder_refused"
