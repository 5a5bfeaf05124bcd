# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot import doveadm
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import Address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.host.conftest import open_host, running

ANNA = Address("anna", "example.org")
ODD_PASSWORDS = ["two words ", "'\"`$(id)\\", "{PLAIN}colon:semi;#", "пароль-密码", "-p", "x" * 511]


def test_created_mailboxes_open_with_their_passwords_only(server):
    host = open_host(server.config)
    mailboxes = [Address("user%d" % number, "example.org") for number in range(len(ODD_PASSWORDS))]
    for address, password in zip(mailboxes, ODD_PASSWORDS):
        host.create_mailbox(address, password, "customer")
        assert host.mailbox_exists(address)
    for address, password in zip(mailboxes, ODD_PASSWORDS):
        assert host.verify_password(address, password)
        assert not host.verify_password(address, password[:-1] + "+")


def test_only_a_salted_hash_is_written(instance):
    host = open_host(instance.config)
    for name in ("anna", "bert"):
        host.create_mailbox(Address(name, "example.org"), "secret-word", "customer")
    first, anna, bert = instance.users.read_text().splitlines()
    assert first == "# the first line"
    assert anna.startswith("anna@example.org:{SHA512-CRYPT}$6$") and anna.endswith("::::::")
    assert anna.split(":")[1] != bert.split(":")[1]
    assert "secret-word" not in anna


def test_password_set_again_and_again_in_one_second_counts_each_time(server):
    """Equal sizes within one second are one version to Dovecot, unless the file's time says otherwise."""
    host = open_host(server.config)
    host.create_mailbox(ANNA, "first", "customer")
    assert host.store_of(ANNA).uid == 5000
    for password in ("second", "third", "fourth"):
        host.set_password(ANNA, password)
        assert host.verify_password(ANNA, password)
    assert not host.verify_password(ANNA, "first")


def test_store_of_a_mailbox_created_right_now(server):
    host = open_host(server.config)
    for name in ("anna", "bert", "carl"):
        host.create_mailbox(Address(name, "example.org"), "secret-word", "customer")
        store = host.store_of(Address(name, "example.org"))
        home = "%s/vmail/example.org/%s" % (server.root, name)
        assert (store.uid, store.gid, store.driver) == (5000, 5000, "maildir")
        assert (store.root, store.control) == (home + "/Maildir", home + "/Maildir")
        assert store.index == "%s/index/example.org/%s" % (server.root, name)
        assert (store.layout, store.separator, store.prefix) == ("maildir++", "/", "INBOX/")
        assert store.special_use == {"\\Junk": "Junk", "\\Sent": "Sent"}
        assert store.unsupported is None


def test_a_mailbox_dovecot_was_asked_for_before_it_existed(server):
    host = open_host(server.config)
    with pytest.raises(MailImportError):
        host.store_of(ANNA)
    assert not host.verify_password(ANNA, "secret-word")
    host.create_mailbox(ANNA, "secret-word", "customer")
    assert host.verify_password(ANNA, "secret-word")
    assert host.store_of(ANNA).uid == 5000


def test_uid_gid_and_home_are_written_when_given(server):
    host = open_host(server.config, mail_home="/srv/%d/%n/%u", uid=7001, gid=7002)
    host.create_mailbox(ANNA, "secret-word", "customer")
    assert server.users.read_text().endswith(":7001:7002::/srv/example.org/anna/anna@example.org::\n")
    store = host.store_of(ANNA)
    assert (store.uid, store.gid, os.path.dirname(store.root)) == (7001, 7002, "/srv/example.org/anna/anna@example.org")


@pytest.mark.parametrize("home", ["relative/%n", "/srv/%h", "/srv/%n:x", "/srv/%"])
def test_a_home_that_is_no_path_is_refused(instance, home):
    with pytest.raises(MailImportError, match="mail_home") as refused:
        open_host(instance.config, mail_home=home).create_mailbox(ANNA, "secret-word", "customer")
    assert refused.value.reason == "host_refused"
    assert instance.users.read_bytes() == b"# the first line\n"


@pytest.mark.parametrize("password", ["", "two\nlines", "a\ttab", "\1", "return\r", "nul\0", "x" * 512])
def test_password_that_no_login_carries_is_refused_without_naming_it(instance, password):
    with pytest.raises(MailImportError) as refused:
        open_host(instance.config).create_mailbox(ANNA, password, "customer")
    assert refused.value.reason == "invalid_row"
    assert not password or password not in refused.value.message
    assert instance.users.read_bytes() == b"# the first line\n"


def test_neither_password_nor_hash_is_in_an_argument_list(server, tmp_path, monkeypatch):
    record = tmp_path / "arguments"
    wrapper = tmp_path / "doveadm"
    wrapper.write_text('#!/bin/sh\nprintf "%%s\\n" "$@" >> %s\nexec %s "$@"\n' % (record, shutil.which("doveadm")))
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    host = open_host(server.config)
    host.create_mailbox(ANNA, "secret-word", "customer")
    hashes = [server.users.read_text().split(":")[1]]
    assert host.verify_password(ANNA, "secret-word")
    host.set_password(ANNA, "another-word")
    hashes.append(server.users.read_text().split(":")[1])
    assert host.verify_password(ANNA, "another-word") and host.store_of(ANNA)
    arguments = record.read_text()
    assert "auth\ntest\n" in arguments
    for secret in ("secret-word", "another-word", "$6$", *hashes):
        assert secret not in arguments


def test_domains_are_those_of_the_users_file(instance):
    host = open_host(instance.config)
    assert host.domains() == set()
    instance.users.write_bytes(
        b"# x@comment.example\nAnna@Example.ORG:{PLAIN}x\nsystem:{PLAIN}x\nb@second.example:{PLAIN}x\n"
    )
    assert host.domains() == {"example.org", "second.example"}
    assert host.mailbox_exists(ANNA)


def test_what_a_template_answers_for_is_no_mailbox(instance):
    instance.configure(
        old="userdb {\n  driver = static\n  args = uid=5000 gid=5000 home=/srv/%u\n}\n",
        new="userdb static {\n  fields {\n    uid = 5000\n    gid = 5000\n    home = /srv/%{user}\n  }\n}\n",
    )
    assert not open_host(instance.config).mailbox_exists(ANNA)


def test_free_quota(server):
    host = open_host(server.config)
    field = "userdb_quota_storage_size=0" if server.speaks_new else "userdb_quota_rule=*:storage=0"
    server.users.write_text(
        "anna@example.org:{PLAIN}x::::::\nbert@example.org:{PLAIN}x::::::%s\n" % field, encoding="ascii"
    )
    assert host.store_of(ANNA)
    assert host.quota_free(ANNA) == 10 << 20
    assert host.quota_free(Address("bert", "example.org")) is None


def test_the_tightest_of_several_quotas_counts_and_no_less_than_nothing_is_free(server):
    host = open_host(server.config)
    server.configure(old="", new="quota Second {\n  driver = count\n}\n")
    first, second = "userdb_quota_rule=*:%s", "userdb_quota2=count:Second userdb_quota2_rule=*:%s"
    rules = {"tighter": "storage=4M", "wider": "storage=20M", "none": "storage=0", "messages": "messages=3"}
    full = "storage=1K"
    if server.speaks_new:
        first, second = "userdb_quota_%s", "userdb_quota/Second/%s"
        rules = {"tighter": "storage_size=4M", "wider": "storage_size=20M", "none": "storage_size=0"}
        rules["messages"] = "message_count=3"
        full = "storage_size=1K"
    users = {name: second % rule for name, rule in rules.items()}
    users["full"] = first % full
    server.users.write_text("".join("%s@example.org:{PLAIN}x::::::%s\n" % user for user in users.items()))
    cur = server.root / "vmail" / "example.org" / "full" / "Maildir" / "cur"
    cur.mkdir(parents=True)
    (cur / "1.mail:2,").write_text("x" * 5000)
    for path in (cur / "1.mail:2,", cur, cur.parent, cur.parent.parent, cur.parent.parent.parent):
        os.chown(path, 5000, 5000)
    free = {}
    for name in users:
        address = Address(name, "example.org")
        assert host.store_of(address)
        free[name] = host.quota_free(address)
    assert free == {"tighter": 4 << 20, "wider": 10 << 20, "none": 10 << 20, "messages": 10 << 20, "full": 0}


def test_server_that_is_not_running(instance):
    host = open_host(instance.config)
    host.create_mailbox(ANNA, "secret-word", "customer")
    for ask in (host.store_of, lambda address: host.verify_password(address, "secret-word")):
        with pytest.raises(MailImportError, match="is Dovecot running") as refused:
            ask(ANNA)
        assert refused.value.reason == "host_refused"
        assert "secret-word" not in refused.value.message


def test_a_new_mailbox_needs_a_server_that_runs(instance):
    with pytest.raises(MailImportError, match="is Dovecot running") as refused:
        open_host(instance.config).check_new_mailbox(ANNA)
    assert refused.value.reason == "host_refused"


def test_a_server_that_runs_is_ready_for_a_new_mailbox(server):
    open_host(server.config).check_new_mailbox(ANNA)


def test_whoever_is_added_after_the_check_is_known_at_once(server):
    """Dovecot looks at most once a second whether its users file has changed, so the check must not make it look."""
    host = open_host(server.config)
    host.check_new_mailbox(ANNA)
    host.create_mailbox(ANNA, "secret-word", "customer")
    assert doveadm.Doveadm(server.config).user(ANNA) is not None


def add_broken_database(server, kind):
    """Add one that Dovecot cannot read."""
    file = server.root / "unreadable"
    file.touch(mode=0o600)
    server.configure(
        old="%s {\n  driver = passwd-file\n  args = %s\n}\n" % (kind, file),
        new="%s broken {\n  driver = passwd-file\n  passwd_file_path = %s\n}\n" % (kind, file),
    )


def test_a_user_database_behind_that_is_down_is_no_server_that_is_down(instance):
    add_broken_database(instance, "userdb")
    with running(instance):
        open_host(instance.config).check_new_mailbox(ANNA)


def test_login_that_the_server_cannot_check_is_an_error_not_a_no(instance):
    host = open_host(instance.config, users_file=str(instance.users))
    with running(instance):
        assert host.verify_password(ANNA, "x") is False
    add_broken_database(instance, "passdb")
    with running(instance), pytest.raises(MailImportError, match="check the password"):
        host.verify_password(ANNA, "x")


WEAK_HASHES = [
    "$1$saltsalt$SSNWOg0o1.s0DTxb4BDhe1",
    "{MD5-CRYPT}$1$saltsalt$SSNWOg0o1.s0DTxb4BDhe1",
    "{PLAIN-MD5}e87a98a62d95c4632fcba2aecd8ac4ae",
    "{SMD5}kVKD4z0hZ5V2ZWtOcGtjcw==",
    "{UNKNOWN}x",
]


@pytest.mark.parametrize("weak", WEAK_HASHES)
def test_a_hash_that_dovecot_refuses_opens_for_nobody_and_is_replaced(server, weak):
    """Dovecot 2.4 cannot tell whether a password has a weak hash, no version whether it has one of unknown scheme."""
    if not server.speaks_new and "UNKNOWN" not in weak:
        pytest.skip("Dovecot 2.3 checks weak hashes")
    server.users.write_text("anna@example.org:%s::::::\n" % weak)
    host = open_host(server.config)
    assert host.verify_password(ANNA, "secret-word") is False
    host.set_password(ANNA, "secret-word")
    assert host.verify_password(ANNA, "secret-word")
    assert server.users.read_text().startswith("anna@example.org:{SHA512-CRYPT}$6$")


def test_a_hash_that_dovecot_refuses_is_no_server_that_is_down(instance):
    instance.users.write_text("anna@example.org:{PLAIN-MD5}e87a98a62d95c4632fcba2aecd8ac4ae::::::\n")
    with pytest.raises(MailImportError, match="is Dovecot running"):
        open_host(instance.config).verify_password(ANNA, "secret-word")


def test_unreadable_configuration(tmp_path, instance):
    with pytest.raises(MailImportError, match="No such file") as refused:
        open_host(str(tmp_path / "absent.conf")).domains()
    assert refused.value.reason == "host_refused"


def test_dovecot_is_not_installed(monkeypatch):
    monkeypatch.setattr(doveadm, "_PATH", "/nonexistent")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(MailImportError, match="install Dovecot"):
        open_host(None).domains()


def quota_table(monkeypatch, *lines):
    table = "".join(line + "\n" for line in ("Quota name\tType\tValue\tLimit\t%", *lines)).encode()
    completed = subprocess.CompletedProcess([], 0, table, b"")
    monkeypatch.setattr(doveadm.Doveadm, "_run", lambda *_arguments, **_options: completed)
    return doveadm.Doveadm(None).quota_free(ANNA, emptied=False)


def test_quotas_are_read_whatever_they_are_called(monkeypatch):
    assert quota_table(monkeypatch, "User quota\tSTORAGE\t10\t30\t33", "User quota\tMESSAGE\t5\t-\t0") == 20 << 10
    assert quota_table(monkeypatch, "a\tname\tof\tmany\twords\tSTORAGE\t10\t30\t33") == 20 << 10
    assert quota_table(monkeypatch, "\tSTORAGE\t10\t-\t0") is None
    assert quota_table(monkeypatch, "over\tSTORAGE\t40\t30\t133") == 0
    assert quota_table(monkeypatch) is None


@pytest.mark.parametrize(
    "line",
    [
        "User quota\tSTORAGE\terror\terror\terror",
        "User quota\tSTORAGE\t1.5\t3\t50",
        "User quota\tSTORAGE\t10\tunlimited\t0",
        "User quota\tSTORAGE",
        "STORAGE 10 30 33",
        "",
    ],
)
def test_a_quota_of_another_shape_is_told_in_one_line(monkeypatch, line):
    with pytest.raises(MailImportError, match="quota anna@example.org uses") as refused:
        quota_table(monkeypatch, line)
    assert refused.value.reason == "host_refused"


@pytest.mark.parametrize("kind", ["directory", "pipe", "behind a file", "not UTF-8"])
def test_a_users_file_that_cannot_be_read_is_one_clear_line(instance, kind):
    path = instance.root / "other"
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "behind a file":
        path.touch()
        path = path / "users"
    else:
        path.write_bytes(b"\xff\xfe\x00anna@example.org:\x80\n")
    host = open_host(instance.config, users_file=str(path))
    if kind == "not UTF-8":
        assert host.domains() == {"example.org"} and not host.mailbox_exists(ANNA)
        return
    for ask in (host.domains, lambda: host.mailbox_exists(ANNA), lambda: host.set_password(ANNA, "secret-word")):
        with pytest.raises(MailImportError, match="%s(: Not a directory| is no regular file)" % path) as refused:
            ask()
        assert refused.value.reason == "host_refused"


def with_settings(instance, new):
    """The mail host, with settings that Dovecot 2.4 reads."""
    if not instance.speaks_new:
        pytest.skip("Dovecot 2.3 has another language")
    instance.configure(old="", new=new)
    instance.users.write_text("anna@example.org:{PLAIN}x::::::\n")
    return open_host(instance.config)


def store_with(instance, new):
    """Where the mail of a mailbox is kept, asked of a server that runs with these settings."""
    host = with_settings(instance, new)
    with running(instance):
        return host.store_of(ANNA)


def test_a_plugin_of_all_protocols_is_seen_though_imap_adds_another(instance):
    """`doveconf -f protocol=imap` prints only what the protocol adds."""
    plugins = "mail_plugins {\n  mail_compress = yes\n}\nmail_compress_write_method = gz\n"
    imap = "protocol imap {\n  mail_plugins {\n    imap_quota = yes\n  }\n}\n"
    assert "compresses" in store_with(instance, plugins + imap).unsupported


def test_a_layout_that_nobody_has_configured_is_maildirs(instance):
    assert store_with(instance, "").layout == "maildir++"


@pytest.mark.parametrize("text", ["mailbox_list_layout = fs\n", "maildir {\n  mailbox_list_layout = fs\n}\n"])
def test_a_layout_that_is_configured_counts(instance, text):
    assert store_with(instance, text).layout == "fs"


def test_folders_of_a_group_that_dovecot_brings_along_have_their_special_use(instance):
    found = store_with(instance, "namespace inbox {\n  @mailbox_defaults = english\n}\n").special_use
    assert found == {"\\Drafts": "Drafts", "\\Junk": "Junk", "\\Sent": "Sent", "\\Trash": "Trash"}


def test_settings_of_the_users_file_count_and_those_of_dovecot_2_3_do_not(instance):
    host = with_settings(instance, "mail_control_path = %{home}/control/%{user | username}\n")
    fields = "userdb_mail=mdbox:~/old userdb_mail_path=~/New userdb_mail_index_path=MEMORY"
    instance.users.write_text("anna@example.org:{PLAIN}x::::::%s\n" % fields)
    with running(instance):
        found = host.store_of(ANNA)
    home = "%s/vmail/example.org/anna" % instance.root
    assert (found.driver, found.root, found.index) == ("maildir", home + "/New", None)
    assert (found.control, found.unsupported) == (home + "/control/anna", None)


def test_a_path_with_a_variable_that_dovecot_does_not_know_is_refused(instance):
    host = with_settings(instance, "mail_control_path = /control/%{nonesuch}\n")
    with running(instance), pytest.raises(MailImportError, match="nonesuch"):
        host.store_of(ANNA)


def test_c5_the_owner_of_mail_is_given_by_name(instance):
    text = Path(instance.config).read_text()
    for given in ("uid=5000 gid=5000 ", "    uid:default = 5000\n    gid:default = 5000\n"):
        text = text.replace(given, "")
    owners = "mail_uid = nobody\nmail_gid = daemon\nfirst_valid_uid = 1\n"
    Path(instance.config).write_text(text.replace("first_valid_uid = 5000\n", owners))
    instance.users.write_text("anna@example.org:{PLAIN}x::::::\n")
    with running(instance):
        found = open_host(instance.config).store_of(ANNA)
    assert (found.uid, found.gid) == (pwd.getpwnam("nobody").pw_uid, grp.getgrnam("daemon").gr_gid)
