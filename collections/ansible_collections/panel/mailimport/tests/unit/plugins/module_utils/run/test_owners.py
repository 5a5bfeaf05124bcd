# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.run.test_mailbox import ANNA

pytestmark = pytest.mark.usefixtures("no_waiting")


def test_a_map_of_domains_that_was_missing_is_written_again_and_that_is_a_change(run, request_for, host):
    run(request_for())
    host.published = {}
    assert run(request_for(state="latest")).changed is True and host.published == {"example.org": "customer"}
    assert run(request_for(state="latest")).changed is False


def test_a_domain_belongs_to_one_owner(run, request_for):
    run(request_for())
    result = run(request_for(owner="another"))
    assert (result.state, result.reason, result.changed) == ("failed", "domain_owned_by_other", False)
    assert "belongs to customer" in result.message


def test_a_domain_that_another_run_takes_meanwhile_is_not_taken_from_it(run, request_for, host, settings, monkeypatch):
    check = host.check_new_mailbox

    def check_late(address):
        with State(settings.state_dir) as state:
            state.claim_domain("example.org", "another")
        check(address)

    monkeypatch.setattr(host, "check_new_mailbox", check_late)
    result = run(request_for())
    assert (result.state, result.reason, result.messages_copied) == ("failed", "domain_owned_by_other", 0)
    assert "belongs to another" in result.message and host.published == {}


def test_the_word_of_a_host_that_keeps_owners_counts(run, request_for, host, settings):
    with State(settings.state_dir) as state:
        state.claim_domain("example.org", "customer")
    host.owners = {"example.org": "panel"}
    result = run(request_for(owner="customer"))
    assert (result.state, result.reason, host.passwords) == ("failed", "domain_owned_by_other", {})
    assert "belongs to panel" in result.message
    assert run(request_for(owner="panel")).state == "completed"


@pytest.mark.parametrize("owner", ["", "two\nlines", "nul\0"])
def test_an_owner_has_a_name(run, request_for, host, owner):
    assert run(request_for(owner=owner)).reason == "invalid_row"
    assert host.passwords == {}


def test_a_password_stays_what_it_is(run, request_for, host):
    run(request_for())
    assert run(replace(request_for(), target_password="new")).changed is False
    assert host.passwords == {ANNA: "the mailbox's"}


def test_password_is_brought_up_to_date_when_asked(run, request_for, host):
    run(request_for())
    new = replace(request_for(update_password="always"), target_password="new")
    assert run(new, check_mode=True).changed is True
    assert host.passwords == {ANNA: "the mailbox's"}
    assert run(new).changed is True
    assert host.passwords == {ANNA: "new"}
    assert run(new).changed is False


def test_a_domain_that_is_new_to_the_host_is_a_change_by_itself(run, request_for, host, monkeypatch):
    host.create_mailbox(ANNA, "the mailbox's", "customer")
    host.published = {"example.org": "customer"}
    monkeypatch.setattr(host, "domains", set)
    wanted = request_for(ignore_existing=False, existing_content="merge", import_content=False)
    for check_mode in (True, False):
        result = run(wanted, check_mode=check_mode)
        assert (result.created, result.changed) == (False, True)
    assert run(wanted, check_mode=True).changed is False
