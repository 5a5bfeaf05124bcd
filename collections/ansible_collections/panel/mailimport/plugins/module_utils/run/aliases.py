# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The aliases and mailing lists of an organization, made on a host that has a table of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence, Set, Tuple

from ..host.mail_host import MailHost
from ..model.address import Address, parse_address
from ..model.alias import Alias, AliasState
from ..model.errors import MailImportError, one_line
from ..model.imports import ImportResult
from ..provider.base import OrganizationContents, SourceMailbox


@dataclass(frozen=True)
class HostAlias:
    """What came of an alias: `state` is `created`, `present`, `skipped` or `failed`; `kind` is `alias` or `list`."""

    email: str
    kind: str
    targets: Tuple[str, ...]
    state: str
    message: str

    def as_dict(self) -> Dict[str, Any]:
        """Plain values only, for JSON."""
        return dict(asdict(self), targets=list(self.targets))


class _Wanted(NamedTuple):
    """An alias as the organization has it. One that is not `complete` goes to more than `targets`."""

    email: str
    kind: str
    targets: Tuple[str, ...]
    complete: bool = True


def create_aliases(
    contents: OrganizationContents,
    chosen: Sequence[SourceMailbox],
    results: Sequence[ImportResult],
    host: MailHost,
    check_mode: bool,
) -> List[HostAlias]:
    """Make the aliases of mailboxes whose import has come to its end, and the lists on their domains.

    Args:
        results: those of `chosen`, in its order.
    """
    here = {parse_address(mailbox.email) for mailbox, result in zip(chosen, results) if _is_here(result, check_mode)}
    maker = _Maker(host, here, check_mode)
    return [maker.make(wanted) for wanted in _wanted(contents, chosen)]


def _is_here(result: ImportResult, check_mode: bool) -> bool:
    """Whether the mailbox is on the host, its domain the owner's. One that existed is skipped without a reason word."""
    if check_mode and result.state == "queued":
        return True  # it would be
    return result.state == "completed" or (result.state == "skipped" and result.reason is None)


def _wanted(contents: OrganizationContents, chosen: Sequence[SourceMailbox]) -> Iterator[_Wanted]:
    for mailbox in chosen:
        for alias in mailbox.aliases:
            yield _Wanted(alias, "alias", (mailbox.email,))
    for entry in contents.mailing_lists:
        yield _Wanted(entry.email, "list", entry.members, entry.complete)
        for alias in entry.aliases:
            yield _Wanted(alias, "alias", (entry.email,))


class _Maker:
    def __init__(self, host: MailHost, here: Set[Address], check_mode: bool) -> None:
        self._host = host
        self._here = here
        self._domains = {address.domain for address in here}
        self._lists: Set[Address] = set()
        self._check_mode = check_mode

    def make(self, wanted: _Wanted) -> HostAlias:
        try:
            state = self._state_of(wanted)
        except MailImportError as error:
            state = AliasState("skipped" if error.reason == "invalid_row" else "failed", error.message)
        return HostAlias(one_line(wanted.email), wanted.kind, wanted.targets, *state)

    def _state_of(self, wanted: _Wanted) -> AliasState:
        address = parse_address(wanted.email)
        targets = [parse_address(target) for target in wanted.targets]
        if address.domain not in self._domains:
            return AliasState("skipped", "no mailbox of domain %s has been imported" % address.domain)
        if address in self._here:
            return AliasState("skipped", "%s is a mailbox on this host" % address)
        if not targets or not wanted.complete:
            return AliasState("skipped", "the provider does not tell the addresses of all its members")
        away = [str(target) for target in targets if not self._takes_mail(target, wanted.kind)]
        if away:
            more = " and %d more" % (len(away) - 5) if len(away) > 5 else ""
            return AliasState("skipped", "not on this host: %s%s" % (", ".join(away[:5]), more))
        is_list = wanted.kind == "list"
        alias = Alias(address, tuple(str(target) for target in targets), is_list)
        state = self._host.add_alias(alias, write=not self._check_mode)
        if is_list and state.state != "skipped":
            self._lists.add(address)
        return state

    def _takes_mail(self, target: Address, kind: str) -> bool:
        """Whether mail for a target arrives. Members of a list may be elsewhere, on domains that are not imported."""
        if target in self._here or target in self._lists:
            return True
        return kind == "list" and (target.domain not in self._domains or self._host.mailbox_exists(target))
