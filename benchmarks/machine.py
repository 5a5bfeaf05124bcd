# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What figures belong to: the machine and the versions of what ran on it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from importlib import metadata
from pathlib import Path
from typing import Dict


def describe_machine(directory: Path) -> Dict[str, str]:
    """Facts on this machine, for people; `directory` is on the filesystem that is written to."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": "%d cores, %s"
        % (os.cpu_count() or 0, _group(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())),
        "memory": "%d GiB" % (os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30),
        "filesystem": _output("stat", "--file-system", "--format", "%T", str(directory)),
        "kernel": platform.release(),
        "load": "%.1f" % os.getloadavg()[0],
        "python": platform.python_version(),
        "ansible-core": metadata.version("ansible-core"),
        "dovecot": _output("dovecot", "--version").split()[0],
        "mbsync": _output("dpkg-query", "--show", "--showformat", "${Version}", "isync") or "none",
        "imapsync": _output(os.environ["IMAPSYNC"], "--version") if os.environ.get("IMAPSYNC") else "none",
    }


def _output(*command: str) -> str:
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False
    ).stdout.strip()


def _group(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group(1) if found else "unknown"
