# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dovecot 2.4's language: from what its `doveconf` and `doveadm user` print to Settings.

Source: https://doc.dovecot.org/2.4.1/core/config/
"""

from __future__ import annotations

import re
from typing import AbstractSet, Callable, Dict, FrozenSet, Iterator, List, Mapping, Set, Tuple

from .sections import Section, parse_sections, unquote
from .settings import (
    Database,
    Expand,
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

_WHOLE_ADDRESS = frozenset(("%{user}", "%{user|lower}"))
# Settings, and the values of theirs that change nothing about where mail is kept and what folders are called there
_USUAL = {
    "mail_alt_path": ("",),
    "mail_cache_path": ("",),
    "mailbox_directory_name": ("",),
    "mailbox_root_directory_name": ("",),
    "mailbox_subscriptions_filename": ("", "subscriptions"),
    "mailbox_list_utf8": ("", "no"),
    "mailbox_list_iter_from_index_dir": ("", "no"),
    "mailbox_list_validate_fs_names": ("", "yes"),
    "mailbox_list_storage_escape_char": ("",),
    "mailbox_list_visible_escape_char": ("",),
}
# Lists that others look at, which may be written as a line or as a block
_LISTS = ("mail_attachment_detection_options",)
_PATHS = ("mail_path", "mail_inbox_path", "mail_control_path", "mail_index_path")

Doveconf = Callable[..., str]


class _Configuration:
    """The settings of one Dovecot, those for IMAP laid over the general ones."""

    def __init__(self, doveconf: Doveconf) -> None:
        # With "-f protocol=imap" a list of which that protocol adds to would be printed without the rest of it. Some
        # settings are hidden unless asked for by -s, which must come behind -a.
        top = parse_sections(doveconf("-a", "-s"), unquote)
        self._doveconf = doveconf
        self._groups = {group.name: group for group in top.all("group")}
        _include_groups(top, self._group)
        self.layers = [top] + [block for block in top.all("protocol") if _is_for_imap(block.name)]
        # "-a" prints a default for all formats, and Maildir's own default is another.
        layout = parse_sections(doveconf("-f", "protocol=imap", "-N", "mailbox_list_layout"), unquote)
        self.values: Dict[str, str] = {key: value for layer in self.layers for key, value in layer.values.items()}
        self.values["mailbox_list_layout"] = layout.get("mailbox_list_layout")

    def _group(self, label: str, name: str) -> Section:
        """A group of settings, one that Dovecot brings along if need be: `doveconf -a` does not print those."""
        title = "%s %s" % (label, name)
        if title not in self._groups:
            printed = parse_sections(self._doveconf("-d", "%s/%s" % (label, name)), unquote)
            self._groups[title] = next(iter(printed.all("group")), Section("group", title))
        return self._groups[title]

    def blocks(self, kind: str) -> List[Section]:
        """The blocks of one kind; what a protocol says of a block of the same name is laid over it."""
        found: Dict[str, Section] = {}
        for layer in self.layers:
            for block in layer.all(kind):
                found[block.name] = _laid_over(found[block.name], block) if block.name in found else block
        return list(found.values())

    def names(self, key: str) -> FrozenSet[str]:
        """A list of names, which a line replaces, and a block adds to and takes from."""
        found: Set[str] = set()
        for layer in self.layers:
            found = set(_names(layer, key, found))
        return frozenset(found)

    def of_block(self, block: Section, key: str) -> str:
        """A setting of a block, with or without the block's kind before its name, or what holds for all such blocks."""
        long_key = "%s_%s" % (block.kind, key)
        return block.get(key) or block.get(long_key) or self.values.get(long_key) or self.values.get(key, "")

    def of_driver(self, driver: str) -> Dict[str, str]:
        """The settings of the block of a mail format, where `maildir_very_dirty_syncs` is `very_dirty_syncs`."""
        found: Dict[str, str] = {}
        for block in self.blocks(driver):
            for key, value in block.values.items():
                long_key = "%s_%s" % (driver, key)
                found[long_key if long_key in self.values else key] = value
        return found


def read_settings(doveconf: Doveconf) -> Settings:
    """Read the settings that `doveconf` prints when it is called with some arguments."""
    configuration = _Configuration(doveconf)
    values = configuration.values
    plugins = configuration.names("mail_plugins")
    namespaces = list(_namespaces(configuration))
    return Settings(
        libexec_dir=values.get("libexec_dir", ""),
        internal_group=values.get("default_internal_group", ""),
        username_chars=values.get("auth_username_chars", ""),
        whole_addresses=without_blanks(values.get("auth_username_format", "")) in _WHOLE_ADDRESS,
        valid_ids={
            kind: (number(values.get("first_valid_" + kind, "")), number(values.get("last_valid_" + kind, "")))
            for kind in ("uid", "gid")
        },
        caches_logins=values.get("auth_cache_size", "") not in ("", "0"),
        has_quota="quota" in plugins,
        passdbs=tuple(_database(configuration, block) for block in configuration.blocks("passdb")),
        userdbs=tuple(_database(configuration, block) for block in configuration.blocks("userdb")),
        namespaces=tuple(namespace for namespace, is_own in namespaces if is_own),
        others_prefixes=tuple(namespace.prefix for namespace, is_own in namespaces if not is_own),
        of_user=lambda user, expand: _of_user(user, configuration, plugins, expand),
        user_defaults=user_defaults(lambda name: values.get(name, "")),
        shares_home=False,
    )


def _of_user(user: UserFields, configuration: _Configuration, plugins: FrozenSet[str], expand: Expand) -> UserSettings:
    # What the userdb says of a setting counts for this mailbox; it has no variables left.
    driver = user.get("mail_driver") or configuration.values.get("mail_driver", "")
    values = {**configuration.values, **configuration.of_driver(driver), **user}
    for key in _LISTS:
        values[key] = user.get(key) or " ".join(sorted(configuration.names(key)))
    with_variables = tuple(name for name in _PATHS if "%" in values.get(name, "") and name not in user)
    if with_variables:
        expanded = expand(tuple(values[name] for name in with_variables))
        values.update(zip(with_variables, expanded))
    return UserSettings(
        location=_location(values),
        plugins=_plugins_of(user, plugins),
        values=values,
        quota_drivers=_quota_drivers(user, configuration),
    )


def _location(values: Mapping[str, str]) -> Location:
    unusual = sorted(name for name, usual in _USUAL.items() if values.get(name, "") not in usual)
    return Location(
        driver=values.get("mail_driver", ""),
        root=values.get("mail_path", ""),
        inbox=values.get("mail_inbox_path", ""),
        control=values.get("mail_control_path", ""),
        index=values.get("mail_index_path", ""),
        layout=values.get("mailbox_list_layout", "").lower(),
        unusual=("%s is set" % ", ".join(unusual),) if unusual else (),
    )


def _plugins_of(user: UserFields, plugins: FrozenSet[str]) -> FrozenSet[str]:
    found = set(user["mail_plugins"].split()) if "mail_plugins" in user else set(plugins)
    for field, value in user.items():
        if field.startswith("mail_plugins/"):
            (found.add if value == "yes" else found.discard)(field.partition("/")[2])
    return frozenset(found)


def _quota_drivers(user: UserFields, configuration: _Configuration) -> FrozenSet[str]:
    drivers = {configuration.of_block(block, "driver") for block in configuration.blocks("quota")}
    drivers.update(value for field, value in user.items() if re.fullmatch(r"quota(/.*/|_)driver", field))
    return frozenset(drivers)


def _database(configuration: _Configuration, block: Section) -> Database:
    driver = configuration.of_block(block, "driver") or block.name
    return Database(
        driver=driver,
        path=configuration.of_block(block, "passwd_file_path") if driver == "passwd-file" else "",
        whole_addresses=without_blanks(configuration.of_block(block, "auth_username_format")) in _WHOLE_ADDRESS,
        logins=configuration.of_block(block, "master") != "yes" and configuration.of_block(block, "deny") != "yes",
        adds_fields=any(section.kind.endswith("fields") for section in block.sections)
        or any("fields" in key for key in block.values),
    )


def _namespaces(configuration: _Configuration) -> Iterator[Tuple[Namespace, bool]]:
    """All namespaces, and of each whether it is one of the user's own that shows folders."""
    for block in configuration.blocks("namespace"):

        def of(key: str, block: Section = block) -> str:
            return configuration.of_block(block, key)

        if of("disabled") == "yes":
            continue
        shown = of("inbox") == "yes" or of("list") != "no"
        namespace = Namespace(
            inbox=of("inbox") == "yes",
            separator=of("separator"),
            prefix=of("prefix"),
            subscriptions=of("subscriptions") != "no",
            own_location=any(re.match("mail_|mailbox_(list|dir|root|subs)", key) for key in block.values),
            special_use=find_special_use([_mailbox(configuration, each) for each in block.all("mailbox")]),
        )
        yield namespace, shown and of("type") == "private"


def _mailbox(configuration: _Configuration, block: Section) -> Tuple[str, str, str]:
    name = block.get("name") or block.get("mailbox_name") or block.name
    attributes = _names(block, "special_use", frozenset()) | _names(block, "mailbox_special_use", frozenset())
    return name, " ".join(sorted(attributes)), configuration.of_block(block, "auto")


def _names(section: Section, key: str, before: AbstractSet[str]) -> Set[str]:
    found = set(section.get(key).split()) if key in section.values else set(before)
    for block in section.all(key):
        for name, value in block.values.items():
            (found.add if value == "yes" else found.discard)(name)
    return found


def _is_for_imap(protocol: str) -> bool:
    return protocol != "!imap" if protocol.startswith("!") else protocol == "imap"


def _include_groups(section: Section, find: Callable[[str, str], Section]) -> None:
    """Lay each block over the groups that it includes by `@label = name`."""
    for label, name in [(key, value) for key, value in section.values.items() if key.startswith("@")]:
        group = find(label, name)
        # A group for a block may hold that block: `@mailbox_defaults = english` stands in a namespace, and has one.
        inner = [block for block in group.sections if (block.kind, block.name) == (section.kind, section.name)]
        base = inner[0] if inner else group
        merged = _laid_over(base, section)
        section.values, section.sections = merged.values, merged.sections
    for block in section.sections:
        if block.kind != "group":
            _include_groups(block, find)


def _laid_over(base: Section, over: Section) -> Section:
    """Both in one, where `over` wins; blocks of one name become one."""
    merged = Section(over.kind, over.name, {**base.values, **over.values}, list(base.sections))
    for block in over.sections:
        same = [index for index, other in enumerate(merged.sections) if _title(other) == _title(block)]
        if same:
            merged.sections[same[0]] = _laid_over(merged.sections[same[0]], block)
        else:
            merged.sections.append(block)
    return merged


def _title(section: Section) -> Tuple[str, str]:
    return section.kind, section.name
