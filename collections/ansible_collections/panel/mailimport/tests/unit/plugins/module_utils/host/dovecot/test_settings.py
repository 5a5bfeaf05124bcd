# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.doveadm import Doveadm
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.sections import (
    parse_sections,
    strip_quotes,
    unquote,
)
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.server import DovecotServer
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.settings import (
    lacking_of_users,
    users_file_of,
)
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.settings_23 import read_settings
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError

HEADER = "# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf\n"


def passdb(arguments, **settings):
    values = {"driver": "passwd-file", "args": arguments, "master": "no", "deny": "no", **settings}
    return "passdb {\n%s}\n" % "".join("  %s = %s\n" % entry for entry in values.items())


def settings_with(*blocks, username_format="%Lu"):
    return read_settings(HEADER + "auth_username_format = %s\n" % username_format + "".join(blocks))


def test_blocks_names_and_values():
    text = (
        "mail_plugins =  quota zlib\nssl_key = # hidden\nempty = \nnamespace inbox {\n  prefix = A = B\n"
        '  mailbox "Sent {x} Messages" {\n    auto = no\n  }\n}\nlast = 1\n'
    )
    top = parse_sections(HEADER + text, strip_quotes)
    (namespace,) = top.all("namespace")
    assert (namespace.name, namespace.get("prefix")) == ("inbox", "A = B")
    (mailbox,) = namespace.all("mailbox")
    assert (mailbox.name, mailbox.get("auto")) == ("Sent {x} Messages", "no")
    assert (top.get("last"), top.get("empty"), top.get("absent")) == ("1", "", "")


def test_quotes_of_names_keys_and_values_are_taken_off():
    text = 'mailbox "A \\"quoted\\" name" {\n  special_use = "\\\\Sent"\n  "\\\\Junk" = yes\n  plain = a "b"\n}\n'
    (mailbox,) = parse_sections(text, unquote).all("mailbox")
    assert mailbox.name == 'A "quoted" name'
    assert mailbox.values == {"special_use": "\\Sent", "\\Junk": "yes", "plain": 'a "b"'}


@pytest.mark.parametrize("header", ["", "# 2.5.0 (abc): x\n", "# 2.2.36 (abc): x\n", "# 3.0.0 (abc): x\n"])
def test_other_versions_are_refused(header, monkeypatch):
    monkeypatch.setattr(Doveadm, "doveconf", lambda _self, *_arguments: header + "mail_plugins = \n")
    with pytest.raises(MailImportError, match=r"only 2\.3 and 2\.4 are supported") as refused:
        DovecotServer().settings  # noqa: B018
    assert refused.value.reason == "host_refused"


@pytest.mark.parametrize(
    "arguments", ["/etc/users", "username_format=%u /etc/users", "scheme=CRYPT username_format=%Lu /etc/users"]
)
def test_users_file_is_found_beside_master_and_denied_users(arguments):
    others = (passdb("/etc/masters", master="yes"), passdb("/etc/denied", deny="yes"), passdb("", driver="pam"))
    assert users_file_of(settings_with(*others, passdb(arguments))) == "/etc/users"


@pytest.mark.parametrize(
    ("found", "settings"),
    [
        ("passdb: none", settings_with()),
        ("passdb: none", settings_with(passdb("/etc/masters", master="yes"))),
        ("passdb: pam, sql.* passwd-file only", settings_with(passdb("/x", driver="sql"), passdb("", driver="pam"))),
        ("/etc/other, /etc/users: say with users_file", settings_with(passdb("/etc/users"), passdb("/etc/other"))),
        ("/etc/users, which is not one file of whole addr", settings_with(passdb("username_format=%n /etc/users"))),
        ("/etc/%d/users, which is not one file", settings_with(passdb("/etc/%d/users"))),
        ("auth_username_format", settings_with(passdb("/etc/users"), username_format="%Ln")),
    ],
)
def test_d6_a_users_file_that_is_not_sure_is_refused_with_what_was_found(found, settings):
    with pytest.raises(MailImportError, match=found) as refused:
        users_file_of(settings)
    assert refused.value.reason == "host_refused"


def test_d6_one_users_file_beside_another_database_is_taken():
    assert users_file_of(settings_with(passdb("", driver="sql"), passdb("/etc/users"))) == "/etc/users"


USERDB = "userdb {\n  driver = passwd-file\n  args = /etc/users\n  default_fields = %s\n  override_fields = %s\n}\n"


@pytest.mark.parametrize(
    ("blocks", "lacking"),
    [
        ([USERDB % ("", "")], {"uid", "gid", "home"}),
        (["mail_uid = vmail\n", "mail_home = /srv/%u\n", USERDB % ("", "")], {"gid"}),
        ([USERDB % ("uid=5000", "")], set()),
        ([USERDB % ("", "home=/srv/%u")], set()),
        ([USERDB % ("", ""), "userdb {\n  driver = prefetch\n}\n"], set()),
        ([], set()),
    ],
)
def test_what_the_line_of_a_new_user_must_say(blocks, lacking):
    assert lacking_of_users(settings_with(*blocks)) == lacking
