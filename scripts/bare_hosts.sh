#!/usr/bin/env bash
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# From nothing to mail hosts: the tests of the role mail_host on machines of Debian 12 and 13 that have nothing but
# Python. Their packages come from Debian's archive and Python's index, with which this takes some minutes.
#
#   bash scripts/bare_hosts.sh                both releases
#   bash scripts/bare_hosts.sh trixie -x      one, with options of pytest
set -euo pipefail

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
become_root "$@"

releases=(bookworm trixie)
case "${1:-}" in
  bookworm | trixie)
    releases=("$1")
    shift
    ;;
esac

install_packages "${test_packages[@]}" mmdebstrap tinyproxy
make_venv "$repository/tests/requirements.txt"
cd "$repository"
export PATH=$venv/bin:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin

for release in "${releases[@]}"; do
  tree=$venv/roots/bare-$release
  if [ ! -e "$tree/made" ]; then
    rm -rf "$tree"
    mkdir -p "$venv/roots"
    mmdebstrap --quiet --variant=minbase --include=python3,ca-certificates "$release" "$tree" "$(mirror)"
    touch "$tree/made"
  fi
  printf '\n== A bare machine of %s\n' "$release"
  BARE_TREE=$tree pytest -p no:cacheprovider --durations=5 tests/e2e/test_mail_host_role.py "$@"
done
