# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import grp
import pwd

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.location import store_location
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.settings_23 import read_settings
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError

HOME = "/srv/example.org/anna"


def store(mail="maildir:~/Maildir", namespaces="", settings="", **fields):
    user = {"uid": "5000", "gid": "5001", "home": HOME, "mail": mail, **fields}
    return store_location(user, read_settings("# 2.3.19 (x): x\n" + settings + namespaces), tuple)


def namespace(name="inbox", mailboxes="", **values):
    shown = {"type": "private", "inbox": "yes", "list": "yes", "disabled": "no", **values}
    return "namespace %s {\n%s%s}\n" % (name, "".join("%s = %s\n" % entry for entry in shown.items()), mailboxes)


def mailbox(name, use, auto="no"):
    return 'mailbox "%s" {\nspecial_use = %s\nauto = %s\n}\n' % (name, use, auto)


@pytest.mark.parametrize(
    ("mail", "root", "control", "index", "layout"),
    [
        ("maildir:~/Maildir", HOME + "/Maildir", HOME + "/Maildir", HOME + "/Maildir", "maildir++"),
        ("maildir:/m/anna/", "/m/anna", "/m/anna", "/m/anna", "maildir++"),
        ("maildir:~", HOME, HOME, HOME, "maildir++"),
        ("maildir:~/M:LAYOUT=fs:INDEX=MEMORY", HOME + "/M", HOME + "/M", None, "fs"),
        ("maildir:~/M:INDEX=/i/anna:CONTROL=~/c", HOME + "/M", HOME + "/c", "/i/anna", "maildir++"),
        ("maildir:/odd::path:VOLATILEDIR=/run/x:INBOX=/odd::path", "/odd:path", "/odd:path", "/odd:path", "maildir++"),
    ],
)
def test_directories_of_a_maildir(mail, root, control, index, layout):
    found = store(mail)
    assert (found.root, found.control, found.index, found.layout) == (root, control, index, layout)
    assert (found.uid, found.gid, found.driver) == (5000, 5001, "maildir")
    assert found.unsupported is None


@pytest.mark.parametrize(
    ("mail", "configured", "separator"),
    [("maildir:~/M", "", "."), ("maildir:~/M:LAYOUT=fs", "", "/"), ("sdbox:~/s", "", "/"), ("maildir:~/M", "/", "/")],
)
def test_separator_is_the_namespaces_or_the_layouts(mail, configured, separator):
    assert store(mail, namespace(separator=configured)).separator == separator
    if not configured:
        assert store(mail).separator == separator


def test_special_use_prefers_folders_that_are_made_and_ignores_patterns():
    mailboxes = (
        mailbox("A*", "\\Archive")
        + mailbox("Outbox", "\\Sent")
        + mailbox("Sent", "\\Sent", "subscribe")
        + mailbox("Mixed", "\\Drafts \\Important")
    )
    found = store(namespaces=namespace(mailboxes=mailboxes, prefix="INBOX/", separator="/"))
    assert found.special_use == {"\\Sent": "Sent", "\\Drafts": "Mixed", "\\Important": "Mixed"}
    assert found.prefix == "INBOX/"


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("kept as sdbox", {"mail": "sdbox:~/s"}),
        ("finds out by itself", {"mail": ""}),
        ("layout is index", {"mail": "maildir:~/M:LAYOUT=index"}),
        ("uses UTF-8", {"mail": "maildir:~/M:UTF-8"}),
        ("uses ITERINDEX", {"mail": "maildir:~/M:ITERINDEX"}),
        ("INBOX is kept outside", {"mail": "maildir:~/M:INBOX=~/inbox"}),
        ("not absolute", {"mail": "maildir:M"}),
        ("not absolute", {"mail": "maildir:~/M:CONTROL=c"}),
        ("chroot", {"chroot": "/jail"}),
        ("several private", {"namespaces": namespace() + namespace("more", inbox="no", prefix="More/")}),
        ("location of its own", {"namespaces": namespace(location="mdbox:~/m")}),
        ("subscriptions", {"namespaces": namespace(subscriptions="no")}),
        ("userdb changes the namespace", {"namespace/inbox/separator": "/"}),
        ("zlib", {"settings": "mail_plugins = zlib\nplugin {\n  zlib_save = gz\n}\n"}),
        ("zlib", {"settings": "mail_plugins = zlib\n", "zlib_save": "gz"}),
        ("mail_crypt", {"settings": "mail_plugins = mail_crypt\n"}),
        ("mail_crypt", {"mail_plugins": "mail_crypt"}),
        ("listescape", {"settings": "mail_plugins = listescape\n"}),
        ("quota is counted", {"settings": "mail_plugins = quota\nplugin {\n  quota = maildir:User quota\n}\n"}),
        (
            "quota is counted",
            {"settings": "mail_plugins = quota\nplugin {\n  quota = dict:User quota::file:/q/anna\n}\n"},
        ),
        (
            "quota is counted",
            {
                "settings": "mail_plugins = quota\nplugin {\n  quota = count:User quota\n  quota2 = "
                "dict:Domain::proxy::q\n}\n"
            },
        ),
        (
            "quota is counted",
            {"settings": "mail_plugins = quota\nplugin {\n  quota = count:User quota\n}\n", "quota2": "maildir:Domain"},
        ),
        (
            "quota is counted",
            {
                "settings": "mail_plugins = quota\nplugin {\n  quota = count:User quota\n}\n",
                "quota": "maildir:User quota",
            },
        ),
    ],
)
def test_what_the_writer_of_files_must_not_touch(words, arguments):
    assert words in store(**arguments).unsupported


@pytest.mark.parametrize(
    "arguments",
    [
        {"namespaces": namespace() + namespace("old", inbox="no", list="no", prefix="INBOX.")},
        {"namespaces": namespace() + namespace("shared", type="shared", inbox="no")},
        {"namespaces": namespace() + namespace("off", inbox="no", disabled="yes")},
        {"settings": "mail_plugins = zlib quota\nplugin {\n  quota = count:User quota\n}\n"},
        {"settings": "mail_plugins = zlib\nplugin {\n  quota = maildir:User quota\n}\n"},
        {"settings": "mail_plugins = quota\nplugin {\n  quota = maildir:User quota\n}\n", "quota": "count:User quota"},
        {"settings": "mail_plugins = mail_crypt\n", "mail_plugins": ""},
    ],
)
def test_what_does_not_concern_the_writer_of_files(arguments):
    assert store(**arguments).unsupported is None


def test_c5_owners_are_given_by_name_or_by_number():
    found = store(uid="nobody", gid="daemon")
    assert (found.uid, found.gid) == (pwd.getpwnam("nobody").pw_uid, grp.getgrnam("daemon").gr_gid)


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ("no uid for this mailbox, nor does mail_uid", {"uid": ""}),
        ("no gid for this mailbox, nor does mail_gid", {"gid": ""}),
        ("user nosuchuser, which does not exist", {"uid": "nosuchuser"}),
        ("group nosuchgroup, which does not exist", {"gid": "nosuchgroup"}),
        ("no home", {"home": ""}),
        ("root's", {"uid": "root"}),
    ],
)
def test_userdb_without_identity_or_home_is_refused(words, fields):
    with pytest.raises(MailImportError, match=words) as refused:
        store(**fields)
    assert refused.value.reason == "host_refused"


@pytest.mark.parametrize("fields", [{"uid": "0"}, {"gid": "0"}, {"uid": "00"}])
def test_mail_of_root_is_refused(fields):
    """Dovecot serves none, and what an untrusted source sends is not for root's eyes."""
    with pytest.raises(MailImportError, match="root") as refused:
        store(**fields)
    assert refused.value.reason == "host_refused"


def test_a1_prefixes_of_other_namespaces():
    others = [
        namespace("old", inbox="no", list="no", prefix="INBOX/"),
        namespace("all", inbox="no", type="public", prefix="Public/"),
        namespace("people", inbox="no", type="shared", prefix="user/%%u/"),
        namespace("off", inbox="no", type="public", prefix="Off/", disabled="yes"),
    ]
    assert store(namespaces=namespace() + "".join(others)).others_prefixes == ("INBOX/", "Public/", "user/")
    own = namespace(prefix="INBOX.", separator=".")
    assert store(namespaces=own + namespace("all", inbox="no", type="public", prefix="INBOX.All.")).others_prefixes == (
        "All.",
    )
