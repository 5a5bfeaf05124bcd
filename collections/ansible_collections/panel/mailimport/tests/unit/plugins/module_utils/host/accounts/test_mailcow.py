# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.accounts import mailcow_api
from ansible_collections.panel.mailimport.plugins.module_utils.host.accounts.mailcow import MailcowAccounts
from ansible_collections.panel.mailimport.plugins.module_utils.host.accounts.mailcow_api import MailcowApi
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import Address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError

pytest.importorskip("requests")

ANNA = Address("anna", "example.org")
KEY = "very secret"  # of no site


class Answer:
    def __init__(self, code, said):
        self.status_code = code
        self.content = said if isinstance(said, bytes) else json.dumps(said).encode()


class Site:
    """What a site answers by paths, and what it was asked; a mailbox that is not there is `{}`."""

    def __init__(self, monkeypatch):
        self.answers = {
            "get/domain/all": [{"domain_name": "Example.org"}],
            "get/domain/example.org": {"domain_name": "example.org", "def_new_mailbox_quota": 2048 << 20},
        }
        self.asked = []
        monkeypatch.setattr(mailcow_api.requests, "request", self.request)
        api = MailcowApi("https://mail.example.org/", KEY)
        self.accounts = MailcowAccounts(api, lambda password: "{SHA512-CRYPT}$6$%s" % password, 0)

    def request(self, method, url, headers=None, json=None, **_options):
        path = url.partition("/api/v1/")[2]
        assert headers["X-API-Key"] == KEY
        self.asked.append((method, path, json))
        said = self.answers.get(path, {} if method == "GET" else [{"type": "success", "msg": ["done", "x"]}])
        return said if isinstance(said, Answer) else Answer(200, said)

    def sent(self, path):
        return [body for method, asked, body in self.asked if (method, asked) == ("POST", path)]


@pytest.fixture
def site(monkeypatch):
    return Site(monkeypatch)


def refused(call, *arguments):
    with pytest.raises(MailImportError) as error:
        call(*arguments)
    assert error.value.reason == "host_refused"
    assert KEY not in error.value.message
    return error.value.message


def test_a_mailbox_is_made_with_a_hash_and_without_what_binds_logins(site):
    site.accounts.create(ANNA, "{sha}x", "customer")
    assert site.sent("add/domain") == []
    (mailbox,) = site.sent("add/mailbox")
    assert (mailbox["local_part"], mailbox["domain"], mailbox["active"]) == ("anna", "example.org", "1")
    assert mailbox["password"] == mailbox["password2"] == "{SHA512-CRYPT}$6${sha}x"
    assert mailbox["quota"] == "2048"
    assert {mailbox[name] for name in ("force_pw_update", "force_tfa", "tls_enforce_in", "tls_enforce_out")} == {"0"}


@pytest.mark.parametrize(
    "answer", [[{"type": "success", "msg": "x"}], [{"type": "danger", "msg": ["domain_exists", "x"]}]]
)
def test_a_missing_domain_is_made_unless_another_run_has(site, answer):
    site.answers["get/domain/all"] = {}
    site.answers["add/domain"] = answer
    site.accounts.create(ANNA, "pw", "customer")
    (domain,) = site.sent("add/domain")
    assert (domain["domain"], domain["description"]) == ("example.org", "of customer")
    assert len(site.sent("add/mailbox")) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([{"type": "danger", "msg": ["is_alias", "anna@example.org"]}], "it is an alias (is_alias)"),
        ([{"type": "danger", "msg": "is_spam_alias"}], "it is a temporary alias"),
        ({"type": "danger", "msg": "max_mailbox_exceeded"}, "as many mailboxes as it may have"),
        ([{"type": "danger", "msg": ["mailbox_quota_exceeded", 5]}], "more than the domain allows for one mailbox"),
        ([{"type": "danger", "msg": ["mailbox_quota_left_exceeded", 5]}], "more than the domain has left"),
        ([{"type": "danger", "msg": "object_exists"}], "it exists already"),
        ([{"type": "error", "msg": "access_denied"}], "mailcow_api_key must be one that reads and writes"),
        ([{"type": "danger", "msg": "unlimited_quota_acl"}], "set quota"),
        ([{"type": "danger", "msg": "mailbox_invalid"}], ": mailbox_invalid"),
        ([{"type": "danger", "msg": "password_complexity"}], ": password_complexity"),
        ([{"type": "success", "msg": "x"}, {"type": "danger", "msg": "domain_not_found"}], "there is no such domain"),
        ([], "not understood"),
        (["success"], "not understood"),
        (Answer(200, b"<html>"), "see mailcow_url"),
        (Answer(301, b""), "answers 301"),
        (Answer(400, {"type": "error", "msg": "x"}), "answers 400"),
        (Answer(401, {"type": "error", "msg": "api access denied for ip 192.0.2.1"}), "allow this host's address"),
        (Answer(403, {"type": "error", "msg": "API read/write access denied"}), "one that reads and writes"),
    ],
)
def test_only_an_answer_of_nothing_but_success_is_one(site, answer, words):
    site.answers["add/mailbox"] = answer
    assert words in refused(site.accounts.create, ANNA, "pw", "customer")


def test_whose_password_is_kept_elsewhere_is_not_changed(site):
    found = {"username": "Anna@example.org", "authsource": "ldap"}
    site.answers["get/mailbox/anna@example.org"] = found
    assert site.accounts.exists(ANNA)
    assert "is kept by ldap" in refused(site.accounts.set_password, ANNA, "pw")
    assert site.sent("edit/mailbox") == []
    found["authsource"] = "mailcow"
    site.accounts.set_password(ANNA, "pw")
    assert site.sent("edit/mailbox") == [
        {"items": ["anna@example.org"], "attr": dict.fromkeys(("password", "password2"), "{SHA512-CRYPT}$6$pw")}
    ]


def test_a_mailbox_that_is_not_there(site):
    assert not site.accounts.exists(ANNA)
    assert "has no mailbox at https://mail.example.org" in refused(site.accounts.set_password, ANNA, "pw")
    site.accounts.remove(ANNA)
    assert site.sent("delete/mailbox") == [["anna@example.org"]]


def test_letters_beyond_ascii_are_told_before_anything_is_made(site):
    assert "beyond ASCII" in refused(site.accounts.check_new, Address("ännä", "example.org"))
    assert site.asked == []
