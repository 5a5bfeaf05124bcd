# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the zone above says, by which the world finds the zone: its name servers, and its keys."""

from __future__ import annotations

import hashlib
import typing as t

from ..client import NoAnswerError
from ..domain import Domain, joined
from ..zone import Zone

try:
    import dns.dnssec
    import dns.name
except ImportError:  # the action plugin says so
    pass

# Hashes of a DS record, by their numbers (RFC 4509, RFC 6605).
_HASHES: dict[int, t.Callable[[bytes], t.Any]] = {1: hashlib.sha1, 2: hashlib.sha256, 4: hashlib.sha384}


def check_delegation(domain: Domain) -> None:
    """The zone above names the servers that the zone names itself, at the same addresses."""
    zone = domain.zone
    above, parent = zone.delegation, zone.delegation.parent or "the root"
    if above.failure:
        domain.tell("delegation", "what %s says of %s is not known: %s" % (parent, zone.name, above.failure))
        return
    if above.is_missing:
        domain.error(
            "delegation",
            "%s has no name servers for %s" % (parent, zone.name),
            "Look at the domain's registration: nobody else finds it.",
        )
    if not above.names:
        return
    sides = {"in %s" % parent: set(above.names) - set(zone.names), "in the zone": set(zone.names) - set(above.names)}
    others = ["only %s: %s" % (where, joined(sorted(names))) for where, names in sides.items() if names]
    if others:
        domain.warn(
            "delegation",
            "%s and %s itself name different name servers for it, %s" % (parent, zone.name, ", ".join(others)),
            "Have the registration and the NS records name the same servers: some people ask the ones, some the "
            "others.",
        )
    for name in sorted(set(zone.names) & set(above.glue)):
        _check_glue(domain, name, set(above.glue[name]))


def _check_glue(domain: Domain, name: str, above: set[str]) -> None:
    """An address of one kind alone is enough there."""
    try:
        own = set(domain.addresses(name))
    except NoAnswerError:
        return  # told as a server without an address
    if above - own:
        domain.warn(
            "delegation",
            "%s is at %s by %s, and at %s by its own zone"
            % (name, joined(sorted(above)), domain.zone.delegation.parent or "the root", joined(sorted(own)) or "none"),
            "Have the registration of %s name its address of now: many people ask at the other one first." % name,
        )


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


def has_key(zone: Zone, keys: t.Iterable[t.Any]) -> bool:
    """Whether one of the keys is that of which the zone above tells."""
    return any(_fits(ds, zone.name, key) for key in keys for ds in zone.delegation.ds)


def _fits(ds: t.Any, zone: str, key: t.Any) -> bool:
    """Whether a DS record (RFC 4034) is of a key. Of a hash that is not known here it may be."""
    if ds.key_tag != dns.dnssec.key_id(key) or ds.algorithm != key.algorithm:
        return False
    hashed = _HASHES.get(ds.digest_type)
    text = dns.name.from_text(zone).canonicalize().to_wire() or b""
    return hashed is None or hashed(text + key.to_wire()).digest() == ds.digest
