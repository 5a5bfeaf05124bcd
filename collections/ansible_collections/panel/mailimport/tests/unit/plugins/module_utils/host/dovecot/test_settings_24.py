# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dovecot 2.4's language, from texts that its doveconf has printed."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.location import store_location
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.settings import (
    lacking_of_users,
    reads_passwd_file,
    users_file_of,
)
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.settings_24 import read_settings
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError

HEADER = "# 2.4.1-4 (7d8c0e5759): /etc/dovecot/dovecot.conf\n"
DEFAULTS = """
auth_cache_size = 0
auth_username_format = %{user | lower}
default_internal_group = dovecot
first_valid_gid = 1
first_valid_uid = 500
last_valid_gid = 0
last_valid_uid = 0
libexec_dir = /usr/lib/dovecot
mail_driver = maildir
mail_path = ~/Maildir
mailbox_auto = no
maildir_very_dirty_syncs = no
mailbox_list_layout = fs
mailbox_list_validate_fs_names = yes
mailbox_subscriptions_filename = subscriptions
namespace_disabled = no
namespace_inbox = no
namespace_list = yes
namespace_separator =
namespace_subscriptions = yes
namespace_type = private
passdb_deny = no
passdb_master = no
passwd_file_path =
quota_driver = count
"""
ENGLISH = """
group @mailbox_defaults english {
  namespace inbox {
    inbox = yes
    mailbox Junk {
      special_use = "\\\\Junk"
    }
    mailbox Sent {
      special_use = "\\\\Sent"
    }
  }
}
"""
INBOX = "namespace inbox {\n  inbox = yes\n%s}\n"
HOME = "/srv/example.org/anna"


def settings_of(text, layout=""):
    def doveconf(*arguments):
        if arguments == ("-a", "-s"):
            return HEADER + DEFAULTS + text
        if arguments == ("-f", "protocol=imap", "-N", "mailbox_list_layout"):
            return "mailbox_list_layout = %s\n" % layout if layout else ""
        assert arguments == ("-d", "@mailbox_defaults/english")
        return ENGLISH

    return read_settings(doveconf)


def store(text="", layout="", expand=None, **fields):
    user = {"uid": "5000", "gid": "5001", "home": HOME, "mail_path": HOME + "/Maildir", **fields}
    return store_location(user, settings_of(text, layout), expand or (lambda texts: texts))


def test_a_maildir_is_found():
    found = store()
    assert (found.uid, found.gid, found.driver, found.layout, found.separator) == (
        5000,
        5001,
        "maildir",
        "maildir++",
        ".",
    )
    assert (found.root, found.control, found.index) == (HOME + "/Maildir",) * 3
    assert (found.unsupported, found.scattered) == (None, None)


def test_the_layout_counts_only_when_it_is_configured():
    """`doveconf -a` prints that of other formats. Maildir++ names in such a mailbox make its owner's LISTs fail."""
    assert store(layout="fs").layout == "fs"
    assert store(layout="fs", mailbox_list_layout="maildir++").layout == "maildir++"
    assert store("", mailbox_list_layout="fs").layout == "fs"
    assert store("mail_driver = sdbox\n").layout == "fs"


def test_variables_in_paths_are_expanded_by_dovecot():
    def expand(texts):
        assert texts == ("%{home}/control", "/index/%{user | domain}")
        return (HOME + "/control", "/index/example.org")

    text = "mail_index_path = /index/%{user | domain}\nmail_control_path = %{home}/control\n"
    found = store(text, expand=expand)
    assert (found.control, found.index) == (HOME + "/control", "/index/example.org")
    assert store(text, expand=lambda _texts: ("x",), mail_index_path="MEMORY", mail_control_path="~/c").index is None


def test_a_mail_field_of_dovecot_2_3_is_ignored_as_dovecot_ignores_it():
    assert store(mail="mdbox:~/elsewhere").root == HOME + "/Maildir"
    assert store(mail="mdbox:~/elsewhere").driver == "maildir"


@pytest.mark.parametrize(
    ("words", "text", "fields"),
    [
        ("finds out by itself", "mail_driver = auto\n", {}),
        ("kept as sdbox", "", {"mail_driver": "sdbox"}),
        ("INBOX is kept outside", "mail_inbox_path = /var/mail/anna\n", {}),
        ("mailbox_list_storage_escape_char is set", "mailbox_list_storage_escape_char = ^\n", {}),
        ("mailbox_list_visible_escape_char is set", 'mailbox_list_visible_escape_char = "~"\n', {}),
        ("mail_alt_path is set", "mail_alt_path = /slow\n", {}),
        ("mailbox_list_utf8 is set", "mailbox_list_utf8 = yes\n", {}),
        ("mailbox_subscriptions_filename is set", "mailbox_subscriptions_filename = subs\n", {}),
        ("layout is index", "", {"mailbox_list_layout": "index"}),
        ("location of its own", INBOX % "  mail_path = ~/other\n", {}),
        ("subscriptions", INBOX % "  subscriptions = no\n", {}),
        ("several private", INBOX % "" + "namespace more {\n  prefix = More/\n}\n", {}),
        ("userdb changes the namespace", "", {"namespace/inbox/separator": "/"}),
        ("trusts its index", "maildir {\n  very_dirty_syncs = yes\n}\n", {}),
        ("trusts its index", "mailbox_list_index_very_dirty_syncs = yes\n", {}),
        ("layout is index", "maildir {\n  mailbox_list_layout = index\n}\n", {}),
        ("have attachments", "mail_attachment_detection_options {\n  add-flags = yes\n}\n", {}),
        ("have attachments", "mail_attachment_detection_options = add-flags content-type=!text/*\n", {}),
        ("mail_crypt", "mail_plugins = mail_crypt\n", {}),
        ("mail_crypt", "mail_plugins {\n  mail_crypt = yes\n}\n", {}),
        ("mail_crypt", "", {"mail_plugins/mail_crypt": "yes"}),
        ("mail_compress", "mail_plugins = mail_compress\nmail_compress_write_method = gz\n", {}),
        ("quota is counted", 'mail_plugins = quota\nquota "User quota" {\n  driver = maildir\n}\n', {}),
        ("quota is counted", 'mail_plugins = quota\nquota_driver = maildir\nquota "User quota" {\n}\n', {}),
        ("quota is counted", "mail_plugins = quota\n", {"quota/User/driver": "maildir"}),
    ],
)
def test_what_the_writer_of_files_must_not_touch(words, text, fields):
    assert words in store(text, **fields).unsupported


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("mail_plugins = mail_crypt\n", {"mail_plugins": ""}),
        ("mail_plugins = mail_crypt\n", {"mail_plugins/mail_crypt": "no"}),
        ("mail_plugins = mail_crypt\nprotocol imap {\n  mail_plugins {\n    mail_crypt = no\n  }\n}\n", {}),
        ("mail_plugins = mail_compress\n", {}),
        ("mbox {\n  very_dirty_syncs = yes\n}\n", {}),
        ('mail_plugins = quota\nquota "User quota" {\n  driver = count\n}\n', {}),
        (INBOX % "" + "namespace old {\n  list = no\n  prefix = INBOX.\n}\n", {}),
        (INBOX % "" + "namespace others {\n  type = shared\n}\n", {}),
        (INBOX % "" + "namespace off {\n  disabled = yes\n}\n", {}),
    ],
)
def test_what_does_not_concern_the_writer_of_files(text, fields):
    assert store(text, **fields).unsupported is None


def test_a1_prefixes_of_other_namespaces():
    others = {
        "old": "list = no\n  prefix = INBOX/",
        "all": "type = public\n  prefix = Public/",
        "off": "disabled = yes\n  prefix = Off/",
        "people": "type = shared\n  prefix = user/$user/",
    }
    blocks = "".join("namespace %s {\n  %s\n}\n" % other for other in others.items())
    assert store(INBOX % "" + blocks).others_prefixes == ("INBOX/", "Public/", "user/")


@pytest.mark.parametrize("protocol", ["imap", "!lmtp"])
def test_a_plugin_of_all_protocols_counts_when_imap_adds_another(protocol):
    added = "protocol %s {\n  mail_plugins {\n    imap_quota = yes\n  }\n}\n" % protocol
    assert "mail_crypt" in store("mail_plugins = mail_crypt\n" + added).unsupported
    assert "mail_crypt" in store("protocol %s {\n  mail_plugins = quota mail_crypt\n}\n" % protocol).unsupported


@pytest.mark.parametrize("protocol", ["!imap", "lmtp"])
def test_what_other_protocols_do_is_nothing_to_imap(protocol):
    text = "protocol %s {\n  mail_plugins {\n    mail_crypt = yes\n  }\n}\n" % protocol
    assert store(text).unsupported is None


def mailbox(name, *lines):
    return "  mailbox %s {\n%s  }\n" % (name, "".join("    %s\n" % line for line in lines))


def test_special_use_of_folders():
    sent = 'special_use = "\\\\Sent"'
    trash = mailbox("Trash", "special_use {", '"\\\\Trash" = yes', "}")
    boxes = mailbox('"Sent Messages"', sent) + mailbox("Sent", sent) + trash
    found = store(INBOX % (boxes + "  separator = /\n  prefix = INBOX/\n"))
    assert found.special_use == {"\\Sent": "Sent", "\\Trash": "Trash"}
    assert (found.separator, found.prefix) == ("/", "INBOX/")


def test_a_group_that_dovecot_brings_along_is_asked_for():
    gesendet = "  @mailbox_defaults = english\n" + mailbox("Gesendet", 'special_use = "\\\\Sent"', "auto = create")
    assert store(INBOX % gesendet).special_use == {"\\Junk": "Junk", "\\Sent": "Gesendet"}
    assert store("@mailbox_defaults = english\n").special_use == {"\\Junk": "Junk", "\\Sent": "Sent"}


def test_a_group_of_the_administrators_is_included():
    group = "group @ours plain {\n  mail_index_path = MEMORY\n  mail_plugins = mail_crypt\n}\n"
    found = store("@ours = plain\n" + group)
    assert found.index is None and "mail_crypt" in found.unsupported
    assert store("@ours = plain\nmail_plugins = quota\n" + group).unsupported is None


def passdb(name, text=""):
    return "passdb %s {\n%s}\n" % (name, text)


FILE = "  passwd_file_path = /etc/users\n"


@pytest.mark.parametrize(
    "text",
    [
        passdb("passwd-file", FILE),
        passdb("ours", FILE + "  driver = passwd-file\n"),
        passdb("ours", FILE + "  passdb_driver = passwd-file\n") + passdb("pam") + passdb("sql"),
        passdb("passwd-file", FILE + "  auth_username_format = %{user|lower}\n"),
        "passwd_file_path = /etc/users\n" + passdb("passwd-file"),
        passdb("passwd-file", FILE)
        + passdb("masters", "  driver = passwd-file\n  master = yes\n  passwd_file_path = /m\n"),
        passdb("passwd-file", FILE) + passdb("d", "  driver = passwd-file\n  deny = yes\n  passwd_file_path = /d\n"),
    ],
)
def test_the_users_file_is_found(text):
    settings = settings_of(text)
    assert users_file_of(settings) == "/etc/users"
    assert reads_passwd_file(settings, "/etc/users") and not reads_passwd_file(settings, "/etc/others")


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ("passdb: sql", passdb("sql")),
        ("passdb: none", ""),
        (
            "say with users_file",
            passdb("passwd-file", FILE) + passdb("o", "  driver = passwd-file\n  passwd_file_path = /o\n"),
        ),
        ("not one file", passdb("passwd-file", "  passwd_file_path = /etc/%{user | domain}/users\n")),
        ("not one file", passdb("passwd-file", FILE + "  auth_username_format = %{user | username}\n")),
        (
            "auth_username_format",
            passdb("passwd-file", FILE + "  auth_username_format = %{user}\n")
            + "auth_username_format = %{user | username}\n",
        ),
    ],
)
def test_d6_a_users_file_that_is_not_sure_is_refused_with_what_was_found(found, text):
    with pytest.raises(MailImportError, match=found):
        users_file_of(settings_of(text))


def test_a_file_for_each_domain_is_read():
    settings = settings_of(passdb("passwd-file", "  passwd_file_path = /etc/%{user | domain}/users\n"))
    assert reads_passwd_file(settings, "/etc/example.org/users")


@pytest.mark.parametrize(("printed", "last"), [("0", 0), ("unlimited", 0), ("7000", 7000)])
def test_bounds_of_ids(printed, last):
    assert settings_of("last_valid_uid = %s\n" % printed).valid_ids == {"uid": (500, last), "gid": (1, 0)}


def test_the_cache_of_logins():
    assert not settings_of("").caches_logins
    assert settings_of("auth_cache_size = 1M\n").caches_logins


USERDB = "userdb passwd-file {\n  driver = passwd-file\n  passwd_file_path = /etc/users\n%s}\n"


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        (USERDB % "", {"uid", "gid", "home"}),
        ("mail_uid = vmail\nmail_gid = vmail\n" + USERDB % "", {"home"}),
        (USERDB % "  fields {\n    uid:default = 5000\n  }\n", set()),
        (USERDB % "  userdb_fields {\n    uid = 5000\n  }\n", set()),
        (USERDB % "" + "userdb static {\n  driver = static\n}\n", set()),
        ("", set()),
    ],
)
def test_what_the_line_of_a_new_user_must_say(text, lacking):
    assert lacking_of_users(settings_of(text)) == lacking
