# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what Dovecot says about a mailbox to the files that hold its mail."""

from __future__ import annotations

import grp
import os
import pwd
import re
from typing import Iterator

from ...model.errors import MailImportError
from ...model.mail import MailFiles, prefixes_within
from .obstacles import obstacles
from .settings import Expand, Location, Namespace, Settings, UserFields, UserSettings

# Formats that keep all mail below one directory, indexes and control files aside
_DRIVERS = frozenset(("maildir", "sdbox", "mdbox"))


def store_location(user: UserFields, settings: Settings, expand: Expand) -> MailFiles:
    """Describe a mailbox's store.

    Args:
        user: fields of `doveadm user`.
        settings: Dovecot's settings as they apply to IMAP.
        expand: puts this user's values in the place of variables.

    Raises:
        MailImportError: `host_refused` when Dovecot names no uid, gid or home for the mailbox.
    """
    home = user.get("home", "")
    if not home.startswith("/"):
        raise MailImportError("host_refused", "Dovecot's userdb names no home directory for this mailbox")
    uid, gid = user_id(user.get("uid", "")), group_id(user.get("gid", ""))
    if 0 in (uid, gid):
        # Dovecot serves no such mail, and nothing that an untrusted source sends is read with the rights of root.
        raise MailImportError(
            "host_refused", "Dovecot's userdb says that this mailbox is root's: give it a uid and gid of its own"
        )
    own = settings.of_user(user, expand)
    files = _Files(own.location, home)
    namespace = _inbox_namespace(settings)
    return MailFiles(
        uid=uid,
        gid=gid,
        driver=files.driver,
        root=files.root,
        control=files.control,
        index=files.index,
        layout=files.layout,
        separator=namespace.separator or ("." if files.layout == "maildir++" else "/"),
        prefix=namespace.prefix,
        special_use=namespace.special_use,
        unsupported=next(_obstacles(files, namespace, user, own, settings), None),
        scattered=next(_scattering(files, namespace, user, own, settings), None),
        shares_home=settings.shares_home,
        others_prefixes=prefixes_within(namespace.prefix, settings.others_prefixes),
    )


def user_id(text: str) -> int:
    """The number of a user, of whom Dovecot's configuration may give the name (`mail_uid = vmail`)."""
    if text.isdigit():
        return int(text)
    try:
        return pwd.getpwnam(text).pw_uid
    except (KeyError, ValueError) as error:
        raise MailImportError("host_refused", _no_such("uid", "user", text)) from error


def group_id(text: str) -> int:
    """The same of a group."""
    if text.isdigit():
        return int(text)
    try:
        return grp.getgrnam(text).gr_gid
    except (KeyError, ValueError) as error:
        raise MailImportError("host_refused", _no_such("gid", "group", text)) from error


def _no_such(field: str, kind: str, name: str) -> str:
    if not name:
        return "Dovecot's userdb names no %s for this mailbox, nor does mail_%s" % (field, field)
    return "Dovecot's userdb gives this mailbox to %s %s, which does not exist on this host" % (kind, name)


class _Files:
    """A location with absolute directories."""

    def __init__(self, location: Location, home: str) -> None:
        self.driver = location.driver
        self.root = _directory(location.root, home)
        self.inbox = _directory(location.inbox, home) or self.root
        self.control = _directory(location.control, home) or self.root
        in_memory = location.index == "MEMORY"
        self.index = None if in_memory else _directory(location.index, home) or self.root
        self.layout = location.layout or ("maildir++" if location.driver == "maildir" else "fs")
        self.unusual = location.unusual


def _directory(path: str, home: str) -> str:
    return os.path.normpath(re.sub(r"^~(?=/|$)", lambda _tilde: home, path)) if path else ""


def _inbox_namespace(settings: Settings) -> Namespace:
    """Without any namespace Dovecot makes one up, all defaults."""
    namespaces = settings.namespaces or (Namespace(),)
    return next((namespace for namespace in namespaces if namespace.inbox), namespaces[0])


def _obstacles(
    files: _Files, namespace: Namespace, user: UserFields, own: UserSettings, settings: Settings
) -> Iterator[str]:
    """Whatever the writer of Maildir files must not meet, in words."""
    if files.driver != "maildir":
        yield _kept_as(files)
    if files.layout not in ("maildir++", "fs"):
        yield "the folder layout is %s" % files.layout
    yield from _scattering(files, namespace, user, own, settings)
    if not namespace.subscriptions:
        yield "the namespace keeps its subscriptions in another one"
    yield from obstacles(own)


def _scattering(
    files: _Files, namespace: Namespace, user: UserFields, own: UserSettings, settings: Settings
) -> Iterator[str]:
    """Whatever keeps mail elsewhere than in the directories of the location, in words."""
    if files.driver not in _DRIVERS:
        yield _kept_as(files)
    yield from files.unusual
    if files.inbox != files.root:
        yield "INBOX is kept outside of the other folders"
    if not all(os.path.isabs(path) for path in (files.root, files.control, files.index or "/")):
        yield "the location of the mail is a path that is not absolute"
    if user.get("chroot") or own.values.get("mail_chroot") or "/./" in user["home"]:
        yield "the mailbox is in a chroot"
    if len(settings.namespaces) > 1:
        yield "there are several private namespaces"
    if namespace.own_location:
        yield "the namespace has a location of its own"
    if any(field.startswith("namespace/") for field in user):
        yield "the userdb changes the namespace of this mailbox"


def _kept_as(files: _Files) -> str:
    found_out = files.driver in ("", "auto")
    return "the mail is kept as %s" % ("a format Dovecot finds out by itself" if found_out else files.driver)
