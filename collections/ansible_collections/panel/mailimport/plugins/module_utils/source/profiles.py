# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ways of certain servers that their answers do not tell, known by their greeting or their capabilities."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import FrozenSet, Iterable, Optional, Pattern

from ..imap.session import PIPELINE_DEPTH
from ..model.mail import SourceFolder
from .mailless import IN_ANY_LANGUAGE, folded, names_without_mail


@dataclass(frozen=True)
class SourceProfile:
    """What is known of a kind of server.

    `name` is for people. `greeting` and `capability` are what it is known by, either of them. `daily_bytes` is how much
    one account gives within a day, None without a limit that is known; `connections` how many an import opens to one
    account by itself, for its owner's programs need some, too. `mailless` are folders, by their names in small letters,
    in which there is no mail but something else, and all below them; `speaks_languages`: they have other names in
    other languages, see mailless.py, and `perhaps_mailless` are all of these. `rebuilds_messages`: two readings of a
    message may differ. `beginning` is how many bytes of a message have its Message-ID among them, which tells it from
    others. `pipelined` is how many folders are asked for ahead, `uids_per_command` how many messages one command names.
    `login_proves_nothing`: a login is welcomed, and the first command told that there is no mailbox behind it.
    `sends_notices`: what cannot be given as mail has a notice of the server's in its place. `limits_folders_to` are
    numbers of messages to which people can limit what a folder shows.
    """

    name: str
    greeting: Optional[Pattern[bytes]] = None
    capability: bytes = b""
    daily_bytes: Optional[int] = None
    connections: Optional[int] = None
    mailless: FrozenSet[str] = frozenset()
    perhaps_mailless: FrozenSet[str] = frozenset()
    limits_folders_to: FrozenSet[int] = frozenset()
    speaks_languages: bool = False
    rebuilds_messages: bool = False
    beginning: int = 2048
    pipelined: int = PIPELINE_DEPTH
    uids_per_command: int = 500
    login_proves_nothing: bool = False
    sends_notices: bool = False

    def holds_no_mail(self, folder: SourceFolder) -> bool:
        """True for a folder in which there is something else than mail."""
        return _is_in(folder, self.mailless)

    def may_hold_no_mail(self, folder: SourceFolder) -> bool:
        """True for a folder that is called so as if there were something else than mail in it."""
        return _is_in(folder, self.perhaps_mailless)

    def in_language_of(self, folders: Iterable[SourceFolder]) -> SourceProfile:
        """Return the same with the names that a mailbox of these folders has."""
        return replace(self, mailless=names_without_mail(folders)) if self.speaks_languages else self


def _is_in(folder: SourceFolder, names: FrozenSet[str]) -> bool:
    """Whether a folder, or one above it, has one of these names."""
    path = list(map(folded, folder.path))
    return any("/".join(path[:depth]) in names for depth in range(1, len(path) + 1))


ANY = SourceProfile("IMAP")

# https://developers.google.com/workspace/gmail/imap/imap-extensions. An account gives 2,500 MB a day over IMAP
# (https://support.google.com/a/answer/1071518), and locks itself for up to a day behind that: a little less is taken.
GMAIL = SourceProfile(
    "Gmail",
    re.compile(rb"\* OK Gimap "),
    b"X-GM-EXT-1",
    daily_bytes=2300 << 20,
    connections=2,
    mailless=frozenset(("[gmail]/chats", "[google mail]/chats")),
    limits_folders_to=frozenset((1000, 2000, 5000, 10_000)),
)

# Exchange Online and Exchange Server. Their folders of other things have no attribute that says so. It
# answers many commands that are sent ahead with "BAD Command Error. 10", and long ones with 12.
EXCHANGE = SourceProfile(
    "Exchange",
    re.compile(rb"\* OK .*Microsoft Exchange (Server \d+ )?IMAP4 (service|server)", re.IGNORECASE),
    b"CLIENTACCESSRULES",
    perhaps_mailless=IN_ANY_LANGUAGE,
    speaks_languages=True,
    rebuilds_messages=True,
    beginning=16 << 10,
    pipelined=2,
    uids_per_command=80,
    login_proves_nothing=True,
    sends_notices=True,
)

_PROFILES = (GMAIL, EXCHANGE)


def profile_of(greeting: bytes, capabilities: FrozenSet[bytes]) -> SourceProfile:
    """Return what is known of a server."""
    for profile in _PROFILES:
        if profile.capability in capabilities or (profile.greeting and profile.greeting.match(greeting)):
            return profile
    return ANY
