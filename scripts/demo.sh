#!/usr/bin/env bash
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Show an import on this machine: a source server and a mail host of its own on loopback ports, the playbook run twice,
# and a comparison of the new mailbox with the source. Installs what it needs on Debian 12 or 13 with nothing but python3,
# and leaves nothing running.
set -euo pipefail

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
become_root "$@"

packages=(
  ca-certificates # pip's downloads are verified
  dovecot-imapd   # the source server and the mail host
  python3-venv    # the virtual environment
)
install_packages "${packages[@]}"
make_venv "$repository/tests/requirements-demo.txt"

PYTHONPATH=$repository/tests exec "$venv/bin/python" "$repository/scripts/demo.py"
