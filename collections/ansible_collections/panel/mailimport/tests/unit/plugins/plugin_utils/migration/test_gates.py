# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gates of a migration, from its plan to its end, with a clock that stands where the test puts it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.moment import moment, read_moment
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.checks import problems_of
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.definition import Wave, migration_of
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.facts import Domain, Facts, Problem, domains_of
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.gates import after, before, due, verdict
from ansible_collections.panel.mailimport.plugins.plugin_utils.migration.lines import lines, turn_after, turn_of
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.mailboxes import Mailbox

HOUR = 3600
START = read_moment("2026-12-04T21:00Z")
SWITCH = read_moment("2026-12-11T21:00Z")
TTL = 2 * HOUR
UNTIL = SWITCH + TTL
MIGRATION = migration_of(
    {
        "name": "example-2026",
        "domains": ["example.org"],
        "mx": ["mail.example.net"],
        "waves": [
            {"name": "pilot", "mailboxes": ["anna@example.org"]},
            {"name": "all", "start_after": "2026-12-04T21:00Z", "complete_after": "2026-12-11T21:00Z"},
        ],
    }
)
OLD = Domain("example.org", "no", ("mx.old.example",), TTL, True)
NEW = Domain("example.org", "yes", ("mail.example.net",), 300, True, SWITCH, SWITCH, UNTIL)


def box(name, state="completed", at=START, new=START, **values):
    moments = {} if state == "not_begun" else {"last_run": moment(at), "last_new": moment(new)}
    if state == "completed":
        moments["last_success"] = moment(at)
    grade = {"completed": "perfect", "failed": "poor"}.get(state)
    return Mailbox(
        "%s@example.org" % name, "mail1", "%s@old" % name, True, state, **{"grade": grade, **moments, **values}
    )


def facts(now, anna=None, ben=None, domain=OLD, **values):
    people = [anna or box("anna", "not_begun"), ben or box("ben", "not_begun")]
    return Facts(MIGRATION, people, [domain], now, **values)


def reasons(gates):
    return [reason for gate in gates if gate.state != "open" for reason in gate.reasons]


def addresses(boxes):
    return [each.email for each in boxes]


ANNA, BEN = "anna@example.org", "ben@example.org"


def test_the_pilot_comes_first():
    known = facts(START - 5 * HOUR)
    assert verdict(before("pilot", known)) == "open" and addresses(due("pilot", known)) == [ANNA]
    assert verdict(before("bulk", known)) == "closed" and reasons(before("bulk", known))[0] == ANNA + ": not begun"
    assert verdict(before("delta", known)) == "closed"
    assert (turn_of(known).phase, known.state_of(MIGRATION.waves[0])) == ("plan", "planned")


def test_a_wave_waits_for_its_time():
    early, late = facts(START - 1, box("anna")), facts(START, box("anna"))
    assert verdict(before("bulk", early)) == "waiting"
    assert reasons(before("bulk", early)) == ["wave all begins at 2026-12-04T21:00:00Z"]
    assert addresses(due("bulk", early)) == addresses(due("delta", early)) == [ANNA]
    assert verdict(before("bulk", late)) == "open" and addresses(due("bulk", late)) == [ANNA, BEN]
    assert verdict(after("bulk", facts(START, box("anna"), box("ben")))) == "open"


@pytest.mark.parametrize(
    ("ben", "came", "state"),
    [
        (box("ben"), "open", "synced"),
        (box("ben", "skipped"), "open", "synced"),
        (box("ben", "failed", accepted=True), "open", "synced"),
        (box("ben", "failed", reason="auth_failed", message="no"), "closed", "synced_with_errors"),
        (box("ben", "running"), "closed", "copying"),
        (box("ben", "paused", reason="daily_limit", message="goes on later"), "waiting", "copying"),
    ],
)
def test_what_failed_closes_the_gate_behind_the_bulk(ben, came, state):
    known = facts(START, box("anna"), ben)
    assert verdict(after("bulk", known)) == came and known.state_of(MIGRATION.waves[1]) == state


def mail_line(known):
    told = lines("status", [], known, turn_of(known), ("hosts.yml", "migration.yml"))
    return told[-2]


def test_the_line_of_all_mail_says_of_how_many_mailboxes_it_is():
    assert mail_line(facts(START)) == "2 mailboxes: no mail is here yet"
    mail = {"messages_at_source": 1200, "messages_here": 1199, "messages_missing": 1, "bytes_imported": 3_000_000}
    assert mail_line(facts(START, box("anna", **mail))) == (
        "1 of 2 mailboxes: 1,199 of 1,200 messages here, 1 missing · 3.0 MB"
    )
    assert mail_line(facts(START, box("anna", **mail), box("ben"))).startswith("2 mailboxes: 1,199 of 1,200 ")


def with_waves(*waves):
    known = facts(START)
    known.migration = replace(MIGRATION, waves=tuple(waves))
    return known


def gate_of(known, name):
    (found,) = [gate for gate in after("plan", known) if gate.name == name]
    return found


def test_mailboxes_and_waves_fit_together():
    pilot = Wave("pilot", ("anna@*",))
    assert gate_of(with_waves(pilot), "waves") == (
        "waves",
        "closed",
        ("no wave takes ben@example.org: add a wave without mailboxes",),
    )
    twice = with_waves(pilot, Wave("a", ("*@example.org",)), Wave("b", ("ben@*", "carl@*")))
    assert gate_of(twice, "waves").reasons == ("no mailbox is of wave b: wave a takes them all",)
    twice = with_waves(pilot, Wave("a", ("*@example.org", " Carl@example.org")))
    assert gate_of(twice, "waves") == (
        "waves",
        "open",
        (
            "wave a: no mailbox is called  Carl@example.org",
            "in several waves, and so in the first of them: anna@example.org (pilot, a)",
        ),
    )
    assert gate_of(with_waves(pilot, Wave("rest", None)), "waves") == ("waves", "open", ())
    assert gate_of(with_waves(Wave("all", None), Wave("none", ("x@*",))), "waves").reasons == (
        "no mailbox is of wave none",
    )


def test_a_mailbox_on_a_domain_that_stays_does_not_move():
    known = facts(START, ben=replace(box("ben", "not_begun"), email="ben@stays.example"))
    reason = "ben@stays.example: its domain is none of migration.domains"
    assert gate_of(known, "domains") == ("domains", "closed", (reason,))
    assert reason in reasons(after("ready", known))


def test_a_domain_that_is_taken_out_of_the_file_later_is_not_switched():
    """Nobody has looked where its mail goes, whatever that of the others does."""
    quiet = UNTIL + 24 * HOUR
    ben = replace(box("ben", at=quiet), email="ben@left.example")
    known = facts(quiet, box("anna", at=quiet), ben, NEW)
    assert (known.state_of(MIGRATION.waves[0]), known.state_of(MIGRATION.waves[1])) == ("completed", "synced")
    reason = "ben@left.example: its domain is none of migration.domains"
    assert reasons(before("finish", known)) == [reason] and reasons(after("switched", known)) == [reason]
    # What has arrived at the old host is brought over all the same.
    assert verdict(before("switched", known)) == verdict(before("delta", known)) == "open"


def test_a_delta_may_fail_for_a_day():
    failing = box("ben", "failed", message="away", last_success=moment(START))
    assert verdict(after("delta", facts(START + 47 * HOUR, box("anna", at=START + 47 * HOUR), failing))) == "open"
    stale = after("delta", facts(START + 49 * HOUR, box("anna", at=START + 49 * HOUR), failing))
    assert reasons(stale) == [BEN + " was not synced for two days: away"]


CHECKED = ("dns", "recipients", "delivery")


def test_ready_wants_everything_checked_and_fresh():
    now = SWITCH + HOUR
    fresh = {"anna": box("anna", at=now - HOUR), "ben": box("ben", at=now - HOUR)}
    assert verdict(after("ready", facts(now, **fresh, checked=CHECKED))) == "open"
    assert reasons(after("ready", facts(now, **fresh, checked=CHECKED[1:]))) == ["nobody has checked: dns"]
    wrong = [
        Problem("dns", "error", "SPF lacks the new host", "add ip4:192.0.2.1"),
        Problem("dns", "warning", "p=reject"),
    ]
    red = after("ready", facts(now, **fresh, checked=CHECKED, problems=wrong))
    assert reasons(red) == ["SPF lacks the new host: add ip4:192.0.2.1"]
    # Before that it may be so, and is told.
    planned = replace(facts(now, **fresh, checked=("import",)), problems=wrong)
    assert verdict(after("plan", planned)) == "open"
    told = lines("plan", after("plan", planned), planned, turn_after("plan", "open", planned), ("hosts.yml", "m.yml"))
    assert {"  ! SPF lacks the new host", "  ! p=reject"} <= set(told)
    old = after("ready", facts(now + 30 * HOUR, **fresh, checked=CHECKED))
    assert reasons(old)[0].startswith("anna@example.org was last synced 2026-12-11T21:00:00Z")
    early = facts(SWITCH - 1, box("anna", at=SWITCH - HOUR), box("ben", at=SWITCH - HOUR), checked=CHECKED)
    assert reasons(after("ready", early)) == ["wave all: do not change the MX records before 2026-12-11T21:00:00Z"]
    assert verdict(after("ready", early)) == "waiting"


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        (OLD, "example.org: the MX records still name others (mx.old.example)"),
        (
            replace(OLD, switched="mixed"),
            "example.org: the MX records name others too, and mail is split (mx.old.example)",
        ),
        (Domain("example.org"), "example.org: its MX records are not known"),
    ],
)
def test_a_switch_has_to_be_whole(domain, words):
    known = facts(SWITCH, box("anna"), box("ben"), domain)
    for phase in ("switched", "finish"):
        assert verdict(before(phase, known)) == "closed" and reasons(before(phase, known)) == [words]
    assert verdict(before("switched", facts(SWITCH, box("anna"), box("ben"), NEW))) == "open"


def finishing(now, seen, new=START, ben=None):
    return facts(now, box("anna", at=seen, new=new), ben or box("ben", at=seen), NEW)


def test_the_end_comes_after_the_old_records_and_quiet_hours():
    quiet = UNTIL + 24 * HOUR
    for now, words in (
        (UNTIL - 1, "old MX records may be in use until 2026-12-11T23:00:00Z, then 24 quiet hours have to pass"),
        (quiet - 1, "24 quiet hours end at 2026-12-12T23:00:00Z"),
    ):
        gates = before("finish", finishing(now, now))
        assert verdict(gates) == "waiting" and reasons(gates)[0].startswith(words)
    known = finishing(quiet, quiet)
    assert verdict(before("finish", known)) == "open" and verdict(after("finish", known)) == "open"
    assert [known.state_of(wave) for wave in MIGRATION.waves] == ["completed", "completed"]
    # A mailbox that no run has looked into since says nothing.
    unseen = finishing(quiet, quiet, ben=box("ben", at=UNTIL))
    assert verdict(after("finish", unseen)) == "closed" and unseen.state_of(MIGRATION.waves[1]) == "completing"


def test_mail_that_still_comes_to_the_source_begins_the_quiet_hours_anew():
    late = UNTIL + 20 * HOUR
    waiting = before("finish", finishing(UNTIL + 25 * HOUR, late, new=late))
    assert verdict(waiting) == "waiting" and "end at 2026-12-13T19:00:00Z" in reasons(waiting)[0]
    now = late + 24 * HOUR
    assert verdict(after("finish", finishing(now, now, new=late))) == "open"
    loud = after("finish", finishing(now, now, new=now))
    assert verdict(loud) == "closed" and reasons(loud)[0].startswith("anna@example.org: the source had new mail")


def test_a_mail_host_whose_clock_is_behind_has_seen_no_silence():
    """The clock of the controller has opened the gate in front."""
    now = UNTIL + 24 * HOUR
    gates = after("finish", finishing(now, now - 2 * HOUR))
    assert verdict(gates) == "closed" and reasons(gates)[0] == (
        "anna@example.org: by the clock of mail1 it was last looked into at 2026-12-12T21:00:00Z, before the quiet "
        "hours ended at 2026-12-12T23:00:00Z: set the clocks right"
    )


def test_a_mail_host_without_the_last_run_has_no_clock_to_set():
    now = UNTIL + 24 * HOUR
    known = replace(finishing(now, START), trouble=["mail1: no answer"])
    assert reasons(after("finish", known)) == [
        "anna@example.org: the last run was not done on mail1",
        "ben@example.org: the last run was not done on mail1",
        "mail1: no answer",
    ]


def test_a_mailbox_that_no_wave_takes_has_no_clock_to_set():
    now = UNTIL + 24 * HOUR
    known = finishing(now, now, ben=box("ben", at=START))
    known.migration = replace(MIGRATION, waves=MIGRATION.waves[:1])
    assert BEN not in addresses(due("finish", known))
    words = ["no wave takes ben@example.org: add a wave without mailboxes"]
    assert reasons(after("finish", known)) == words and reasons(before("finish", known)) == words
    # What was left alone as a whole is nobody's.
    skipped = replace(known, mailboxes=[box("anna", at=now), box("ben", "skipped")])
    assert verdict(after("finish", skipped)) == "open"


def test_a_mailbox_that_was_left_alone_is_named():
    """Its mail is at the old host only, and nothing keeps the others from being finished."""
    now = UNTIL + 24 * HOUR
    known = finishing(now, now, ben=box("ben", "skipped", reason="mailbox_exists", message="it was here before"))
    for phase in ("plan", "bulk", "ready", "verify", "finish", "status"):
        told = lines(phase, after(phase, known), known, turn_after(phase, "open", known), ("hosts.yml", "m.yml"))
        assert "  ! not imported: ben@example.org: it was here before (mailbox_exists)" in told, phase


@pytest.mark.parametrize(
    ("ben", "came"),
    [
        (box("ben", "skipped"), "open"),
        (box("ben", "failed", at=UNTIL + 24 * HOUR, accepted=True), "open"),
        (box("ben", "failed", at=UNTIL + 24 * HOUR, last_success=moment(START)), "closed"),
        (box("ben", "not_begun"), "closed"),
        (box("ben", "unknown"), "closed"),
    ],
)
def test_every_mailbox_has_to_be_done_at_the_end(ben, came):
    quiet = UNTIL + 24 * HOUR
    assert verdict(after("finish", finishing(quiet, quiet, ben=ben))) == came


def test_a_run_that_could_not_be_done_is_no_success():
    quiet = UNTIL + 24 * HOUR
    known = replace(finishing(quiet, quiet), trouble=["mail1: no answer"])
    for phase in ("plan", "pilot", "bulk", "delta", "switched", "verify", "finish"):
        assert "mail1: no answer" in reasons(after(phase, known)), phase


def test_nothing_is_imported_while_the_directory_does_not_fit():
    """A mailbox that two hosts take would come to both, members of a group that is gone into any wave."""
    claimed = [Problem("directory", "error", "several mail hosts take the same mailboxes: anna@example.org")]
    for phase, now, domain in (
        ("pilot", START, OLD),
        ("bulk", START, OLD),
        ("delta", START, OLD),
        ("switched", SWITCH, NEW),
        ("finish", UNTIL + 24 * HOUR, NEW),
    ):
        known = facts(now, box("anna", at=now), box("ben", at=now), domain)
        assert verdict(before(phase, known)) == "open", phase
        gates = before(phase, replace(known, problems=claimed))
        assert verdict(gates) == "closed" and reasons(gates) == [claimed[0].text], phase


@pytest.mark.parametrize("source", ["csv", "imap", "microsoft365"])
def test_the_end_names_consents_that_token_files_keep(source):
    known = finishing(UNTIL + 24 * HOUR, UNTIL + 24 * HOUR)
    known.migration = replace(MIGRATION, source=source)
    told = [line for line in lines("finish", [], known, turn_of(known), ("hosts", "file")) if "revoke" in line]
    assert [line for line in told if "at " in line and "consent" in line], told
    assert [line for line in told if "token_file" in line and "here: " in line], told


def test_what_is_finished_stays_finished():
    quiet = UNTIL + 24 * HOUR
    known = replace(finishing(quiet, quiet), finished_at=quiet)
    assert verdict(before("delta", known)) == "closed" and "finished at" in reasons(before("delta", known))[0]
    assert turn_of(known).phase is None and known.state_of(MIGRATION.waves[0]) == "finished"
    # Whatever is run again, and however it ends.
    for phase in ("plan", "ready", "verify", "finish", "status", "bulk"):
        for came in ("open", "waiting", "closed"):
            turn = turn_after(phase, came, known)
            assert turn.phase is None and turn.words.startswith("nothing"), (phase, came)
    # Somebody has copied the file of another customer.
    assert "give this one another name" in reasons(before("pilot", known))[0]


def test_grades_count_where_messages_are_missing():
    anna = box("anna", "failed", grade="investigate")
    compared = {"checked": ("import",)}
    assert "anna@example.org has the grade investigate" in reasons(
        after("verify", facts(START, anna, box("ben"), **compared))
    )
    accepted = box("anna", "failed", grade="investigate", accepted=True)
    assert verdict(after("verify", facts(START, accepted, box("ben"), **compared))) == "open"
    assert verdict(after("verify", facts(START, accepted, box("ben")))) == "closed"


def test_mailboxes_of_no_wave_and_waves_of_no_mailbox_are_told_of():
    migration = replace(MIGRATION, waves=(replace(MIGRATION.waves[0], patterns=("nobody@example.org",)),))
    gates = after("plan", replace(facts(START, checked=("import",)), migration=migration))
    assert reasons(gates) == [
        "no wave takes anna@example.org, ben@example.org: add a wave without mailboxes",
        "no mailbox is of wave pilot",
    ]


@pytest.mark.parametrize(
    ("phase", "now", "domain", "following"),
    [
        ("plan", START, OLD, "pilot"),
        ("pilot", START, OLD, "bulk"),
        ("bulk", START - 1, OLD, "bulk"),
        ("bulk", START, OLD, "delta"),
        ("delta", START, OLD, "ready"),
        ("ready", START, OLD, "switched"),
        ("switched", SWITCH, NEW, "verify"),
        ("delta", SWITCH, NEW, "delta"),
        ("verify", SWITCH, NEW, "finish"),
        ("finish", SWITCH, NEW, None),
    ],
)
def test_each_names_the_next(phase, now, domain, following):
    anna = None if phase == "plan" else box("anna")
    ben = None if phase in ("plan", "pilot") else box("ben")
    known = facts(now, anna, ben, domain)
    assert turn_after(phase, "open", known).phase == following
    assert turn_after(phase, "closed", known).phase == turn_after(phase, "waiting", known).phase == phase
    told = lines(phase, [], known, turn_after(phase, "open", known), ("hosts.yml", "migration.yml"))
    assert told[-1].startswith("next: ") and len(told) < 20


@pytest.mark.parametrize(
    ("phase", "now", "anna", "ben", "domain", "following"),
    [
        # The plan again, for the mailboxes of a wave that was added.
        ("plan", START, box("anna"), box("ben", "not_begun"), OLD, "bulk"),
        ("plan", START, box("anna"), box("ben"), OLD, "ready"),
        ("pilot", START, box("anna"), box("ben"), OLD, "ready"),
        ("pilot", SWITCH, box("anna"), box("ben"), NEW, "finish"),
        ("bulk", SWITCH, box("anna"), box("ben"), NEW, "finish"),
        # The records have changed before anybody said so.
        ("ready", SWITCH, box("anna"), box("ben"), NEW, "switched"),
        ("verify", SWITCH, box("anna"), box("ben"), OLD, "ready"),
        # Mail of the pilot's mailbox comes here already.
        ("status", SWITCH, box("anna", "failed"), box("ben"), NEW, "delta"),
        ("status", START, box("anna", "failed"), box("ben"), OLD, "pilot"),
    ],
)
def test_a_step_again_or_out_of_turn_names_what_is_left(phase, now, anna, ben, domain, following):
    assert turn_after(phase, "open", facts(now, anna, ben, domain)).phase == following


def test_mail_hosts_that_know_less_do_not_shorten_the_wait():
    def answer(seen, switched_at, until):
        return {
            "domains": [
                {
                    "domain": "example.org",
                    "switched": "yes",
                    "records": ["mail.example.net"],
                    "ttl": 300,
                    "ttl_was_seen": seen,
                    "seen_at": "2026-12-12T00:00:00Z",
                    "switched_at": moment(switched_at),
                    "last_seen_elsewhere": None,
                    "old_records_until": moment(until),
                }
            ]
        }

    (domain,) = domains_of(
        MIGRATION, {"a": answer(True, SWITCH, UNTIL), "b": answer(False, SWITCH + HOUR, SWITCH + 30 * HOUR)}
    )
    assert (domain.switched_at, domain.old_records_until) == (SWITCH, UNTIL)
    (unknown,) = domains_of(MIGRATION, {})
    assert unknown.switched is None
    # What was known before does not count when nobody answers now.
    (silent,) = domains_of(MIGRATION, {"a": answer(True, SWITCH, UNTIL)}, frozenset(("example.org",)))
    assert silent.switched is None


def test_what_dns_lacks_names_its_domain_once():
    told = [("one.example: there is no such domain", "Register it."), ("no MX record", "Publish one.")]
    same = {"domain": "one.example", "severity": "error"}
    problems = [{**same, "message": text, "advice": advice} for text, advice in told]
    assert [problem.text for problem in problems_of({"dns": {"problems": problems}})] == [
        "one.example: there is no such domain",
        "one.example: no MX record",
    ]
