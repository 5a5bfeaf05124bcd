# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the directory of an organization says of a migration: who moves, who cannot, and what else has an address."""

from __future__ import annotations

import typing as t
from collections import defaultdict
from dataclasses import dataclass

from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError, one_line
from ansible_collections.panel.mailimport.plugins.module_utils.provider.base import as_ascii
from ansible_collections.panel.mailimport.plugins.module_utils.rows.row import Row

from .definition import Migration
from .facts import Problem, named

Entry = t.Mapping[str, t.Any]

CHECK = "directory"


@dataclass(frozen=True)
class Directory:
    """What of an organization moves.

    Attributes:
        rows: its mailboxes that can be imported, as a list has them.
        recipients: every address on the domains that move: mailboxes, their aliases, mailing lists.
        migration: the migration, whose waves know the members of their groups now.
        problems: what nobody moves, and what does not fit together.
    """

    rows: list[Row]
    recipients: list[str]
    migration: Migration
    problems: list[Problem]


def directory_of(migration: Migration, results: t.Mapping[str, Entry]) -> Directory:
    """Put together what the mail hosts have read.

    Args:
        results: those of the provider's info module by mail host. Each may have asked for mailboxes of its own.

    Raises:
        MailImportError: one of them could not read it.
    """
    for host, result in results.items():
        if "mailboxes" not in result:
            words = one_line(str(result.get("msg") or "no answer"), 300)
            raise MailImportError(
                result.get("reason") or "connection_failed", "%s cannot read the directory: %s" % (host, words)
            )
    moving = {as_ascii(name) for name in migration.domains}
    entries = [(host, entry) for host, result in sorted(results.items()) for entry in result["mailboxes"]]
    coming = [(host, entry) for host, entry in entries if entry["importable"] and _domain(entry["email"]) in moving]
    rows = [
        Row(
            "mailbox %s" % entry["email"],
            {"email": entry["email"], **({"mail_host": host} if len(results) > 1 else {})},
        )
        for host, entry in coming
    ]
    # Domains and lists are those of the organization, whoever has asked.
    any_result = next(iter(results.values()), {})
    lists = any_result.get("mailing_lists", ())
    members, problems = _members(migration, lists, [entry for _host, entry in entries])
    return Directory(
        rows,
        _recipients(moving, [*(entry for _host, entry in coming), *lists], any_result.get("domains", ())),
        migration.with_members(members),
        [
            *problems,
            *_unknown_domains(migration, any_result.get("domains", ())),
            *_claimed_twice(coming),
            *_left_out([entry for _host, entry in entries], moving),
        ],
    )


def _domain(address: str) -> str:
    return as_ascii(address.rpartition("@")[2])


def _recipients(moving: t.Collection[str], entries: t.Iterable[Entry], domains: t.Iterable[Entry]) -> list[str]:
    addresses = [address for entry in entries if entry["email"] for address in (entry["email"], *entry["aliases"])]
    # What is valid on a domain is so on the domains that are aliases of it.
    for domain in domains:
        if domain["alias_of"]:
            main = as_ascii(domain["alias_of"])
            addresses += [
                "%s@%s" % (address.rpartition("@")[0], domain["name"])
                for address in addresses
                if _domain(address) == main
            ]
    return list(dict.fromkeys(address.lower() for address in addresses if _domain(address) in moving))


def _members(
    migration: Migration, lists: t.Iterable[Entry], mailboxes: t.Sequence[Entry]
) -> tuple[dict[str, frozenset[str]], list[Problem]]:
    """The mailboxes of each group that a wave names, and what is wrong with these groups."""
    own = {alias.lower(): entry["email"] for entry in mailboxes for alias in (*entry["aliases"], entry["email"])}
    known = {name.lower(): entry for entry in lists for name in (entry["name"], *entry["aliases"], entry["email"])}
    members: dict[str, frozenset[str]] = {}
    problems = []
    for group in dict.fromkeys(group for wave in migration.waves for group in wave.groups):
        entry = known.get(group.strip().lower())
        if entry is None:
            there = named([each["email"] for each in lists]) or "none"
            problems.append(_error("the directory has no group %s; it has: %s" % (one_line(group, 80), there)))
            continue
        members[group] = frozenset(own.get(address.lower(), address.lower()) for address in entry["members"])
        if not entry["complete"]:
            words = (
                "group %s has members that the directory does not name, such as other groups: they are not of its wave"
            )
            problems.append(Problem(CHECK, "warning", words % one_line(group, 80)))
    return members, problems


def _unknown_domains(migration: Migration, domains: t.Sequence[Entry]) -> list[Problem]:
    names = {as_ascii(domain["name"]) for domain in domains}
    if not names:
        return []
    there = named([domain["name"] for domain in domains])
    found = [
        _error("the organization has no domain %s; it has: %s" % (name, there))
        for name in migration.domains
        if as_ascii(name) not in names
    ]
    moving = {as_ascii(name) for name in migration.domains}
    staying = [domain["name"] for domain in domains if as_ascii(domain["name"]) not in moving and domain["mailboxes"]]
    if staying:
        words = "not in migration.domains, so their mailboxes stay where they are: %s"
        found.append(Problem(CHECK, "warning", words % named(staying)))
    return found


def _claimed_twice(coming: t.Iterable[tuple[str, Entry]]) -> list[Problem]:
    hosts: dict[str, list[str]] = defaultdict(list)
    for host, entry in coming:
        hosts[entry["email"]].append(host)
    twice = ["%s (%s)" % (address, ", ".join(names)) for address, names in hosts.items() if len(names) > 1]
    words = "several mail hosts take the same mailboxes: give each its own domains or mailboxes in the inventory: %s"
    return [_error(words % named(twice))] if twice else []


def _left_out(entries: t.Iterable[Entry], moving: t.Collection[str]) -> list[Problem]:
    """The accounts that cannot be imported, a line for each kind; those of domains that stay are nobody's business."""
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for entry in entries:
        if not entry["importable"] and (not entry["email"] or _domain(entry["email"]) in moving):
            kinds[(entry["reason"], entry["message"])].append(entry["email"] or "no address (%s)" % entry["id"])
    return [
        Problem(CHECK, "warning", "not imported, %s: %s: %s" % (reason, named(list(dict.fromkeys(names))), message))
        for (reason, message), names in sorted(kinds.items())
    ]


def _error(words: str) -> Problem:
    return Problem(CHECK, "error", words)
