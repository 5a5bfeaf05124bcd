# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the checks of a phase have found, whichever module made them."""

from __future__ import annotations

import typing as t

from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import one_line
from ansible_collections.panel.mailimport.plugins.module_utils.provider.base import as_ascii
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.mailboxes import Mailbox

from .facts import Problem, named

Result = t.Mapping[str, t.Any]


def problems_of(checks: t.Mapping[str, Result]) -> list[Problem]:
    """What the results of modules say that is wrong, those that failed included.

    Args:
        checks: `dns` is a result of `mail_dns_info`, `recipients` one of `mail_recipients_check`, `delivery` are
            results of `mail_delivery_check` by mail host.
    """
    found = []
    dns, recipients = checks.get("dns"), checks.get("recipients")
    if dns:
        found += [
            Problem("dns", each["severity"], _about(each["domain"], each["message"]), each["advice"])
            for each in dns.get("problems", ())
        ] or _failure("dns", "DNS", dns)
    if recipients:
        found += _recipients(recipients) or _failure("recipients", "recipients", recipients)
    for host, result in sorted(checks.get("delivery", {}).items()):
        found += _failure("delivery", "delivery to %s" % host, result)
    return found


def _about(domain: str, message: str) -> str:
    """What is said of a domain; some messages begin with its name themselves."""
    return message if message.startswith("%s: " % domain) else "%s: %s" % (domain, message)


def names_of(checks: t.Mapping[str, Result]) -> tuple[str, ...]:
    """The checks that were made."""
    return tuple(name for name, result in checks.items() if result and not _is_skipped(name, result))


def _is_skipped(name: str, result: Result) -> bool:
    if name in ("delivery", "import"):
        return all(each.get("skipped") for each in result.values())
    return bool(result.get("skipped"))


def failures_of(runs: t.Mapping[str, Result]) -> list[Problem]:
    """The mailboxes that failed in a run that leaves no record: a look first, or a comparison."""
    return [
        Problem("import", "error", "%s: %s (%s)" % (entry["email"], entry["message"], entry["reason"]))
        for entry in _entries(runs)
        if entry["state"] == "failed"
    ]


def changes_of(runs: t.Mapping[str, Result]) -> list[Problem]:
    """The mailboxes in which a second run changed something although nothing new came."""
    return [
        Problem("import", "error", "%s: another run changed something, and nothing new had come" % entry["email"])
        for entry in _entries(runs)
        if entry["changed"] and not entry["messages_copied"] and not entry["flags_updated"]
    ]


def _entries(runs: t.Mapping[str, Result]) -> t.Iterator[Result]:
    for _host, run in sorted(runs.items()):
        yield from run.get("imports", ())


def silent_domains(dns: Result | None, domains: t.Iterable[str]) -> frozenset[str]:
    """Those of the domains of which no name server has said anything now; none where nobody was to ask."""
    if not dns:
        return frozenset()
    answered = {as_ascii(str(each["domain"])) for each in dns.get("domains", ()) if each["switched"] != "unknown"}
    return frozenset(name for name in domains if as_ascii(name) not in answered)


def silent_hosts(switches: t.Mapping[str, Result]) -> list[Problem]:
    """The mail hosts that could not say what they remember of the switch."""
    return [
        Problem("switch", "error", "%s does not say how the switch goes on: %s" % (name, _said(result)))
        for name, result in sorted(switches.items())
        if "domains" not in result
    ]


def no_longer_listed(boxes: t.Sequence[Mailbox], domains: t.Iterable[str]) -> list[Problem]:
    """The mailboxes of the domains that were imported and the list does not have: suspended since, or taken out."""
    moving = {as_ascii(name) for name in domains}
    listed = {box.email.lower() for box in boxes if box.listed}
    left = [
        box.email
        for box in boxes
        if box.email.lower() not in listed and as_ascii(box.email.rpartition("@")[2]) in moving and _is_here(box)
    ]
    words = "imported here, and not in the list (any more), so that nobody looks into the source: %s"
    return [Problem("list", "warning", words % named(list(dict.fromkeys(left))))] if left else []


def _is_here(box: Mailbox) -> bool:
    """Whether a run has brought something of it, be it long ago."""
    return box.state == "completed" or bool(box.messages_here or box.last_success)


def _recipients(result: Result) -> list[Problem]:
    found = [
        Problem("recipients", "error", "%s is %s: %s" % (each["email"], how, one_line("%(code)s %(text)s" % each)))
        for key, how in (("refused", "refused"), ("deferred", "still put off"))
        for each in result.get(key, ())
    ]
    if not found and not result.get("ready", True):
        words = "%s: the mail host takes mail for any address, so that nothing is proved"
        found = [Problem("recipients", "error", words % domain) for domain in result["catch_all"]]
    return found


def _failure(check: str, what: str, result: Result) -> list[Problem]:
    if not (result.get("failed") or result.get("unreachable")):
        return []
    return [Problem(check, "error", "%s: %s" % (what, _said(result)))]


def _said(result: Result) -> str:
    return one_line(str(result.get("msg") or "no answer"), 300)
