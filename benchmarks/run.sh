#!/usr/bin/env bash
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Measure the import beside its peers on this machine, after installing what it needs on Debian 12 with nothing but python3.
# `--quick` takes a minute or two, `--help` tells the other options. IMAPSYNC=/path/to/imapsync lets imapsync take part.
# Leaves nothing running; results go to benchmarks/results.
set -euo pipefail

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
become_root "$@"

packages=(
  ca-certificates # pip's downloads are verified
  dovecot-imapd   # the source server, the mail host, and the peer dsync
  e2fsprogs       # chattr spreads the runs over the disk
  isync           # the peer mbsync
  python3-venv    # the virtual environment
  time            # tells what a run took of processor and memory
)
install_packages "${packages[@]}"
make_venv "$repository/benchmarks/requirements-benchmarks.txt"

PYTHONPATH=$repository/tests exec "$venv/bin/python" "$repository/benchmarks/measure.py" "$@"
