# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What other processes see of one that calls itself something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COLLECTIONS = Path(__file__).resolve().parents[8]
TITLES = ["short", "import anna@example.org, queue 2", "x" * 300, "import jörg@bücher.example", "a\0b"]
SCRIPT = """
import os, subprocess, sys
from ansible_collections.panel.mailimport.plugins.module_utils.process.title import set_title
for title in %r:
    set_title(title)
    shown = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(os.getpid())], capture_output=True, check=True).stdout
    print(ascii(shown.decode().strip()), flush=True)
subprocess.run([sys.executable, "-c", "import os; print(os.environ['SOMETHING'])"], check=True)
"""


@pytest.mark.parametrize("arguments", [[], ["x" * 100], ["x" * 1000]])
def test_d01_a_process_shows_what_it_does(arguments: list[str]) -> None:
    """However little room its arguments leave, and without harm to the environment of what it starts."""
    environment = {**os.environ, "PYTHONPATH": str(COLLECTIONS), "SOMETHING": "kept", "LC_ALL": "C.UTF-8"}
    ran = subprocess.run(
        [sys.executable, "-", *arguments],
        input=SCRIPT % (TITLES,),
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    *shown, kept = ran.stdout.splitlines()
    assert shown == [ascii("panel.mailimport: " + title.replace("\0", " ")) for title in TITLES]
    assert kept == "kept"
