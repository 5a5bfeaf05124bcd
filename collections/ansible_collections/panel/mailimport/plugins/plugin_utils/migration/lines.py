# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a playbook of a migration says at its end: what came of it, how far all is, and what comes next."""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.panel.mailimport.plugins.module_utils.model.grade import worst
from ansible_collections.panel.mailimport.plugins.module_utils.model.moment import moment
from ansible_collections.panel.mailimport.plugins.module_utils.model.readable import readable_size
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.mailboxes import STATES, Mailbox
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.summary import mailboxes_words, number

from .facts import MOST_NAMED, Domain, Facts, is_begun
from .gates import Gate, verdict, why

_COMMAND = "ansible-playbook -i %s -e @%s panel.mailimport.%s"
# What is to be taken away at the old provider, when all is here.
_REVOKE = {
    "csv": (
        "at the old provider: the passwords, or the administrator's login, that the imports were given, and the "
        "consents to application access",
        "here: the list of mailboxes with its passwords, and its copies, and the files of source_token_file",
    ),
    "imap": (
        "at the old provider: the password, or the administrator's login, that the import was given, and the "
        "consent to application access",
        "here: the variables with the password, and the file of source_token_file",
    ),
    "yandex": (
        "at Yandex 360: the service application, and the token of the administrator",
        "here: the variables with the client secret and the token, and the file of generated_passwords",
    ),
    "google": (
        "at Google: the delegation to the service account (Admin console, API controls), and its key (Cloud console)",
        "here: the file with the key, and the file of generated_passwords",
    ),
    "microsoft365": (
        "at Microsoft 365: the application in Entra ID, its service principal and permissions in Exchange Online, "
        "and the consent that a token_file keeps",
        "here: the client secret, the certificate or the token_file, and the file of generated_passwords",
    ),
}
_REVOKE_DNS = (
    "SPF: take out the old provider; DKIM: the selectors of the old provider may go",
    "MX: raise the time to live again; autodiscover, autoconfig and MTA-STS: nothing names the old provider any more",
)


class Turn(t.NamedTuple):
    """Whose turn it is: the next playbook, or what people have to do first."""

    phase: str | None
    words: str = ""


def lines(phase: str, gates: t.Sequence[Gate], facts: Facts, turn: Turn, command: t.Sequence[str]) -> list[str]:
    """About twenty lines.

    Args:
        command: the inventory and the migration file, for the next command.
    """
    closed = [reason for gate in gates if gate.state == "closed" for reason in gate.reasons]
    told = ["%s: %s: %s" % (facts.migration.name, phase, _headline(phase, gates))]
    told += ["  ✗ %s" % reason for reason in closed]
    told += ["  … %s" % reason for gate in gates if gate.state != "closed" for reason in gate.reasons]
    # What keeps no gate closed is told all the same.
    told += [
        "  ! %s" % problem.text
        for problem in facts.problems
        if problem.severity != "info" and not any(reason.startswith(problem.text) for reason in closed)
    ]
    # Theirs is at the old host only, and it keeps nobody else from the end.
    skipped = [box for box in facts.mailboxes if box.state == "skipped"]
    told += ["  ! not imported: %s: %s" % (box.email, why(box)) for box in skipped[:MOST_NAMED]]
    if len(skipped) > MOST_NAMED:
        told.append("  ! not imported: and %s more" % mailboxes_words(len(skipped) - MOST_NAMED))
    told += [wave_line(facts, number_of) for number_of in range(len(facts.migration.waves))]
    told += [_domain_line(domain) for domain in facts.domains]
    told += [_mail_line(facts.mailboxes), *facts.notes]
    if phase == "finish" and verdict(gates) == "open":
        told += ["  revoke %s" % words for words in _REVOKE[facts.migration.source] + _REVOKE_DNS]
    return [*told, next_line(turn, command)]


def _headline(phase: str, gates: t.Sequence[Gate]) -> str:
    came = verdict(gates)
    if phase == "status":
        return "this is how far it is"
    return {"open": "done", "waiting": "not yet", "closed": "not good"}[came]


def wave_line(facts: Facts, position: int) -> str:
    """How far a wave is."""
    wave = facts.migration.waves[position]
    boxes = facts.of_wave(wave)
    states = Counter(box.state for box in boxes)
    counts = ", ".join("%s %s" % (number(states[state]), name) for state, name in STATES.items() if states[state])
    grade = worst(box.grade for box in boxes)
    begins = ""
    if not facts.started(wave):
        begins = ", from %s" % moment(wave.start_after or 0.0)
    return "wave %s: %s (%s%s%s)" % (
        wave.name,
        facts.state_of(wave).replace("_", " "),
        counts or "no mailbox",
        begins,
        ", grade %s" % grade if grade else "",
    )


def _domain_line(domain: Domain) -> str:
    names = ", ".join(domain.records) or "none"
    if domain.switched is None:
        return "%s: its MX records are not known" % domain.name
    ttl = "?" if domain.ttl is None else number(domain.ttl)
    if domain.switched != "yes":
        how = "not switched" if domain.switched == "no" else "switched in part"
        return "%s: %s, MX %s, time to live %s s" % (domain.name, how, names, ttl)
    assumed = "" if domain.ttl_was_seen else ", a day being assumed"
    return "%s: switched, seen at %s, MX %s; old records until %s%s" % (
        domain.name,
        moment(domain.switched_at or 0.0),
        names,
        moment(domain.old_records_until or 0.0),
        assumed,
    )


def _mail_line(boxes: t.Sequence[Mailbox]) -> str:
    here = sum(box.was_compared for box in boxes)
    if not here:
        return "%s: no mail is here yet" % mailboxes_words(len(boxes))
    return "%s%s: %s of %s messages here, %s missing · %s" % (
        "" if here == len(boxes) else "%s of " % number(here),
        mailboxes_words(len(boxes)),
        number(sum(box.messages_here for box in boxes)),
        number(sum(box.messages_at_source for box in boxes)),
        number(sum(box.messages_missing for box in boxes)),
        readable_size(sum(box.bytes_imported for box in boxes)),
    )


def next_line(turn: Turn, command: t.Sequence[str]) -> str:
    if turn.phase is None:
        return "next: %s" % turn.words
    return "next: %s%s" % ("%s: " % turn.words if turn.words else "", _COMMAND % (*command, turn.phase))


def turn_after(phase: str, came: str, facts: Facts) -> Turn:
    """Whose turn it is, when a phase came to `open`, `waiting` or `closed`."""
    if phase == "status" or facts.finished_at is not None:
        return turn_of(facts)
    if came == "closed":
        return Turn(phase, "mend that, then again")
    if came == "waiting":
        return Turn(phase, "when it is time")
    following = {
        # Run again later on, it leads to what is left.
        "plan": turn_of(facts) if any(is_begun(box) for box in facts.mailboxes) else Turn("pilot"),
        "pilot": turn_of(facts),
        "bulk": turn_of(facts) if facts.switched else _turn_after_bulk(facts),
        "delta": Turn("delta", "every night")
        if facts.switched
        else Turn("ready", "every night again, and before the switch"),
        "ready": Turn("switched", "" if facts.switched else "change the MX records, then"),
        "switched": Turn("verify", "run the delta every night, then"),
        "verify": turn_of(facts),
        "finish": Turn(None, "nothing"),
    }
    return following[phase]


def _turn_after_bulk(facts: Facts) -> Turn:
    waiting = [wave for wave in facts.migration.waves if not facts.started(wave)]
    return Turn("bulk", "for wave %s" % waiting[0].name) if waiting else Turn("delta", "every night")


def turn_of(facts: Facts) -> Turn:
    """Whose turn it is, by what is known alone."""
    migration = facts.migration
    if facts.finished_at is not None:
        return Turn(None, "nothing, it was finished at %s" % moment(facts.finished_at))
    if not any(is_begun(box) for box in facts.mailboxes):
        return Turn("plan")
    if facts.switched and not all(box.is_done for box in facts.mailboxes):
        return Turn("delta")
    if not all(box.is_done for box in facts.of_wave(migration.waves[0])):
        return Turn("pilot")
    if not all(box.is_done for box in facts.mailboxes):
        return Turn("bulk")
    if not facts.switched:
        return Turn("ready")
    quiet = facts.quiet_until
    if quiet is not None and facts.now >= quiet:
        return Turn("finish")
    return Turn("finish", "from %s on" % moment(quiet) if quiet is not None else "")
