# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP store against a scripted IMAP process, for what the real one does not do on demand."""

from __future__ import annotations

import re

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.store.base import FlagChange
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap import appender
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_host import Stored
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import A, body, fill


def test_many_messages_go_in_one_command(host, run, origin, some):
    begun = run()
    writer = fill(begun.store, origin, some(3, 4, 7, flags=[b"\\Seen", b"\\Recent", b"Work"]))
    assert host.bodies() == [body(3), body(4), body(7)]
    assert {(frozenset(stored.flags), stored.date) for stored in host.folders[b"A"]} == {
        (frozenset([b"\\Seen", b"Work"]), b"14-Nov-2023 22:13:20 +0000")
    }
    assert host.commands.count("APPEND") == 1
    assert begun.delivered == {3: 1, 4: 2, 7: 3}
    assert (writer.written, writer.before, writer.fresh, writer.last_uid, len(writer.held)) == (3, 0, True, 7, 3)
    assert writer.take_refusals() == []
    assert begun.store.all_answers_known


def test_flags_and_date_are_always_given(host, run, origin, some):
    """Some servers take a literal behind the bare name for something else."""
    fill(run().store, origin, some(1))
    assert re.match(rb'"A" \(\) "14-Nov-2023 22:13:20 \+0000" \{', host.append_lines[0])


@pytest.mark.parametrize(
    "capabilities", ["IMAP4rev1 LITERAL+", "IMAP4rev1 MULTIAPPEND", "IMAP4rev1", "IMAP4rev1 MULTIAPPEND LITERAL-"]
)
def test_only_what_is_offered_is_used(host, run, origin, some, message, capabilities):
    host.capabilities = capabilities
    long_one = message(9, b"x" * 5000)
    fill(run().store, origin, [*some(1, 2, 3), long_one])
    assert host.bodies() == [body(1), body(2), body(3), b"x" * 5000]
    assert host.commands.count("APPEND") == (1 if "MULTIAPPEND" in capabilities else 4)


@pytest.mark.parametrize(
    "code", [b"", b"APPENDUID 5 0", b"APPENDUID 5 1", b"APPENDUID 5 1:4294967295", b"APPENDUID x", b"COPYUID 5 1:2 1:2"]
)
def test_uids_that_are_not_told_are_found_by_content(host, run, origin, some, code):
    host.appenduid = lambda uids: code
    begun = run()
    writer = fill(begun.store, origin, some(11, 12))
    assert begun.delivered == {11: 1, 12: 2}
    assert writer.take_refusals() == []


def test_refused_message_is_told_with_its_name_and_the_rest_is_stored(host, run, origin, some):
    host.refuse = lambda flags, data: b"NO [LIMIT] not this one" if data == body(2) else None
    writer = fill(run().store, origin, some(1, 2, 3))
    (refusal,) = writer.take_refusals()
    assert (refusal.uid, refusal.message_id, refusal.size) == (2, "<2@example.net>", len(body(2)))
    assert "[LIMIT] not this one" in refusal.message
    assert host.bodies() == [body(1), body(3)]
    assert writer.written == 2


def test_refused_long_message(host, run, origin, some):
    host.refuse = lambda flags, data: b"NO [LIMIT] not this one" if data == body(2) else None
    writer = fill(run().store, origin, [*some(1), *some(2, cuts=[5]), *some(3)])
    assert [refusal.uid for refusal in writer.take_refusals()] == [2]
    assert host.bodies() == [body(1), body(3)]


def test_keywords_are_tried_one_by_one(host, run, origin, some, message):
    host.refuse = lambda flags, data: b"NO [CANNOT] such a keyword" if b"Bad" in flags else None
    begun = run()
    messages = [*some(1, flags=[b"\\Seen", b"Good", b"Bad"]), *some(2), *some(3, flags=[b"bad", b"Good"], cuts=[4])]
    writer = fill(begun.store, origin, messages)
    assert [(stored.data, stored.flags) for stored in host.folders[b"A"]] == [
        (body(1), {b"\\Seen", b"Good"}),
        (body(2), set()),
        (body(3), {b"Good"}),
    ]
    assert (writer.take_refusals(), begun.store.lost_keywords()) == ([], ["Bad"])
    assert host.appends == 5, (
        "the batch, its two messages one by one, the first without keywords; and the long one, which knows better"
    )


def test_flags_that_no_command_can_hold_are_lost_and_told(host, run, origin, some):
    begun = run()
    fill(begun.store, origin, some(1, flags=[b"\\Seen", b"(x) {5+}", b"\\Strange"]))
    assert host.folders[b"A"][0].flags == {b"\\Seen"}
    assert begun.store.lost_keywords() == ["(x) {5+}", "\\Strange"]


def test_full_mailbox_takes_what_fits_and_then_nothing(host, run, origin, some):
    host.refuse = lambda flags, data: b"NO [OVERQUOTA] full" if len(host.bodies()) >= 2 else None
    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    for fetched in some(*range(1, 6)):
        writer.add(fetched)
    host.refuse = lambda flags, data: b"NO [OVERQUOTA] full" if len(host.bodies()) >= 2 or data == body(5) else None
    with pytest.raises(MailImportError) as error:
        begun.store.commit()
    assert error.value.reason == "over_quota"
    asked = host.appends
    begun.store.commit()
    assert host.bodies() == [body(1), body(2)]
    assert {refusal.uid: refusal.reason for refusal in writer.take_refusals()} == dict.fromkeys((3, 4, 5), "over_quota")
    assert begun.delivered == {1: 1, 2: 2}
    with pytest.raises(MailImportError, match="full"):
        writer.add(some(6)[0])
    assert host.appends == asked


def test_altered_message_is_told_from_a_damaged_one(host, run, origin, message):
    host.keep = lambda data: data.replace(b"\0", b"\x80").replace(b"good", b"bad!")
    messages = [message(1, b"a\0b"), message(2, b"good"), message(3, b"c")]
    begun = run()
    writer = fill(begun.store, origin, messages)
    assert [(refusal.uid, refusal.reason, refusal.stored) for refusal in writer.take_refusals()] == [
        (1, "message_altered", True),
        (2, "verification_failed", True),
    ]
    assert set(begun.delivered) == {1, 2, 3}, "there is nothing to gain from storing them again"
    assert writer.written == 3


def test_next_run_knows_what_is_there(host, run, origin, some):
    fill(run().store, origin, some(1, 2))
    host.folders[b"A"].pop(0)  # by the user
    begun = run()
    writer = fill(begun.store, origin, some(1, 2, 3))
    assert host.bodies() == [body(2), body(3)]
    assert (writer.before, writer.written, writer.fresh, writer.held.__contains__(1)) == (1, 1, False, True)
    assert host.abandoned == 0


def test_long_message_that_is_there_already_is_not_sent(host, run, origin, some):
    first = run()
    fill(first.store, origin, some(1))
    first.delivered.clear()
    begun = run(interrupted=True)
    fill(begun.store, origin, some(1, cuts=[3, 9]))
    assert (host.bodies(), begun.delivered) == ([body(1)], {1: 1})


def test_merge_leaves_the_owners_messages_alone(host, run, origin, some, message):
    host.folders[b"A"] = [Stored(1, [b"\\Flagged"], b"01-Jan-2020 00:00:00 +0000", body(1))]
    host.next_uid = 2
    begun = run()
    writer = fill(
        begun.store,
        origin,
        [*some(7, flags=[b"\\Seen"]), message(8, body(1), flags=[b"\\Deleted"])][1:] + some(9),
        by_content=True,
    )
    assert [(stored.data, stored.flags) for stored in host.folders[b"A"]] == [
        (body(1), {b"\\Flagged"}),
        (body(9), set()),
    ]
    assert (begun.delivered, writer.before, writer.written) == ({9: 2}, 1, 1)


def test_batches_are_bounded(host, run, origin, some, monkeypatch):
    monkeypatch.setattr(appender, "BATCH_MESSAGES", 3)
    fill(run().store, origin, some(*range(1, 9)))
    assert (host.appends, host.bodies()) == (3, [body(uid) for uid in range(1, 9)])
    monkeypatch.setattr(appender, "BATCH_BYTES", len(body(11)) + 1)
    fill(run().store, origin, some(*range(11, 15)))
    assert host.appends == 5


def test_folder_the_host_does_not_make(host, run, origin):
    store = run().store
    for path in (("forbidden",), ("with/separator",)):
        with pytest.raises(MailImportError) as error:
            store.open_folder(path, origin(), False)
        assert error.value.reason == "folder_refused"
    assert list(host.folders) == [b"INBOX"]


def test_folder_of_a_discarded_writer_is_removed_unless_it_holds_mail(host, run, origin, some):
    store = run().store
    store.discard(store.open_folder(A, origin(), False))
    assert list(host.folders) == [b"INBOX"]
    writer = store.open_folder(A, origin(), False)
    writer.add(some(1)[0])
    store.discard(writer)
    fill(store, origin, some(1, 2))
    assert host.bodies() == [body(1), body(2)], "what was stored under the other UIDVALIDITY is known again"


def test_flags_are_carried_over_by_uid(host, run, origin, some):
    fill(run().store, origin, some(1, 5, 6, flags=[b"\\Seen", b"Old"]))
    host.folders[b"A"][0].flags.add(b"$HasAttachment")
    host.folders[b"A"].pop(2)  # by the user
    begun = run()
    changes = {
        1: FlagChange((b"\\Seen", b"old")),
        5: FlagChange((b"\\Flagged", b"New", b"\\Recent"), (b"\\seen", b"old", b"$hasattachment")),
        6: FlagChange(remove=(b"\\seen",)),
        7: FlagChange((b"\\Seen",)),
    }
    changed = begun.store.change_flags(A, origin(), changes)
    assert changed == 1
    assert [stored.flags for stored in host.folders[b"A"]] == [
        {b"\\Seen", b"Old", b"$HasAttachment"},
        {b"\\Flagged", b"New"},
    ]


def test_refused_flags_do_not_count_as_changed(host, run, origin, some):
    fill(run().store, origin, some(1))
    host.refuse = lambda flags, data: b"NO not this" if b"Bad" in flags else None
    begun = run()
    assert begun.store.change_flags(A, origin(), {1: FlagChange((b"Bad",))}) == 0
    assert begun.store.lost_keywords() == ["Bad"]


def test_subscriptions(host, run):
    host.subscribed = {b"A"}
    host.folders.update(dict.fromkeys((b"A", b"B/C", b"B&APw-cher"), ()))
    assert run().store.subscribe([A, ("B", "C"), ("Bücher",)]) == (2, {})
    assert host.subscribed == {b"A", b"B/C", b"B&APw-cher"}


def test_a18_a_folder_that_cannot_be_subscribed_to_costs_no_other(host, run):
    host.folders.update(dict.fromkeys((b"A", b"private", b"Z"), ()))
    paths = [A, ("gone",), ("private",), ("with/separator",), ("Z",)]
    new, refused = run().store.subscribe(paths)
    assert (new, host.subscribed) == (2, {b"A", b"Z"})
    assert set(refused) == {("private",), ("with/separator",)}, "one that is not there was told of when it was refused"
    assert "not you" in refused["private",]


def test_a18_a_folder_that_cannot_be_made_costs_no_other(host, run, origin):
    store = run().store
    store.expect_folders([("forbidden",), ("with/separator",), A, ("B",)])
    for path in (("forbidden",), ("with/separator",)):
        with pytest.raises(MailImportError) as error:
            store.open_folder(path, origin(), False)
        assert error.value.reason == "folder_refused"
    for path in (A, ("B",)):
        assert store.open_folder(path, origin(), False).created


def test_c11_folders_are_made_in_batches(host, run, origin):
    paths = [("Folder %d" % number,) for number in range(300)]
    store = run().store
    store.expect_folders(paths)
    for path in paths:
        store.open_folder(path, origin(path[0].encode()), False)
    assert set(host.folders) == {b"INBOX", *(path[0].encode() for path in paths)}
    changes = sum(1 for one, other in zip(host.commands, host.commands[1:]) if one != other)
    assert changes < 10, "a command waits for the answer of another kind only now and then"


def test_c11_a_folder_that_its_owner_removed_is_not_made_again_before_it_is_opened(host, run, origin):
    store = run().store
    store.expect_folders([A])
    assert list(host.folders) == [b"INBOX"]


@pytest.mark.parametrize(
    ("complaint", "reason"), [("No space left on device", "disk_full"), ("Disk quota exceeded", "over_quota")]
)
@pytest.mark.parametrize("cuts", [None, [5]])
def test_c10_a_full_disk_is_told_as_such(host, run, origin, some, complaint, reason, cuts):
    """Dovecot says SERVERBUG to the session and the reason in its log."""
    host.complaint = b"Error: write(/mail/u.1) failed: %s\n" % complaint.encode()
    host.refuse = lambda flags, data: b"NO [SERVERBUG] Internal error" if len(host.bodies()) >= 1 else None
    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    writer.add(some(1)[0])
    begun.store.commit()
    with pytest.raises(MailImportError) as error:
        for fetched in some(2, 3, cuts=cuts):
            writer.add(fetched)
        begun.store.commit()
    assert (error.value.reason, complaint in error.value.message) == (reason, True)
    begun.store.commit()
    assert (host.bodies(), begun.delivered) == ([body(1)], {1: 1})


def test_c10_a_full_disk_is_no_fault_of_a_folder(host, run, origin):
    host.complaint = b"Error: write_full(dovecot.index.log) failed: No space left on device\n"
    host.on_create = lambda rest, lines, output: b"NO [SERVERBUG] Internal error"
    with pytest.raises(MailImportError) as error:
        run().store.open_folder(A, origin(), False)
    assert error.value.reason == "disk_full"


@pytest.mark.parametrize(
    ("date", "kept", "words"),
    [
        (4_102_444_800, b"14-Nov-2023 22:13:20 +0000", "2100-01-01 00:00:00 UTC"),
        (-86_400, b"01-Jan-1970 00:00:00 +0000", "1969-12-31 00:00:00 UTC"),
    ],
)
def test_a19_a_date_that_the_host_alters_is_told(host, run, origin, some, message, date, kept, words):
    host.keep_date = lambda sent: kept
    writer = fill(run().store, origin, [message(1, body(1), date=date)])
    (told,) = writer.take_refusals()
    assert (told.uid, told.reason, told.stored) == (1, "message_altered", True)
    assert words in told.message


def test_a19_a_date_that_the_source_does_not_tell_is_not_missed(host, run, origin, message):
    host.keep_date = lambda sent: b"01-Jan-2020 00:00:00 +0000"
    writer = fill(run().store, origin, [message(1, body(1), date=None)])
    assert writer.take_refusals() == []


def test_a19_flags_that_the_host_forgets_are_told(host, run, origin, some):
    host.keep_flags = lambda flags: [flag for flag in flags if flag != b"\\Flagged"]
    writer = fill(run().store, origin, some(1, flags=[b"\\Seen", b"\\Flagged"]) + some(2, flags=[b"\\Seen"]))
    (told,) = writer.take_refusals()
    assert (told.uid, told.reason, told.stored) == (1, "message_altered", True)
    assert "\\Flagged" in told.message


def test_c06_keywords_that_a_host_gives_by_itself_come_over_and_are_not_taken_away(host, run, origin, some):
    fill(run().store, origin, some(1, 2))
    host.folders[b"A"][1].flags.add(b"$HasNoAttachment")  # by the host
    store = run().store
    changes = {1: FlagChange(add=(b"$HasAttachment",)), 2: FlagChange((b"\\Seen",), (b"$HasNoAttachment",))}
    assert store.change_flags(A, origin(), changes) == 2
    assert [stored.flags for stored in host.folders[b"A"]] == [{b"$HasAttachment"}, {b"\\Seen", b"$HasNoAttachment"}]
