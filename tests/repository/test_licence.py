# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every file that is written by hand says whose it is and what may be done with it."""

from __future__ import annotations

import subprocess

import pytest
from support.mail import REPOSITORY

# Mail, lists, measurements, what a tool has written, and the licence itself.
WITHOUT = (
    ".eml",
    ".csv",
    ".json",
    ".svg",
    "LICENSE",
    "/CHANGELOG.rst",
    "/changelogs/changelog.yaml",
    "/changelogs/config.yaml",
)
FRAGMENTS = "/changelogs/fragments/"


def test_every_file_begins_with_copyright_and_licence() -> None:
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout: which files belong to it is not known")
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    files = [
        REPOSITORY / name
        for name in listing.stdout.split("\0")
        if name and not name.endswith(WITHOUT) and FRAGMENTS not in name
    ]
    files = [file for file in files if file.is_file() and not file.is_symlink() and file.stat().st_size]
    assert len(files) > 100
    for file in files:
        beginning = file.read_text(encoding="utf-8")[:500]
        assert "Copyright (c) " in beginning and "SPDX-License-Identifier: GPL-3.0-or-later" in beginning, file
