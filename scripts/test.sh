#!/usr/bin/env bash
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Run what matters on every change, after installing what it needs on Debian 12 or 13 with nothing but python3; `nox`
# runs the whole matrix. A part of the tests runs on the other Dovecot too, see other_debian.sh. All checks run, also
# after one that failed; a summary ends it. Exit code 0 only when all passed.
# PYTHON chooses another interpreter than /usr/bin/python3. With --setup it only installs.

# The functions are called through `check`:
# shellcheck disable=SC2317
set -euo pipefail

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
become_root "$@"

install_packages "${test_packages[@]}" "${database_packages[@]}"
make_venv "$repository/tests/requirements.txt"
if [ "${1:-}" = --setup ]; then
  exit
fi

cd "$repository"
collection=$repository/collections/ansible_collections/panel/mailimport
# Of the tools in .venv and the system's only: version managers put launchers for Pythons that are not there into PATH.
export PATH=$venv/bin:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
export ANSIBLE_COLLECTIONS_PATH=$repository/collections
# One more than processors: many a test waits for a server.
# Files in their order: the many short ones of the unit tests come last and keep all processors busy to the end.
pytest_options=(-p no:cacheprovider --numprocesses $(($(nproc) + 1)) --dist loadfile --no-loadscope-reorder)
python_version=$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

# ansible-test runs with a home of its own: its stand-in for get-pip.py is no business of the user's.
sanity() {
  local home=$venv/home version
  mkdir -p "$home/.ansible/test/cache"
  for version in 24_2 25_2; do
    cp tests/ci/get_pip_stand_in.py "$home/.ansible/test/cache/get_pip_$version.py"
  done
  # The checkout may belong to the user who called sudo.
  git config --file "$home/.gitconfig" safe.directory '*'
  (cd "$collection" && HOME=$home ansible-test sanity --local --python "$python_version" --color no)
}

style() {
  ruff check .
  ruff format --check --quiet .
}

types() {
  mypy collections/ansible_collections/panel/mailimport/plugins
  MYPYPATH=collections:tests mypy tests/support tests/conftest.py scripts/demo.py
}

changelog() {
  (cd "$collection" && antsibull-changelog lint)
}

documentation() {
  (cd "$collection" && antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs all --check-extra-docs-refs .)
}

# with_tmp_in_memory COMMAND...: tests make, flush and remove files by the hundred thousand, for each of which a disk
# takes its time. Their servers' directories are all below /tmp. Where nothing can be mounted, or what is tested is
# itself there, they stay on the disk.
with_tmp_in_memory() {
  local mount=(unshare --mount --propagation private bash -euc 'mount -t tmpfs -o mode=1777 tmpfs /tmp; exec "$@"' bash)
  case "$PWD:$venv:${MAIL_CORPUS-}" in
    /tmp/* | *:/tmp/*) mount=() ;;
    *) "${mount[@]}" true 2>/dev/null || mount=() ;;
  esac
  "${mount[@]}" "$@"
}

# Tests that ask a mail host most, on the other Dovecot. The last of them write on the disk.
other_dovecot() {
  local unit=$collection/tests/unit/plugins/module_utils
  with_tmp_in_memory bash scripts/other_debian.sh pytest "${pytest_options[@]}" -m both_dovecots tests
  bash scripts/other_debian.sh pytest "${pytest_options[@]}" "$unit/host" "$unit/store/maildir"
}

part="Python $python_version with $("$venv/bin/ansible" --version | sed -n '1s/^ansible \[\(.*\)\]$/ansible-\1/p'); nox runs the whole matrix"
printf 'This is the part that matters on every change: %s.\n' "$part"

results=$(mktemp)
log=$(mktemp)
trap 'rm -f "$results" "$log"' EXIT

# check NAME COMMAND...: run it and remember how it went.
check() {
  local name=$1 started=$SECONDS verdict=passed
  shift
  printf '\n== %s\n' "$name"
  # Not in a condition of this shell, where `set -e` would have no effect inside the command.
  set +e
  (set -e; "$@")
  local status=$?
  set -e
  if [ "$status" -ne 0 ]; then
    verdict=FAILED
  fi
  printf '%-32s %-7s %4d s\n' "$name" "$verdict" $((SECONDS - started)) >>"$results"
}

# What else can go on beside ansible-test sanity, which takes as long and seldom more than one processor.
beside_sanity() {
  check 'shell scripts' shellcheck --external-sources scripts/*.sh .ci/run
  check 'Python style' style
  check 'types' types
  check 'changelog' changelog
  check 'documentation' documentation
  check 'YAML style' yamllint --strict .
  check 'playbooks and roles' ansible-lint --offline --profile production
  # Before the tests, some of which want both Dovecots.
  printf '\n== tree of the other Debian\n'
  bash scripts/other_debian.sh --setup || exit "$no_tree"
}
no_tree=3

beside_sanity >"$log" 2>&1 &
check 'ansible-test sanity' sanity
prepared=0
wait "$!" || prepared=$?
cat "$log"
if [ "$prepared" -ne 0 ] && [ "$prepared" -ne "$no_tree" ]; then
  printf '%-32s FAILED: they ended with %d\n' 'checks beside sanity' "$prepared" >>"$results"
fi

# Tests start modules by the thousand: what Python compiles is kept, but not in the checkout.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX=$venv/bytecode
check "tests on Dovecot $(dovecot --version | cut -d ' ' -f 1)" with_tmp_in_memory pytest "${pytest_options[@]}"
if [ "$prepared" -eq 0 ]; then
  check "tests on Dovecot $(bash scripts/other_debian.sh dovecot --version | cut -d ' ' -f 1)" other_dovecot
else
  printf '%-32s NOT RUN: no tree of the other Debian can be made here, see above\n' 'tests on the other Dovecot' >>"$results"
fi

printf '\n== Summary\n%s\n' "$part"
cat "$results"
if grep -q FAILED "$results"; then
  verdict=FAILED
else
  verdict=passed
fi
printf '%-32s %-7s %4d s\n' everything "$verdict" "$SECONDS"
[ "$verdict" = passed ]
