# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for the API of mailcow: it takes calls over HTTP, and writes the users file of a Dovecot.

It answers as json_api.php of mailcow-dockerized does: 200 with a list of entries for a change, `{}` for a mailbox that
is not there, 401 for a wrong key, 403 for one that may only read.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Callable, ClassVar

from .http_service import Answer, Handler, HttpService, RefusedError

KEY, READ_ONLY_KEY = "a key that may write", "a key that may read"
_HASH = re.compile(r"\{SHA512-CRYPT\}\$6\$.+")


class Mailcow(HttpService):
    """The service, started by entering its context.

    Args:
        users_file: of the Dovecot that is asked for logins.
        line: makes a line of it, of an address and a hash.
        wait_for: returns when that Dovecot knows an address. The real one's reads a database, and knows at once.
    """

    def __init__(self, users_file: Path, line: Callable[[str, str], str], wait_for: Callable[[str], None]) -> None:
        super().__init__(_MailcowHandler)
        self._users_file = users_file
        self._line = line
        self._wait_for = wait_for
        self.domains: dict[str, dict[str, Any]] = {}
        self.mailboxes: dict[str, dict[str, Any]] = {}
        self.aliases: set[str] = set()
        self.faults: list[str] = []

    def write_users(self) -> None:
        """What its Dovecot reads."""
        lines = [self._line(address, each["password"]) for address, each in self.mailboxes.items()]
        self._users_file.write_text("".join(lines))
        for address in self.mailboxes:
            self._wait_for(address)


def _entry(kind: str, *words: str) -> dict[str, Any]:
    return {"type": kind, "log": [], "msg": list(words) if len(words) > 1 else words[0]}


class _MailcowHandler(Handler):
    def _body(self) -> Any:
        key = self.headers.get("X-API-Key")
        if key not in (KEY, READ_ONLY_KEY):
            raise RefusedError(Answer(401, {"type": "error", "msg": "authentication failed"}))
        if self.command == "POST" and key == READ_ONLY_KEY:
            raise RefusedError(Answer(403, {"type": "error", "msg": "API read/write access denied"}))
        return json.loads(self.data) if self.data else None

    def get_mailbox(self, address: str) -> Any:
        self._body()
        found = self.service.mailboxes.get(address.lower())
        return {"username": address.lower(), "authsource": found["authsource"]} if found else {}

    def get_domains(self) -> Any:
        self._body()
        return [{"domain_name": name} for name in self.service.domains] or {}

    def get_domain(self, name: str) -> Any:
        self._body()
        found = self.service.domains.get(name)
        return {"domain_name": name, "def_new_mailbox_quota": int(found["defquota"]) << 20} if found else {}

    def add_domain(self) -> Any:
        given = self._body()
        if given["domain"] in self.service.domains:
            return [_entry("danger", "domain_exists", given["domain"])]
        self.service.domains[given["domain"]] = given
        return [_entry("success", "domain_added", given["domain"])]

    def add_mailbox(self) -> Any:
        given = self._body()
        address = "%s@%s" % (given["local_part"], given["domain"])
        if not _HASH.fullmatch(given["password"]) or given["password"] != given["password2"]:
            self.service.faults.append("a password came in clear")
        if given["domain"] not in self.service.domains:
            return [_entry("danger", "domain_not_found", given["domain"])]
        if address in self.service.aliases:
            return [_entry("danger", "is_alias", address)]
        if address in self.service.mailboxes:
            return [_entry("danger", "object_exists", address)]
        self.service.mailboxes[address] = {**given, "authsource": "mailcow"}
        self.service.write_users()
        return [_entry("success", "mailbox_added", address)]

    def edit_mailbox(self) -> Any:
        given = self._body()
        for address in given["items"]:
            if self.service.mailboxes[address]["authsource"] == "mailcow":
                self.service.mailboxes[address].update(given["attr"])
        self.service.write_users()
        return [_entry("success", "mailbox_modified", address) for address in given["items"]]

    def delete_mailbox(self) -> Any:
        given = self._body()
        for address in given:
            del self.service.mailboxes[address]
        self.service.write_users()
        return [_entry("success", "mailbox_removed", address) for address in given]

    routes: ClassVar[list[tuple[str, str, Callable[..., Any]]]] = [
        ("GET", "/api/v1/get/mailbox/(.+)", get_mailbox),
        ("GET", "/api/v1/get/domain/all", get_domains),
        ("GET", "/api/v1/get/domain/(.+)", get_domain),
        ("POST", "/api/v1/add/domain", add_domain),
        ("POST", "/api/v1/add/mailbox", add_mailbox),
        ("POST", "/api/v1/edit/mailbox", edit_mailbox),
        ("POST", "/api/v1/delete/mailbox", delete_mailbox),
    ]
