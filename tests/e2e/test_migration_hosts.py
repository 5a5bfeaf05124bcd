# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A migration to several mail hosts, some of which have nothing to do in a phase, or cannot do it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.migrations import migration_to_here
from support.run import COLLECTION, PlaybookRun, environment, run_playbook

DOMAIN = "firma.example"


def play(
    playbook: str, directory: Path, hosts: str, source: str, waves: list[dict[str, Any]], **options: Any
) -> PlaybookRun:
    """Run a playbook of a migration to hosts that are all this machine."""
    here = {
        **migration_to_here(source, DOMAIN, waves, directory),
        "import_hosts": "all",
        "ansible_remote_tmp": str(directory / "remote-tmp"),
        "state_dir": "%s/{{ inventory_hostname }}" % directory,
    }
    return run_playbook(
        COLLECTION / "playbooks" / ("%s.yml" % playbook),
        inventory=hosts,
        variables={**here, **options},
        directory=directory,
        env={**environment(), "ANSIBLE_PIPELINING": "1"},
    )


def test_hosts_without_a_mailbox_of_the_pilot_keep_nobody_from_the_report_on_it(tmp_path: Path) -> None:
    """The first of them has its mailbox in a later wave, the last has none."""
    anna, ben = ({"email": "%s@%s" % (name, DOMAIN), "password": "{{ 'secret' }}"} for name in ("anna", "ben"))
    run = play(
        "pilot",
        tmp_path,
        "one,two,three,",
        "csv",
        waves=[{"name": "pilot", "mailboxes": ["anna@*"]}, {"name": "everybody"}],
        mailboxes=[{**anna, "mail_host": "two"}, {**ben, "mail_host": "one"}],
        source_host="127.0.0.1",
        source_port=1,
        owner="nobody-of-this-name",
        dovecot_config=str(tmp_path / "missing.conf"),
    )
    assert run.returncode == 2, run.output
    report = (tmp_path / "reports" / "pilot.txt").read_text()
    assert "✗ %s: " % anna["email"] in report and ben["email"] not in report, report
    assert "nobody has checked: import" not in report and "✗ one: " not in report and "✗ three: " not in report
    assert (tmp_path / "reports" / "report.html").exists()


def test_a_mail_host_that_cannot_read_the_directory_is_named(tmp_path: Path) -> None:
    run = play(
        "plan",
        tmp_path,
        "one,two,",
        "google",
        waves=[{"name": "everybody"}],
        service_account_src=str(tmp_path / "missing.json"),
        admin="admin@%s" % DOMAIN,
        owner="firma",
    )
    assert run.returncode == 2 and "one cannot read the directory: " in run.output, run.output
