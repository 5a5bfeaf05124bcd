# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands beside `migration` in a migration file."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.options import (
    refuse_foreign_options,
    refuse_loops,
    refuse_secrets_in_clear,
)


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        ("google", "tenant", "tenant is an option of the source microsoft365, and migration.source is google"),
        ("csv", "service_account_src", "service_account_src is an option of the source google, and "),
        ("yandex", "src", "src is an option of the source csv, and "),
        ("csv", "client_secret", "client_secret is an option of the source yandex or microsoft365, and "),
    ],
)
def test_an_option_of_another_source_is_refused(source, name, words):
    refuse_foreign_options(source, ["vault_secret", "host_backend", "migration", "queues"])
    with pytest.raises(MailImportError) as refused:
        refuse_foreign_options(source, ["owner", name])
    assert refused.value.message.startswith(words)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("client_secret: abc", "client_secret"),
        ("token: 'y0_abc'", "token"),
        ("password: 1234", "password"),
        ("login_password: abc", "login_password"),
        ("passwords: {anna@example.org: abc}", "passwords"),
        ('service_account: {private_key: "-----BEGIN PRIVATE KEY-----"}', "service_account"),
        ("mailboxes:\n  - {email: a@example.org, password: abc}", "password of mailboxes"),
        ("client_secret: '{{ vault_secret }}'", None),
        ("client_secret: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162", None),
        ("passwords: {anna@example.org: '{{ vault_anna }}'}", None),
        ("passwords: '{{ vault_passwords }}'", None),
        ("mailboxes: [anna@example.org]", None),
        ("mailboxes:\n  - {email: a@example.org, password: !vault 'x'}", None),
        ("client_secret:", None),
        ("client_secret: !vault-encrypted |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162", None),
        ("client_secret: !unsafe '{{abc'", "client_secret"),
        ("? [a, b]\n: 1\ntoken: abc", "token"),
        ("? {a: b}\n: 1\nmailboxes:\n  - ? [a]\n    : 1\n    password: abc", "password of mailboxes"),
        ("all: &all {client_secret: abc}\n<<: *all", "client_secret"),
        ("all: &all {<<: {client_secret: abc}}\n<<: [{a: b}, *all]", "client_secret"),
        ("all: &all {client_secret: '{{ vault_secret }}'}\n<<: *all", None),
        ("all: &all {password: abc}\nmailboxes:\n  - {email: a@example.org, <<: *all}", "password of mailboxes"),
        ("row: &row {email: a@example.org, password: abc}\nmailboxes: [*row]", "password of mailboxes"),
        ("service_account_src: key.json", None),
    ],
)
def test_a_secret_in_clear_is_refused(tmp_path, line, found):
    check_refusal(tmp_path, "migration: {name: x}\n%s\n" % line, found)


def check_refusal(tmp_path, text, found):
    """What is `found` in such a file is refused, and not shown; None when nothing is wrong with it."""
    file = tmp_path / "migration.yml"
    file.write_text(text)
    refuse_loops(str(file))
    if not found:
        refuse_secrets_in_clear(str(file))
        return
    with pytest.raises(MailImportError) as refused:
        refuse_secrets_in_clear(str(file))
    assert refused.value.message.startswith("migration.yml: %s is there in clear: encrypt it" % found)
    assert "abc" not in refused.value.message and "1234" not in refused.value.message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("migration: &m\n  <<: *m\n  name: x\n", 1),
        ("migration: {name: x}\nclient_secret: &s\n  a: [*s]\n", 2),
        ("migration: {name: x}\nmailboxes: &l\n  - email: a@example.org\n    password: [1, *l]\n", 2),
        ("migration: {name: x}\nall: &all [&one [*all], *one]\n", 2),
    ],
)
def test_what_contains_itself_is_refused(tmp_path, text, line):
    (tmp_path / "migration.yml").write_text(text)
    with pytest.raises(MailImportError) as refused:
        refuse_loops(str(tmp_path / "migration.yml"))
    assert refused.value.message == (
        "migration.yml, line %d: this holds an alias (*) of itself: write out what it is to stand for" % line
    )


def test_an_alias_may_be_used_often(tmp_path):
    lists = "\n".join("l%d: &l%d [*l%d, *l%d]" % (at, at, at - 1, at - 1) for at in range(1, 40))
    check_refusal(tmp_path, "migration: {name: x}\nl0: &l0 [1]\n%s\n" % lists, None)


@pytest.mark.parametrize(
    ("webhook", "found"),
    [
        ("https://chat.example/hooks/abc", "migration.notices.webhook"),
        ("!vault 'x'", None),
        ("'{{ vault_webhook }}'", None),
    ],
)
def test_a_webhook_is_as_good_as_a_password(tmp_path, webhook, found):
    check_refusal(tmp_path, "migration: {notices: {sender: it@example.org, webhook: %s}}\n" % webhook, found)


@pytest.mark.parametrize(
    "text", ["? [a]\n: 1\n", "$ANSIBLE_VAULT;1.1;AES256\n6162\n", "token: abc\n", "- a\n", "a: [", ""]
)
def test_other_files_are_nobodys_business(tmp_path, text):
    (tmp_path / "vars.yml").write_text(text)
    for name in ("vars.yml", "missing.yml"):
        refuse_loops(str(tmp_path / name))
        refuse_secrets_in_clear(str(tmp_path / name))
