# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.settings import (
    parse_settings,
    users_file_of,
)
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError

HEADER = "# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf\n"


def passdb(arguments, **settings):
    values = {"driver": "passwd-file", "args": arguments, "master": "no", "deny": "no", **settings}
    return "passdb {\n%s}\n" % "".join("  %s = %s\n" % entry for entry in values.items())


def settings_with(*blocks, username_format="%Lu"):
    return parse_settings(HEADER + "auth_username_format = %s\n" % username_format + "".join(blocks))


def test_blocks_names_and_values():
    text = (
        "mail_plugins =  quota zlib\nssl_key = # hidden\nempty = \nnamespace inbox {\n  prefix = A = B\n"
        '  mailbox "Sent {x} Messages" {\n    auto = no\n  }\n}\nlast = 1\n'
    )
    settings = parse_settings(HEADER + text)
    assert settings.mail_plugins() == {"quota", "zlib"}
    (namespace,) = settings.all("namespace")
    assert (namespace.name, namespace.get("prefix")) == ("inbox", "A = B")
    (mailbox,) = namespace.all("mailbox")
    assert (mailbox.name, mailbox.get("auto")) == ("Sent {x} Messages", "no")
    assert (settings.get("last"), settings.get("empty"), settings.get("absent")) == ("1", "", "")


@pytest.mark.parametrize("header", ["", "# 2.4.1 (abc): x\n", "# 2.2.36 (abc): x\n"])
def test_other_versions_are_refused(header):
    with pytest.raises(MailImportError, match=r"only 2\.3 is supported") as refused:
        parse_settings(header + "mail_plugins = \n")
    assert refused.value.reason == "host_refused"


@pytest.mark.parametrize(
    "arguments", ["/etc/users", "username_format=%u /etc/users", "scheme=CRYPT username_format=%Lu /etc/users"]
)
def test_users_file_is_found_beside_master_and_denied_users(arguments):
    others = (passdb("/etc/masters", master="yes"), passdb("/etc/denied", deny="yes"), passdb("", driver="pam"))
    assert users_file_of(settings_with(*others, passdb(arguments))) == "/etc/users"


@pytest.mark.parametrize(
    "settings",
    [
        settings_with(),
        settings_with(passdb("/etc/masters", master="yes")),
        settings_with(passdb("/etc/users"), passdb("/etc/other")),
        settings_with(passdb("username_format=%n /etc/users")),
        settings_with(passdb("/etc/%d/users")),
        settings_with(passdb("/etc/users"), username_format="%Ln"),
    ],
)
def test_users_file_that_is_not_sure_is_refused(settings):
    with pytest.raises(MailImportError) as refused:
        users_file_of(settings)
    assert refused.value.reason == "host_refused"
