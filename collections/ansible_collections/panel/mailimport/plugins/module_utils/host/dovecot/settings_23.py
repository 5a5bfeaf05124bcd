# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dovecot 2.3's language: from what its `doveconf -a` and `doveadm user` print to Settings.

Source: https://doc.dovecot.org/2.3/configuration_manual/
"""

from __future__ import annotations

import re
from typing import Dict, FrozenSet, List, Tuple

from .sections import Section, parse_sections, strip_quotes
from .settings import (
    Database,
    Location,
    Namespace,
    Settings,
    UserFields,
    UserSettings,
    find_special_use,
    number,
    user_defaults,
    without_blanks,
)

_WHOLE_ADDRESS = frozenset(("%u", "%Lu", "%{user}", "%L{user}"))
# Options of mail_location that are read here or change nothing about where mail is kept
_KNOWN = frozenset(("INDEX", "CONTROL", "LAYOUT", "INBOX", "VOLATILEDIR", "LISTINDEX", "INDEXPVT"))
# Words before the path in `args` of a passwd-file
_OPTIONS = re.compile(r"^(?:(?:scheme|username_format)=\S* )*")
_QUOTA = re.compile(r"quota\d*")
_USERNAME_FORMAT = re.compile(r"(?:^| )username_format=(\S*) ")


def read_settings(text: str) -> Settings:
    """Read the output of `doveconf -f protocol=imap -a`."""
    top = parse_sections(text, strip_quotes)
    plugins = frozenset(top.get("mail_plugins").split())
    return Settings(
        libexec_dir=top.get("libexec_dir"),
        internal_group=top.get("default_internal_group"),
        username_chars=top.get("auth_username_chars"),
        whole_addresses=without_blanks(top.get("auth_username_format")) in _WHOLE_ADDRESS,
        valid_ids={
            kind: (number(top.get("first_valid_" + kind)), number(top.get("last_valid_" + kind)))
            for kind in ("uid", "gid")
        },
        caches_logins=top.get("auth_cache_size") not in ("", "0"),
        has_quota="quota" in plugins,
        passdbs=tuple(map(_database, top.all("passdb"))),
        userdbs=tuple(map(_database, top.all("userdb"))),
        namespaces=tuple(map(_namespace, filter(_is_shown, top.all("namespace")))),
        others_prefixes=tuple(
            block.get("prefix") for block in top.all("namespace") if not _is_shown(block) and _is_enabled(block)
        ),
        of_user=lambda user, _expand: _of_user(user, top, plugins),
        user_defaults=user_defaults(top.get),
    )


def _of_user(user: UserFields, top: Section, plugins: FrozenSet[str]) -> UserSettings:
    own = {key: value for section in reversed(top.all("plugin")) for key, value in section.values.items()}
    # What the userdb says of a setting counts for this mailbox.
    values: Dict[str, str] = {**top.values, **own, **user}
    quotas = [value for name, value in values.items() if name.startswith("quota") and _QUOTA.fullmatch(name)]
    return UserSettings(
        location=_location(user.get("mail", "")),
        plugins=frozenset(user["mail_plugins"].split()) if "mail_plugins" in user else plugins,
        values=values,
        quota_drivers=frozenset(value.partition(":")[0] for value in quotas if value),
    )


def _location(text: str) -> Location:
    """Split `driver:path:KEY=value:FLAG`; a colon in a value is doubled."""
    driver, _colon, rest = text.partition(":")
    path, *words = [word.replace("::", ":") for word in re.split(r"(?<!:):(?!:)", rest)]
    options = {key.upper(): value for key, _equals, value in (word.partition("=") for word in words)}
    unknown = sorted(set(options) - _KNOWN)
    return Location(
        driver=driver,
        root=path,
        inbox=options.get("INBOX", ""),
        control=options.get("CONTROL", ""),
        index=options.get("INDEX", ""),
        layout=options.get("LAYOUT", "").lower(),
        unusual=("mail_location uses %s" % ", ".join(unknown),) if unknown else (),
    )


def _database(block: Section) -> Database:
    arguments = block.get("args")
    found = _USERNAME_FORMAT.search(arguments)
    return Database(
        driver=block.get("driver"),
        path=_OPTIONS.sub("", arguments) if block.get("driver") == "passwd-file" else "",
        whole_addresses=found is None or found.group(1) in _WHOLE_ADDRESS,
        logins=block.get("master") != "yes" and block.get("deny") != "yes",
        adds_fields=bool(block.get("default_fields") or block.get("override_fields")),
    )


def _is_shown(namespace: Section) -> bool:
    shown = namespace.get("inbox") == "yes" or namespace.get("list") != "no"
    return shown and namespace.get("type") == "private" and _is_enabled(namespace)


def _is_enabled(namespace: Section) -> bool:
    return namespace.get("disabled") != "yes"


def _namespace(block: Section) -> Namespace:
    mailboxes: List[Tuple[str, str, str]] = [
        (mailbox.name, mailbox.get("special_use"), mailbox.get("auto")) for mailbox in block.all("mailbox")
    ]
    return Namespace(
        inbox=block.get("inbox") == "yes",
        separator=block.get("separator"),
        prefix=block.get("prefix"),
        subscriptions=block.get("subscriptions") != "no",
        own_location=bool(block.get("location")),
        special_use=find_special_use(mailboxes),
    )
