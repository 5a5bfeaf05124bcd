# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the directory of an organization says of a migration."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.definition import migration_of
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.directory import directory_of


def migration(*groups, domains=("example.org", "alias.example")):
    waves = [{"name": "pilot", "groups": list(groups)}] if groups else []
    return migration_of(
        {
            "name": "move",
            "source": "google",
            "domains": list(domains),
            "mx": ["mail.example.net"],
            "waves": [*waves, {"name": "all"}],
        }
    )


def mailbox(email, *aliases, reason=None):
    message = reason and "it is %s" % reason
    return {
        "id": "1",
        "email": email,
        "aliases": list(aliases),
        "importable": not reason,
        "reason": reason,
        "message": message,
    }


def mailing_list(email, *members, complete=True):
    return {
        "email": email,
        "name": "The list " + email.partition("@")[0],
        "aliases": ["list." + email],
        "members": list(members),
        "complete": complete,
    }


def domain(name, alias_of=None, mailboxes=1):
    return {"name": name, "alias_of": alias_of, "mailboxes": 0 if alias_of else mailboxes}


DOMAINS = (domain("example.org"), domain("alias.example", "example.org"))


def found(*mailboxes, lists=(), domains=DOMAINS):
    return {"mailboxes": list(mailboxes), "mailing_lists": list(lists), "domains": list(domains)}


ANNA, BEN = mailbox("anna@example.org", "a@example.org"), mailbox("ben@example.org")


def texts(directory, severity):
    return [problem.text for problem in directory.problems if problem.severity == severity]


def test_every_address_on_the_domains_that_move_is_a_recipient():
    lists = [mailing_list("staff@example.org"), mailing_list("staff@stays.example")]
    guest = mailbox("guest@example.org", reason="guest")
    came = directory_of(migration(), {"mail1": found(ANNA, guest, mailbox("x@stays.example"), lists=lists)})
    assert [dict(row.values) for row in came.rows] == [{"email": "anna@example.org"}]
    local_parts = ["anna", "a", "staff", "list.staff"]
    assert came.recipients == [
        "%s@%s" % (name, where) for where in ("example.org", "alias.example") for name in local_parts
    ]


def test_members_of_a_group_are_of_its_wave():
    people = mailing_list("staff@example.org", "A@example.org", "friend@elsewhere.example")
    for name in ("staff@example.org", "list.staff@example.org", "the LIST staff"):
        came = directory_of(migration(name), {"mail1": found(ANNA, BEN, lists=[people])})
        assert came.problems == []
        waves = [came.migration.wave_of(row.values["email"]).name for row in came.rows]
        assert waves == ["pilot", "all"]


def test_what_a_group_lacks_is_told():
    lists = [mailing_list("all@example.org", "anna@example.org", complete=False)]
    came = directory_of(migration("all@example.org", "staff"), {"mail1": found(ANNA, lists=lists)})
    assert texts(came, "error") == ["the directory has no group staff; it has: all@example.org"]
    assert texts(came, "warning")[0].startswith("group all@example.org has members that the directory does not name")


def test_who_does_not_come_is_told_by_kind():
    gone = [mailbox("u%d@example.org" % number, reason="suspended") for number in range(6)]
    others = [mailbox("", reason="no_address"), mailbox("x@stays.example", reason="guest")]
    domains = [domain("example.org"), domain("stays.example")]
    came = directory_of(migration(domains=["example.org"]), {"mail1": found(ANNA, *gone, *others, domains=domains)})
    assert texts(came, "warning") == [
        "not in migration.domains, so their mailboxes stay where they are: stays.example",
        "not imported, no_address: no address (1): it is no_address",
        "not imported, suspended: %s and 2 more: it is suspended" % ", ".join(each["email"] for each in gone[:4]),
    ]


def test_a_domain_that_the_organization_lacks_is_an_error():
    came = directory_of(migration(domains=["exampel.org", "example.org"]), {"mail1": found(ANNA)})
    assert texts(came, "error") == ["the organization has no domain exampel.org; it has: example.org, alias.example"]


def test_a_domain_may_be_in_unicode_or_not():
    came = directory_of(
        migration(domains=["müller.example"]),
        {"mail1": found(mailbox("a@xn--mller-kva.example"), domains=[domain("xn--mller-kva.example")])},
    )
    assert came.problems == [] and came.recipients == ["a@xn--mller-kva.example"]


def test_mail_hosts_share_the_mailboxes():
    came = directory_of(migration(), {"mail1": found(ANNA), "mail2": found(BEN)})
    hosts = {row.values["email"]: row.values["mail_host"] for row in came.rows}
    assert hosts == {"anna@example.org": "mail1", "ben@example.org": "mail2"} and came.problems == []
    both = directory_of(migration(), {"mail1": found(ANNA), "mail2": found(ANNA, BEN)})
    assert texts(both, "error")[0].endswith("in the inventory: anna@example.org (mail1, mail2)")


def test_a_directory_that_nobody_can_read_says_why():
    results = {"mail1": {"failed": True, "reason": "permission_denied", "msg": "the scope\nis not delegated"}}
    with pytest.raises(MailImportError) as refused:
        directory_of(migration(), results)
    assert refused.value.message == "mail1 cannot read the directory: the scope is not delegated"
