#!/usr/bin/env bash
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Harm at length, as root:
#   scripts/faults.sh killing [--scenario fresh] [--layout fs] [--process import] [--step 10]
#       kills an import at every system call that changes files: Maildir++, LAYOUT=fs, sdbox, mdbox
#   scripts/faults.sh campaign [--faults 500] [--seed 1]
#       random kills, broken lines and corrupted bytes, while mail is delivered and moved
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$repository/.venv/bin/python}
[ "$(id -u)" = 0 ] || { echo "run it as root: it starts mail servers" >&2; exit 1; }
command -v "$python" > /dev/null || { echo "run scripts/test.sh --setup first, or set PYTHON" >&2; exit 1; }
case "${1-}" in killing | campaign) ;; *) sed -n '6,11s/^# //p' "$0"; exit 2 ;; esac
PYTHONPATH=$repository/tests:$repository/collections exec "$python" -m "engine.$1" "${@:2}"
