# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gates of a migration: what may be done now, what comes with time, and what somebody has to do first."""

from __future__ import annotations

import typing as t

from ansible_collections.panel.mailimport.plugins.module_utils.model.grade import GRADES
from ansible_collections.panel.mailimport.plugins.module_utils.model.moment import moment
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.mailboxes import Mailbox
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.summary import mailboxes_words

from .definition import Wave
from .facts import HOUR, MOST_NAMED, Facts, is_begun, last_seen, named

PHASES = ("plan", "pilot", "bulk", "delta", "ready", "switched", "verify", "finish", "status")
# So long ago a mailbox may have been synced, before the switch and at all.
_FRESH, _STALE = 26 * HOUR, 48 * HOUR
_NO_WAVE = "no wave takes %s: add a wave without mailboxes"


class Gate(t.NamedTuple):
    """One gate: `open`, `waiting` (it opens with time) or `closed` (somebody has to do something), and why."""

    name: str
    state: str = "open"
    reasons: tuple[str, ...] = ()


def verdict(gates: t.Iterable[Gate]) -> str:
    """The worst of them."""
    states = [gate.state for gate in gates]
    return next((state for state in ("closed", "waiting") if state in states), "open")


def before(phase: str, facts: Facts) -> list[Gate]:
    """The gates in front of a phase."""
    pilot = facts.migration.waves[0]
    gates: dict[str, t.Callable[[], list[Gate]]] = {
        "pilot": lambda: [
            *_who_moves_is_known(facts),
            _not_finished(facts),
            _time_has_come(facts, [pilot]),
        ],
        "bulk": lambda: [
            *_who_moves_is_known(facts),
            _not_finished(facts),
            _is_synced("pilot", facts.of_wave(pilot), "wave %s" % pilot.name),
            _time_has_come(facts, [wave for wave in facts.migration.waves if wave is not pilot]),
        ],
        "delta": lambda: [*_who_moves_is_known(facts), _not_finished(facts), _something_is_here(facts)],
        "switched": lambda: [*_who_moves_is_known(facts), _not_finished(facts), _has_switched(facts)],
        "verify": lambda: [_list_is_good(facts), _something_is_here(facts)],
        "finish": lambda: [
            *_who_moves_is_known(facts),
            _everybody_has_a_domain(facts),
            _has_switched(facts),
            _everybody_is_looked_into(facts),
            _is_time_to_finish(facts),
        ],
    }
    return gates[phase]() if phase in gates else []


def after(phase: str, facts: Facts) -> list[Gate]:
    """The gates behind a phase: whether it came to what it was to come to."""
    waves, everybody = facts.migration.waves, facts.mailboxes
    begun = [box for wave in waves if facts.started(wave) for box in facts.of_wave(wave)]
    gates: dict[str, t.Callable[[], list[Gate]]] = {
        "plan": lambda: [
            *_who_moves_is_known(facts),
            _everybody_has_a_wave(facts),
            _everybody_has_a_domain(facts),
            _checks_are_green(facts, ("import",)),
        ],
        "pilot": lambda: [
            _is_synced("pilot", facts.of_wave(waves[0]), "wave %s" % waves[0].name),
            _is_whole(facts.of_wave(waves[0])),
            _checks_are_green(facts, ("import",)),
        ],
        "bulk": lambda: [_is_synced("copied", begun, "the waves that have begun")],
        "delta": lambda: [_is_not_stale(facts)],
        "ready": lambda: [
            *_who_moves_is_known(facts),
            _everybody_has_a_wave(facts),
            _everybody_has_a_domain(facts),
            _is_synced("synced", everybody, "the list"),
            _is_fresh(facts),
            _checks_are_green(facts, ("dns", "recipients", "delivery")),
            _is_time_to_switch(facts),
        ],
        "switched": lambda: [_everybody_has_a_domain(facts), _is_synced("synced", everybody, "the list")],
        "verify": lambda: [
            _is_synced("synced", everybody, "the list"),
            _is_whole(everybody),
            _checks_are_green(facts, ("import",)),
        ],
        "finish": lambda: [_is_synced("synced", everybody, "the list"), _has_switched(facts), _is_silent(facts)],
    }
    made = gates[phase]() if phase in gates else []
    return [*made, Gate("run", "closed", tuple(facts.trouble))] if facts.trouble else made


def due(phase: str, facts: Facts) -> list[Mailbox]:
    """The mailboxes that a phase imports."""
    waves = facts.migration.waves
    chosen: t.Sequence[Wave] = {
        "plan": waves,
        "pilot": waves[:1],
        "switched": waves,
        "finish": waves,
    }.get(phase, [wave for wave in waves if facts.started(wave)])
    return [box for box in facts.mailboxes if box.email and facts.migration.wave_of(box.email) in chosen]


def _who_moves_is_known(facts: Facts) -> list[Gate]:
    """Those in front of every phase that imports: what the wrong host, or the wrong wave, has is not taken back."""
    return [_list_is_good(facts), _directory_fits(facts)]


def _list_is_good(facts: Facts) -> Gate:
    bad = [box for box in facts.mailboxes if box.reason == "invalid_row" and not box.mail_host]
    if not facts.mailboxes:
        return Gate("list", "closed", ("the list holds no mailbox",))
    return _closed_by("list", bad, lambda box: box.message)


def _everybody_has_a_wave(facts: Facts) -> Gate:
    """Closed when a mailbox has none, or a wave no mailbox. What may be a mistake besides is told."""
    lost = [box.email for box in facts.of_no_wave()]
    empty = [wave for wave in facts.migration.waves if wave.is_named and not facts.of_wave(wave)]
    reasons = [_NO_WAVE % named(lost)] if lost else []
    for wave in empty:
        others = {facts.migration.wave_of(box.email) for box in facts.mailboxes if box.email and wave.names(box.email)}
        taken = ": wave %s takes them all" % ", ".join(other.name for other in others if other) if others else ""
        reasons.append("no mailbox is of wave %s%s" % (wave.name, taken))
    if reasons:
        return Gate("waves", "closed", tuple(reasons))
    return Gate("waves", "open", tuple(_mistakes(facts)))


def _mistakes(facts: Facts) -> t.Iterator[str]:
    for wave in facts.migration.waves:
        idle = [
            pattern
            for pattern in wave.patterns or ()
            if not any(wave.matches(box.email, pattern) for box in facts.mailboxes)
        ]
        if idle:
            yield "wave %s: no mailbox is called %s" % (wave.name, named(idle))
    several = [
        "%s (%s)" % (box.email, ", ".join(wave.name for wave in waves))
        for box in facts.mailboxes
        for waves in [[wave for wave in facts.migration.waves if box.email and wave.names(box.email)]]
        if len(waves) > 1
    ]
    if several:
        yield "in several waves, and so in the first of them: %s" % named(several)


def _everybody_has_a_domain(facts: Facts) -> Gate:
    words = "%s: its domain is none of migration.domains"
    return _closed_by("domains", facts.of_no_domain(), lambda box: words % box.email)


def _directory_fits(facts: Facts) -> Gate:
    """Whether the directory has what the migration file names of it."""
    wrong = [problem.text for problem in facts.problems if problem.check == "directory" and problem.severity == "error"]
    return Gate("directory", "closed" if wrong else "open", tuple(wrong))


def _not_finished(facts: Facts) -> Gate:
    if facts.finished_at is None:
        return Gate("finished")
    words = (
        "%s was finished at %s: there is nothing left to do; if this is another migration, give this one another name"
    )
    return Gate("finished", "closed", (words % (facts.migration.name, moment(facts.finished_at)),))


def _time_has_come(facts: Facts, waves: t.Sequence[Wave]) -> Gate:
    """Open when the time of one of the waves has come; it tells of those that have to wait."""
    waiting = [wave for wave in waves if not facts.started(wave)]
    reasons = tuple("wave %s begins at %s" % (wave.name, moment(wave.start_after or 0)) for wave in waiting)
    return Gate("time", "waiting" if waiting and len(waiting) == len(waves) else "open", reasons)


def _something_is_here(facts: Facts) -> Gate:
    if any(is_begun(box) for box in facts.mailboxes):
        return Gate("begun")
    return Gate("begun", "closed", ("nothing has been copied yet: begin with the pilot",))


def _is_synced(name: str, boxes: t.Sequence[Mailbox], which: str) -> Gate:
    left = [box for box in boxes if not box.is_done]
    if not boxes:
        return Gate(name, "closed", ("there is no mailbox in %s" % which,))
    gate = _closed_by(name, left, lambda box: "%s: %s" % (box.email or "a row", why(box)))
    # What is paused goes on by itself, in a run when it is time.
    return gate._replace(state="waiting") if left and all(box.state == "paused" for box in left) else gate


def _is_whole(boxes: t.Sequence[Mailbox]) -> Gate:
    """Whether each has the grade good, or everything that it lacks is accepted."""
    poor = [box for box in boxes if box.grade and GRADES.index(box.grade) > GRADES.index("good") and not box.accepted]
    return _closed_by("grade", poor, lambda box: "%s has the grade %s" % (box.email, box.grade))


def _is_not_stale(facts: Facts) -> Gate:
    stale = [box for box in facts.mailboxes if is_begun(box) and box.state != "skipped" and _age(box, facts) > _STALE]
    return _closed_by("fresh", stale, lambda box: "%s was not synced for two days: %s" % (box.email, why(box)))


def _is_fresh(facts: Facts) -> Gate:
    old = [box for box in facts.mailboxes if box.is_done and box.state != "skipped" and _age(box, facts) > _FRESH]
    return _closed_by(
        "fresh", old, lambda box: "%s was last synced %s: run the delta" % (box.email, box.last_success or "never")
    )


def _age(box: Mailbox, facts: Facts) -> float:
    return facts.now - (last_seen(box) or 0.0)


def _checks_are_green(facts: Facts, checks: t.Sequence[str]) -> Gate:
    """Whether each of the checks was made and has found nothing that is an error."""
    missing = ["nobody has checked: %s" % name for name in checks if name not in facts.checked]
    wrong = [
        "%s%s" % (problem.text, ": %s" % problem.advice if problem.advice else "")
        for problem in facts.problems
        if problem.severity == "error" and problem.check in checks
    ]
    return Gate("checks", "closed" if missing or wrong else "open", tuple(missing + wrong))


def _is_time_to_switch(facts: Facts) -> Gate:
    waiting = [wave for wave in facts.migration.waves if (wave.complete_after or 0.0) > facts.now]
    reasons = tuple(
        "wave %s: do not change the MX records before %s" % (wave.name, moment(wave.complete_after or 0))
        for wave in waiting
    )
    return Gate("moment", "waiting" if waiting else "open", reasons)


def _has_switched(facts: Facts) -> Gate:
    words = {
        "no": "%s: the MX records still name others (%s)",
        "mixed": "%s: the MX records name others too, and mail is split (%s)",
        None: "%s: its MX records are not known%s",
    }
    silent = [problem.text for problem in facts.problems if problem.check == "switch"]
    reasons = tuple(silent) + tuple(
        words[domain.switched] % (domain.name, ", ".join(domain.records) if domain.switched else "")
        for domain in facts.domains
        if domain.switched != "yes"
    )
    return Gate("switch", "closed" if reasons else "open", reasons)


def _everybody_is_looked_into(facts: Facts) -> Gate:
    """Whether the last run looks into all that may have new mail."""
    left = [box.email for box in facts.of_no_wave() if not facts.is_final(box)]
    return Gate("waves", "closed" if left else "open", (_NO_WAVE % named(left),) if left else ())


def _is_time_to_finish(facts: Facts) -> Gate:
    until, quiet = facts.old_records_until, facts.quiet_until
    if until is None or quiet is None:
        return Gate("quiet")  # the gate of the switch says why
    if facts.now < until:
        words = "old MX records may be in use until %s, then %g quiet hours have to pass"
        return Gate("quiet", "waiting", (words % (moment(until), facts.migration.quiet_hours),))
    if facts.now < quiet:
        last = max((box.last_new or "" for box in facts.mailboxes), default="")
        words = "%g quiet hours end at %s, unless more mail comes to the source; the last was found at %s"
        return Gate("quiet", "waiting", (words % (facts.migration.quiet_hours, moment(quiet), last),))
    return Gate("quiet")


def _is_silent(facts: Facts) -> Gate:
    loud = [box for box in facts.mailboxes if box.is_done and not facts.is_final(box)]
    return _closed_by("quiet", loud, lambda box: _why_not_final(box, facts))


def _why_not_final(box: Mailbox, facts: Facts) -> str:
    if facts.migration.wave_of(box.email) is None:
        return _NO_WAVE % box.email
    if any(line.startswith("%s: " % box.mail_host) for line in facts.trouble):
        return "%s: the last run was not done on %s" % (box.email, box.mail_host)
    until, since, seen = facts.old_records_until, facts.quiet_since(box), last_seen(box)
    if until is None or since is None:
        return "%s: it is not known until when old MX records were in use" % box.email
    if since > until:
        words = "%s: the source had new mail, found at %s; find out who still delivers there"
        return words % (box.email, box.last_new)
    words = (
        "%s: by the clock of %s it was last looked into at %s, before the quiet hours ended at %s: set the clocks right"
    )
    ended = since + facts.migration.quiet_hours * HOUR
    return words % (box.email, box.mail_host, moment(seen) if seen else "no time", moment(ended))


def _closed_by(name: str, boxes: t.Sequence[Mailbox], words: t.Callable[[Mailbox], str]) -> Gate:
    """Closed when there are such mailboxes; the first few are named."""
    reasons = [words(box) for box in boxes[:MOST_NAMED]]
    if len(boxes) > MOST_NAMED:
        reasons.append("and %s more" % mailboxes_words(len(boxes) - MOST_NAMED))
    return Gate(name, "closed" if boxes else "open", tuple(reasons))


def why(box: Mailbox) -> str:
    """Why a mailbox is not done."""
    words = box.message or box.state.replace("_", " ")
    return "%s (%s)" % (words, box.reason) if box.reason else words
