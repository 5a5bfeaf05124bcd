# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts of mailboxes, in an inventory in memory. That ansible-inventory makes the same is tested end to end."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible_collections.panel.mailimport.plugins.inventory import mailboxes
from ansible_collections.panel.mailimport.plugins.inventory.mailboxes import InventoryModule

DEFAULTS = {"src": "list.csv", "mail_host": "mail1", "mail_hosts": {}, "batch_size": 1}


@pytest.fixture
def inventory() -> InventoryData:
    data = InventoryData()
    for name in ("mail1", "mail2"):
        data.add_host(name)
    data.set_variable("mail1", "ansible_host", "192.0.2.1")
    return data


@pytest.fixture
def parse(tmp_path, inventory, monkeypatch):
    """Parse a list with options of the plugin into the inventory."""

    def run(rows: str, **options: Any) -> Dict[str, Any]:
        settings = {**DEFAULTS, **options}
        monkeypatch.setattr(InventoryModule, "_read_config_data", lambda self, path: None)
        monkeypatch.setattr(InventoryModule, "get_option", lambda self, name: settings[name])
        (tmp_path / settings["src"]).write_text(rows, encoding="utf-8")
        InventoryModule().parse(inventory, DataLoader(), str(tmp_path / "company.mailboxes.yml"))
        return {name: host.vars for name, host in inventory.hosts.items() if "mailimport_src" in host.vars}

    return run


def test_takes_files_of_its_name_only(tmp_path):
    for name, taken in (
        ("a.mailboxes.yml", True),
        ("a.mailboxes.yaml", True),
        ("mailboxes.yml", False),
        ("a.mailboxes.csv", False),
    ):
        (tmp_path / name).touch()
        assert InventoryModule().verify_file(str(tmp_path / name)) is taken
    assert not InventoryModule().verify_file(str(tmp_path / "missing.mailboxes.yml"))


def test_hosts_groups_and_variables(parse, inventory, tmp_path):
    hosts = parse("email,password,mail_host\nanna@example.org,x,\nben@example.com,x,mail2\n")
    assert hosts["anna@example.org"]["ansible_host"] == "192.0.2.1"
    assert hosts["ben@example.com"]["ansible_host"] == "mail2"
    assert hosts["ben@example.com"]["mailimport_src"] == str(tmp_path / "list.csv")
    groups = inventory.get_groups_dict()
    assert sorted(groups["mailboxes"]) == ["anna@example.org", "ben@example.com"]
    assert groups["domain_example_org"] == groups["mail_host_mail1"] == ["anna@example.org"]


def test_names_that_become_the_same_get_a_number(parse):
    assert list(parse("o'brien@example.org,x\no`brien@example.org,x\n")) == [
        "o_brien@example.org",
        "o_brien@example.org_2",
    ]


def test_one_mailbox_on_two_mail_hosts_is_two_hosts(parse):
    hosts = parse("email,mail_host\nanna@example.org,mail1\nanna@example.org,mail2\n")
    assert {name: variables["mailimport_mail_host"] for name, variables in hosts.items()} == {
        "anna@example.org": "mail1",
        "anna@example.org_2": "mail2",
    }


def test_the_row_s_mail_host_comes_before_the_domain_s_and_that_before_the_default(parse):
    hosts = parse(
        "email,mail_host\na@example.org,\nb@example.com,\nc@example.com,mail1\n", mail_hosts={"example.com": "mail2"}
    )
    assert [variables["mailimport_mail_host"] for variables in hosts.values()] == ["mail1", "mail2", "mail1"]


@pytest.mark.parametrize("size", [1, 3, 5])
def test_batches_hold_every_mailbox_once(parse, size):
    hosts = parse("".join("user%d@example.org,x\n" % number for number in range(10)), batch_size=size)
    assert [len(variables["mailimport_only"]) for variables in hosts.values()] == {
        1: [1] * 10,
        3: [3, 3, 3, 1],
        5: [5, 5],
    }[size]
    addresses = [address for variables in hosts.values() for address in variables["mailimport_only"]]
    assert addresses == ["user%d@example.org" % number for number in range(10)]


def test_nothing_is_added_when_a_row_is_bad(parse, inventory):
    with pytest.raises(AnsibleParserError):
        parse("anna@example.org,x\nben,x\n")
    assert set(inventory.hosts) == {"mail1", "mail2"}


def test_batch_size_must_be_a_size(parse):
    with pytest.raises(AnsibleParserError, match="batch_size"):
        parse("anna@example.org,x\n", batch_size=0)


def test_without_jsonschema_it_says_what_to_install(parse, monkeypatch):
    monkeypatch.setattr(mailboxes, "find_spec", lambda name: None)
    with pytest.raises(AnsibleParserError, match="pip install jsonschema"):
        parse("anna@example.org,x\n")
