# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where mail programs look for the servers: autodiscover, autoconfig and SRV records."""

from __future__ import annotations

import secrets
import typing as t

from ..client import Answer, NoAnswerError, host_of
from ..domain import Domain, joined

# Names of web servers that tell programs their settings.
_HELPERS = ("autodiscover", "autoconfig")
_HELPER_SERVICES = ("_autodiscover._tcp",)
# Services of a mail host itself (RFC 6186, RFC 8314).
_MAIL_SERVICES = ("_imaps._tcp", "_imap._tcp", "_submissions._tcp", "_submission._tcp", "_pop3s._tcp", "_pop3._tcp")
_ADVICE = "Remove it, or have it name the new mail host: mail programs go there whatever the MX records say."


def check_clients(domain: Domain) -> None:
    """What tells mail programs where to go does not send them to the old host."""
    try:
        for label in _HELPERS:
            _check_helper(domain, "%s.%s" % (label, domain.name))
        for service in (*_HELPER_SERVICES, *_MAIL_SERVICES):
            _check_service(domain, service)
    except NoAnswerError as error:
        domain.error("clients", str(error), "Have the name servers of this name answer.")


def _check_helper(domain: Domain, name: str) -> None:
    answer = domain.look_up(name, "A")
    if not (answer.records or answer.aliases):
        return
    old = [host for host in (*answer.aliases, answer.name) if domain.wanted.old.has(host)]
    shared = _addresses(answer) & _old_addresses(domain)
    if old or shared:
        target = old[-1] if old else joined(sorted(shared))
        if _is_wildcard(domain, answer):
            _report(domain, "%s leads to the old mail host: %s, as every name below %s" % (name, target, domain.name))
            return
        _report(domain, "%s leads to the old mail host: %s" % (name, target))
        kind, value = ("CNAME", answer.aliases and "%s." % answer.name) if answer.aliases else ("A", joined(shared))
        domain.switch_lines.append("; remove: " + domain.line(name, kind, str(value)))


def _is_wildcard(domain: Domain, answer: Answer) -> bool:
    """Whether a name that nobody has is answered in the same way."""
    other = domain.look_up("mailimport-%s.%s" % (secrets.token_hex(6), domain.name), "A")
    return other.exists and _where(other) == _where(answer)


def _where(answer: Answer) -> tuple[t.Any, ...]:
    """Where a name leads, itself aside."""
    return (*answer.aliases, answer.name)[1:], _addresses(answer)


def _check_service(domain: Domain, service: str) -> None:
    name = "%s.%s" % (service, domain.name)
    for record in domain.look_up(name, "SRV").records:
        host = host_of(record.target)
        if not host:  # it says that there is no such service
            continue
        place = domain.place_of(host)
        is_mail = service in _MAIL_SERVICES
        if place == "new" or (place == "other" and not is_mail):
            continue
        _report(domain, "%s leads to %s, which is not the new mail host" % (name, host))
        value = "%d %d %d" % (record.priority, record.weight, record.port)
        if is_mail:
            domain.switch_lines.append(domain.line(name, "SRV", "%s %s." % (value, domain.wanted.hosts[0])))
        else:
            domain.switch_lines.append("; remove: " + domain.line(name, "SRV", "%s %s." % (value, host)))


def _report(domain: Domain, message: str) -> None:
    """Before the switch it is as it should be, and something to think of."""
    if domain.wanted.is_switched:
        domain.error("clients", message, _ADVICE)
    else:
        domain.tell("clients", message, "Change it at the switch.")


def _addresses(answer: Answer) -> set[str]:
    return {record.address for record in answer.records}


def _old_addresses(domain: Domain) -> set[str]:
    """Addresses of the old host's MX, as far as they are known."""
    found: set[str] = set()
    for record in domain.mx:
        if domain.mx_place(record) == "old":
            found.update(domain.addresses(record.host))
    return found - domain.wanted.addresses
