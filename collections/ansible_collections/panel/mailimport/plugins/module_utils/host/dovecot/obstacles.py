# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dovecot's settings and plugins that decide whether its files may be written past it.

The one table of them. Whatever makes Dovecot not look at its files, or act when it saves a message, is an obstacle: the
host's own IMAP process writes then, and does what it always does. A plugin that is not in the table is one too.
`mail_host_guide.rst` shows the table to administrators, and a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Iterator, Optional

from .settings import UserSettings


@dataclass(frozen=True)
class Rule:
    """What a setting or plugin means for whoever writes files past Dovecot.

    `obstacle` is a clause that says why files must not be written, None when they may be; `harmless` says why they may.
    `holds` tells whether the obstacle is there, and `condition` says the same in words. Without the obstacle a plugin
    with a condition is harmless.
    """

    obstacle: Optional[str] = None
    harmless: str = ""
    condition: str = ""
    holds: Callable[[UserSettings], bool] = lambda _user: True


def _is_yes(name: str) -> Callable[[UserSettings], bool]:
    return lambda user: user.values.get(name) == "yes"


def _is_set(name: str) -> Callable[[UserSettings], bool]:
    return lambda user: bool(user.values.get(name))


def _has_word(name: str, *words: str) -> Callable[[UserSettings], bool]:
    return lambda user: bool(set(user.values.get(name, "").replace(",", " ").split()) & set(words))


_TRUSTED_INDEX = "Dovecot trusts its index and does not look for %s that it has not made itself"

SETTINGS: Dict[str, Rule] = {
    "mailbox_list_index_very_dirty_syncs": Rule(
        _TRUSTED_INDEX % "folders",
        condition="yes",
        holds=_is_yes("mailbox_list_index_very_dirty_syncs"),
    ),
    "maildir_very_dirty_syncs": Rule(
        _TRUSTED_INDEX % "messages",
        condition="yes",
        holds=_is_yes("maildir_very_dirty_syncs"),
    ),
    "mail_attachment_detection_options": Rule(
        "Dovecot marks messages that have attachments as they are saved",
        condition="with add-flags",
        holds=_has_word("mail_attachment_detection_options", "add-flags", "add-flags-on-save"),
    ),
}

_ONLY_COMMANDS = "adds IMAP commands and does nothing as messages are saved"
_COUNTS = "counts what processes do"

PLUGINS: Dict[str, Rule] = {
    "acl": Rule(harmless="says who else may open folders; new folders inherit that as any do"),
    "apparmor": Rule(harmless="confines Dovecot's processes"),
    "charset_alias": Rule(harmless="acts as messages are read"),
    "expire": Rule("the expire plugin notes when the oldest message of a folder was saved"),
    "fts": Rule(
        "the fts plugin indexes messages as they are saved",
        harmless="indexes messages as they are searched",
        condition="with fts_autoindex",
        holds=_is_yes("fts_autoindex"),
    ),
    "imap_acl": Rule(harmless=_ONLY_COMMANDS),
    "imap_filter_sieve": Rule(harmless=_ONLY_COMMANDS),
    "imap_old_stats": Rule(harmless=_COUNTS),
    "imap_quota": Rule(harmless=_ONLY_COMMANDS),
    "imap_sieve": Rule(
        harmless="runs scripts for what a mail program does (it may teach a spam filter), and an import is none; "
        "deliveries do not run them either"
    ),
    "imap_stats": Rule(harmless=_COUNTS),
    "imap_zlib": Rule(harmless="compresses connections"),
    "last_login": Rule(harmless="acts at logins"),
    "lazy_expunge": Rule(harmless="acts as messages are removed, and an import removes none one by one"),
    "listescape": Rule("the listescape plugin writes folder names its own way"),
    "mail_compress": Rule(
        "the mail_compress plugin compresses messages as they are saved",
        harmless="only reads compressed messages",
        condition="with mail_compress_write_method",
        holds=_is_set("mail_compress_write_method"),
    ),
    "mail_crypt": Rule("the mail_crypt plugin encrypts messages as they are saved"),
    "mail_crypt_acl": Rule("the mail_crypt_acl plugin encrypts messages as they are saved"),
    "mail_filter": Rule("the mail_filter plugin rewrites messages as they are saved"),
    "mail_log": Rule(harmless="logs what sessions do, and nothing else builds on it"),
    "mail_lua": Rule("the mail_lua plugin runs a script of the administrator's"),
    "mailbox_alias": Rule("the mailbox_alias plugin makes folders that are other folders"),
    "notify": Rule(harmless="only serves other plugins, which are looked at themselves"),
    "notify_status": Rule("the notify_status plugin tells others how many messages a folder has as they are saved"),
    "old_stats": Rule(harmless=_COUNTS),
    "pop3_migration": Rule(harmless="acts as mail is read over POP3"),
    "push_notification": Rule("the push_notification plugin tells others of messages as they are saved"),
    "push_notification_lua": Rule("the push_notification_lua plugin tells others of messages as they are saved"),
    "quota": Rule(
        "the quota is counted as messages are saved",
        harmless="the quota is counted from what is there, and what it leaves is asked for before an import",
        condition="with a quota of kind maildir or dict",
        holds=lambda user: bool(user.quota_drivers & {"maildir", "dict", "dirsize"}),
    ),
    "quota_clone": Rule("the quota_clone plugin tells others what is used as messages are saved"),
    "replication": Rule("the replication plugin copies messages to another server as they are saved"),
    "sieve": Rule(harmless="acts as mail is delivered"),
    "stats": Rule(harmless=_COUNTS),
    "trash": Rule("the trash plugin makes room in a full mailbox as messages are saved"),
    "virtual": Rule(harmless="shows messages of other folders, and looks there"),
    "welcome": Rule("the welcome plugin acts when INBOX is created"),
    "zlib": Rule(
        "the zlib plugin compresses messages as they are saved",
        harmless="only reads compressed messages",
        condition="with zlib_save",
        holds=_is_set("zlib_save"),
    ),
}

# Engines of full text search are plugins of their own: fts_flatcurve, fts_solr, …
_FTS_ENGINE = "fts_"


def obstacles(user: UserSettings) -> Iterator[str]:
    """Why files of a mailbox must not be written past Dovecot, as far as settings and plugins go, in words."""
    for rule in SETTINGS.values():
        if rule.obstacle and rule.holds(user):
            yield rule.obstacle
    for plugin in sorted(user.plugins):
        rule = _rule_of(plugin)
        if rule.obstacle and rule.holds(user):
            yield rule.obstacle


def _rule_of(plugin: str) -> Rule:
    unknown = Rule("the plugin %s is not known here, and may act as messages are saved" % plugin)
    return PLUGINS.get("fts" if plugin.startswith(_FTS_ENGINE) else plugin, unknown)
