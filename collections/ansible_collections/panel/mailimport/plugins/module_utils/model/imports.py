# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One import: what is asked for, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .address import Address
from .errors import MailImportError
from .mail import SourceAccount
from .options import COMPARISONS
from .secret import Renewal

COMPLETED_MESSAGE = "Import completed successfully"


class ImportKey(NamedTuple):
    """Identity of an import: case-folded source host, source user and target address."""

    source_host: str
    source_user: str
    address: str


@dataclass(frozen=True)
class FolderRules:
    """Which folders are carried over and under what names (readable names, components joined with `/`).

    `include` and `exclude` are globs; an empty `include` means every folder. `mapping` (source name to target name)
    wins over `automap`, which lands special-use folders on the host's own. `labels` says what becomes of Gmail's:
    `folders`, `first` or `all_mail`.
    """

    include: Tuple[str, ...] = ()
    exclude: Tuple[str, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    automap: bool = True
    labels: str = "folders"


class LoginDiagnosis(NamedTuple):
    """What a login that the source refuses comes to: a state, the reason word, and a line for people."""

    state: str
    reason: str
    message: str


MOST_CONNECTIONS = 16
# Where their number is left to us. Servers admit more (Dovecot 10 for a user, Gmail 15), and some no more than this
# (Courier, from one address); and the account's owner wants some of them.
MOST_BY_ITSELF = 4


@dataclass(frozen=True)
class SourceConnections:
    """How many connections one import may have at its source; `gradually`: one more at a time, while that makes it
    faster.
    """

    most: int = 1
    gradually: bool = False

    def at_most(self, number: Optional[int]) -> SourceConnections:
        """The same within a bound, if there is one."""
        return replace(self, most=min(self.most, number or self.most))

    @classmethod
    def parse(cls, text: str) -> SourceConnections:
        """Read `auto`, or a number.

        Raises:
            MailImportError: `invalid_row`.
        """
        if text == "auto":
            return cls(MOST_BY_ITSELF, gradually=True)
        if text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_CONNECTIONS:
            return cls(int(text))
        message = "source_connections must be auto or a number from 1 to %d, and is %r" % (MOST_CONNECTIONS, text)
        raise MailImportError("invalid_row", message)


@dataclass(frozen=True)
class ImportRequest:
    """One source account to one mailbox. `target_password` is what the mailbox is to have; `source` has that of the
    account. Sizes are in bytes.

    `renew` gives another password or token for the source when it refuses the one of the account, or that is empty.
    `diagnose` finds out what a refused login means, where more can be known than the source says; it may raise
    MailImportError when it cannot be told.
    """

    source: SourceAccount
    address: Address
    target_password: str = field(repr=False)
    owner: str
    state: str = "present"
    ignore_existing: bool = True
    existing_content: str = "replace"
    force: bool = False
    update_password: str = "on_create"
    import_content: bool = True
    rules: FolderRules = FolderRules()
    max_message_size: int = 2 << 30
    message_store: str = "auto"
    connections: SourceConnections = SourceConnections()
    verify: str = "copied"
    verify_sample: Optional[int] = None
    renew: Optional[Renewal] = field(default=None, repr=False, compare=False)
    diagnose: Optional[Callable[[MailImportError], LoginDiagnosis]] = field(default=None, repr=False, compare=False)

    @property
    def only_verifies(self) -> bool:
        """Whether source and mailbox are compared, and nothing is imported."""
        return self.verify in COMPARISONS

    @property
    def key(self) -> ImportKey:
        return ImportKey(self.source.host.casefold(), self.source.user.casefold(), str(self.address).casefold())


@dataclass
class NotImported:
    """Something of the source that did not arrive, with the reason word and a line for people."""

    folder: str
    reason: str
    message: str
    uid: Optional[int] = None
    message_id: Optional[str] = None
    size: Optional[int] = None


@dataclass
class ImportResult:
    """The entry of one import in the results; every key is always there. `queue` is the one that ran it, None when none
    did; `retry_at` is when a paused one goes on, as `moment` writes it.
    """

    email: str
    source: str
    state: str = "queued"
    reason: Optional[str] = None
    message: str = ""
    created: bool = False
    changed: bool = False
    folders: int = 0
    messages_total: int = 0
    messages_copied: int = 0
    messages_present: int = 0
    messages_failed: int = 0
    bytes_copied: int = 0
    flags_updated: int = 0
    duration: float = 0.0
    not_imported: List[NotImported] = field(default_factory=list)
    replaced_to: Optional[str] = None
    message_store: Optional[str] = None
    message_store_reason: Optional[str] = None
    queue: Optional[int] = None
    retry_at: Optional[str] = None
    messages_linked: int = 0

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ImportResult:
        """What `as_dict` made, back again."""
        return cls(**dict(values, not_imported=[NotImported(**entry) for entry in values["not_imported"]]))

    def as_dict(self) -> Dict[str, Any]:
        """Plain values only, for JSON."""
        return dict(vars(self), not_imported=[dict(vars(entry)) for entry in self.not_imported])
