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
        (None, "migration: None is not of type 'object'"),
        (changed(name=None), "migration: name is missing"),
        (changed(name=""), "migration.name: "),
        (changed(wave=[]), "migration: there is no wave: is waves meant?"),
        (changed(xyzzy=[]), "migration: there is no xyzzy: known are name, source, "),
        (changed(source="exchange"), "migration.source: 'exchange' is not one of ['csv']"),
        (changed(dns={"resolver": ["9.9.9.9"]}), "migration.dns: there is no resolver: is resolvers meant?"),
        (changed(domains=[]), "migration.domains: "),
        (changed(domains=["example"]), "migration.domains: 'example' is not a mail domain"),
        (changed(domains="example.org"), "migration.domains: 'example.org' is not of type 'array'"),
        (changed(mx=[12]), "migration.mx[0]: 12 is not of type 'string'"),
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


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-12-04T22:00+01:00", "2026-12-04T21:00:00Z"),
        ("2026-12-04T22:00:30Z", "2026-12-04T22:00:30Z"),
        ("2026-12-04 22:00:00-05:30", "2026-12-05T03:30:00Z"),
        ("2027-03-28T02:30+01:00", "2027-03-28T01:30:00Z"),
    ],
)
def test_a_moment_has_its_zone_with_it(text, utc):
    assert moment(read_moment(text)) == utc


def test_the_clock_can_be_ahead(monkeypatch):
    before = clock.now()
    monkeypatch.setenv(clock.AHEAD, "86400")
    assert 86_400 <= clock.now() - before < 87_000
