# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mailboxes of one list on three mail hosts, over ssh: forks are imports at a time, and Ansible's ways to pick hosts
pick mailboxes.
"""

from __future__ import annotations

import csv
import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, Optional

import pytest
from support.dovecot import Dovecot
from support.fleet import Fleet
from support.imap import Item, Session
from support.mail import REPOSITORY, small_message
from support.relay import Gate
from support.run import (
    CALLBACKS,
    PlaybookRun,
    Reader,
    environment,
    run_at_a_terminal,
    run_for_a_program,
    run_playbook,
)
from support.scene import OWNER

MESSAGES = 3
SECRET = "geh31m"

_domains = itertools.count()


@pytest.fixture(scope="module")
def fleet(shelf: Path) -> Iterator[Fleet]:
    with Fleet(shelf / "fleet") as fleet:
        yield fleet


@dataclass
class Company:
    """A list of mailboxes of a domain of its own, and the fleet that they move to."""

    directory: Path
    fleet: Fleet
    source: Dovecot
    numbers: Iterator[int]
    domain: str
    rows: list[dict[str, str]] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)

    def add(self, **changes: str) -> str:
        """Add a mailbox with mail at the source to the list, on each mail host in turn; return its address."""
        number = next(self.numbers)
        user, password = "user%d@source.example" % number, "pass word %d" % number
        with Session(self.source.port, user, password) as session:
            session.append("INBOX", [Item(small_message(seed, "of %s" % user)) for seed in range(MESSAGES)])
        address = "box%d@%s" % (number, self.domain)
        host = self.fleet.hosts[len(self.rows) % len(self.fleet.hosts)]
        row = {
            "email": address,
            "password": "%s%d" % (SECRET, number),
            "source_user": user,
            "source_password": password,
            "mail_host": host.name,
        }
        self.rows.append({**row, **changes})
        self.write()
        return address

    def write(self) -> None:
        """Write the list as it is now."""
        with (self.directory / "list.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(self.rows[0]))
            table.writeheader()
            table.writerows(self.rows)

    def run(
        self,
        playbook: str,
        *options: str,
        gate: Optional[Gate] = None,
        reader: Optional[Reader] = None,
        **variables: Any,
    ) -> PlaybookRun:
        """Run a playbook of the repository, with the source behind a gate if there is one."""
        config = self.directory / "company.mailboxes.yml"
        config.write_text(
            "plugin: panel.mailimport.mailboxes\nsrc: list.csv\nbatch_size: %d\n" % variables.pop("batch_size", 1)
        )
        inventory = ["-i", str(config)] if playbook == "import_each" else []
        with gate or Gate(self.source.port, 1, self.fleet.gateway) as gate:
            return run_playbook(
                REPOSITORY / "playbooks" / ("%s.yml" % playbook),
                *inventory,
                *options,
                inventory=str(self.fleet.inventory),
                directory=self.directory,
                env={
                    **environment(),
                    **self.settings,
                    "ANSIBLE_RETRY_FILES_ENABLED": "true",
                    "ANSIBLE_RETRY_FILES_SAVE_PATH": str(self.directory),
                },
                variables={
                    "source_host": self.fleet.gateway,
                    "source_port": gate.port,
                    "source_tls": "none",
                    "owner": OWNER,
                    "preflight": False,
                    "import_setup": False,
                    **variables,
                },
                reader=reader,
            )

    def arrived(self) -> dict[str, str]:
        """Mailboxes of the list that have all their mail, with the mail host that has it."""
        found = {}
        for host in self.fleet.hosts:
            for address in sorted(host.mailboxes()):
                if address.endswith("@" + self.domain) and host.messages(address) == MESSAGES:
                    assert address not in found, "on %s and %s" % (found[address], host.name)
                    found[address] = host.name
        return found

    def expected(self) -> dict[str, str]:
        """The same when all have arrived."""
        return {row["email"]: row["mail_host"] for row in self.rows}


@pytest.fixture
def company(place: Path, fleet: Fleet, source: Dovecot, account_numbers: Iterator[int]) -> Company:
    return Company(place, fleet, source, account_numbers, "company%d.example" % next(_domains))


def mailboxes_of(run: PlaybookRun) -> set[str]:
    """Hosts of the run that are mailboxes."""
    return {name for name in run.recap if "@" in name}


@pytest.mark.parametrize("forks", [2, 4])
def test_forks_are_the_mailboxes_imported_at_a_time(company: Company, forks: int) -> None:
    for _ in range(2 * forks):
        company.add()
    # Nobody gets through the gate until so many stand before it: with fewer at a time nobody would, and more would be
    # counted.
    gate = Gate(company.source.port, forks, company.fleet.gateway)
    run = company.run("import_each", "--forks", str(forks), gate=gate, source_timeout=180)
    assert run.returncode == 0, run.output
    assert gate.peak == forks
    assert company.arrived() == company.expected()
    assert SECRET not in run.output and "pass word" not in run.output

    again = company.run("import_each", "--forks", str(forks))
    assert again.returncode == 0, again.output
    assert {counts["changed"] for counts in again.recap.values()} == {0}
    assert mailboxes_of(again) == set(company.expected())


def test_check_mode_finds_the_wrong_passwords_and_writes_nothing(company: Company) -> None:
    good, wrong = company.add(), company.add(source_password="wrong")
    run = company.run("import_each", "--check")
    assert run.returncode != 0
    assert {name: counts["failed"] for name, counts in run.recap.items() if "@" in name} == {good: 0, wrong: 1}
    assert "auth_failed" in run.output
    assert company.arrived() == {} and not any({good, wrong} & host.mailboxes() for host in company.fleet.hosts)


def test_limit_picks_one_mailbox(company: Company) -> None:
    picked = [company.add() for _ in range(3)][1]
    run = company.run("import_each", "--limit", picked)
    assert run.returncode == 0, run.output
    assert set(run.recap) == {picked}
    assert company.arrived() == {picked: "mail2"}


def test_the_retry_file_holds_the_failed_ones_alone(company: Company) -> None:
    good = [company.add() for _ in range(3)]
    failed = [company.add(source_password="wrong"), company.add(source_password="wrong")]
    run = company.run("import_each")
    assert run.returncode != 0
    assert company.arrived() == {row["email"]: row["mail_host"] for row in company.rows[:3]}
    assert {name for name, counts in run.recap.items() if counts["failed"]} == set(failed)
    assert {name for name, counts in run.recap.items() if counts["changed"]} == set(good)

    for row in company.rows[3:]:
        row["source_password"] = "pass word %s" % row["source_user"].removeprefix("user").partition("@")[0]
    company.write()
    again = company.run("import_each", "--limit", "@%s" % (company.directory / "import_each.retry"))
    assert again.returncode == 0, again.output
    assert set(again.recap) == set(failed)
    assert company.arrived() == company.expected()


def test_batches_are_hosts_with_several_mailboxes(company: Company) -> None:
    for _ in range(7):
        company.add()
    run = company.run("import_each", batch_size=2)
    assert run.returncode == 0, run.output
    assert sorted(name for name in run.recap if name.startswith(company.domain)) == [
        "%s-%s" % (company.domain, rest) for rest in ("mail1-0001", "mail1-0002", "mail2-0001", "mail3-0001")
    ]
    assert company.arrived() == company.expected()


def test_import_csv_gives_every_mail_host_its_own_rows(company: Company) -> None:
    for _ in range(6):
        company.add()
    runs = [company.run("import_csv", "--forks", "3", src=str(company.directory / "list.csv")) for _ in range(2)]
    assert [run.returncode for run in runs] == [0, 0], runs[0].output + runs[1].output
    assert [{name: counts["changed"] for name, counts in run.recap.items()} for run in runs] == [
        {"mail1": 1, "mail2": 1, "mail3": 1},
        {"mail1": 0, "mail2": 0, "mail3": 0},
    ]
    assert company.arrived() == company.expected()


def test_rows_that_every_mail_host_would_import_are_told(company: Company) -> None:
    company.add(mail_host="")
    run = company.run("import_csv", "--check", src=str(company.directory / "list.csv"))
    assert "1 mailboxes of the list name no mail_host, so each of the 3 hosts of this play imports them" in " ".join(
        run.output.split()
    )


@pytest.mark.parametrize("failure", ["of the inventory", "of the playbook"])
def test_a_list_that_cannot_be_read_imports_nothing_and_fails(company: Company, failure: str) -> None:
    company.add()
    company.add(email="nobody")
    # Unless it is told otherwise, Ansible goes on without an inventory that it could not read.
    company.settings["ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED"] = str(failure == "of the inventory")
    run = company.run("import_each")
    assert run.returncode != 0
    shown = " ".join(run.output.split())  # ansible-core 2.18 folds warnings
    assert "line 3: email must be a mailbox address" in shown
    assert ("There are no mailboxes in the inventory" in shown) is (failure == "of the playbook")
    assert company.arrived() == {}


def test_c4_each_mailbox_has_its_line_over_ssh_with_become_and_a_terminal(company: Company) -> None:
    """The terminal that become gets at the far end makes CR LF of the ends of lines."""
    mine = {company.add(mail_host="mail1"): "Import completed successfully" for _ in range(4)}
    mine[company.add(mail_host="mail1", source_password="wrong")] = "failed: "
    become = ("--become", "--become-method", "su")
    run = company.run("import_csv", "-v", "--limit", "mail1", *become, src=str(company.directory / "list.csv"))
    told = [line for line in run.output.splitlines() if line.startswith("[mail1] ")]
    for address, words in mine.items():
        ended = [line for line in told if line.startswith("[mail1] %s: " % address) and line[-9:] != " messages"]
        assert [words in line for line in ended] == [True], told


@pytest.mark.parametrize("playbook", ["import_csv", "import_each"])
def test_d3_the_last_lines_name_what_failed_and_what_was_skipped(company: Company, playbook: str) -> None:
    good = [company.add() for _ in range(3)]
    wrong = [company.add(source_password="wrong"), company.add(source_password="wrong")]
    there = company.add()
    company.fleet.hosts[2].dovecot.add_user(there, "of their own")
    variables = {"src": str(company.directory / "list.csv")} if playbook == "import_csv" else {}
    run = company.run(playbook, "--become", "--become-method", "su", **variables)
    assert run.returncode != 0 and len(good) == 3
    end = run.output[run.output.rindex("TASK [Say what came of it]") : run.output.index("PLAY RECAP")]
    assert "6 mailboxes: 3 completed, 1 skipped, 2 failed · 9 messages" in end, end
    # The callback folds long lines.
    shown = " ".join(end.split())
    for address, words in {wrong[0]: "failed: line 5: ", wrong[1]: "failed: line 6: ", there: "skipped: "}.items():
        assert shown.count("%s: %s" % (address, words)) == 1, end
    assert ",".join(wrong) in shown, end
    assert "[WARNING]: %s: skipped: " % there in " ".join(run.output.split())


def test_a_company_of_41_from_the_first_look_to_the_proof(company: Company) -> None:
    """Over ssh with become: what fails, is skipped or has not begun is named, at a terminal, without one, and in JSON;
    a report proves the end and nothing before it."""
    for _ in range(41):
        company.add(mail_host="mail1")
    rows, host = company.rows, company.fleet.hosts[0]
    wrong, there = rows[7:9], rows[20]["email"]
    right = [row["source_password"] for row in wrong]
    for row in wrong:
        row["source_password"] = "wrong"
    company.write()
    host.dovecot.add_user(there, "of their own")
    src = str(company.directory / "list.csv")
    over_ssh = ("--become", "--become-method", "su", "--limit", "mail1", "--forks", "4")
    named = {row["email"]: "failed: line %d: " % line for line, row in zip((9, 10), wrong)}
    named[there] = "skipped: "

    def last_words(run: PlaybookRun, headline: str) -> str:
        """The end of a run, as one line: it has the headline, and names each that is not done, once."""
        said = run.output[run.output.rindex("TASK [Say what came of it]") : run.output.index("PLAY RECAP")]
        said = " ".join(said.split())
        assert headline in said and [said.count("%s: %s" % name) for name in named.items()] == [1, 1, 1], run.output
        return said

    looked = company.run("prepare", *over_ssh, src=src)
    last_words(looked, "41 mailboxes: 38 to do, 1 skipped, 2 failed · 114 messages")
    assert looked.returncode != 0 and "to import: 114 messages" in looked.output and company.arrived() == {}

    pilot = [row["email"] for row in rows[:2]]
    assert company.run("import_each", "--become", "--become-method", "su", "--limit", ",".join(pilot)).returncode == 0
    proof = {"src": src, "dest": str(company.directory / "report"), "require_complete": True}
    begun = company.run("report", *over_ssh, **proof)
    assert begun.returncode != 0 and "not complete: 2 of 41 mailboxes done, 39 left" in begun.output, begun.output
    assert "39 not begun" in begun.output

    bulk = company.run("import_csv", *over_ssh, src=src, reader=run_at_a_terminal)
    said = last_words(bulk, "41 mailboxes: 38 completed, 1 skipped, 2 failed · 108 messages")
    again = "only=%s,%s" % (wrong[0]["email"], wrong[1]["email"])
    assert bulk.returncode != 0 and again in said
    assert "[mail1] %s: Import completed successfully, 3 messages copied" % rows[2]["email"] in bulk.output
    # People at the screen do not have to find what failed in the whole result.
    assert bulk.recap["mail1"]["failed"] == 1 and "FAILED!" in bulk.output and "messages_total" not in bulk.output

    for row, password in zip(wrong, right):
        row["source_password"] = password
    company.write()
    assert company.run("report", *over_ssh, **proof).returncode != 0
    company.settings.update(ANSIBLE_STDOUT_CALLBACK="only_json", ANSIBLE_CALLBACK_PLUGINS=str(CALLBACKS))
    mended = company.run("import_csv", *over_ssh, "-v", src=src, reader=run_for_a_program)
    assert mended.returncode == 0, mended.output
    # Ansible's own first line with -v is not ours.
    told = json.loads(mended.output.removeprefix("Using %s as config file\n" % (REPOSITORY / "ansible.cfg")))
    results = {each["task"]: each["result"] for each in told}
    states = results["Import the mailboxes"]["summary"]
    assert (states["completed"], states["skipped"], states["failed"]) == (40, 1, 0)
    del company.settings["ANSIBLE_STDOUT_CALLBACK"]
    done = company.run("report", *over_ssh, **proof)
    assert done.returncode == 0 and "complete: all 41 mailboxes of the list are done" in done.output, done.output
    assert company.arrived().keys() == company.expected().keys() - {there}
