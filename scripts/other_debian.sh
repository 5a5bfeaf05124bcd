#!/usr/bin/env bash
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Run a command in the other Debian, whose Dovecot speaks another language: Debian 13 (Dovecot 2.4) on Debian 12, and
# Debian 12 (Dovecot 2.3) on a machine that has 2.4 itself.
#
#   bash scripts/other_debian.sh --setup    makes a tree of its files in .venv/roots, with all that test.sh wants
#   bash scripts/other_debian.sh pytest tests/e2e/test_fidelity.py
#
# The command has mount and pid namespaces of its own: whatever it starts ends with it. This checkout, /tmp and the
# network are the machine's, .venv is the tree's own, and the machine's files are in /machine.
set -euo pipefail

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
become_root "$@"

main() {
  tree=$venv/roots/$(other_release)
  export repository venv tree
  if [ "${1:-}" = --setup ]; then
    setup
  elif [ -e "$tree/made-of" ]; then
    enter "$@"
  else
    echo "Make the tree first: bash scripts/other_debian.sh --setup" >&2
    exit 1
  fi
}

other_release() {
  if [[ "$(dovecot --version 2>/dev/null)" == 2.4.* ]]; then
    echo bookworm
  else
    echo trixie
  fi
}

setup() {
  local wanted="${tree##*/} ${test_packages[*]}"
  install_packages mmdebstrap
  mkdir -p "$venv/roots"
  exec 9>"$tree.lock"
  flock 9
  if [ "$(cat "$tree/made-of" 2>/dev/null)" != "$wanted" ]; then
    make_tree
    echo "$wanted" >"$tree/made-of"
  fi
  # Its packages came with the tree.
  # shellcheck disable=SC2016 # the inner shell fills it in
  enter bash -euc '. "$0/scripts/lib.sh"; make_venv "$0/tests/requirements.txt"' "$repository"
}

make_tree() {
  local directory options=() IFS=,
  for directory in doc man locale; do # what nobody reads there
    options+=(--dpkgopt="path-exclude=/usr/share/$directory/*")
  done
  rm -rf "$tree"
  # Packages are installed from outside: some want to set up the kernel, and apt in the tree would let them.
  local archive
  archive=$(mirror)
  mmdebstrap --quiet --variant=minbase "${options[@]}" --include="${test_packages[*]}" "${tree##*/}" "$tree" "$archive"
  mkdir "$tree/machine" "$tree/venv"
}

enter() {
  local here=$repository
  case $PWD/ in
    "$repository"/* | /tmp/*) here=$PWD ;;
  esac
  # The shell stays, as the first process of the namespace, which has to take care of orphans.
  exec unshare --mount --propagation private --pid --fork --kill-child bash -euc "$(declare -f lay_out)
    lay_out
    chroot \"\$tree\" env --unset=PYTHON --chdir=\"\$0\" PATH=\"\$venv/bin:/usr/sbin:/sbin:/usr/bin:/bin\" \"\$@\"
    exit 0" "$here" "$@"
}

# The tree's file system, from the machine's.
lay_out() {
  local file place
  mount --bind "$tree" "$tree"
  mount -t proc proc "$tree/proc"
  mount -t sysfs sysfs "$tree/sys"
  mount --rbind /dev "$tree/dev"
  mount -t tmpfs tmpfs "$tree/run"
  mount --bind /tmp "$tree/tmp"
  mkdir -p "$tree$repository"
  mount --bind "$repository" "$tree$repository"
  # Where .venv is a link, what it leads to.
  place=$(realpath "$venv")
  mkdir -p "$tree$place"
  mount --bind "$tree/venv" "$tree$place"
  mount --bind / "$tree/machine"
  mount -t proc proc "$tree/machine/proc"
  mount --rbind /dev "$tree/machine/dev"
  mount --bind /tmp "$tree/machine/tmp"
  # The network is the machine's: so are the names in it, the certificates that are trusted, and Python's index.
  for file in /etc/hosts /etc/resolv.conf /etc/pip.conf ~/.config/pip/pip.conf /etc/ssl/certs/ca-certificates.crt; do
    if [ -e "$file" ]; then
      install -D --mode=644 "$file" "$tree$file"
    fi
  done
}

main "$@"
