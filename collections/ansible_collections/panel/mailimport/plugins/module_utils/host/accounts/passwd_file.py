# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts of a Dovecot whose virtual users are in a passwd-file."""

from __future__ import annotations

import grp
import os
import re
from functools import cached_property
from typing import Callable, Dict, Mapping, Optional, Sequence, Set

from ...model.address import Address
from ...model.errors import MailImportError
from ...model.mail import NewHome
from ..base import Accounts, Failure, NewMailbox
from ..dovecot.doveadm import SCHEME
from ..dovecot.location import group_id, user_id
from ..dovecot.settings import Settings, lacking_of_users, reads_passwd_file, users_file_of
from .users_file import NewUser, UsersFile

# The one behind it means "none" to the system.
_LAST_ID = 2**32 - 2


class PasswdFileAccounts(Accounts):
    """The lines of the passwd-file that a Dovecot reads.

    Args:
        settings: returns Dovecot's settings; they are read when they are first needed.
        hash_password: returns `{SCHEME}hash`.
        users_file: the passwd-file, None for the one that Dovecot's passdb names.
        mail_home: home directory written into new lines; `%u`, `%n` and `%d` stand for the address, its local part
            and its domain. None leaves it to Dovecot's defaults, as do `uid` and `gid`.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        hash_password: Callable[[str], str],
        users_file: Optional[str] = None,
        mail_home: Optional[str] = None,
        uid: Optional[int] = None,
        gid: Optional[int] = None,
    ) -> None:
        self._settings = settings
        self._hash_password = hash_password
        self._users_file = users_file
        self._mail_home = mail_home
        self._uid = uid
        self._gid = gid

    @property
    def place(self) -> str:
        return self._users.path

    def domains(self) -> Set[str]:
        return {user.rpartition("@")[2] for user in self._users.users() if "@" in user}

    def exists(self, address: Address) -> bool:
        return address in self._users

    def check_new(self, address: Address) -> None:
        self._require_usable_name(str(address))
        self._require_usable_id("uid", self._uid)
        self._require_usable_id("gid", self._gid)
        self._require_own_home(self._home_of(address))
        self._require_fields()
        if self._users_file and not reads_passwd_file(self._settings(), self._users_file):
            message = "Dovecot does not read %s: users_file must be the passwd-file that its passdb or userdb names"
            raise MailImportError("host_refused", message % self._users_file)

    def new_home(self, address: Address) -> Optional[NewHome]:
        home, defaults = self._home_of(address), self._settings().user_defaults
        uid, gid = self._uid or defaults.get("uid"), self._gid or defaults.get("gid")
        return NewHome(home, user_id(str(uid)), group_id(str(gid))) if home and uid and gid else None

    def create(self, address: Address, password: str, owner: str) -> None:
        for failure in self.create_many([NewMailbox(address, password, owner)]).values():
            raise failure

    def create_many(self, wanted: Sequence[NewMailbox]) -> Dict[Address, Failure]:
        failures: Dict[Address, Failure] = {}
        users: Dict[Address, NewUser] = {}
        for address, password, _owner in wanted:
            try:
                self.check_new(address)
                home = self._home_of(address)
                _require_other_homes(home, users)
                users[address] = NewUser(self._hash_password(password), self._uid, self._gid, home)
            except (MailImportError, OSError) as failure:
                failures[address] = failure
        try:
            failures.update(self._users.add_all(users))
        except (MailImportError, OSError) as failure:
            failures.update(dict.fromkeys(users, failure))
        return failures

    def remove(self, address: Address) -> None:
        self._users.remove(address)

    def set_password(self, address: Address, password: str) -> None:
        self._users.set_hash(address, self._hash_password(password))

    def has_foreign_hash(self, address: Address) -> bool:
        kept = self._users.hash_of(address)
        return bool(kept) and not kept.startswith("{%s}" % SCHEME)

    def noticed_at(self) -> float:
        return self._users.noticed_at()

    def _home_of(self, address: Address) -> Optional[str]:
        return None if self._mail_home is None else _expand_home(self._mail_home, address)

    def _require_usable_name(self, user: str) -> None:
        """Dovecot refuses every login with a character that auth_username_chars does not name; empty admits all, a
        comment's too.
        """
        admitted = self._settings().username_chars
        refused = sorted(set(user) - set(admitted)) if admitted else []
        if refused:
            characters = "".join(refused)
            raise MailImportError(
                "host_refused",
                "Dovecot's auth_username_chars does not admit %r of %s: add it there" % (characters, user),
            )
        if user.startswith("#"):
            raise MailImportError(
                "host_refused", "%s cannot be added: a line of the users file that begins with # is a comment" % user
            )
        if "'" in user:
            raise MailImportError(
                "host_refused",
                "%s cannot be added: Dovecot does not find an address with an apostrophe in a users file" % user,
            )

    def _require_own_home(self, home: Optional[str]) -> None:
        """Two mailboxes with one home show the mail of both to either."""
        other = self._users.user_at(home) if home else None
        if other:
            raise _same_home(home, other)

    def _require_fields(self) -> None:
        """Dovecot opens no mailbox of which it does not know the owner and the home."""
        given = {"uid": self._uid, "gid": self._gid, "home": self._mail_home}
        for name in sorted(lacking_of_users(self._settings())):
            if given[name] is None:
                message = "Dovecot's userdb names no %s for new mailboxes, nor does mail_%s: set the option %s"
                option = "mail_home, such as /var/vmail/%d/%n" if name == "home" else name
                raise MailImportError("host_refused", message % (name, name, option))

    def _require_usable_id(self, kind: str, number: Optional[int]) -> None:
        """Dovecot serves no mail whose owner is outside of these ranges."""
        first, last = self._settings().valid_ids[kind]
        if number is not None and not max(first, 1) <= number <= (last or _LAST_ID):
            message = (
                "Dovecot serves no mail of %s %d, see its first_valid_%s and last_valid_%s: choose another, or "
                "change these"
            )
            raise MailImportError("host_refused", message % (kind, number, kind, kind))

    @cached_property
    def _users(self) -> UsersFile:
        return UsersFile(self._users_file or users_file_of(self._settings()), self._dovecot_group())

    def _dovecot_group(self) -> int:
        name = self._settings().internal_group
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError as error:
            raise MailImportError("host_refused", "Dovecot's group %r does not exist on this host" % name) from error


def _require_other_homes(home: Optional[str], users: Mapping[Address, NewUser]) -> None:
    """The same among those that are created together."""
    for address, user in users.items():
        if home and user.home and os.path.normpath(user.home) == os.path.normpath(home):
            raise _same_home(home, str(address))


def _same_home(home: Optional[str], other: str) -> MailImportError:
    message = "mail_home %s is the home of %s: give each mailbox one of its own, with %%u, or %%d and %%n"
    return MailImportError("host_refused", message % (home, other))


def _expand_home(template: str, address: Address) -> str:
    values = {"%u": str(address), "%n": address.local_part, "%d": address.domain, "%%": "%"}
    home = re.sub(r"%.?", lambda match: values.get(match.group(), "\0"), template)
    if "%u" not in template and "%n" not in template:
        raise MailImportError("host_refused", "mail_home must hold %u or %n, or all mailboxes would share their mail")
    if not home.startswith("/") or re.search(r"[\0\r\n:]", home):
        raise MailImportError("host_refused", "mail_home must be an absolute path with no variables but %u, %n and %d")
    return home
