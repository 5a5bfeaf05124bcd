# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists on the controller, through Ansible's own loader of files."""

from __future__ import annotations

import json
import re
import traceback
from typing import Any, List

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.plugin_utils.mailbox_list import read_list

SECRETS = [("default", VaultSecret(b"swordfish"))]


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Write a list under a name and read it."""
    monkeypatch.setattr("ansible.constants.DEFAULT_LOCAL_TMP", str(tmp_path / "controller"))
    (tmp_path / "controller").mkdir()
    loader = DataLoader()
    loader.set_vault_secrets(SECRETS)

    def write_and_read(name: str, data: bytes) -> List[Any]:
        (tmp_path / name).write_bytes(data)
        return [(row.place, dict(row.values), row.problem) for row in read_list(loader, str(tmp_path / name))]

    return write_and_read


def encrypted(data: bytes) -> bytes:
    return VaultLib(SECRETS).encrypt(data)


def test_csv_and_yaml_are_told_apart_by_the_name(read):
    values = {"email": "anna@example.org", "password": "secret"}
    assert read("list.csv", b"anna@example.org,secret") == [("line 1", values, None)]
    assert read("list.txt", b"anna@example.org,secret") == [("line 1", values, None)]
    assert read("list.yml", b"- {email: anna@example.org, password: secret}") == [("entry 1", values, None)]
    assert read("list.json", json.dumps([values]).encode()) == [("entry 1", values, None)]


def test_csv_in_a_vault_leaves_no_plain_copy_behind(read, tmp_path):
    assert read("list.csv", encrypted(b"anna@example.org,geh31m"))[0][1]["password"] == "geh31m"
    assert list((tmp_path / "controller").iterdir()) == []
    with pytest.raises(MailImportError):
        read("list.csv", encrypted(b"\xff"))
    assert list((tmp_path / "controller").iterdir()) == []


def test_yaml_in_a_vault_is_plain_data(read):
    values = read("list.yml", encrypted(b"- {email: anna@example.org, folders: [INBOX], password: geh31m}"))[0][1]
    assert json.loads(json.dumps(values)) == {"email": "anna@example.org", "folders": ["INBOX"], "password": "geh31m"}


def test_types_of_yaml_stay_and_null_is_not_given(read):
    assert read(
        "list.yaml", b"- {source_port: 993, force: true, source_timeout: 2.5, owner: null}\n- anna@example.org\n"
    ) == [
        ("entry 1", {"source_port": 993, "force": True, "source_timeout": 2.5}, None),
        ("entry 2", {}, "is not a mapping of names to values"),
    ]


@pytest.mark.parametrize("data", [b"", b"email: anna@example.org", b"anna@example.org,secret"])
def test_yaml_that_is_no_list_is_refused(read, data):
    with pytest.raises(MailImportError) as refused:
        read("list.yml", data)
    assert refused.value.reason == "invalid_row"


def test_what_cannot_be_opened_is_ansible_s_own_error(tmp_path):
    (tmp_path / "list.csv").write_bytes(encrypted(b"anna@example.org,geh31m"))
    for name in ("list.csv", "nothing.csv"):
        with pytest.raises(AnsibleError) as refused:
            read_list(DataLoader(), str(tmp_path / name))
        assert name in str(refused.value)


@pytest.mark.parametrize(
    "data",
    [
        b"- email: anna@example.org\n  password: geh31m\n- email: ben@example.org\n  password: geh31m: x\n",
        b"- email: anna@example.org\n  password: geh31m\n- email: ben@example.org\n  password: @geh31m\n",
        b"- email: anna@example.org\n  password: geh31m\n- email: ben@example.org\n  {password: geh31m",
        b"- email: anna@example.org\n  password: geh31m\n- email: ben@example.org\n  password: !geh31m\n",
    ],
)
@pytest.mark.parametrize("form", [bytes, encrypted])
def test_what_is_no_yaml_is_told_by_its_line_and_without_the_passwords_around_it(read, data, form):
    with pytest.raises(MailImportError) as raised:
        read("list.yml", form(data))
    told = "".join(traceback.format_exception(raised.type, raised.value, raised.value.__traceback__))
    assert "geh31m" not in told
    assert re.match(r"line \d is not YAML: .* needs quotes", raised.value.message)


def test_yaml_that_is_not_utf_8_is_refused_as_csv_is(read):
    with pytest.raises(MailImportError) as raised:
        read("list.yml", "- {email: anna@example.org, password: geheimnisträger}".encode("latin-1"))
    assert raised.value.message == "the file is not UTF-8: save it as UTF-8 (in spreadsheets: CSV UTF-8)"


class Undecryptable:
    """A value of `!vault` whose password nobody gave."""

    def __str__(self) -> str:
        raise AnsibleError("Decryption failed. - password: geh31m")


def test_a_vaulted_value_that_cannot_be_decrypted_is_told_without_the_passwords_around_it(read, monkeypatch):
    monkeypatch.setattr(
        DataLoader, "load", lambda *_arguments, **_options: [{"email": "anna@example.org", "password": Undecryptable()}]
    )
    with pytest.raises(MailImportError) as raised:
        read("list.yml", b"")
    told = "".join(traceback.format_exception(raised.type, raised.value, raised.value.__traceback__))
    assert "geh31m" not in told and "cannot be decrypted" in raised.value.message
