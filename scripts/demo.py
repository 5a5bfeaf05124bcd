# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo's play on this machine; scripts/demo.sh prepares the stage."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from support.dovecot import Dovecot
from support.imap import Account
from support.mail import REPOSITORY, corpus_directory, load_mail
from support.run import PlaybookRun, run_playbook
from support.scene import Scene, difference, fill
from support.tls import Authority

ADDRESS = "anna@example.org"
PASSWORD = "correct horse battery staple"  # noqa: S105 - of a mailbox that lives for one demo
FOLDERS = ("INBOX", "Sent", "Projects{0}2026", "Fish & Chips", "Входящие{0}Счета", "Party 🎉")


def main() -> int:
    # A demo that is ended from outside cleans up as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    directory = Path(tempfile.mkdtemp(prefix="mailimport-demo-"))
    directory.chmod(0o755)
    try:
        authority = Authority(directory / "tls")
        certificate = authority.issue("server")
        name = directory.name
        with (
            Dovecot(
                directory / "source", name + "-source", certificate=certificate, users={ADDRESS: PASSWORD}
            ) as source,
            Dovecot(directory / "host", name + "-host", certificate=certificate) as host,
        ):
            return play(Scene(directory, source, ADDRESS, PASSWORD, host, authority.ca_file))
    finally:
        shutil.rmtree(directory)


def play(scene: Scene) -> int:
    """Fill the source, run the playbook twice, and compare; 0 when everything is as promised."""
    say("Source:    Dovecot on port %s, with TLS" % scene.source.tls_port)
    say("Mail host: Dovecot on port %d, with no mailbox at all" % scene.host.tls_port)
    mail = load_mail()
    with scene.source_session() as session:
        fill(session, mail, FOLDERS)
    say(
        "%s has %d messages in %d folders at the source (from %s)"
        % (ADDRESS, len(mail), len(FOLDERS) + 1, shown(corpus_directory()))
    )

    first, first_seconds = import_mailbox(scene, "The first run copies")
    second, second_seconds = import_mailbox(scene, "The second run finds nothing to do")

    there = scene.source_account()
    logged_in = scene.host.accepts_password(ADDRESS, PASSWORD)
    here = scene.host_account() if logged_in else Account({}, frozenset())
    differences = difference(there, here)

    say("\n%s" % table(there, here))
    say("first run     changed=%d   %5.1f s" % (changed(first), first_seconds))
    say("second run    changed=%d   %5.1f s" % (changed(second), second_seconds))
    say("new mailbox   %s" % ("opens over IMAP with its password" if logged_in else "DOES NOT OPEN"))
    say(
        "comparison    %s"
        % (
            "bytes, flags, dates, subscriptions, UIDs and UIDVALIDITY are equal"
            if not differences
            else "; ".join(differences[:5])
        )
    )
    good = (
        (first.returncode, second.returncode, changed(first), changed(second)) == (0, 0, 1, 0)
        and logged_in
        and not differences
    )
    say("\n%s" % ("Everything is as promised." if good else "Something is NOT as promised."))
    return 0 if good else 1


def import_mailbox(scene: Scene, heading: str) -> tuple[PlaybookRun, float]:
    """Run the playbook, show what it prints, and take the time."""
    say("\n== %s: ansible-playbook -i inventories/demo playbooks/import_imap.yml" % heading)
    started = time.monotonic()
    run = run_playbook(
        REPOSITORY / "playbooks" / "import_imap.yml",
        inventory=str(REPOSITORY / "inventories" / "demo"),
        variables=scene.arguments(),
        directory=scene.directory,
    )
    seconds = time.monotonic() - started
    say(run.output.strip())
    return run, seconds


def changed(run: PlaybookRun) -> int:
    """The recap's count of changed tasks, -1 when there is no recap."""
    return run.recap.get("localhost", {}).get("changed", -1)


def table(there: Account, here: Account) -> str:
    """Messages of each folder at the source and here, and how many are the same to the byte."""
    rows = [("folder", "at the source", "here", "identical bytes")]
    for path, folder in sorted(there.folders.items()):
        mine = here.folders[path].messages if path in here.folders else {}
        same = sum(uid in mine and mine[uid].content == facts.content for uid, facts in folder.messages.items())
        rows.append(("/".join(path), str(len(folder.messages)), str(len(mine)), str(same)))
    totals = [str(sum(int(row[column]) for row in rows[1:])) for column in (1, 2, 3)]
    return "\n".join("%-20s %14s %8s %17s" % row for row in [*rows, ("all", *totals)]) + "\n"


def shown(path: Path) -> str:
    """A path as seen from the repository's own folder."""
    return (
        str(path.relative_to(REPOSITORY))
        if path.is_relative_to(REPOSITORY)
        else "../" + str(path.relative_to(REPOSITORY.parent))
    )


def say(text: str) -> None:
    """Show a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
