# shellcheck shell=bash
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What the scripts share: from a bare Debian 12 or 13 to a virtual environment in .venv. Sourced, never run.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$repository/.venv
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1

# What test.sh wants, here and in the other Debian.
# shellcheck disable=SC2034
test_packages=(
  ca-certificates # pip's downloads are verified
  dovecot-imapd   # the real source servers and mail hosts
  dovecot-lmtpd   # takes the notices for new mailboxes
  git             # installs from the repository's URL are tested; ansible-test asks it for the files
  iproute2        # network namespaces: a fleet of mail hosts on this machine
  nsd             # name servers that tests of DNS ask
  openssh-client  # Ansible reaches that fleet over ssh
  openssh-server  # the fleet's side of it
  postfix         # takes mail by SMTP, notices among it, and passes it on
  python3-packaging # the role setup would install it
  python3-venv    # the virtual environment, and those of ansible-test
  shellcheck      # a part of ansible-test sanity, and for these scripts
  strace          # kills imports at one system call after the other
)

# The databases that mail hosts keep their mailboxes in. The tests start servers of their own.
# shellcheck disable=SC2034
database_packages=(
  dbconfig-no-thanks # PostfixAdmin is not to set up a database of its own
  dovecot-mysql      # Dovecot asks MariaDB for its users
  dovecot-pgsql      # the same with PostgreSQL
  dovecot-sqlite     # the same with SQLite
  mariadb-server     # a real MariaDB
  php-cli            # runs the script that makes PostfixAdmin's tables
  php-mysql          # the script's way to MariaDB
  php-pgsql          # the script's way to PostgreSQL
  php-sqlite3        # the script's way to SQLite
  postfix-mysql      # Postfix asks MariaDB for domains, mailboxes and aliases
  postfixadmin       # that script
  postgresql         # a real PostgreSQL
)

# Dovecot gives up privileges for each mail session, and packages are installed: both need root.
become_root() {
  if [ "$(id -u)" -eq 0 ]; then
    return
  fi
  if ! command -v sudo >/dev/null; then
    echo "Run this as root, or install sudo." >&2
    exit 1
  fi
  # Variables that choose something: of the interpreter, of mail, of what takes part.
  exec sudo --preserve-env=PYTHON,MAIL_CORPUS,IMAPSYNC,FUZZ_EXAMPLES,FAULT_SEED -- bash "$0" "$@"
}

# install_packages PACKAGE...: those of them that are missing.
install_packages() {
  local missing=() package
  for package in "$@"; do
    if [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      missing+=("$package")
    fi
  done
  if [ ${#missing[@]} -eq 0 ]; then
    return
  fi
  echo "Installing: ${missing[*]}"
  apt-get update -q
  without_starting_services env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# The packaged servers are only wanted for their programs: installing them must not open the machine's ports.
without_starting_services() {
  local policy=/usr/sbin/policy-rc.d status=0
  if [ -e "$policy" ]; then
    "$@"
    return
  fi
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT # also when somebody interrupts it
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  "$@" || status=$?
  rm -f "$policy"
  trap - EXIT
  return "$status"
}

# make_venv REQUIREMENTS: a virtual environment with what the file lists, made again only when the list or Python changed.
make_venv() {
  local python=${PYTHON:-/usr/bin/python3} requirements=$1 stamp
  stamp=$venv/made-from-$(basename "$requirements")
  if [ -x "$venv/bin/python" ] && [ "$(fingerprint "$python" "$requirements")" = "$(cat "$stamp" 2>/dev/null)" ]; then
    return
  fi
  if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "ansible-core needs Python 3.11 or later, and $python is $("$python" --version): set PYTHON to a newer one" >&2
    exit 1
  fi
  echo "Making the virtual environment $venv"
  "$python" -m venv "$(realpath "$venv")" # which may be a link
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
  fingerprint "$python" "$requirements" >"$stamp"
}

fingerprint() {
  "$1" --version
  cat "$2" "$repository"/tests/requirements*.txt
}

# The archive that this machine installs from.
mirror() {
  local found
  # shellcheck disable=SC2016 # apt-get fills it in
  found=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' | head -n 1)
  if [ -z "$found" ]; then
    echo "apt knows no archive of Debian's: see /etc/apt/sources.list.d" >&2
    return 1
  fi
  echo "$found"
}
