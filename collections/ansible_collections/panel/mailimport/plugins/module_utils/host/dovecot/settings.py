# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dovecot's settings as `doveconf -a` prints them (Dovecot 2.3)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Dict, FrozenSet, List, Optional

from ...model.errors import MailImportError

_BLOCK = re.compile(r'(\w+)(?: "?(.*?)"?)? \{')
# of an argument that makes a passwd-file be looked up by the whole address
_WHOLE_ADDRESS = frozenset(("%u", "%Lu", "%{user}", "%L{user}"))
# of the user, as they stand in paths
_VARIABLE = re.compile(r"%(?:\{[^}]*\}|[-.\d]*[A-Z]*[a-z])")


@dataclass
class Section:
    """A block of settings: `values` by key, and the blocks in it."""

    kind: str
    name: str = ""
    values: Dict[str, str] = field(default_factory=dict)
    sections: List[Section] = field(default_factory=list)

    def get(self, key: str) -> str:
        return self.values.get(key, "")

    def all(self, kind: str) -> List[Section]:
        """The blocks of one kind, in order."""
        return [section for section in self.sections if section.kind == kind]

    def plugins(self) -> Dict[str, str]:
        """The settings of the `plugin` block."""
        return {key: value for section in reversed(self.all("plugin")) for key, value in section.values.items()}

    def mail_plugins(self) -> FrozenSet[str]:
        return frozenset(self.get("mail_plugins").split())


def parse_settings(text: str) -> Section:
    """Parse the output of `doveconf -a`.

    Raises:
        MailImportError: `host_refused` for another major version, whose settings have other names and meanings.
    """
    version = re.match(r"# (\S+)", text)
    if version is None or not version.group(1).startswith("2.3."):
        found = version.group(1) if version else "unknown"
        raise MailImportError("host_refused", "this host runs Dovecot %s, only 2.3 is supported" % found)
    stack = [Section("dovecot")]
    for line in map(str.strip, text.splitlines()):
        block = _BLOCK.fullmatch(line)
        key, equals, value = line.partition(" =")
        if block:
            section = Section(block.group(1), block.group(2) or "")
            stack[-1].sections.append(section)
            stack.append(section)
        elif line == "}":
            stack.pop()
        elif equals and not line.startswith("#"):
            stack[-1].values[key] = value.strip()
    return stack[0]


def users_file_of(settings: Section) -> str:
    """Return the passwd-file that logins are checked against.

    Raises:
        MailImportError: `host_refused` when there is none, more than one, or one not looked up by whole addresses.
    """
    logins = [block for block in settings.all("passdb") if _is_login_file(block)]
    paths = sorted({path for path in map(_passwd_file_path, logins) if path})
    if len(paths) != 1:
        found = "has none" if not logins else "%d cannot be told apart" % len(logins)
        message = "Dovecot's passdb should name one passwd-file of whole addresses, it %s: give users_file" % found
        raise MailImportError("host_refused", message)
    if settings.get("auth_username_format") not in _WHOLE_ADDRESS:
        message = "Dovecot's auth_username_format changes more than case: mailboxes need whole addresses"
        raise MailImportError("host_refused", message)
    return paths[0]


def reads_passwd_file(settings: Section, path: str) -> bool:
    """Whether a passdb or userdb names that file, in so many words or with variables of the user."""
    for block in settings.all("passdb") + settings.all("userdb"):
        name = _without_options(block.get("args"))
        if block.get("driver") == "passwd-file" and name:
            pattern = ".+".join(map(re.escape, _VARIABLE.split(name)))
            if re.fullmatch(pattern, path) or os.path.realpath(name) == os.path.realpath(path):
                return True
    return False


def _is_login_file(passdb: Section) -> bool:
    return passdb.get("driver") == "passwd-file" and passdb.get("master") != "yes" and passdb.get("deny") != "yes"


def _passwd_file_path(passdb: Section) -> Optional[str]:
    """The path in `args`, behind its `key=value` words; None when it depends on the user."""
    username_format = re.search(r"(?:^| )username_format=(\S*) ", passdb.get("args"))
    if username_format and username_format.group(1) not in _WHOLE_ADDRESS:
        return None
    path = _without_options(passdb.get("args"))
    return path if path.startswith("/") and "%" not in path else None


def _without_options(args: str) -> str:
    return re.sub(r"^(?:(?:scheme|username_format)=\S* )*", "", args)
