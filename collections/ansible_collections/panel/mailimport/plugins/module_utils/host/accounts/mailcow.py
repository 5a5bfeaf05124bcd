# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts of mailcow, by its API (https://mailcow.docs.apiary.io, openapi.yaml of mailcow-dockerized)."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional, Set

from ...model.address import Address
from ...model.errors import MailImportError, one_line
from ..base import Accounts
from .mailcow_api import MailcowApi, word_of
from .quotas import MIB, in_mebibytes

# What the words of its answers mean for whoever reads them.
_HINTS = {
    "access_denied": "the key may not do that: mailcow_api_key must be one that reads and writes",
    "domain_not_found": "there is no such domain",
    "is_alias": "it is an alias",
    "is_spam_alias": "it is a temporary alias",
    "mailbox_quota_exceeded": "the quota is more than the domain allows for one mailbox",
    "mailbox_quota_left_exceeded": "the quota is more than the domain has left",
    "max_mailbox_exceeded": "the domain has as many mailboxes as it may have",
    "object_exists": "it exists already",
    "unlimited_quota_acl": "the key may not give an unlimited quota: set quota",
}
# A new domain holds what a migration brings; limits are for its administrator to set.
_NEW_DOMAIN = {
    "active": "1",
    "aliases": "10000",
    "mailboxes": "10000",
    "defquota": "3072",
    "maxquota": "1048576",
    "quota": "1048576",
}


class MailcowAccounts(Accounts):
    """See the module. A hash is sent, and never the password: what begins like a hash would be taken for one.

    Args:
        api: its API.
        hash_password: returns `{SCHEME}hash`.
        quota: of new mailboxes, in bytes; 0 for what their domain gives.
    """

    def __init__(self, api: MailcowApi, hash_password: Callable[[str], str], quota: int) -> None:
        self._api = api
        self._hash_password = hash_password
        self._quota = quota

    @property
    def place(self) -> str:
        return self._api.url

    def domains(self) -> Set[str]:
        found = self._api.get("domain/all")
        listed = found if isinstance(found, list) else []
        return {str(each.get("domain_name", "")).lower() for each in listed if isinstance(each, dict)} - {""}

    def exists(self, address: Address) -> bool:
        return self._mailbox(address) is not None

    def _mailbox(self, address: Address) -> Optional[Mapping[str, Any]]:
        found = self._api.get("mailbox/%s" % address)
        if isinstance(found, dict) and str(found.get("username", "")).lower() == str(address):
            return found
        return None

    def check_new(self, address: Address) -> None:
        if not str(address).isascii():
            raise MailImportError("host_refused", "mailcow takes no letters beyond ASCII in %s" % address)
        self._api.get("mailbox/%s" % address)  # a wrong key is told before anything is made

    def create(self, address: Address, password: str, owner: str) -> None:
        hashed = self._hash_password(password)
        if address.domain not in self.domains():
            description = one_line("of %s" % owner, 100)
            domain = {"domain": address.domain, "description": description, **_NEW_DOMAIN}
            self._do("add/domain", domain, address.domain, fine="domain_exists")  # another run has made it meanwhile
        self._do(
            "add/mailbox",
            {
                "local_part": address.local_part,
                "domain": address.domain,
                "name": address.local_part,
                "password": hashed,
                "password2": hashed,
                "quota": str(self._quota_for(address.domain)),
                "active": "1",
                # They bind logins to its web pages, and a site may have other defaults.
                "force_pw_update": "0",
                "force_tfa": "0",
                "tls_enforce_in": "0",
                "tls_enforce_out": "0",
            },
            str(address),
        )

    def _quota_for(self, domain: str) -> int:
        """In mebibytes."""
        if self._quota:
            return in_mebibytes(self._quota)
        found = self._api.get("domain/%s" % domain)
        default = str(found.get("def_new_mailbox_quota")) if isinstance(found, dict) else ""
        return int(default) // MIB if default.isdigit() else 0

    def remove(self, address: Address) -> None:
        self._do("delete/mailbox", [str(address)], str(address))

    def set_password(self, address: Address, password: str) -> None:
        found = self._mailbox(address)
        if found is None:
            raise MailImportError("host_refused", "%s has no mailbox at %s" % (address, self.place))
        authority = str(found.get("authsource") or "mailcow")
        if authority != "mailcow":
            message = "the password of %s is kept by %s, and mailcow would say that it has changed it: set it there"
            raise MailImportError("host_refused", message % (address, authority))
        hashed = self._hash_password(password)
        change: Dict[str, Any] = {"items": [str(address)], "attr": {"password": hashed, "password2": hashed}}
        self._do("edit/mailbox", change, str(address))

    def _do(self, path: str, body: Any, what: str, fine: Optional[str] = None) -> None:
        """Make a change; an answer that is not all success, or that one word, is an error."""
        for entry in self._api.post(path, body):
            word = word_of(entry)
            if entry.get("type") != "success" and word != fine:
                told = "%s (%s)" % (_HINTS[word], word) if word in _HINTS else word
                raise MailImportError("host_refused", "mailcow refuses %s for %s: %s" % (path, what, told))
