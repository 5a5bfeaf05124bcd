# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Aliases and mailing lists in real databases: made once, and never in the place of something else."""

from __future__ import annotations

from typing import Any, Callable, Iterator

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.backends import open_backend
from ansible_collections.panel.mailimport.plugins.module_utils.host.mail_host import MailHost
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.alias import Alias, AliasState
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from fakes.yandex360 import Service
from fakes.yandex360_organization import Organization
from support.yandex import YandexImap, YandexScene

from .conftest import SqlScene
from .test_sql import every_kind, rows

NewScene = Callable[..., SqlScene]

TARGETS = {
    "postfixadmin": "SELECT goto FROM alias WHERE address = '%s'",
    "iredmail": "SELECT forwarding FROM forwardings WHERE address = '%s' ORDER BY forwarding",
    "ispmail": "SELECT destination FROM virtual_aliases WHERE source = '%s' ORDER BY destination",
}


def targets(scene: SqlScene, address: str) -> list[str]:
    """Where the host's own table sends mail of an address."""
    found = scene.database.rows(TARGETS[scene.schema] % address)
    return sorted(target for row in found for target in row[0].split(","))


def mail_host(scene: SqlScene, **changes: Any) -> MailHost:
    """The host, which has the mailbox anna@source.example."""
    scene.run(import_content=False, target_email="anna@source.example")
    options = {**scene.host_options(), **changes}
    kind, _ = options.pop("host_backend"), options.pop("state_dir")
    return open_backend(kind, options, "/nonexistent/domains")


def alias(address: str, *goes_to: str, is_list: bool = False) -> Alias:
    return Alias(parse_address(address), goes_to, is_list)


@every_kind
@pytest.mark.parametrize("is_list", [False, True])
def test_an_alias_is_made_once(sql_scene: NewScene, engine: str, schema: str, is_list: bool) -> None:
    scene = sql_scene(engine, schema)
    host = mail_host(scene)
    goes_to = ["anna@source.example", "ben@elsewhere.example"] if is_list else ["anna@source.example"]
    wanted = alias("team@source.example", *goes_to, is_list=is_list)
    before = rows(scene)
    assert host.add_alias(wanted, write=False) == AliasState("created")
    assert rows(scene) == before
    assert host.add_alias(wanted, write=True) == AliasState("created")
    assert targets(scene, "team@source.example") == goes_to
    after = rows(scene)
    for write in (False, True):
        assert host.add_alias(wanted, write=write) == AliasState("present")
        reverse = wanted._replace(targets=wanted.targets[::-1])
        assert host.add_alias(reverse, write=write) == AliasState("present")
    assert rows(scene) == after


@every_kind
def test_what_is_in_its_place_stays(sql_scene: NewScene, engine: str, schema: str) -> None:
    scene = sql_scene(engine, schema)
    host = mail_host(scene)
    host.add_alias(alias("team@source.example", "boss@elsewhere.example"), write=True)
    before = rows(scene)
    for write in (False, True):
        state, message = host.add_alias(alias("team@source.example", "anna@source.example"), write)
        assert state == "skipped" and "goes to boss@elsewhere.example on this host" in message
        more = alias("team@source.example", "anna@source.example", "boss@elsewhere.example", is_list=True)
        assert host.add_alias(more, write).state == "skipped"
        state, message = host.add_alias(alias("anna@source.example", "boss@elsewhere.example"), write)
        assert (state, message) == ("skipped", "anna@source.example is a mailbox on this host")
    assert rows(scene) == before


@pytest.mark.parametrize("schema", ["iredmail", "ispmail"])
def test_an_alias_that_the_database_takes_for_another(sql_scene: NewScene, schema: str) -> None:
    scene = sql_scene("mysql", schema)
    host = mail_host(scene)
    host.add_alias(alias("petr@source.example", "anna@source.example"), write=True)
    before = rows(scene)
    for address, other in (("p\u00e9tr@source.example", "petr"), ("\u00e4nna@source.example", "anna")):
        state, message = host.add_alias(alias(address, "anna@source.example"), write=True)
        assert state == "skipped" and "looks the same as %s@source.example" % other in message
    assert rows(scene) == before


@pytest.mark.parametrize(("engine", "schema"), [("mysql", "iredmail"), ("postgresql", "iredmail")])
def test_a_list_without_members_is_left_alone(sql_scene: NewScene, engine: str, schema: str) -> None:
    scene = sql_scene(engine, schema)
    host = mail_host(scene)
    scene.database.execute("INSERT INTO alias (address, domain) VALUES ('team@source.example', 'source.example')")
    state, message = host.add_alias(alias("team@source.example", "anna@source.example", is_list=True), write=True)
    assert state == "skipped" and "goes to nobody" in message


@pytest.mark.parametrize("engine", ["mysql", "postgresql", "sqlite"])
def test_a_refusal_in_the_middle_leaves_nothing(sql_scene: NewScene, engine: str) -> None:
    scene = sql_scene(engine, "ispmail")
    broken = [
        "INSERT INTO virtual_aliases (domain_id, source, destination) SELECT MIN(id), %(address)s, %(goto)s"
        " FROM virtual_domains WHERE name = %(domain)s",
        "DELETE FROM nonexistent WHERE name = %(goto)s",
    ]
    host = mail_host(scene, sql_statements={"create_alias": broken})
    before = rows(scene)
    with pytest.raises(MailImportError, match="its tables are not those of sql_schema"):
        host.add_alias(alias("team@source.example", "anna@source.example"), write=True)
    assert rows(scene) == before


@pytest.fixture
def company(sql_scene: NewScene, certificate: Any, authority: Any) -> Iterator[tuple[YandexScene, SqlScene]]:
    """Three people with an alias each, one of them dismissed, and lists, with a mail host of PostfixAdmin."""
    host = sql_scene("postgresql", "postfixadmin")
    made = Organization()
    made.add_domain("one.example", master=True)
    made.add_domain("two.example")
    anna = made.add_user("anna@one.example", aliases=["a.smith", "hostmaster"])
    ben = made.add_user("ben@one.example", aliases=["b"])
    carl = made.add_user("carl@two.example", aliases=["c"])
    gone = made.add_user("gone@one.example", aliases=["g"], isDismissed=True)
    made.add_group("All", "all@one.example", (anna, ben, carl))
    made.add_group("Ours", "ours@one.example", (anna, ben))
    made.groups[-1]["aliases"] = ["us"]
    made.add_group("Old", "old@one.example", (anna, gone))
    made.add_group("Nested", "nested@one.example", (anna,))
    made.groups[-1]["members"].append({"type": "group", "id": 1})
    made.add_group("Others", "others@two.example", (carl,))
    with (
        Service(made) as service,
        YandexImap(host.directory / "yandex", "yandex-aliases", service, certificate) as imap,
    ):
        scene = YandexScene(host.directory, service, host.host, imap.source_options(authority), imap).with_access()
        scene.options.update(host.host_options(), users_file=None, mail_home=None, uid=None, gid=None)
        scene.options.update(create_aliases=True, import_content=False)
        yield scene, host


def states(outcome: Any) -> dict[str, str]:
    return {entry["email"]: entry["state"] for entry in outcome.result["host_aliases"]}


def test_aliases_and_lists_of_an_organization(company: tuple[YandexScene, SqlScene]) -> None:
    scene, host = company
    ours = {"mailboxes": ["anna@*", "ben@*", "gone@*"]}
    expected = {
        "a.smith@one.example": "created",
        "hostmaster@one.example": "created",
        "b@one.example": "created",
        "g@one.example": "skipped",
        "all@one.example": "created",
        "ours@one.example": "created",
        "us@one.example": "created",
        "old@one.example": "skipped",
        "nested@one.example": "skipped",
        "others@two.example": "skipped",
    }
    before = rows(host)
    shown = scene.run(check_mode=True, **ours)
    assert (states(shown), shown.result["changed"], rows(host)) == (expected, True, before), shown.output
    assert "aliases: 6 to create, 0 present, 4 skipped, 0 failed" in shown.result["msg"]
    made = scene.run(**ours)
    assert (states(made), made.result["changed"]) == (expected, True), made.output
    assert "aliases: 6 created, 0 present, 4 skipped, 0 failed" in made.result["msg"]
    assert targets(host, "a.smith@one.example") == ["anna@one.example"]
    assert targets(host, "all@one.example") == ["anna@one.example", "ben@one.example", "carl@two.example"]
    assert targets(host, "us@one.example") == ["ours@one.example"]
    assert host.database.rows("SELECT address FROM alias WHERE domain <> 'one.example'") == []
    messages = {entry["email"]: entry["message"] for entry in made.result["host_aliases"]}
    assert messages["old@one.example"] == "not on this host: gone@one.example"
    assert "does not tell the addresses of all" in messages["nested@one.example"]
    assert messages["others@two.example"] == "no mailbox of domain two.example has been imported"
    after = rows(host)
    again = scene.run(**ours)
    assert set(states(again).values()) == {"present", "skipped"} and again.result["changed"] is False
    assert rows(host) == after


def test_aliases_of_mailboxes_that_were_there_before(company: tuple[YandexScene, SqlScene]) -> None:
    scene, host = company
    scene.run(mailboxes=["anna@*"], create_aliases=False)
    assert targets(host, "a.smith@one.example") == []
    (host.state_dir / "state.db").unlink()
    host.database.execute(
        "INSERT INTO alias (address, goto, domain) VALUES ('hostmaster@one.example', 'x@else.example', 'one.example')"
    )
    made = scene.run(mailboxes=["anna@*"])
    assert made.result["imports"][0]["state"] == "skipped" and made.result["changed"] is True
    found = states(made)
    assert (found["a.smith@one.example"], found["hostmaster@one.example"]) == ("created", "skipped")
    assert targets(host, "hostmaster@one.example") == ["x@else.example"]


def test_a_domain_of_somebody_elses_gets_no_alias(company: tuple[YandexScene, SqlScene]) -> None:
    scene, host = company
    scene.run(mailboxes=["anna@*"], create_aliases=False)
    before = rows(host)
    outcome = scene.run(mailboxes=["anna@*"], owner="another")
    assert outcome.result["imports"][0]["reason"] == "domain_owned_by_other"
    assert set(states(outcome).values()) == {"skipped"} and rows(host) == before


def test_a_database_that_refuses_an_alias_fails_the_task(company: tuple[YandexScene, SqlScene]) -> None:
    scene, _ = company
    broken = {"create_alias": "INSERT INTO nonexistent (address) VALUES (%(address)s)"}
    outcome = scene.run(mailboxes=["ben@*"], sql_statements=broken)
    assert outcome.result["failed"] and states(outcome)["b@one.example"] == "failed"
    assert "b@one.example failed: database" in outcome.result["msg"]


def test_hosts_without_a_table_of_aliases_say_so_at_once(company: tuple[YandexScene, SqlScene]) -> None:
    scene, host = company
    own = {
        "mailboxes": "SELECT username AS address FROM mailbox",
        "create_mailbox": "SELECT 1",
        "set_password": "SELECT 1",
    }
    before = rows(host)
    custom = scene.run(sql_schema="custom", sql_statements=own)
    assert custom.result["msg"] == "create_aliases needs sql_statements with aliases and create_alias"
    others = {name: None for name in host.host_options() if name.startswith(("login", "sql"))}
    for kind in ("dovecot", "none", "ispmanager"):
        outcome = scene.run(host_backend=kind, **others)
        assert outcome.result["failed"] and "imports" not in outcome.result
        assert "this kind of host has no table of aliases" in outcome.result["msg"]
    assert rows(host) == before
    outcome = scene.run(token=None, mailboxes=["anna@one.example"])
    assert "token is required with create_aliases" in outcome.result["msg"]
