# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Vocabulary of the mail itself: accounts, folders and messages, as plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, FrozenSet, Iterable, Iterator, Mapping, NamedTuple, Optional, Tuple, Union


@dataclass(frozen=True)
class ImapAccount:
    """One login on one IMAP server. `timeout` is in seconds without a byte, `min_rate` in bytes per second; `side` is
    what the names of its options begin with.
    """

    side: ClassVar[str] = ""

    host: str
    user: str
    password: str = field(repr=False)
    port: int = 993
    tls: str = "implicit"
    auth: str = "auto"
    master_user: Optional[str] = None
    validate_certs: bool = True
    ca_cert: Optional[str] = None
    tls_fingerprint: Optional[str] = None
    timeout: float = 60.0
    min_rate: int = 100
    compress: bool = False

    def option(self, name: str) -> str:
        """The name of one of its options, for people."""
        return "%s_%s" % (self.side, name)


@dataclass(frozen=True)
class SourceAccount(ImapAccount):
    """Where mail comes from. `daily_bytes` is what may be fetched from it within a day, 0 without a limit; None leaves
    it to what is known of the server.
    """

    side: ClassVar[str] = "source"

    daily_bytes: Optional[int] = None


@dataclass(frozen=True)
class TargetAccount(ImapAccount):
    """Where mail goes to."""

    side: ClassVar[str] = "target"


# RFC 3501 section 2.3.1.1
UIDVALIDITY_BITS = 32


# Of messages that count no more, whatever epoch they came in.
FORGOTTEN_EPOCH = -1


def split_epoch(epoch: int) -> Tuple[int, int]:
    """Return what `SourceFolder.epoch` is made of: how often the messages were renumbered, and the UIDVALIDITY."""
    return divmod(epoch, 1 << UIDVALIDITY_BITS)


@dataclass(frozen=True)
class SourceFolder:
    """A folder as the source lists it.

    `raw_name` is the name's bytes as the server sent them (usually modified UTF-7), the only form used to talk to
    it. `path` is the readable name split at the separator. The figures are None where the server gave none.
    `landing` is the readable name that it gets on the host where nothing else names it, empty for its own.
    `renumbered` is how often the source was found to have given its messages other UIDs under the same UIDVALIDITY.
    """

    raw_name: bytes
    path: Tuple[str, ...]
    attributes: FrozenSet[bytes] = frozenset()
    selectable: bool = True
    subscribed: bool = False
    messages: Optional[int] = None
    uidvalidity: Optional[int] = None
    uidnext: Optional[int] = None
    highest_modseq: Optional[int] = None
    renumbered: int = 0
    landing: Tuple[str, ...] = ()

    @property
    def epoch(self) -> Optional[int]:
        """What the UIDs belong to: the UIDVALIDITY, of 32 bits, and above them how often it broke its promise."""
        return self.uidvalidity and self.uidvalidity + (self.renumbered << UIDVALIDITY_BITS)

    @property
    def never_had_mail(self) -> bool:
        """True when all figures say so. One that counts no messages and has given away UIDs is opened to be sure."""
        return self.messages == 0 and self.uidnext == 1 and bool(self.uidvalidity)

    @property
    def name(self) -> str:
        """Readable name for people, components joined with a slash."""
        return "/".join(self.path)


@dataclass
class Message:
    """What is known of a message besides its bytes.

    `internal_date` is in seconds since the epoch, None when the source gave no usable date; `flags` are as the source
    sent them, none when it said nothing of them (`flags_told`). `uid` may be None until the message's body has been
    read (some servers send it behind).
    """

    uid: Optional[int]
    flags: Tuple[bytes, ...] = ()
    internal_date: Optional[int] = None
    flags_told: bool = True


Chunks = Iterator[memoryview]


class NewHome(NamedTuple):
    """The home directory of a mailbox that is yet to be made, and whose it is going to be."""

    path: str
    uid: int
    gid: int


@dataclass(frozen=True)
class MailFiles:
    """The files of this machine that hold a mailbox's mail, as the mail host itself reports them.

    `uid` and `gid` own them. `driver` is Dovecot's (maildir, sdbox, mdbox, …). `root`, `control` and `index` are
    absolute directories (`control` and `index` equal `root` unless the host says otherwise, `index` is None for
    indexes in memory). `layout` is `maildir++` or `fs`; `separator` and `prefix` are the private namespace's;
    `special_use` maps attributes such as `\\Sent` to folder names on this host, components joined with `separator`,
    without prefix. `unsupported` says in words why files cannot be written directly, None when they can; `scattered`
    why the directories named here do not hold all of the mail and nothing else, None when they do. `shares_home`: a new
    root takes over the rights of a shared directory above it. `others_prefixes` are beginnings of names, without
    `prefix`, that stand for other namespaces: those of other people, of all, and hidden ones.
    """

    uid: int
    gid: int
    driver: str
    root: str
    control: str
    index: Optional[str]
    layout: str = "maildir++"
    separator: str = "."
    prefix: str = ""
    special_use: Mapping[str, str] = field(default_factory=dict)
    unsupported: Optional[str] = None
    scattered: Optional[str] = None
    shares_home: bool = True
    others_prefixes: Tuple[str, ...] = ()


@dataclass(frozen=True)
class MailSession:
    """Mail that nothing but an IMAP session of the mail host reaches: on another machine, or in a container.

    `uid` and `gid` are those of the process that imports. `account` is the login of the mailbox where the session is
    one over the network, None where it is a process of this machine. `views` are folders that show the mail of others,
    in which nothing is ever stored. `verify` tells what is read back of what was stored: `digests`, `counts` or `none`.
    `connections` is the most that one import may have. The rest is as in MailFiles.
    """

    uid: int
    gid: int
    separator: str = "."
    prefix: str = ""
    special_use: Mapping[str, str] = field(default_factory=dict)
    driver: str = ""
    layout: str = ""
    unsupported: str = "the mail is not in files of this machine"
    scattered: str = "the mail is not in files of this machine"
    account: Optional[TargetAccount] = None
    views: FrozenSet[Tuple[str, ...]] = frozenset()
    verify: str = "digests"
    connections: int = 1
    others_prefixes: Tuple[str, ...] = ()


def prefixes_within(own: str, others: Iterable[str]) -> Tuple[str, ...]:
    """Return how names begin, without the prefix of one's own namespace, that belong to others.

    Args:
        others: their prefixes, with the separator at the end. They may have variables, which begin with % or $; what is
            before one within a name tells too little.
    """
    literal = ((re.split("[%$]", prefix, maxsplit=1)[0], prefix) for prefix in others)
    whole = [text for text, prefix in literal if text.endswith(prefix[-1:])]
    return tuple(text[len(own) :] for text in whole if text.startswith(own) and len(text) > len(own))


# Where and how a mailbox's mail is kept.
StoreLocation = Union[MailFiles, MailSession]
