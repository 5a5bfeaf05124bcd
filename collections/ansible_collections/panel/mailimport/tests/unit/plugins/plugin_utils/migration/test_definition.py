# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import textwrap

import pytest
import yaml
from ansible_collections.panel.mailimport.plugins.module_utils.model import clock
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.moment import moment, read_moment
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.definition import SCHEMA, migration_of

GOOD = {
    "name": "example-2026",
    "domains": ["Example.ORG"],
    "mx": ["mail.example.net."],
    "waves": [
        {"name": "pilot", "mailboxes": ["Anna@example.org", "it-*@example.org"]},
        {"name": "all", "start_after": "2026-12-04T22:00+01:00", "complete_after": "2026-12-11T21:00Z"},
    ],
}


def changed(**values):
    return {name: value for name, value in {**GOOD, **values}.items() if value is not None}


def test_the_file_of_the_guide_is_good():
    guide = (SCHEMA.parent / "docsite" / "rst" / "cutover_guide.rst").read_text(encoding="utf-8")
    block = guide.partition("   # migration.yml\n")[2].partition("\n\n")[0]
    migration = migration_of(yaml.safe_load(textwrap.dedent(block))["migration"])
    assert [wave.name for wave in migration.waves] == ["pilot", "everybody"]


def test_a_good_file_has_its_defaults():
    migration = migration_of(GOOD)
    assert (migration.source, migration.quiet_hours) == ("csv", 24)
    assert (migration.domains, migration.mx) == (("example.org",), ("mail.example.net",))
    assert moment(migration.waves[1].start_after) == "2026-12-04T21:00:00Z"
    assert moment(migration.waves[1].complete_after) == "2026-12-11T21:00:00Z"


@pytest.mark.parametrize(
    ("address", "wave"),
    [("anna@example.org", "pilot"), ("IT-1@example.org", "pilot"), ("ben@example.org", "all")],
)
def test_a_mailbox_is_of_the_first_wave_that_names_it(address, wave):
    assert migration_of(GOOD).wave_of(address).name == wave


def test_a_mailbox_may_be_of_no_wave():
    assert migration_of(changed(waves=GOOD["waves"][:1])).wave_of("ben@example.org") is None


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (None, "migration is missing: give the file that has it, with -e @migration.yml"),
        ("migration.yml", "migration: 'migration.yml' is not of type 'object'"),
        (changed(name=None), "migration: name is missing"),
        (changed(name=""), "migration.name: "),
        (changed(wave=[]), "migration: there is no wave: is waves meant?"),
        (changed(xyzzy=[]), "migration: there is no xyzzy: known are name, source, "),
        (changed(source="exchange"), "migration.source: 'exchange' is not one of ['csv', 'imap', 'yandex', "),
        (changed(dns={"resolver": ["9.9.9.9"]}), "migration.dns: there is no resolver: is resolvers meant?"),
        (changed(domains=[]), "migration.domains: "),
        (changed(domains=["example"]), "migration.domains: 'example' is not a mail domain"),
        (changed(domains="example.org"), "migration.domains: 'example.org' is no list: put it in brackets, or each "),
        (changed(mx=["192.0.2.1"]), "migration.mx: '192.0.2.1' is no name of a mail host, and MX records take nothing"),
        (changed(mx=["https://mail.example.net"]), "migration.mx: 'https://mail.example.net' is not a mail domain"),
        (changed(mx=[12]), "migration.mx[0]: 12 is no text: put it in quotes"),
        # What YAML makes of texts without quotes: of no, 22:00, 24:00.
        (changed(name=False), "migration.name: False is no text: put it in quotes"),
        (
            changed(waves=[{"name": "a", "start_after": 1320}]),
            "migration.waves[0].start_after: 1320 is no text: put it ",
        ),
        (
            changed(quiet_hours=1440),
            "migration.quiet_hours: 1440 is greater than the maximum of 720: a number of hours",
        ),
        (changed(quiet_hours="24"), "migration.quiet_hours: '24' is no number: write it without quotes"),
        (changed(quiet_hours=True), "migration.quiet_hours: True is no number: write it without quotes"),
        (changed(waves=[{"name": "a", "mailboxes": []}]), "migration.waves[0].mailboxes: [] "),
        (
            changed(waves=[{"name": "a", "groups": ["staff@x.org"]}]),
            "migration.waves[0].groups: only yandex, google and microsoft365 know groups, and source is csv",
        ),
        (
            changed(waves=[{"name": "a", "start_after": "2026-12-04"}]),
            "migration.waves[0].start_after: '2026-12-04' has no time zone: write it as 2026-12-04T22:00+01:00",
        ),
        (changed(waves=[]), "migration.waves: "),
        (changed(waves=[{"mailboxes": ["a@x.org"]}]), "migration.waves[0]: name is missing"),
        (changed(waves=[{"name": "a", "start": "x"}]), "migration.waves[0]: there is no start: is start_after meant?"),
        (
            changed(waves=[{"name": "a", "start_after": "2026-12-04T22:00"}]),
            "migration.waves[0].start_after: '2026-12-04T22:00' has no time zone: write it as 2026-12-04T22:00+01:00",
        ),
        (
            changed(waves=[{"name": "a", "start_after": "Friday"}]),
            "migration.waves[0].start_after: 'Friday' is no moment: write it as 2026-12-04T22:00+01:00",
        ),
        (
            changed(
                waves=[{"name": "a", "start_after": "2026-12-04T22:00Z", "complete_after": "2026-12-04T23:00+01:00"}]
            ),
            "migration.waves[0].complete_after: is not after start_after",
        ),
        (
            changed(waves=[{"name": "a", "mailboxes": ["x@x.org"]}, {"name": "a"}]),
            "migration.waves[1].name: 'a' is the name of another wave too",
        ),
        (
            changed(waves=[{"name": "a"}, {"name": "b"}]),
            "migration.waves[1]: mailboxes is missing, and another wave takes all the rest already",
        ),
        (changed(quiet_hours=-1), "migration.quiet_hours: -1 is less than the minimum of 0"),
        (changed(notices={"admin": ["a@x.org"]}), "migration.notices: sender is missing"),
        (changed(notices={"sender": "a", "webhook": "chat"}), "migration.notices.webhook: "),
        (changed(smtp={"port": 0}), "migration.smtp.port: 0 is less than the minimum of 1"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(values, line):
    with pytest.raises(MailImportError) as refused:
        migration_of(values)
    assert refused.value.message.startswith(line) and "\n" not in refused.value.message


YANDEX = {"token": "x", "client_id": "x", "client_secret": "x", "owner": "x"}
GOOGLE = {"service_account_src": "key.json", "admin": "x", "owner": "x"}
MICROSOFT = {"tenant": "x", "client_id": "x", "client_secret": "x", "owner": "x"}


def without(options, name, **values):
    return {**{key: value for key, value in options.items() if key != name}, **values}


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (None, {"src": "list.csv"}),
        ("csv", {"mailboxes": [{"email": "a@x.org"}]}),
        ("imap", {"email": "a@x.org", "source_host": "imap.x.org", "owner": "x"}),
        ("yandex", YANDEX),
        ("google", GOOGLE),
        ("google", without(GOOGLE, "service_account_src", service_account={"type": "service_account"})),
        ("microsoft365", MICROSOFT),
        ("microsoft365", without(MICROSOFT, "client_secret", client_certificate_src="app.pem")),
    ],
)
def test_what_stands_beside_it_is_good(source, options):
    migration_of(changed(source=source), {**options, "queues": 4})


@pytest.mark.parametrize(
    ("source", "options", "line"),
    [
        (None, {}, "migration.source is csv: src is missing: the list of mailboxes, a file on the controller; or "),
        (
            "imap",
            {"email": "a@x.org", "owner": "x"},
            "migration.source is imap: source_host is missing: the IMAP server ",
        ),
        ("yandex", without(YANDEX, "token"), "migration.source is yandex: token is missing: the OAuth token of an adm"),
        ("yandex", {**YANDEX, "client_secret": ""}, "client_secret: '' "),
        ("yandex", {**YANDEX, "content_access": "password"}, "content_access: 'password' is not one of ['service_appl"),
        ("google", without(GOOGLE, "admin"), "migration.source is google: admin is missing: the address of the admi"),
        (
            "google",
            without(GOOGLE, "service_account_src"),
            "migration.source is google: service_account_src is missing: ",
        ),
        ("google", {**GOOGLE, "admin": 12}, "admin: 12 is no text: put it in quotes"),
        (
            "microsoft365",
            without(MICROSOFT, "tenant"),
            "migration.source is microsoft365: tenant is missing: the tenant",
        ),
        (
            "microsoft365",
            without(MICROSOFT, "client_secret"),
            "migration.source is microsoft365: client_certificate_src is missing: the vaulted file on the controller",
        ),
        ("microsoft365", {**MICROSOFT, "use_directory": False}, "use_directory: False is not one of [True]: a migrat"),
    ],
)
def test_what_is_wrong_beside_it_is_told_in_one_line(source, options, line):
    with pytest.raises(MailImportError) as refused:
        migration_of(changed(source=source), options)
    assert refused.value.message.startswith(line) and "\n" not in refused.value.message


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-12-04T22:00+01:00", "2026-12-04T21:00:00Z"),
        ("2026-12-04T22:00:30Z", "2026-12-04T22:00:30Z"),
        ("2026-12-04 22:00:00-05:30", "2026-12-05T03:30:00Z"),
        # The night in which clocks go on, or back: an hour that is not there, or twice, is told apart by its zone.
        ("2027-03-28T02:30+01:00", "2027-03-28T01:30:00Z"),
        ("2027-10-31T02:30+02:00", "2027-10-31T00:30:00Z"),
        ("2027-10-31T02:30+01:00", "2027-10-31T01:30:00Z"),
    ],
)
def test_a_moment_has_its_zone_with_it(text, utc):
    assert moment(read_moment(text)) == utc


def test_the_clock_can_be_ahead(monkeypatch):
    before = clock.now()
    monkeypatch.setenv(clock.AHEAD, "86400")
    assert 86_400 <= clock.now() - before < 87_000
