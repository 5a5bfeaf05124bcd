# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The name servers, and the MX records that they have."""

from __future__ import annotations

import ipaddress

from ..client import NoAnswerError
from ..domain import Domain, joined
from ..zone import Mx, Served, is_newer


def check_nameservers(domain: Domain) -> None:
    """All of the zone's servers answer, and say the same."""
    zone = domain.zone
    for each in zone.served:
        if each.failure:
            domain.error(
                "nameservers",
                each.failure,
                "Whoever asks this server gets no answer, or an old one. Repair it, or take it out of the NS records.",
            )
    _check_server_names(domain)
    answers = zone.answers
    if len({each.mx for each in answers}) > 1:
        told = "; ".join("%s (serial %d): %s" % (each.server, each.serial or 0, _records(each.mx)) for each in answers)
        domain.error(
            "nameservers",
            "the name servers of %s do not agree on the MX records: %s" % (zone.name, told),
            _transfer_advice(answers)
            or "Wait until every server has the new zone, or find out why its transfer fails.",
        )
    elif len({each.serial for each in answers}) > 1:
        told = joined("%s has serial %d" % (each.server, each.serial or 0) for each in answers)
        domain.warn(
            "nameservers",
            "the name servers of %s have different zones: %s" % (zone.name, told),
            _transfer_advice(answers)
            or "A server that stays behind will have the old MX records after the switch. Look at its transfer.",
        )


def _check_server_names(domain: Domain) -> None:
    for name in domain.zone.names:
        try:
            answer = domain.client.look_up(name, "A")
        except NoAnswerError:
            continue  # told as a server without an address
        if answer.aliases and answer.exists:
            domain.warn(
                "nameservers",
                "the name server %s is an alias (CNAME) of %s" % (name, answer.name),
                "Have the NS record name that one: some resolvers do not ask an alias.",
            )


def _transfer_advice(answers: list[Served]) -> str:
    """What to do about a zone that nobody copies: those who have its serial number, or a higher one, do not."""
    primary = next((each for each in answers if each.server.name == each.primary), None)
    is_behind = primary is not None and any(is_newer(each.serial or 0, primary.serial or 0) for each in answers)
    zones = {(each.serial, each.mx) for each in answers}
    if not is_behind and len(zones) == len({serial for serial, _mx in zones}):
        return ""
    return "Raise the serial number of the zone above %d%s: who has the same one, or a higher one, copies nothing." % (
        answers[0].serial or 0,
        " at %s" % str(primary.server) if primary else "",
    )


def check_mx(domain: Domain) -> None:
    """The MX records name one mail host, the one that this phase wants."""
    alias = domain.zone.answers[0].alias
    if alias:
        domain.error(
            "mx",
            "%s is an alias (CNAME) of %s, whose MX records count" % (domain.name, alias),
            "Give it records of its own: nothing may stand beside an alias, and some servers write the other name into "
            "addresses.",
        )
    else:
        _check_records(domain)


def _check_records(domain: Domain) -> None:
    records = domain.mx
    places = {domain.mx_place(record) for record in records}
    if "none" in places:
        domain.error(
            "mx",
            'the MX record of %s is ".": the domain says that it takes no mail' % domain.name,
            "Replace it." if len(records) == 1 else "Remove it: it must not stand beside others.",
        )
    elif not records:
        domain.warn("mx", "%s has no MX record: mail goes to its address" % domain.name, "Publish MX records.")
    if "new" in places and places & {"old", "other"}:
        away = joined(record.host for record in records if domain.mx_place(record) in ("old", "other"))
        domain.error(
            "mx",
            "the MX records of %s name the new mail host and others too: %s" % (domain.name, away),
            "Have all of them name one mail host: mail would be split between them, whatever their preference.",
        )
    elif domain.wanted.is_switched and places != {"new"}:
        domain.error(
            "mx",
            "the MX records of %s do not name the new mail host: %s" % (domain.name, _records(records)),
            "Publish the MX records that are in zone_lines.",
        )
    if places != {"new"}:
        _add_mx_lines(domain)
        return
    lacking = [host for host in domain.wanted.hosts if host not in [record.host for record in records]]
    if lacking and len(lacking) < len(domain.wanted.hosts):
        domain.tell(
            "mx", "no MX record of %s names %s" % (domain.name, joined(lacking)), "Publish one, or leave it out."
        )


def check_ttl(domain: Domain) -> None:
    """At the switch, the MX records are soon forgotten."""
    ttl, most = domain.zone.ttl, domain.wanted.max_ttl
    if ttl is None:
        return
    if domain.wanted.phase == "before" and ttl > most:
        domain.warn(
            "ttl",
            "the MX records of %s may be kept for %d s" % (domain.name, ttl),
            "Publish them with a TTL of %d or less, %s before the switch or earlier." % (most, _hours(ttl)),
        )
        for record in domain.mx:
            domain.zone_lines.append(domain.line(domain.name, "MX", _value(record), ttl=300))
    elif domain.wanted.phase == "finish" and ttl < most:
        domain.tell("ttl", "the MX records of %s may be kept for %d s" % (domain.name, ttl), "Raise the TTL again.")


def check_mx_target(domain: Domain) -> None:
    """Hosts in MX records, and the new ones, are there; the new ones are this mail host."""
    wanted = domain.wanted
    for host in dict.fromkeys([*wanted.hosts, *(record.host for record in domain.mx if record.host)]):
        is_new = domain.place_of(host) == "new"
        if _is_address(host):
            domain.error(
                "mx_target",
                "the MX record of %s is the address %s" % (domain.name, host),
                "It has to be a name that has this address.",
            )
            continue
        try:
            answers = [domain.look_up(host, kind) for kind in ("A", "AAAA")]
        except NoAnswerError as error:
            domain.error("mx_target", str(error), "Have the zone of this host answer.")
            continue
        addresses = [record.address for answer in answers for record in answer.records]
        if not addresses:
            whole = _without_zone(domain, host)
            advice = "Name %s. with a dot at its end: without it, the zone adds its own name." % whole
            domain.error("mx_target", "%s has no address" % host, advice if whole else "Publish an A record for it.")
        elif is_new and not wanted.addresses.issuperset(addresses):
            away = joined(sorted(set(addresses) - wanted.addresses))
            domain.error(
                "mx_target",
                "%s has addresses that are not the new mail host's: %s" % (host, away),
                "Have its records name the addresses of the new mail host only.",
            )
        elif is_new and not answers[0].records:
            domain.warn(
                "mx_target",
                "%s has addresses of IPv6 only" % host,
                "Publish an A record for it too: many servers have no IPv6, and their mail comes back.",
            )
        if answers[0].aliases:
            domain.warn(
                "mx_target",
                "%s is an alias (CNAME), which an MX record must not name" % host,
                "Name %s, or give it addresses of its own: some servers deliver no mail to an alias." % answers[0].name,
            )


def _without_zone(domain: Domain, host: str) -> str:
    """The host that a name was to be to which the zone has added its own; "" if it is none."""
    name = host.removesuffix("." + domain.zone.name)
    try:
        return name if name != host and "." in name and domain.addresses(name) else ""
    except NoAnswerError:
        return ""


def check_spread(domain: Domain, place_at_resolvers: dict[str, str]) -> None:
    """How far the switch has come, by resolvers that other people use."""
    behind = [name for name, place in place_at_resolvers.items() if place in ("no", "mixed")]
    if domain.wanted.is_switched and behind:
        domain.tell(
            "spread",
            "%d of %d resolvers still have the old MX records of %s: %s"
            % (len(behind), len(place_at_resolvers), domain.name, joined(behind)),
            "Mail still comes to the old host. Import again when the TTL is over.",
        )


def _add_mx_lines(domain: Domain) -> None:
    lines = [domain.line(domain.name, "MX", _value(record)) for record in domain.mx]
    for number, host in enumerate(domain.wanted.hosts, 1):
        domain.switch_lines.append(domain.line(domain.name, "MX", "%d %s." % (10 * number, host)))
    domain.switch_lines += ["; instead of: " + line for line in lines]


def _records(records: tuple[Mx, ...]) -> str:
    return joined("%d %s" % (record.preference, record.host or ".") for record in records) or "none"


def _value(record: Mx) -> str:
    return "%d %s." % (record.preference, record.host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _hours(seconds: int) -> str:
    return "%.3g hours" % (seconds / 3600) if seconds >= 3600 else "%d seconds" % seconds
