# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the zone above says, by which the world finds the zone."""

from __future__ import annotations

from ..client import NoAnswerError
from ..domain import Domain, joined


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
