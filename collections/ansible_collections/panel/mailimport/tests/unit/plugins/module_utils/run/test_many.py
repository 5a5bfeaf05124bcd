# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run of many says before it does anything; what it does is tested on real servers."""

from __future__ import annotations

import errno
import gc
import os
from collections import Counter
from dataclasses import replace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportRequest, ImportResult
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceAccount
from ansible_collections.panel.mailimport.plugins.module_utils.model.progress import (
    Begun,
    Counts,
    Finished,
    decode,
)
from ansible_collections.panel.mailimport.plugins.module_utils.run.info import imports_on_host
from ansible_collections.panel.mailimport.plugins.module_utils.run.many import Scheduling, contradictions, import_many
from ansible_collections.panel.mailimport.plugins.module_utils.run.outcome import Outcome, ShownMailbox
from ansible_collections.panel.mailimport.plugins.module_utils.run.progress import Progress
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State


def request(address="anna@example.org", user="anna", owner="customer", **changes):
    return ImportRequest(
        SourceAccount("imap.example.net", user, "secret"), parse_address(address), "secret", owner, **changes
    )


def found(*requests):
    return {
        number: (error.reason, error.message) for number, error in contradictions(dict(enumerate(requests))).items()
    }


def test_the_same_import_twice_is_one_too_many():
    assert found(request(), request("bert@example.org", "bert"), request(user="ANNA")) == {
        2: ("invalid_row", "anna@example.org is listed twice with the same source: remove one of the two")
    }


def test_two_sources_into_one_mailbox_must_be_meant():
    first, second = request(), request(user="other")
    assert list(found(first, second)) == [1] and "existing_content=merge" in found(first, second)[1][1]
    adding = {"ignore_existing": False, "existing_content": "merge"}
    assert found(replace(first, **adding), replace(second, **adding)) == {}
    for others in ({}, {"ignore_existing": False}, {"existing_content": "merge"}):
        assert list(found(replace(first, **adding), replace(second, **others))) == [1]
        assert list(found(replace(first, **others), replace(second, **adding))) == [1]


def test_a_domain_has_one_owner():
    assert found(request(), request("bert@example.org", "bert", owner="another")) == {
        1: ("domain_owned_by_other", "the mail domain example.org would belong to customer and to another")
    }
    assert found(request(), request("bert@example.com", "bert", owner="another")) == {}


def test_what_has_its_result_already_is_passed_on_in_its_place(settings):
    bad = ImportResult("", "", "failed", "invalid_row", "line 1: email is missing")
    assert [outcome.result for outcome in import_many([bad, bad], settings, Scheduling())] == [bad, bad]
    assert imports_on_host(settings)["imports"] == []


def test_records_that_cannot_be_made_durable_are_told(settings, monkeypatch):
    class Notes(Progress):
        def __init__(self):
            super().__init__()
            self.notes = []

        def note(self, line):
            self.notes.append(line)

    def fail(_state):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(State, "flush", fail)
    notes = Notes()
    import_many([ImportResult("", "", "failed", "invalid_row", "no")], settings, Scheduling(), progress=notes)
    assert ["power failure" in note and "Input/output error" in note for note in notes.notes] == [True]


@pytest.mark.parametrize("preflight", [True, False])
def test_a_state_that_is_damaged_is_the_end_of_each_import(settings, tmp_path, preflight):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.db").write_bytes(b"no database" * 100)
    outcomes = import_many([request(), request("bert@example.org", "bert")], settings, Scheduling(preflight=preflight))
    assert [outcome.result.state for outcome in outcomes] == ["failed"] * 2 and all(
        "is damaged" in outcome.result.message for outcome in outcomes
    )


@pytest.mark.parametrize("preflight", [True, False])
def test_a_host_that_does_not_tell_its_mailboxes_any_more_fails_every_import(settings, host, monkeypatch, preflight):
    requests = [request(import_content=False), request("bert@example.org", "bert", import_content=False)]
    asked = []

    def exists(address):
        asked.append(address)
        if len(asked) > len(requests):
            raise MailImportError("host_refused", "/etc/users: Is a directory")
        return False

    monkeypatch.setattr(host, "mailbox_exists", exists)
    outcomes = import_many(requests, settings, Scheduling(preflight=preflight))
    assert [outcome.result.message for outcome in outcomes] == ["/etc/users: Is a directory"] * 2


def objects_alive():
    gc.collect()
    return Counter(type(each) for each in gc.get_objects())


def test_of_many_mailboxes_results_are_kept_and_not_how_each_looked(settings):
    requests = [request("box%d@example.org" % number, "box%d" % number, import_content=False) for number in range(20)]
    before = objects_alive()
    outcomes = import_many(requests, settings, Scheduling())
    assert {(each.result.state, each.result.created, each.result.changed) for each in outcomes} == {
        ("completed", True, True)
    }
    more = objects_alive() - before
    assert more[Outcome] == more[ImportResult] == len(requests) and more[ShownMailbox] <= 2


def test_mailboxes_before_and_after_are_kept_where_they_are_shown(settings):
    requests = [request("box%d@example.org" % number, "box%d" % number, import_content=False) for number in range(3)]
    outcomes = import_many(requests, settings, Scheduling(), shows=True)
    assert [(each.before.mailbox, each.after.mailbox) for each in outcomes] == [
        (None, "box%d@example.org" % number) for number in range(3)
    ]


def test_nothing_at_all_is_no_mistake(settings):
    assert import_many([], settings, Scheduling(parallel=True)) == []


def test_a_state_that_cannot_be_used_fails_every_import_and_no_row_that_has_its_result(settings, tmp_path):
    (tmp_path / "state").write_text("a file")
    skipped = ImportResult("robot@example.org", "there", "skipped", message="a robot")
    outcomes = import_many([request(), skipped, request("bert@example.org", "bert")], settings, Scheduling())
    assert [(outcome.result.state, outcome.result.reason) for outcome in outcomes] == [
        ("failed", "host_refused"),
        ("skipped", None),
        ("failed", "host_refused"),
    ]


def test_a_finished_import_is_kept_without_a_worker(settings, host, monkeypatch):
    wanted = request()
    host.create_mailbox(wanted.address, "secret", "customer")
    with State(settings.state_dir) as state:
        state.begin(wanted.key, "customer", os.getpid())
        state.note_contact(wanted.key, False)
        state.record_result(
            wanted.key, ImportResult("anna@example.org", "there", "completed", messages_total=7), to_the_end=True
        )
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("a process was started"))
    (outcome,) = import_many([wanted], settings, Scheduling(parallel=True))
    assert (outcome.result.state, outcome.result.changed, outcome.result.messages_present) == ("completed", False, 7)


@pytest.fixture
def shared_host(host, monkeypatch):
    """The host, with mailboxes that every process sees: workers make them."""
    host.root.mkdir()
    monkeypatch.setattr(host, "domains", lambda: {path.name.rpartition("@")[2] for path in host.root.iterdir()})
    monkeypatch.setattr(host, "mailbox_exists", lambda address: (host.root / str(address)).exists())
    monkeypatch.setattr(host, "create_mailbox", lambda address, password, owner: (host.root / str(address)).mkdir())
    return host


def test_what_was_there_before_the_check_of_logins_is_not_shown_as_new(shared_host, settings, request_for):
    wanted = request_for(ignore_existing=False, existing_content="merge")
    shared_host.create_mailbox(wanted.address, "", "customer")
    (outcome,) = import_many([wanted], settings, Scheduling(), shows=True)
    assert (outcome.result.state, outcome.result.created) == ("completed", False)
    assert (outcome.before.domain, outcome.before.mailbox) == ("example.org", "anna@example.org")


@pytest.mark.parametrize("known", [None, "example.org"])
def test_a_mailbox_made_ahead_is_shown_as_new_and_its_domain_only_when_it_is(shared_host, settings, request_for, known):
    with State(settings.state_dir) as state:
        if known:
            state.claim_domain(known, "customer")
    bert = request_for(user="bert", address=parse_address("bert@example.org"))
    outcomes = import_many([request_for(), bert], settings, Scheduling(), shows=True)
    assert [(outcome.result.state, outcome.result.created, outcome.before.mailbox) for outcome in outcomes] == [
        ("completed", True, None)
    ] * 2
    # The second of a new domain finds that the first has made it.
    assert outcomes[0].before.domain == known


def test_a_mailbox_made_ahead_is_a_change_of_its_import_though_nothing_else_is(
    shared_host, settings, request_for, monkeypatch
):
    monkeypatch.setattr(shared_host, "publish_domains", lambda owners: False)
    bert = request_for(user="bert", address=parse_address("bert@example.org"), import_content=False)
    outcomes = import_many([request_for(import_content=False), bert], settings, Scheduling())
    assert [(outcome.result.state, outcome.result.created, outcome.result.changed) for outcome in outcomes] == [
        ("completed", True, True)
    ] * 2


def test_progress_adds_up(tmp_path):
    path = tmp_path / "progress"
    progress = Progress(str(path))
    progress.begin(4)
    progress.moved(0, 100, 50, 1000)
    progress.ended(ImportResult("bert@example.org", "there", "completed", messages_copied=10, bytes_copied=500), 1)
    progress.ended(
        ImportResult("anna@example.org", "there", "failed", "auth_failed", "no", messages_copied=60, bytes_copied=1200),
        0,
    )
    progress.finish()
    told = [decode(line) for line in path.read_text().splitlines()]
    assert (told[0], told[-1]) == (Begun(4), Finished())
    assert [event for event in told if isinstance(event, Counts)] == [
        Counts(0, 4, 50, 1000, 0.125),
        # 2,000 bytes are expected of one, 500 were in the other, and 1,250 will be in each of the rest.
        Counts(1, 4, 60, 1500, 0.3),
        Counts(2, 4, 70, 1700, 0.5),
    ]
    with pytest.raises(MailImportError, match="waits for it no more"):
        Progress(str(path))


def test_a_mailbox_that_was_skipped_or_refused_is_known_as_that(settings, host, request_for):
    skipped = request_for()
    refused = replace(request("bert@example.com", "bert"), owner="another")
    host.passwords[skipped.address] = "mine"
    host.owners["example.com"] = "customer"
    look = import_many([skipped, refused], settings, Scheduling(), check_mode=True)
    assert [outcome.result.state for outcome in look] == ["skipped", "failed"]
    assert imports_on_host(settings)["imports"] == []
    for _run in range(2):
        import_many([skipped, refused], settings, Scheduling())
        known = imports_on_host(settings)["imports"]
        assert sorted((entry["state"], entry["reason"]) for entry in known) == [
            ("failed", "domain_owned_by_other"),
            ("skipped", None),
        ]
    assert [entry["last_success"] for entry in known] == [None, None]
    # Once it is to be imported, nothing stands in the way.
    (outcome,) = import_many(
        [replace(skipped, ignore_existing=False, existing_content="merge")], settings, Scheduling()
    )
    assert outcome.result.state == "completed" and outcome.result.messages_copied == 3
    import_many([skipped], settings, Scheduling())
    assert "completed" in [entry["state"] for entry in imports_on_host(settings)["imports"]]
