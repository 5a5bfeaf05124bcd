# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports into hosts whose mailboxes are in a database: each schema on each engine, with a Dovecot that asks it."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from typing import Any, Callable

import pytest
from support.dovecot import wait_until
from support.forked_module import killed_at_statement, run_forked
from support.imap import Item
from support.mail import small_message
from support.run import finish_module
from support.scene import difference

from .conftest import KINDS, SqlScene

NewScene = Callable[..., SqlScene]

every_kind = pytest.mark.parametrize(("engine", "schema"), KINDS)

# What the database holds of mailboxes, by schema: everything that an import may have to do with.
_TABLES = {
    "postfixadmin": ("domain", "mailbox", "alias", "domain_admins"),
    "iredmail": ("domain", "mailbox", "forwardings", "alias", "domain_admins"),
    "ispmail": ("virtual_domains", "virtual_users", "virtual_aliases"),
}


def rows(scene: SqlScene) -> dict[str, list[tuple[object, ...]]]:
    return {table: sorted(scene.database.rows("SELECT * FROM %s" % table), key=repr) for table in _TABLES[scene.schema]}


@every_kind
def test_a_mailbox_is_created_filled_and_then_left_alone(sql_scene: NewScene, engine: str, schema: str) -> None:
    scene = sql_scene(engine, schema)
    before = rows(scene)
    shown = scene.run(check_mode=True).entry
    assert (shown["created"], shown["changed"]) == (True, True), shown["message"]
    assert rows(scene) == before
    entry = scene.run().entry
    assert (entry["state"], entry["created"], entry["changed"]) == ("completed", True, True), entry["message"]
    assert difference(scene.source_account(), scene.host_account()) == []
    after = rows(scene)
    again = scene.run()
    assert (again.result["changed"], again.entry["state"], again.entry["created"]) == (False, "completed", False)
    assert rows(scene) == after


@every_kind
def test_a_mailbox_of_somebodys_is_skipped_merged_and_replaced(sql_scene: NewScene, engine: str, schema: str) -> None:
    scene = sql_scene(engine, schema)
    scene.run(import_content=False, target_password="hers")
    with scene.host_session("hers") as session:
        session.append("INBOX", [Item(small_message(1, "hers"))])
    before = rows(scene)
    (scene.state_dir / "state.db").unlink()
    skipped = scene.run().entry
    assert (skipped["state"], skipped["changed"]) == ("skipped", False), skipped["message"]
    assert rows(scene) == before
    merged = scene.run(ignore_existing=False, existing_content="merge").entry
    assert (merged["state"], merged["created"]) == ("completed", False), merged["message"]
    here = scene.host_account("hers").folders
    assert len(here["INBOX",].messages) == len(scene.source_account().folders["INBOX",].messages) + 1
    assert rows(scene) == before
    replaced = scene.run(ignore_existing=False, existing_content="replace", force=True).entry
    assert (replaced["state"], bool(replaced["replaced_to"])) == ("completed", True), replaced["message"]
    assert difference(scene.source_account(), scene.host_account()) == []
    assert not scene.host.accepts_password(scene.address, "hers")


@every_kind
def test_a_password_is_changed_and_the_old_one_opens_no_more(sql_scene: NewScene, engine: str, schema: str) -> None:
    """The server caches logins for an hour here, as such hosts do."""
    scene = sql_scene(engine, schema, extra_config="auth_cache_size = 1M\n")
    assert not scene.host.accepts_password(scene.address, "first word")
    scene.run(target_password="first word")
    assert scene.host.accepts_password(scene.address, "first word")
    changed = scene.run(target_password="second word", update_password="always")
    assert changed.result["changed"], changed.entry["message"]
    assert scene.host.accepts_password(scene.address, "second word")
    assert not scene.host.accepts_password(scene.address, "first word")
    assert not scene.run(target_password="second word", update_password="always").result["changed"]


@every_kind
def test_the_domain_is_declared_once(sql_scene: NewScene, engine: str, schema: str) -> None:
    scene = sql_scene(engine, schema)
    scene.run(import_content=False)
    scene.run(import_content=False, target_email="other@source.example")
    table, column = ("virtual_domains", "name") if schema == "ispmail" else ("domain", "domain")
    found = scene.database.rows("SELECT %s FROM %s WHERE %s = 'source.example'" % (column, table, column))
    assert found == [("source.example",)]
    assert not (scene.state_dir / "domains").exists()


@pytest.mark.parametrize("engine", ["mysql", "postgresql", "sqlite"])
def test_the_owner_is_the_domains_administrator(sql_scene: NewScene, engine: str) -> None:
    scene = sql_scene(engine, "postfixadmin")
    now, yes = ("datetime('now')", 1) if engine == "sqlite" else ("NOW()", "TRUE" if engine == "postgresql" else 1)
    scene.database.execute(
        "INSERT INTO admin (username, password, created, modified, active)"
        " VALUES ('boss@source.example', '', %s, %s, %s)" % (now, now, yes)
    )
    scene.run(import_content=False, owner="boss@source.example")
    owners = scene.database.rows("SELECT username FROM domain_admins WHERE domain = 'source.example'")
    assert owners == [("boss@source.example",)]
    other = scene.run(import_content=False, target_email="b@source.example", owner="another").entry
    assert (other["state"], other["reason"]) == ("failed", "domain_owned_by_other")
    assert "boss@source.example" in other["message"]


@every_kind
def test_an_alias_of_that_name_is_in_the_way(sql_scene: NewScene, engine: str, schema: str) -> None:
    scene = sql_scene(engine, schema)
    scene.run(import_content=False, target_email="first@source.example")
    alias = "team@source.example"
    scene.database.execute(
        {
            "postfixadmin": "INSERT INTO alias (address, goto, domain)"
            " VALUES ('%s', 'first@source.example', 'source.example')",
            "iredmail": "INSERT INTO forwardings (address, forwarding, domain, is_alias)"
            " VALUES ('%s', 'first@source.example', 'source.example', 1)",
            "ispmail": "INSERT INTO virtual_aliases (domain_id, source, destination)"
            " SELECT id, '%s', 'first@source.example' FROM virtual_domains",
        }[schema]
        % alias
    )
    before = rows(scene)
    entry = scene.run(target_email=alias).entry
    assert (entry["state"], entry["reason"]) == ("failed", "host_refused")
    assert "is an alias or a list on this host" in entry["message"]
    assert rows(scene) == before


def refused(scene: SqlScene, check_mode: bool = False, **changes: Any) -> str:
    """The message of an import that the host refuses, which has altered nothing in the database."""
    before = rows(scene)
    entry = scene.run(check_mode=check_mode, import_content=False, **changes).entry
    assert (entry["state"], entry["changed"]) == ("failed", False), entry["message"]
    assert rows(scene) == before
    return entry["message"]


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("engine", ["mysql", "postgresql", "sqlite"])
def test_another_schema_is_told(sql_scene: NewScene, engine: str, check_mode: bool) -> None:
    scene = sql_scene(engine, "ispmail")
    message = refused(scene, check_mode, sql_schema="postfixadmin")
    assert "its tables are not those of sql_schema" in message and "\n" not in message


@pytest.mark.parametrize("engine", ["mysql", "postgresql"])
def test_missing_rights_are_told(sql_scene: NewScene, engine: str) -> None:
    scene = sql_scene(engine, "postfixadmin")
    reader = (
        "CREATE USER reader%d@localhost IDENTIFIED BY 'reads'"
        if engine == "mysql"
        else "CREATE ROLE reader%d LOGIN PASSWORD 'reads'"
    )
    number = abs(hash(scene.address)) % 10**8
    name = "reader%d" % number
    admin = scene.database_server.open("mysql" if engine == "mysql" else "postgres")
    admin.execute(reader % number)
    if engine == "mysql":
        admin.execute("GRANT SELECT ON %s.* TO %s@localhost" % (scene.database.options["login_db"], name))
    else:
        scene.database.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO %s" % name)
    message = refused(scene, login_user=name, login_password="reads")
    assert "login_user may not do that" in message


@pytest.mark.parametrize("engine", ["mysql", "postgresql", "sqlite"])
def test_a_database_that_is_not_there_is_told(sql_scene: NewScene, engine: str) -> None:
    scene = sql_scene(engine, "postfixadmin")
    other = "/nonexistent/vmail.db" if engine == "sqlite" else "nonexistent"
    message = refused(scene, check_mode=True, login_db=other)
    assert "nonexistent" in message and "\n" not in message


def test_a_quota_that_the_column_cannot_hold(sql_scene: NewScene) -> None:
    scene = sql_scene("mysql", "ispmail")
    for check_mode in (True, False):
        assert "the column holds at most 2147483647 bytes" in refused(scene, check_mode, quota="2G")
    assert scene.run(import_content=False, quota="1G").entry["created"]
    assert scene.database.rows("SELECT quota FROM virtual_users") == [(2**30,)]


@pytest.mark.parametrize(("engine", "schema"), [("mysql", "iredmail"), ("mysql", "ispmail")])
def test_an_address_that_the_database_takes_for_another(sql_scene: NewScene, engine: str, schema: str) -> None:
    scene = sql_scene(engine, schema)
    scene.run(import_content=False, target_email="petr@source.example")
    for check_mode in (True, False):
        message = refused(scene, check_mode, target_email="p\u00e9tr@source.example")
        assert "looks the same as petr@source.example" in message


@every_kind
def test_limits_of_the_domain_hold(sql_scene: NewScene, engine: str, schema: str) -> None:
    if schema == "ispmail":
        pytest.skip("the ISPmail guide's tables have no limits")
    scene = sql_scene(engine, schema)
    scene.run(import_content=False, target_email="first@source.example")
    scene.database.execute("UPDATE domain SET mailboxes = 1")
    assert "may have 1 mailboxes and has them" in refused(scene, check_mode=True)


def test_a_locked_database_is_waited_for_and_then_told(sql_scene: NewScene, monkeypatch: Any) -> None:
    scene = sql_scene("sqlite", "postfixadmin")
    with closing(sqlite3.connect(scene.database.options["login_db"], isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        process = scene.start(import_content=False)
        wait_until(lambda: scene.state_dir.exists(), "the import to begin")
        other.execute("ROLLBACK")
    entry = finish_module(process).entry
    assert entry["created"], entry["message"]


def sizes(scene: SqlScene) -> dict[str, int]:
    return {table: len(found) for table, found in rows(scene).items()}


def grown(scene: SqlScene, before: dict[str, int]) -> dict[str, int]:
    return {table: size - before[table] for table, size in sizes(scene).items()}


# A schema on each engine: a transaction is the engine's business.
@pytest.mark.parametrize(
    ("engine", "schema"), [("mysql", "postfixadmin"), ("postgresql", "iredmail"), ("sqlite", "ispmail")]
)
def test_killed_between_any_two_statements(sql_scene: NewScene, engine: str, schema: str) -> None:
    """Each place in turn is the last that a run comes to; the next run goes on, and no row is left over."""
    scene = sql_scene(engine, schema)
    before = sizes(scene)
    scene.run(import_content=False, target_email="anna@whole.example")
    nothing, whole = dict.fromkeys(before, 0), grown(scene, before)
    for place in itertools.count(1):
        before = sizes(scene)
        arguments = scene.arguments(import_content=False, target_email="anna@d%d.example" % place)
        killed = run_forked(arguments, scene.directory, killed_at_statement(place))
        assert grown(scene, before) in (nothing, whole), "killed at place %d" % place
        entry = run_forked(arguments, scene.directory).entry
        assert entry["state"] == "completed", entry["message"]
        assert grown(scene, before) == whole
        if killed.returncode == 0:
            break
    assert place > 2 * len(whole)
