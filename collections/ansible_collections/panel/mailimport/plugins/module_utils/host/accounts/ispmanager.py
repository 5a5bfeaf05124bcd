# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts of an ispmanager panel, which writes the users file of its Dovecot itself."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, NoReturn, Optional, Set, TypeVar

from ...model.address import Address
from ...model.errors import MailImportError
from ..base import Accounts
from ..dovecot.doveadm import password_line
from ..dovecot.settings import Settings, users_file_of
from .mgrctl import NOTHING, Mgrctl, PanelError
from .quotas import in_mebibytes
from .users_file import UsersFile

# How long the panel's edit of the users file is waited for after its answer, and how often that is looked at.
_WRITTEN_AFTER = 15.0
_LOOK_AGAIN = 0.1

_NEW_DOMAIN = {"ipsrc": "auto", "defaction": "error", "limit_ssl": "hide", "dmarc": "off"}

# What a form cannot do without, whether it shows it or not.
_NEEDED = frozenset(("name", "domainname", "owner", "passwd", "maxsize", "elid", "sok"))

_HINTS = {
    "exists": "it is there already, as another mailbox or an alias",
    "limit": "a limit of the owner's package is reached: raise it in the panel",
    "notconfigured": "the panel has no mail server: install one in it",
}

_Answer = TypeVar("_Answer")


class IspmanagerAccounts(Accounts):
    """Mail domains and mailboxes of ispmanager 6, by its command.

    Args:
        mgrctl: the panel's command.
        settings: returns Dovecot's settings.
        users_file: the one that the panel writes, None for the one that Dovecot's passdb names. It is only read here.
        quota: of new mailboxes, in bytes; None leaves it to the panel.
    """

    def __init__(
        self, mgrctl: Mgrctl, settings: Callable[[], Settings], users_file: Optional[str], quota: Optional[int]
    ) -> None:
        self._mgrctl = mgrctl
        self._settings = settings
        self._users_file = users_file
        self._quota = quota
        self._owners: Dict[str, str] = {}

    @property
    def place(self) -> str:
        return "%s, or the mailbox is suspended in the panel: resume it there" % self._users.path

    def import_queues(self) -> Optional[int]:
        number = self._mgrctl.setting("ParallelEmailImportCount") or ""
        return int(number) if number.isdecimal() and int(number) else None

    def domains(self) -> Set[str]:
        return set(self._read_owners())

    def owners_of(self, domain: str) -> FrozenSet[str]:
        # Each question costs the panel a second, and a domain hardly gets another owner while a run lasts.
        if _canonical(domain) not in self._owners:
            self._read_owners()
        owner = self._owners.get(_canonical(domain))
        return frozenset((owner,)) if owner else frozenset()

    def exists(self, address: Address) -> bool:
        # The users file is the panel's own list of all mailboxes that are not suspended.
        return address in self._users or self._listed_name(address) is not None

    def check_new(self, address: Address) -> None:
        if not address.local_part.isascii():
            message = "%s cannot be a mailbox of ispmanager, which takes Latin letters only: choose target_email"
            raise MailImportError("host_refused", message % address)
        form = self._asked("ask for the form of a mailbox", self._mgrctl.form, "email.edit")
        if "passwd" not in form:
            raise MailImportError(
                "host_refused", "the panel's form of a mailbox has no password: is that ispmanager 6?"
            )
        if self._quota is not None and "maxsize" not in form:
            message = "quota: the panel's form of a mailbox has no size in this edition, leave it out"
            raise MailImportError("host_refused", message)

    def create(self, address: Address, password: str, owner: str) -> None:
        password_line(password)
        domain = self._domain_for(address.domain, owner)
        wanted = {"name": address.local_part, "domainname": domain}
        if self._quota is not None:
            wanted["maxsize"] = str(in_mebibytes(self._quota))
        secrets = {"passwd": password, "confirm": password}
        self._asked("create %s" % address, self._save, "email.edit", wanted, secrets)
        self._await_file(lambda: address in self._users)

    def remove(self, address: Address) -> None:
        name = self._listed_name(address)
        if name is not None:
            self._asked("remove %s" % address, self._mgrctl.call, "email.delete", {"elid": name})
            self._await_file(lambda: address not in self._users)

    def set_password(self, address: Address, password: str) -> None:
        password_line(password)
        name = self._listed_name(address)
        if name is None:
            raise MailImportError("host_refused", "the panel has no mailbox %s" % address)
        before = self._users.hash_of(address)
        purpose = "set the password of %s" % address
        # What is not sent back may be reset.
        form = self._asked(purpose, self._mgrctl.form, "email.edit", name)
        kept = {field: value for field, value in form.items() if field not in ("passwd", "confirm", "elid")}
        self._asked(purpose, self._save, "email.edit", kept, {"passwd": password, "confirm": password}, name)
        self._await_file(lambda: self._users.hash_of(address) != before)

    def noticed_at(self) -> float:
        return self._users.noticed_at()

    def _domain_for(self, domain: str, owner: str) -> str:
        """Return the domain as the panel calls it; declare it when it is missing."""
        name = self._listed_domain(domain)
        if name is not None:
            return name
        try:
            self._save("emaildomain.edit", {"name": domain, "owner": owner, **_NEW_DOMAIN})
        except PanelError as error:
            # Another queue may have declared it meanwhile.
            name = self._listed_domain(domain) if error.kind == "exists" else None
            if name is None:
                _refuse("create the mail domain %s" % domain, error)
        return name or domain

    def _listed_domain(self, domain: str) -> Optional[str]:
        for element in self._listed("emaildomain"):
            if _canonical(element.get("name", "")) == _canonical(domain):
                return element["name"]
        return None

    def _read_owners(self) -> Dict[str, str]:
        elements = self._listed("emaildomain")
        self._owners = {_canonical(element.get("name", "")): element.get("owner", "") for element in elements}
        return self._owners

    def _listed_name(self, address: Address) -> Optional[str]:
        """The mailbox as the panel calls it."""
        for element in self._listed("email"):
            local_part, _at, domain = element.get("name", "").rpartition("@")
            if local_part.lower() == address.local_part and _canonical(domain) == _canonical(address.domain):
                return element["name"]
        return None

    def _listed(self, function: str) -> List[Dict[str, str]]:
        return self._asked("list its %ss" % function.replace("email", "mail ").strip(), self._mgrctl.elements, function)

    def _save(
        self,
        function: str,
        wanted: Mapping[str, str],
        secrets: Mapping[str, str] = NOTHING,
        elid: Optional[str] = None,
    ) -> None:
        """Fill in a form. Forms differ by edition: what one does not have is left out, unless it is needed."""
        form = self._mgrctl.form(function, elid)
        given = {field: value for field, value in wanted.items() if field in form or field in _NEEDED}
        given.update({"sok": "ok", **({"elid": elid} if elid else {})})
        while True:
            try:
                self._mgrctl.call(function, given, secrets)
                return
            except PanelError as error:
                refused = error.about if error.kind == "value" else ""
                if refused in _NEEDED or refused not in {*given, *secrets}:
                    raise
            given = {field: value for field, value in given.items() if field != refused}
            secrets = {field: value for field, value in secrets.items() if field != refused}

    @staticmethod
    def _asked(purpose: str, ask: Callable[..., _Answer], *arguments: Any) -> _Answer:
        try:
            return ask(*arguments)
        except PanelError as error:
            _refuse(purpose, error)

    @staticmethod
    def _await_file(written: Callable[[], bool]) -> None:
        """Wait until the panel has written the users file; if it does not, whoever needs it will say so."""
        deadline = time.monotonic() + _WRITTEN_AFTER
        while not written() and time.monotonic() < deadline:
            time.sleep(_LOOK_AGAIN)

    @cached_property
    def _users(self) -> UsersFile:
        return UsersFile(self._users_file or users_file_of(self._settings()), 0)


def _refuse(purpose: str, error: PanelError) -> NoReturn:
    hint = _HINTS.get(error.kind)
    message = "ispmanager does not %s: %s%s" % (purpose, error.describe(), " (%s)" % hint if hint else "")
    raise MailImportError("host_refused", message) from error


def _canonical(domain: str) -> str:
    """A domain in one form: the panel may show it with the letters of a language, or as an A-label."""
    name = domain.strip().lower()
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name
