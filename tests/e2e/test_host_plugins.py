# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings and plugins of the mail host's Dovecot that do not bear files written past it, and some that do."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Optional

import pytest
from support.dovecot import Dovecot
from support.dovecot_words import OLD, words
from support.imap import Item
from support.mail import small_message
from support.scene import Scene, difference

NewHost = Callable[..., Dovecot]


def settings_for(plugins: str, old: str, new: str) -> str:
    """Plugins for all of Dovecot, those of IMAP for that only, and their settings in the languages of 2.3 and 2.4."""
    imap = "".join(words().imap_plugin_settings(name) for name in plugins.split() if name.startswith("imap_"))
    others = [name for name in plugins.split() if not name.startswith("imap_")]
    if words() is OLD:
        return "mail_plugins = $mail_plugins %s\nplugin {\n%s\n}\n%s" % (" ".join(others), old, imap)
    return "mail_plugins {\n%s}\n%s\n%s" % ("".join("  %s = yes\n" % plugin for plugin in others), new, imap)


def put(scene: Scene, folder: str, *numbers: int) -> None:
    with scene.source_session() as session:
        if (folder,) not in session.folders():
            session.create(folder)
        session.append(folder, [Item(small_message(number)) for number in numbers])


def counts(scene: Scene) -> dict[str, int]:
    """Messages by folder, as the mailbox's owner sees them."""
    return {"/".join(path): len(folder.messages) for path, folder in scene.host_account().folders.items()}


def use(scene: Scene) -> None:
    """The owner looks through the mailbox, so that Dovecot has an index of all."""
    assert scene.host_account().folders


@pytest.mark.parametrize("setting", ["mailbox_list_index_very_dirty_syncs", "maildir_very_dirty_syncs"])
def test_a1_mail_of_a_later_run_is_seen_where_dovecot_trusts_its_index(
    scene: Scene, new_host: NewHost, setting: str
) -> None:
    scene.host = new_host(extra_config="%s = yes\n" % setting)
    put(scene, "INBOX", 1, 2)
    assert scene.run().entry["state"] == "completed"
    use(scene)
    put(scene, "INBOX", 3)
    put(scene, "Later", 4, 5, 6)

    entry = scene.run(state="latest").entry

    assert (entry["state"], entry["messages_copied"]) == ("completed", 4)
    assert counts(scene) == {"INBOX": 3, "Later": 3}
    assert entry["message_store"] == "imap" and "trusts its index" in entry["message_store_reason"]


# What tells that the plugin acted, in a file or in Dovecot's log.
_TOLD = {
    "notify_status": (
        "notify notify_status",
        "notify_status_dict = file:{told}",
        "mailbox_notify_status = yes\nnotify_status {{\n  dict file {{\n    path = {told}\n  }}\n}}",
        '"messages":3',
    ),
    "quota_clone": (
        "quota quota_clone",
        "quota = count:Mailbox\nquota_vsizes = yes\nquota_clone_dict = file:{told}",
        'quota "Mailbox" {{\n  driver = count\n}}\nquota_clone {{\n  dict file {{\n    path = {told}\n  }}\n}}',
        "priv/quota/messages\n3",
    ),
}


@pytest.mark.parametrize("plugin", sorted(_TOLD))
def test_c2_a_plugin_that_acts_as_messages_are_saved_does_so(
    scene: Scene, new_host: NewHost, place: Path, plugin: str
) -> None:
    plugins, old, new, telling = _TOLD[plugin]
    told = "%h/told" if words() is OLD else "%{home}/told"
    scene.host = new_host(extra_config=settings_for(plugins, old.format(told=told), new.format(told=told)))
    put(scene, "INBOX", 1, 2, 3)

    entry = scene.run().entry

    assert (entry["state"], entry["message_store"]) == ("completed", "imap"), entry["message"]
    assert plugin in entry["message_store_reason"]
    home = scene.host.home_of(scene.address)
    written = (home / "told").read_text() if (home / "told").exists() else scene.host.log()
    assert telling in written
    assert counts(scene) == {"INBOX": 3}


QUOTA = ("quota = count:Mailbox\nquota_vsizes = yes", 'quota "Mailbox" {\n  driver = count\n}')
NOWHERE = ("", "")

# Plugins, and their settings in both languages; None where a version has no such plugin.
_HARMLESS = {
    "acl": ("acl", "acl = vfile", "acl_driver = vfile"),
    "charset_alias": ("charset_alias", *NOWHERE),
    "imap_acl": ("acl imap_acl", "acl = vfile", "acl_driver = vfile"),
    "imap_quota": ("quota imap_quota", *QUOTA),
    "imap_zlib": ("imap_zlib", "", None),
    "last_login": (
        "last_login",
        "last_login_dict = file:%h/last",
        "last_login {\n  dict file {\n    path = %{home}/last\n  }\n}",
    ),
    "lazy_expunge": ("lazy_expunge", *NOWHERE),
    "mail_compress": ("mail_compress", None, ""),
    "mail_log": ("notify mail_log", *NOWHERE),
    "notify": ("notify", *NOWHERE),
    "quota": ("quota", *QUOTA),
    "virtual": ("virtual", *NOWHERE),
    "zlib": ("zlib", "", None),
}
_OBSTACLES = {
    "listescape": ("listescape", "", None),
    "mail_compress": ("mail_compress", None, "mail_compress_write_method = gz"),
    "mailbox_alias": ("mailbox_alias", "", None),
    "push_notification": ("notify push_notification", "push_notification_driver = dlog", "push_notification dlog {\n}"),
    "quota": ("quota", "quota = maildir:Mailbox", 'quota "Mailbox" {\n  driver = maildir\n}'),
    "replication": ("notify replication", "", None),
    "trash": ("quota trash", QUOTA[0] + "\ntrash = /dev/null", QUOTA[1]),
    "welcome": ("welcome", "welcome_script = welcome", "welcome_wait = no"),
    "zlib": ("zlib", "zlib_save = gz", None),
}


def host_with(new_host: NewHost, plugins: str, old: Optional[str], new: Optional[str]) -> Dovecot:
    if (old if words() is OLD else new) is None:
        pytest.skip("this version of Dovecot has no such plugin")
    return new_host(extra_config=settings_for(plugins, old or "", new or ""))


@pytest.mark.parametrize("plugin", sorted(_HARMLESS))
def test_files_are_written_beside_a_plugin_that_does_nothing_as_messages_are_saved(
    scene: Scene, new_host: NewHost, plugin: str
) -> None:
    scene.host = host_with(new_host, *_HARMLESS[plugin])
    put(scene, "INBOX", 1, 2)
    entry = scene.run().entry
    assert (entry["state"], entry["message_store"]) == ("completed", "maildir"), entry["message_store_reason"]
    assert entry["message_store_reason"] is None
    use(scene)
    put(scene, "INBOX", 3)
    put(scene, "Later", 4)
    assert scene.run(state="latest").entry["state"] == "completed"
    assert difference(scene.source_account(), scene.host_account()) == []


@pytest.mark.parametrize("plugin", sorted(_OBSTACLES))
def test_the_hosts_own_imap_writes_beside_a_plugin_that_acts_as_messages_are_saved(
    scene: Scene, new_host: NewHost, plugin: str
) -> None:
    scene.host = host_with(new_host, *_OBSTACLES[plugin])
    put(scene, "INBOX", 1, 2)
    put(scene, "Sent", 3)

    entry = scene.run().entry

    assert (entry["state"], entry["message_store"]) == ("completed", "imap"), entry["message"]
    assert entry["message_store_reason"]
    assert counts(scene) == {"INBOX": 2, "Sent": 1}
    assert not scene.run(state="latest").result["changed"]
