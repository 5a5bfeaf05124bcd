# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From Dovecot's words about a mailbox (`mail_location`, namespaces, plugins) to the files of it.

Source: https://doc.dovecot.org/2.3/configuration_manual/mail_location/ and .../namespace/
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Dict, FrozenSet, Iterator, List, Mapping, Optional

from ...model.errors import MailImportError
from ...model.mail import MailFiles
from .settings import Section

# Formats that keep all mail below one directory, indexes and control files aside
_DRIVERS = frozenset(("maildir", "sdbox", "mdbox"))
# Options of mail_location that are read here or change nothing about where mail is kept
_KNOWN = frozenset(("INDEX", "CONTROL", "LAYOUT", "INBOX", "VOLATILEDIR", "LISTINDEX", "INDEXPVT"))
_OTHER_PLUGINS = {
    "mail_crypt": "the mail_crypt plugin encrypts messages as they are saved",
    "mail_filter": "the mail_filter plugin rewrites messages as they are saved",
    "listescape": "the listescape plugin writes folder names its own way",
}


@dataclass(frozen=True)
class _Location:
    """`mail_location` taken apart, with directories as `~` makes them."""

    driver: str
    root: str
    inbox: str
    control: str
    index: Optional[str]
    layout: str
    options: FrozenSet[str]


def store_location(user: Mapping[str, str], settings: Section) -> MailFiles:
    """Describe a mailbox's store.

    Args:
        user: fields of `doveadm user`.
        settings: Dovecot's settings as they apply to IMAP.

    Raises:
        MailImportError: `host_refused` when Dovecot names no uid, gid or home for the mailbox.
    """
    home = user.get("home", "")
    if not (user.get("uid", "").isdigit() and user.get("gid", "").isdigit() and home.startswith("/")):
        message = "Dovecot's userdb names no numeric uid and gid, or no home directory, for this mailbox"
        raise MailImportError("host_refused", message)
    if 0 in (int(user["uid"]), int(user["gid"])):
        # Dovecot serves no such mail, and nothing that an untrusted source sends is read with the rights of root.
        raise MailImportError(
            "host_refused", "Dovecot's userdb says that this mailbox is root's: give it a uid and gid of its own"
        )
    location = _parse_location(user.get("mail", ""), home)
    namespace = _inbox_namespace(settings)
    return MailFiles(
        uid=int(user["uid"]),
        gid=int(user["gid"]),
        driver=location.driver,
        root=location.root,
        control=location.control,
        index=location.index,
        layout=location.layout,
        separator=namespace.get("separator") or ("." if location.layout == "maildir++" else "/"),
        prefix=namespace.get("prefix"),
        special_use=_special_use(namespace),
        unsupported=next(_obstacles(location, namespace, user, settings), None),
        scattered=next(_scattering(location, namespace, user, settings), None),
    )


def _parse_location(text: str, home: str) -> _Location:
    """Split `driver:path:KEY=value:FLAG`; a colon in a value is doubled."""
    driver, _colon, rest = text.partition(":")
    path, *words = [word.replace("::", ":") for word in re.split(r"(?<!:):(?!:)", rest)]
    options = {key.upper(): value for key, _equals, value in (word.partition("=") for word in words)}
    root = _directory(path, home)
    index = options.get("INDEX", root)
    layout = options.get("LAYOUT", "maildir++" if driver == "maildir" else "fs").lower()
    return _Location(
        driver=driver,
        root=root,
        inbox=_directory(options.get("INBOX", root), home),
        control=_directory(options.get("CONTROL", root), home),
        index=None if index == "MEMORY" else _directory(index, home),
        layout=layout,
        options=frozenset(options),
    )


def _directory(path: str, home: str) -> str:
    return os.path.normpath(re.sub(r"^~(?=/|$)", lambda _tilde: home, path)) if path else ""


def _private_namespaces(settings: Section) -> List[Section]:
    """The user's own namespaces that show folders; without any Dovecot makes one up, all defaults."""
    private = [
        block
        for block in settings.all("namespace")
        if block.get("type") == "private" and block.get("disabled") != "yes"
    ]
    shown = [block for block in private if block.get("inbox") == "yes" or block.get("list") != "no"]
    return shown or [Section("namespace")]


def _inbox_namespace(settings: Section) -> Section:
    namespaces = _private_namespaces(settings)
    return next((block for block in namespaces if block.get("inbox") == "yes"), namespaces[0])


def _special_use(namespace: Section) -> Dict[str, str]:
    """A folder for each special use, one that Dovecot makes by itself where there is a choice; patterns are none."""
    named = [mailbox for mailbox in namespace.all("mailbox") if not re.search(r"[*?]", mailbox.name)]
    folders: Dict[str, str] = {}
    for mailbox in sorted(named, key=lambda mailbox: mailbox.get("auto") == "no"):
        for attribute in mailbox.get("special_use").split():
            folders.setdefault(attribute, mailbox.name)
    return folders


def _obstacles(location: _Location, namespace: Section, user: Mapping[str, str], settings: Section) -> Iterator[str]:
    """Whatever the writer of Maildir files must not meet, in words."""
    if location.driver != "maildir":
        yield _kept_as(location)
    if location.layout not in ("maildir++", "fs"):
        yield "the folder layout is %s" % location.layout
    yield from _scattering(location, namespace, user, settings)
    if namespace.get("subscriptions") == "no":
        yield "the namespace keeps its subscriptions in another one"
    yield from _plugin_obstacles(user, settings)


def _scattering(location: _Location, namespace: Section, user: Mapping[str, str], settings: Section) -> Iterator[str]:
    """Whatever keeps mail elsewhere than in the directories of the location, in words."""
    if location.driver not in _DRIVERS:
        yield _kept_as(location)
    unknown = sorted(location.options - _KNOWN)
    if unknown:
        yield "mail_location uses %s" % ", ".join(unknown)
    if location.inbox != location.root:
        yield "INBOX is kept outside of the other folders"
    if not all(os.path.isabs(path) for path in (location.root, location.control, location.index or "/")):
        yield "mail_location holds a path that is not absolute"
    if user.get("chroot") or settings.get("mail_chroot") or "/./" in user["home"]:
        yield "the mailbox is in a chroot"
    if len(_private_namespaces(settings)) > 1:
        yield "there are several private namespaces"
    if namespace.get("location"):
        yield "the namespace has a location of its own"
    if any(field.startswith("namespace/") for field in user):
        yield "the userdb changes the namespace of this mailbox"


def _kept_as(location: _Location) -> str:
    return "the mail is kept as %s" % (location.driver or "a format Dovecot finds out by itself")


def _plugin_obstacles(user: Mapping[str, str], settings: Section) -> Iterator[str]:
    plugins = frozenset(user["mail_plugins"].split()) if "mail_plugins" in user else settings.mail_plugins()
    for plugin in sorted(plugins & set(_OTHER_PLUGINS)):
        yield _OTHER_PLUGINS[plugin]
    # What the userdb says of a plugin counts for this mailbox.
    values = {**settings.plugins(), **user}
    if "zlib" in plugins and values.get("zlib_save"):
        yield "the zlib plugin compresses messages as they are saved"
    if "quota" in plugins and any(
        re.fullmatch(r"quota\d*", name) and re.match(r"(maildir|dict)\b", value) for name, value in values.items()
    ):
        yield "the quota is counted as messages are saved"
