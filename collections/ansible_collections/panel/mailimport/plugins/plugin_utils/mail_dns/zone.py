# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the servers of a domain's own zone say of it, each for itself."""

from __future__ import annotations

import functools
import typing as t

from .client import Client, NameServer, NoAnswerError, host_of
from .delegation import Delegation, find_apex, find_delegation


class Mx(t.NamedTuple):
    """One MX record; `host` is empty for the one that says that no mail is taken (RFC 7505)."""

    preference: int
    host: str


class Served(t.NamedTuple):
    """What one name server of the zone says; `failure` says why it says nothing.

    `primary` is the server that the others copy the zone from. When the domain is an alias of another, `alias` is that
    one, and the MX records are its.
    """

    server: NameServer
    serial: int | None = None
    negative_ttl: int | None = None
    mx: tuple[Mx, ...] = ()
    ttl: int | None = None
    failure: str = ""
    primary: str = ""
    alias: str = ""


class Zone(t.NamedTuple):
    """The zone that a domain is in, as its name servers have it: those with the newest first.

    `names` are those of its servers by its own records; `served` has those of the zone above too.
    """

    name: str
    names: tuple[str, ...]
    served: tuple[Served, ...]
    delegation: Delegation

    @property
    def answers(self) -> list[Served]:
        return [each for each in self.served if not each.failure]

    @property
    def servers(self) -> list[NameServer]:
        return [each.server for each in self.answers]

    @property
    def ttl(self) -> int | None:
        """The longest that somebody may keep the MX records, by any of the servers."""
        return max((each.ttl for each in self.answers if each.ttl is not None), default=None)

    @property
    def negative_ttl(self) -> int | None:
        """The longest that somebody may keep that there is no such record."""
        return max((each.negative_ttl for each in self.answers if each.negative_ttl is not None), default=None)


def find_zone(client: Client, domain: str) -> Zone:
    """Find the zone of a domain, and ask each of its servers for it.

    Raises:
        NoAnswerError: in one line, why the zone or its servers are not known.
    """
    name = find_apex(client, domain)
    if not name:
        raise NoAnswerError("%s: there is no such domain" % domain)
    delegation = find_delegation(client, name)
    names = tuple(host_of(record.target) for record in client.look_up(name, "NS").records)
    # The same server may be named by both, and have several names.
    servers: dict[str, NameServer] = {}
    for server in (*_servers(client, names), *delegation.servers(client)):
        servers.setdefault(server.address or server.name, server)
    served = [each for server in servers.values() for each in _ask(client, server, name, domain)]
    if not any(not each.failure for each in served):
        raise NoAnswerError("; ".join(each.failure for each in served) or "%s: it has no name servers" % name)
    newest_first = sorted(served, key=functools.cmp_to_key(_older))
    return Zone(name, names, tuple(newest_first), delegation)


def is_newer(serial: int, other: int) -> bool:
    """Whether whoever has the other one copies a zone with this one (RFC 1982): after the highest comes the lowest."""
    return 0 < (serial - other) % 2**32 < 2**31


def _older(one: Served, other: Served) -> int:
    """Negative when the first comes before the second."""
    if one.serial is None or other.serial is None:
        return (one.serial is None) - (other.serial is None)
    return is_newer(other.serial, one.serial) - is_newer(one.serial, other.serial)


def _servers(client: Client, names: t.Iterable[str]) -> t.Iterator[NameServer]:
    """Servers, once for each address. One without an address has an empty one."""
    for name in names:
        try:
            addresses = client.addresses(name)
        except NoAnswerError:
            addresses = []
        for address in addresses or [""]:
            yield NameServer(address, name=name)


def _ask(client: Client, server: NameServer, zone: str, domain: str) -> t.Iterator[Served]:
    """Nothing, of an address of IPv6 where there is no IPv6."""
    if not server.address:
        yield Served(server, failure="%s has no address" % server.name)
        return
    try:
        soa = client.ask_authority(server, zone, "SOA")
        # Some speak with authority for zones that they do not have.
        if not soa.records or soa.aliases:
            raise NoAnswerError("%s SOA: %s does not have the zone" % (zone, server))
        mx = client.ask_authority(server, domain, "MX")
        alias = mx.name if mx.aliases else ""
        if alias:
            mx = client.look_up(domain, "MX")
    except NoAnswerError as error:
        if not (error.no_way and ":" in server.address):
            yield Served(server, failure=str(error))
        return
    record = soa.records[0]
    yield Served(
        server,
        record.serial,
        min(soa.ttl, record.minimum),
        tuple(sorted(Mx(each.preference, host_of(each.exchange)) for each in mx.records)),
        mx.ttl if mx.records else None,
        primary=host_of(record.mname),
        alias=alias,
    )
