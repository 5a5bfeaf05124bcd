# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual users of a Dovecot server, kept in a passwd-file."""

from __future__ import annotations

import grp
import os
import re
import time
from contextlib import nullcontext, suppress
from functools import cached_property
from typing import Callable, Dict, Mapping, Optional, Sequence, Set, TypeVar

from ...files.atomic import NewFile, exclusive, replace_file
from ...model.address import Address
from ...model.errors import MailImportError, file_errors
from ...model.mail import StoreLocation
from ..accounts.passwd_file import PasswdFile
from ..base import MailHost
from .doveadm import Doveadm
from .imap_process import ImapProcess
from .location import store_location
from .settings import Section, parse_settings, reads_passwd_file, users_file_of

# Dovecot looks at the users file at most once a second; one more for the rounding of times
_NOTICED_AFTER = 2.0
_NOTICE_INTERVAL = 0.1

# The one behind it means "none" to the system.
_LAST_ID = 2**32 - 2

_Found = TypeVar("_Found")


class DovecotHost(MailHost):
    """A Dovecot instance of this machine.

    Args:
        dovecot_config: configuration file of the instance, None for the system's.
        users_file: the passwd-file of the mailboxes, None for the one Dovecot's passdb names.
        mail_home: home directory written into new lines; `%u`, `%n` and `%d` stand for the address, its local part
            and its domain. None leaves it to Dovecot's defaults, as do `uid` and `gid`.
        domains_file: map of domains and owners for Postfix or Exim, None for none.
    """

    def __init__(
        self,
        dovecot_config: Optional[str] = None,
        users_file: Optional[str] = None,
        mail_home: Optional[str] = None,
        uid: Optional[int] = None,
        gid: Optional[int] = None,
        domains_file: Optional[str] = None,
    ) -> None:
        self._doveadm = Doveadm(dovecot_config)
        self._users_file = users_file
        self._mail_home = mail_home
        self._uid = uid
        self._gid = gid
        self._domains_file = domains_file
        self._edited_at: Dict[Address, float] = {}
        self._seen_running = False

    def domains(self) -> Set[str]:
        return {user.rpartition("@")[2] for user in self._users.users() if "@" in user}

    def mailbox_exists(self, address: Address) -> bool:
        return address in self._users

    def create_mailbox(self, address: Address, password: str) -> None:
        self._check_new_line(address)
        self._users.add(address, self._doveadm.hash_password(password), self._uid, self._gid, self._home_of(address))
        self._edited_at[address] = time.time()

    def check_new_mailbox(self, address: Address) -> None:
        self._check_new_line(address)
        if not self._seen_running:
            self._doveadm.check_running()
            self._seen_running = True

    def _check_new_line(self, address: Address) -> None:
        self._require_usable_name(str(address))
        self._require_usable_id("uid", self._uid)
        self._require_usable_id("gid", self._gid)
        self._require_own_home(self._home_of(address))
        if self._users_file and not reads_passwd_file(self._settings, self._users_file):
            message = "Dovecot does not read %s: users_file must be the passwd-file that its passdb or userdb names"
            raise MailImportError("host_refused", message % self._users_file)

    def _home_of(self, address: Address) -> Optional[str]:
        return None if self._mail_home is None else _expand_home(self._mail_home, address)

    def remove_mailbox(self, address: Address) -> None:
        self._users.remove(address)
        # Whoever creates it anew must not be told of what it was.
        with suppress(MailImportError):
            self._once_noticed(time.time(), lambda: self._doveadm.user(address) is None)

    def set_password(self, address: Address, password: str) -> None:
        self._users.set_hash(address, self._doveadm.hash_password(password))
        self._edited_at[address] = time.time()

    def verify_password(self, address: Address, password: str) -> bool:
        # "no" is an everyday answer, so it is only doubted after an edit of our own
        edited_at = self._edited_at.get(address, 0.0)
        return bool(self._once_noticed(edited_at, lambda: self._doveadm.password_opens(address, password)))

    def store_of(self, address: Address) -> StoreLocation:
        user = self._once_noticed(self._users.changed_at(), lambda: self._doveadm.user(address))
        if user is None:
            message = "Dovecot's userdb does not know %s: does it read %s?" % (address, self._users.path)
            raise MailImportError("host_refused", message)
        return store_location(user, self._settings)

    def start_session(self, address: Address, keep: Sequence[int]) -> ImapProcess:
        program = os.path.join(self._settings.get("libexec_dir"), "imap")
        return self._doveadm.start(program, ["-u", str(address)], keep)

    def repair_folder(self, address: Address, folder: str) -> None:
        self._doveadm.repair_folder(address, folder)

    def quota_free(self, address: Address) -> Optional[int]:
        return self._doveadm.quota_free(address) if "quota" in self._settings.mail_plugins() else None

    def publish_domains(self, owners: Callable[[], Mapping[str, str]], write: bool = True) -> bool:
        if self._domains_file is None:
            return False
        path = os.path.realpath(self._domains_file)
        with file_errors(path), exclusive(path) if write else nullcontext():
            content = "".join(_map_line(domain, owner) for domain, owner in sorted(owners().items())).encode("utf-8")
            if os.path.exists(path) and _content_of(path) == content:
                return False
            if write:
                replace_file(path, content, NewFile(0o644))
        return True

    def _require_usable_name(self, user: str) -> None:
        """Dovecot refuses every login with a character that auth_username_chars does not name; empty admits all, a
        comment's too.
        """
        admitted = self._settings.get("auth_username_chars")
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
                "%s cannot be added: Dovecot 2.3 does not find an address with an apostrophe in a users file" % user,
            )

    def _require_own_home(self, home: Optional[str]) -> None:
        """Two mailboxes with one home show the mail of both to either."""
        other = self._users.user_at(home) if home else None
        if other:
            raise MailImportError(
                "host_refused",
                "mail_home %s is the home of %s: give each mailbox one of its own, with %%u, or %%d and %%n"
                % (home, other),
            )

    def _require_usable_id(self, kind: str, number: Optional[int]) -> None:
        """Dovecot serves no mail whose owner is outside of these ranges."""
        first, last = (int(self._settings.get("%s_valid_%s" % (end, kind)) or 0) for end in ("first", "last"))
        if number is not None and not max(first, 1) <= number <= (last or _LAST_ID):
            message = (
                "Dovecot serves no mail of %s %d, see its first_valid_%s and last_valid_%s: choose another, or "
                "change these"
            )
            raise MailImportError("host_refused", message % (kind, number, kind, kind))

    @cached_property
    def _settings(self) -> Section:
        return parse_settings(self._doveadm.settings())

    @cached_property
    def _users(self) -> PasswdFile:
        return PasswdFile(self._users_file or users_file_of(self._settings), self._dovecot_group())

    def _dovecot_group(self) -> int:
        name = self._settings.get("default_internal_group")
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError as error:
            raise MailImportError("host_refused", "Dovecot's group %r does not exist on this host" % name) from error

    @staticmethod
    def _once_noticed(changed_at: float, ask: Callable[[], Optional[_Found]]) -> Optional[_Found]:
        """Ask until the answer is not empty, or was given when Dovecot had noticed a change made at `changed_at`."""
        while True:
            asked_at = time.time()
            answer = ask()
            if answer or not changed_at - 1 < asked_at < changed_at + _NOTICED_AFTER:
                return answer
            time.sleep(_NOTICE_INTERVAL)


def _expand_home(template: str, address: Address) -> str:
    values = {"%u": str(address), "%n": address.local_part, "%d": address.domain, "%%": "%"}
    home = re.sub(r"%.?", lambda match: values.get(match.group(), "\0"), template)
    if "%u" not in template and "%n" not in template:
        raise MailImportError("host_refused", "mail_home must hold %u or %n, or all mailboxes would share their mail")
    if not home.startswith("/") or re.search(r"[\0\r\n:]", home):
        raise MailImportError("host_refused", "mail_home must be an absolute path with no variables but %u, %n and %d")
    return home


def _map_line(domain: str, owner: str) -> str:
    if not (domain + owner).isprintable():
        raise MailImportError("host_refused", "%r, owner of %r, cannot be written into a map" % (owner, domain))
    return "%s\t%s\n" % (domain, owner)


def _content_of(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()
