# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Dovecot is configured to do, in whichever language: the one value that both languages fill."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Callable, Dict, FrozenSet, Mapping, Sequence, Tuple

from ...model.errors import MailImportError

# Of the user, as they stand in paths of either language
_VARIABLE = re.compile(r"%(?:\{[^}]*\}|[-.\d]*[A-Z]*[a-z])")

# Fields of `doveadm user`
UserFields = Mapping[str, str]
# Puts a user's values in the place of the variables in each of some texts.
Expand = Callable[[Tuple[str, ...]], Tuple[str, ...]]


@dataclass(frozen=True)
class Database:
    """A passdb or userdb.

    `path` is the file it reads, with variables of the user, and empty for other drivers. `whole_addresses`: users are
    looked up by their addresses, not by local parts. `logins`: passwords of mailboxes are checked against it, not those
    of masters or of whom to deny. `adds_fields`: it gives users fields that do not stand in the file.
    """

    driver: str
    path: str = ""
    whole_addresses: bool = True
    logins: bool = True
    adds_fields: bool = False


@dataclass(frozen=True)
class Namespace:
    """A private namespace that shows folders. `special_use` has a folder for each attribute. `own_location`: its mail
    is kept elsewhere, or otherwise, than that of the user's others.
    """

    inbox: bool = False
    separator: str = ""
    prefix: str = ""
    subscriptions: bool = True
    own_location: bool = False
    special_use: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Location:
    """Where a mailbox's mail is.

    Directories are as configured, with the user's variables replaced; `~` stands for the home. `index` is MEMORY for
    indexes in memory; `inbox`, `control` and `index` are empty where the mail's `root` is meant. `unusual` says in the
    administrator's words what the collection does not know to deal with.
    """

    driver: str
    root: str
    inbox: str = ""
    control: str = ""
    index: str = ""
    layout: str = ""
    unusual: Tuple[str, ...] = ()


@dataclass(frozen=True)
class UserSettings:
    """What applies to the IMAP sessions of one mailbox.

    `plugins` are those that are loaded, `values` all settings by name in the administrator's language, those of plugins
    too, `quota_drivers` the kinds of quota that are kept of it.
    """

    location: Location
    plugins: FrozenSet[str]
    values: Mapping[str, str]
    quota_drivers: FrozenSet[str]


@dataclass(frozen=True)
class Settings:
    """What applies to IMAP.

    `valid_ids` are the first and the last `uid` and `gid` that Dovecot serves, 0 for no bound. `whole_addresses`: a
    login's name is altered in case at most. `caches_logins`: see auth_cache_size. `has_quota`: the plugin is loaded.
    `of_user` tells what applies to one mailbox. `user_defaults` are the `uid`, `gid` and `home` of a user of whom the
    userdb says none, empty ones left out. `shares_home`: a new mailbox in a directory with the setgid bit has the
    rights of that. `others_prefixes` are the prefixes of all namespaces but `namespaces`.
    """

    libexec_dir: str
    internal_group: str
    username_chars: str
    whole_addresses: bool
    valid_ids: Mapping[str, Tuple[int, int]]
    caches_logins: bool
    has_quota: bool
    passdbs: Tuple[Database, ...]
    userdbs: Tuple[Database, ...]
    namespaces: Tuple[Namespace, ...]
    of_user: Callable[[UserFields, Expand], UserSettings]
    user_defaults: Mapping[str, str] = field(default_factory=dict)
    shares_home: bool = True
    others_prefixes: Tuple[str, ...] = ()


def users_file_of(settings: Settings) -> str:
    """Return the passwd-file that logins are checked against.

    Raises:
        MailImportError: `host_refused` when there is none, more than one, or one not looked up by whole addresses.
    """
    logins = [database for database in settings.passdbs if database.logins]
    files = [database for database in logins if database.driver == "passwd-file"]
    paths = sorted({database.path for database in files if _is_one_file(database)})
    if len(paths) > 1:
        message = "Dovecot's passdbs read several passwd-files, %s: say with users_file which of them has the mailboxes"
        raise MailImportError("host_refused", message % ", ".join(paths))
    if not paths:
        raise MailImportError("host_refused", _why_no_file(logins, files))
    if not settings.whole_addresses:
        message = "Dovecot's auth_username_format changes more than case: mailboxes need whole addresses"
        raise MailImportError("host_refused", message)
    return paths[0]


def reads_passwd_file(settings: Settings, path: str) -> bool:
    """Whether a passdb or userdb names that file, in so many words or with variables of the user."""
    for database in settings.passdbs + settings.userdbs:
        if database.driver == "passwd-file" and database.path:
            pattern = ".+".join(map(re.escape, _VARIABLE.split(database.path)))
            if re.fullmatch(pattern, path) or os.path.realpath(database.path) == os.path.realpath(path):
                return True
    return False


def lacking_of_users(settings: Settings) -> FrozenSet[str]:
    """Which of `uid`, `gid` and `home` a line of the passwd-file must say, because nothing else does."""
    (userdb, *others) = settings.userdbs or (Database(""),)
    if others or userdb.driver != "passwd-file" or userdb.adds_fields:
        return frozenset()  # only Dovecot itself knows
    return frozenset(("uid", "gid", "home")) - settings.user_defaults.keys()


def user_defaults(setting: Callable[[str], str]) -> Dict[str, str]:
    """What `mail_uid`, `mail_gid` and `mail_home` say."""
    found = {name: setting("mail_" + name) for name in ("uid", "gid", "home")}
    return {name: value for name, value in found.items() if value}


def _why_no_file(logins: Sequence[Database], files: Sequence[Database]) -> str:
    if files:
        found = "Dovecot's passdb reads %s, which is not one file of whole addresses" % files[0].path
        return found + ": name in users_file the file that new mailboxes go to"
    drivers = ", ".join(sorted({database.driver for database in logins})) or "none"
    return (
        "Dovecot's users are in a database of another kind (passdb: %s), and host_backend=dovecot creates mailboxes in "
        "a passwd-file only: set the host_backend that fits, or give Dovecot a passdb and a userdb of that kind as well"
        % drivers
    )


def _is_one_file(database: Database) -> bool:
    return database.whole_addresses and database.path.startswith("/") and "%" not in database.path


def without_blanks(username_format: str) -> str:
    return re.sub(r"\s", "", username_format)


def number(text: str) -> int:
    """A bound as Dovecot prints it; `unlimited` is none, as is 0."""
    return int(text) if text.isdigit() else 0


def find_special_use(mailboxes: Sequence[Tuple[str, str, str]]) -> Dict[str, str]:
    """A folder for each special use: of several one that Dovecot makes by itself, and the first by name. No patterns.

    Args:
        mailboxes: name, attributes and the value of `auto` of each `mailbox` block.
    """
    folders: Dict[str, str] = {}
    for name, attributes, _auto in sorted(mailboxes, key=lambda mailbox: (mailbox[2] == "no", mailbox[0])):
        if not re.search(r"[*?]", name):
            for attribute in attributes.split():
                folders.setdefault(attribute, name)
    return folders
