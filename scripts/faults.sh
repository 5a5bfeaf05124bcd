#!/usr/bin/env bash
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Harm at length, as root:
#   scripts/faults.sh killing [--layout fs] [--scenario fresh] [--process import] [--step 1] [--workers 2]
#       kills an import at each system call that is seen outside of its process: files, sockets, the state.
#       Between two of them a kill leaves what one at the second leaves, so these are all.
#       Maildir++, LAYOUT=fs, sdbox, mdbox, a server over IMAP; fresh, merge, replace, latest, a new mailbox
#   scripts/faults.sh campaign [--faults 500] [--seed 1] [--workers 2]
#       random kills, broken lines and corrupted bytes, while mail is delivered and moved
# Everything is in TMPDIR, or in memory where that is not set, and gone when it ends or is ended.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$repository/.venv/bin/python}
[ "$(id -u)" = 0 ] || { echo "run it as root: it starts mail servers" >&2; exit 1; }
command -v "$python" > /dev/null || { echo "run scripts/test.sh --setup first, or set PYTHON" >&2; exit 1; }
if [ -z "${TMPDIR-}" ] && [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi
case "${1-}" in killing | campaign) ;; *) sed -n '6,13s/^# //p' "$0"; exit 2 ;; esac
PYTHONPATH=$repository/tests:$repository/collections exec "$python" -m "engine.$1" "${@:2}"
