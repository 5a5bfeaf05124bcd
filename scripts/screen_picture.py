# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draws the picture of the README: a real import of a small company on this machine, as a terminal shows it.

    python scripts/screen_picture.py scripts/screen.svg

It needs root and Dovecot, as the tests do, and half a minute: the source gives each connection only so much.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import Iterator

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))

from support.company import Employee, Run, write_list  # noqa: E402
from support.dovecot import Dovecot  # noqa: E402
from support.imap import Item, Session  # noqa: E402
from support.long_line import Relay  # noqa: E402
from support.mail import small_message  # noqa: E402
from support.run import environment, run_at_a_terminal, run_playbook  # noqa: E402

# Names, and messages of 30 kB each.
STAFF = {"anna": 210, "ben": 40, "cleo": 90, "dora": 20, "emil": 130, "zoe": 1500}
COMMAND = "ansible-playbook -i hosts.yml panel.mailimport.import_csv -e src=company.csv --forks 4"
COLUMNS, LINE, LETTER = 120, 17, 7.83
# Ansible's colours, on a dark ground.
COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff", "35": "#d2a8ff", "36": "#76e3ea"}
PLAIN = "#e6edf3"


def main() -> int:
    directory = Path(tempfile.mkdtemp(prefix="mailimport-picture-"))
    directory.chmod(0o755)
    try:
        shown = import_company(directory)
    finally:
        shutil.rmtree(directory)
    lines = ["\x1b[0;36m$\x1b[0m " + COMMAND, *without_noise(shown)]
    Path(sys.argv[1]).write_text(drawn([piece for line in lines for piece in folded(line)]), encoding="utf-8")
    return 0


def import_company(directory: Path) -> str:
    """Import it, and return what the terminal shows."""
    people = [Employee("%s@example.org" % name, "pass word of %s" % name) for name in STAFF]
    with (
        Dovecot(directory / "source", directory.name + "-source", users=dict(people)) as source,
        Dovecot(directory / "host", directory.name + "-host", users={"dora@example.org": "hers"}) as host,
        Relay(source.port, 0.02, 2e6) as line,
    ):
        for person, messages in zip(people, STAFF.values()):
            with Session(source.port, *person) as session:
                body = b"x" * 70 + b"\r\n"
                session.append("INBOX", [Item(small_message(seed) + body * 420) for seed in range(messages)])
        run = Run(directory, source, host)
        path = directory / "company.csv"
        write_list(
            path, [person._replace(password="wrong") if "ben" in person.address else person for person in people]
        )
        (directory / "hosts.yml").write_text("mail_hosts: {hosts: {mail1: {ansible_connection: local}}}\n")
        played = run_playbook(
            REPOSITORY / "playbooks" / "import_csv.yml",
            "--forks",
            "4",
            inventory=str(directory / "hosts.yml"),
            variables={
                **run.arguments(src=str(path), source_port=line.port),
                "import_setup": False,
                "ansible_python_interpreter": sys.executable,
            },
            directory=directory,
            env={**environment(), "ANSIBLE_FORCE_COLOR": "1", "ANSIBLE_NOCOLOR": ""},
            reader=run_at_a_terminal,
        )
        return played.output


def without_noise(shown: str) -> Iterator[str]:
    """The lines from the import on, without the stars that fill Ansible's headings, and without what Ansible says of
    the task that fails behind the last lines: they are all there is to know.
    """
    plain = re.sub(r"\*{4,}", "***", shown[shown.index("TASK [Import the mailboxes]") :])
    told, _rest = plain.split("TASK [See that no import failed]")
    yield from told.rstrip().split("\n")
    yield from ("", "\x1b[0;36m[...]\x1b[0m", "")
    yield from plain[plain.index("PLAY RECAP") :].rstrip().split("\n")


def folded(line: str) -> Iterator[str]:
    """Pieces of a line that fit, each with the colour it begins in."""
    colour, width, piece = "", 0, ""
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if part.startswith("\x1b"):
            colour, piece = part, piece + part
            continue
        for letter in part:
            if width == COLUMNS:
                yield piece
                piece, width = colour, 0
            piece, width = piece + letter, width + 1
    yield piece


def drawn(lines: list[str]) -> str:
    """An SVG with the lines as text."""
    width, height = round(COLUMNS * LETTER) + 32, len(lines) * LINE + 28
    texts = []
    for number, line in enumerate(lines):
        spans, colour = [], PLAIN
        for part in re.split(r"(\x1b\[[0-9;]*m)", line):
            code = re.fullmatch(r"\x1b\[(?:\d;)?(\d+)m", part)
            if code:
                colour = COLOURS.get(code[1], PLAIN)
            elif part:
                spans.append('<tspan fill="%s">%s</tspan>' % (colour, escape(part)))
        texts.append('<text x="16" y="%d" xml:space="preserve">%s</text>' % (27 + number * LINE, "".join(spans)))
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" '
    style = 'font-family="ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13">'
    ground = '<rect width="%d" height="%d" rx="8" fill="#0d1117"/>' % (width, height)
    return "\n".join([head % (width, height, width, height) + style, ground, *texts, "</svg>", ""])


if __name__ == "__main__":
    sys.exit(main())
