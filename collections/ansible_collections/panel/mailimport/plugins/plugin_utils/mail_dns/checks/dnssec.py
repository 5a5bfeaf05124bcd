# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys of a zone by those of the zone above, and the signatures that each of its name servers has (RFC 4035)."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.panel.mailimport.plugins.module_utils.model.moment import moment

from ..client import Client, NameServer, NoAnswerError
from ..domain import Domain
from ..zone import Zone

try:
    import dns.dnssec
    import dns.exception
    import dns.name
    import dns.rdataclass
    import dns.rdatatype
except ImportError:  # the action plugin says so
    pass

# Algorithms by which everybody validates (RFC 8624); what is signed by others alone is not signed to many.
_ALGORITHMS = (8, 10, 13, 14, 15, 16)

# Hashes of a DS record, by their numbers (RFC 4509, RFC 6605).
_HASHES: dict[int, t.Callable[[bytes], t.Any]] = {1: hashlib.sha1, 2: hashlib.sha256, 4: hashlib.sha384}


def check_dnssec(domain: Domain) -> None:
    """A zone that is said to be signed has the keys for it."""
    zone = domain.zone
    if zone.delegation.failure:
        return
    try:
        keys = domain.look_up(zone.name, "DNSKEY").records
    except NoAnswerError as error:
        domain.error("dnssec", str(error), "Have the name servers of the zone answer.")
        return
    signed = bool(zone.delegation.ds)
    domain.records["dnssec"] = "signed" if signed else "unsigned"
    if signed and not has_key(zone, keys):
        domain.records["dnssec"] = "broken"
        domain.error(
            "dnssec",
            "%s says that %s is signed (DS), and the zone has no key that fits" % (zone.delegation.parent, zone.name),
            "Have the registration name the key of now, or none: whoever validates gets no answer for the domain, and "
            "sends no mail there.",
        )
    elif signed and not _is_well_signed(domain):
        domain.records["dnssec"] = "broken"


def has_key(zone: Zone, keys: t.Iterable[t.Any]) -> bool:
    """Whether one of the keys is that of which the zone above tells."""
    return bool(_vouched_for(zone, keys))


def _vouched_for(zone: Zone, keys: t.Iterable[t.Any]) -> list[t.Any]:
    return [key for key in keys if any(_fits(ds, zone.name, key) for ds in zone.delegation.ds)]


def _fits(ds: t.Any, zone: str, key: t.Any) -> bool:
    """Whether a DS record (RFC 4034) is of a key. Of a hash that is not known here it may be."""
    if ds.key_tag != dns.dnssec.key_id(key) or ds.algorithm != key.algorithm:
        return False
    hashed = _HASHES.get(ds.digest_type)
    text = dns.name.from_text(zone).canonicalize().to_wire() or b""
    return hashed is None or hashed(text + key.to_wire()).digest() == ds.digest


def _is_well_signed(domain: Domain) -> bool:
    """Whether what each server says is signed, for now, by a key that the zone above vouches for. One that lags behind
    may have the signatures of last month.
    """
    zone = domain.zone
    good, seen = True, True
    for each in zone.answers:
        try:
            fault = _fault_at(domain, each.server)
        except NoAnswerError as error:
            domain.error("dnssec", str(error), "Have the name servers of the zone answer.")
            continue
        except ImportError:  # dnspython has the library for signatures only when somebody asks for it
            seen = False
            continue
        if fault:
            good = False
            domain.error(
                "dnssec",
                "%s is signed, and at %s %s" % (zone.name, each.server, fault),
                "Have it signed anew there, or the new zone copied: whoever validates gets no answer for the domain, "
                "and sends no mail there.",
            )
    if not seen:
        domain.warn(
            "dnssec",
            "the signatures of %s were not looked at" % zone.name,
            "On the controller: pip install 'dnspython[dnssec]'",
        )
    return good


def _fault_at(domain: Domain, server: NameServer) -> str:
    """What is wrong with the signatures of a server, "" if nothing is."""
    client, zone = domain.client, domain.zone
    keys, signatures = _signed(client, server, zone.name, "DNSKEY")
    vouched = _vouched_for(zone, keys or ())
    if not keys or not any(key.algorithm in _ALGORITHMS for key in vouched):
        return ""  # told as a key that does not fit, or signed by what few validate
    fault = _fault(domain, "the keys", keys, signatures, _only(keys, vouched))
    for name, kind, what in ((zone.name, "SOA", "the SOA record"), (domain.name, "MX", "the MX records")):
        if fault:
            break
        records, signatures = _signed(client, server, name, kind)
        fault = _fault(domain, what, records, signatures, keys) if records else ""
    return fault


def _signed(client: Client, server: NameServer, name: str, kind: str) -> tuple[t.Any, t.Any]:
    """Records of a name, and their signatures; None for what there is not."""
    message = client.ask(server, name, kind, signed=True)
    owner, kinds = dns.name.from_text(name), dns.rdatatype.from_text(kind)
    records = message.get_rrset(message.answer, owner, dns.rdataclass.IN, kinds)
    signatures = message.get_rrset(message.answer, owner, dns.rdataclass.IN, dns.rdatatype.RRSIG, kinds)
    return records, signatures


def _fault(domain: Domain, what: str, records: t.Any, signatures: t.Any, keys: t.Any) -> str:
    known = [each for each in signatures or () if each.algorithm in _ALGORITHMS]
    if not known:
        return "%s have no signature (RRSIG)" % what if what.endswith("s") else "%s has no signature (RRSIG)" % what
    now = domain.now.timestamp()
    try:
        dns.dnssec.validate(records, signatures, {dns.name.from_text(domain.zone.name): keys}, now=now)
    except dns.dnssec.UnsupportedAlgorithm:  # type: ignore[attr-defined]  # dnspython 2.3 has it nowhere else
        return ""
    except dns.exception.DNSException:
        ended = max(each.expiration for each in known)
        if ended < now:
            return "the signature of %s has expired, at %s" % (what, moment(ended))
        if min(each.inception for each in known) > now:
            return "the signature of %s is not yet valid" % what
        return "the signature of %s is not by a key of the zone" % what
    return ""


def _only(keys: t.Any, vouched: t.Sequence[t.Any]) -> t.Any:
    chosen = keys.copy()
    chosen.clear()
    for key in vouched:
        chosen.add(key)
    return chosen
