# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the zone above says of a zone: which servers have it, and which keys. Who looks a name up begins there."""

from __future__ import annotations

import itertools
import typing as t

from .client import Client, NameServer, NoAnswerError, host_of

try:
    import dns.flags
    import dns.name
    import dns.rdataclass
    import dns.rdatatype
except ImportError:  # the action plugin says so
    pass


# How many addresses of the zone above are tried.
_MOST_ASKED = 3


class Delegation(t.NamedTuple):
    """What the servers of the zone `parent` say of a zone.

    Args:
        names: of its servers; none where a server has both zones and says what the lower one says.
        glue: the addresses that stand beside the names, for those that have some.
        ds: the DS records, by which its keys are told.
        is_missing: there is no such zone, they say.
        failure: why nothing is known.
    """

    parent: str
    names: tuple[str, ...] = ()
    glue: t.Mapping[str, tuple[str, ...]] = {}
    ds: tuple[t.Any, ...] = ()
    is_missing: bool = False
    failure: str = ""

    def servers(self, client: Client) -> t.Iterator[NameServer]:
        """The servers, once for each address."""
        for name in self.names:
            for address in self.glue.get(name) or _addresses(client, name):
                yield NameServer(address, name=name)


def find_apex(client: Client, name: str) -> str:
    """The zone that a name is in; "" is the root.

    Raises:
        NoAnswerError: in one line, why nobody knows.
    """
    zone = name
    while zone:
        answer = client.look_up(zone, "SOA")
        if answer.records and not answer.aliases:
            return zone
        if zone == name and not answer.exists and answer.aliases:
            raise NoAnswerError("%s is an alias (CNAME) of %s, which there is not" % (name, answer.name))
        if zone == name and not answer.exists:
            raise NoAnswerError("%s: there is no such domain" % name)
        zone = zone.partition(".")[2]
    return zone


def find_delegation(client: Client, zone: str) -> Delegation:
    """Ask the servers of the zone above, the first of some that answers: all may be out of reach from here."""
    parent = zone.partition(".")[2]
    try:
        parent = find_apex(client, parent) if parent else parent
        failure = NoAnswerError("%s has no name servers" % (parent or "the root"))
        above = Delegation(
            parent, tuple(host_of(record.target) for record in client.look_up(parent or ".", "NS").records)
        )
        for server in itertools.islice(above.servers(client), _MOST_ASKED):
            try:
                return _ask(client, server, parent, zone)
            except NoAnswerError as error:
                failure = error
        raise failure
    except NoAnswerError as error:
        return Delegation(parent, failure=str(error))


def _ask(client: Client, server: NameServer, parent: str, zone: str) -> Delegation:
    message = client.ask(server, zone, "NS")
    own = dns.name.from_text(zone)
    names: list[str] = []
    for rrset in message.authority:
        if rrset.name == own and rrset.rdtype == dns.rdatatype.NS:
            names += sorted(host_of(record.target) for record in rrset)
    has_zone = any(rrset.name == own for rrset in message.answer)
    if not (names or has_zone):
        if not message.flags & dns.flags.AA:
            raise NoAnswerError("%s NS: %s does not have the zone above" % (zone, server))
        return Delegation(parent, is_missing=True)
    glue: dict[str, tuple[str, ...]] = {}
    for rrset in message.additional:
        if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            name = host_of(rrset.name)
            glue[name] = (*glue.get(name, ()), *(record.address for record in rrset))
    answer = client.ask(server, zone, "DS")
    keys = answer.get_rrset(answer.answer, own, dns.rdataclass.IN, dns.rdatatype.DS)
    return Delegation(parent, tuple(names) if not has_zone else (), glue, tuple(keys or ()))


def _addresses(client: Client, name: str) -> list[str]:
    try:
        return client.addresses(name)
    except NoAnswerError:
        return []
