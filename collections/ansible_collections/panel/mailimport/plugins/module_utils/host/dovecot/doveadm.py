# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running `doveadm` and `doveconf` of one Dovecot instance; secrets go in over standard input only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Dict, List, Optional, Sequence, Tuple

from ...model.address import Address
from ...model.errors import MailImportError, one_line
from .crypt import sha512_crypt
from .imap_process import ImapProcess

# Salted, slow, of any libc since 2007 and readable by other software. bcrypt ignores all behind 72 bytes, and Argon2
# takes 64 MB a login, which Dovecot's auth process is not sized for by default.
SCHEME = "SHA512-CRYPT"
# libxcrypt's CRYPT_MAX_PASSPHRASE_SIZE
_LONGEST_PASSWORD = 511
# NUL ends a password everywhere; the others Dovecot refuses at every login
_ILLEGAL_IN_PASSWORD = b"\0\1\t\r\n"
_TIMEOUT = 30.0
# What commands of container engines go by.
_OF_CONTAINERS = ("HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "CONTAINER_HOST", "XDG_RUNTIME_DIR")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"

# sysexits(3) as doveadm uses them
_OK = 0
_NO_USER = 67
_NO_PERMISSION = 77


class Doveadm:
    """The commands of a Dovecot instance.

    Args:
        config: its configuration file, None for the system's.
        enter: words of a command that runs another one where Dovecot is, in a container say.

    Every method raises MailImportError `host_refused` when Dovecot is not installed, not running, or fails.
    """

    def __init__(self, config: Optional[str] = None, enter: Sequence[str] = ()) -> None:
        self._config = config
        self._enter = list(enter)
        # Nothing else of our environment: Dovecot's programs take settings from it (CONFIG_FILE).
        self._environment = {"PATH": os.pathsep.join(filter(None, (os.environ.get("PATH"), _PATH))), "LC_ALL": "C"}
        if enter:
            self._environment.update((name, os.environ[name]) for name in _OF_CONTAINERS if name in os.environ)

    def doveconf(self, *arguments: str) -> str:
        """What `doveconf` prints."""
        return _text(self._checked(self._run("doveconf", *arguments), "read Dovecot's configuration"))

    def hash_password(self, password: str) -> str:
        """Return `{SCHEME}hash` of a password.

        Raises:
            MailImportError: `invalid_row` for a password that cannot be hashed or typed at a login.
        """
        secret = password_line(password)
        made_here = sha512_crypt(secret[:-1])
        if made_here:
            return "{%s}%s" % (SCHEME, made_here)
        completed = self._run("doveadm", "pw", "-s", SCHEME, stdin=secret + secret)
        hashed = _text(self._checked(completed, "hash a password")).strip()
        # doveadm says "don't match" and hashes what comes next, crypt(3) says "*0", both with success
        if b"match" in completed.stderr or not hashed.startswith("{%s}$" % SCHEME):
            raise MailImportError("host_refused", "doveadm pw made no %s hash: %s" % (SCHEME, _detail(completed)))
        return hashed

    def password_opens(self, address: Address, password: str) -> bool:
        """Whether the running server takes this login (`doveadm pw -t` would show the hash to everybody in `ps`)."""
        # without "no-penalty" each wrong password makes everybody's next answer come later, up to 15 seconds
        arguments = ("auth", "test", "-x", "no-penalty", "--", str(address))
        completed = self._run("doveadm", *arguments, stdin=password_line(password))
        if _is_refusal(completed):
            return False
        self._checked(completed, "check the password of %s (is Dovecot running?)" % str(address))
        return True

    def user(self, address: Address) -> Optional[Dict[str, str]]:
        """Fields of the user database, their variables expanded; None for an unknown user."""
        completed = self._run("doveadm", "user", "--", str(address))
        if completed.returncode == _NO_USER:
            return None
        lines = _text(self._checked(completed, "look up %s (is Dovecot running?)" % str(address))).splitlines()
        return dict(line.split("\t", 1) for line in lines[1:] if "\t" in line)

    def users(self, addresses: Sequence[Address]) -> Optional[List[Dict[str, str]]]:
        """The same of several users at once, in their order; None when it is not certain whose is what."""
        if any("?" in str(address) for address in addresses):
            return None  # they would be patterns
        completed = self._run("doveadm", "-f", "json", "user", "--", *map(str, addresses))
        try:
            rows = [(row["field"], row["value"]) for row in json.loads(completed.stdout)]
        except (ValueError, TypeError, KeyError):
            return None
        # The fields of each begin with its uid; a name that differs from what was asked for would come before it.
        found: List[Dict[str, str]] = []
        for field, value in rows:
            if field == "uid":
                found.append({})
            if not found or field == "user" or field in found[-1]:
                return None
            found[-1][field] = value
        return found if completed.returncode == _OK and len(found) == len(addresses) else None

    def expand(self, address: Address, texts: Tuple[str, ...]) -> Tuple[str, ...]:
        """Put a user's values in the place of variables; Dovecot 2.4 and later.

        Raises:
            MailImportError: `host_refused`, also for a variable that Dovecot does not know.
        """
        completed = self._run("doveadm", "user", "-e", "\n".join(texts), "--", str(address))
        expanded = tuple(_text(self._checked(completed, "look up %s" % str(address))).splitlines())
        if len(expanded) != len(texts):  # an unknown variable is no failure to doveadm
            raise MailImportError("host_refused", "cannot expand %s: %s" % (", ".join(texts), _detail(completed)))
        return expanded

    def check_running(self) -> None:
        """Make sure that the server runs.

        It is not asked for a user: it looks at most once a second whether its users file has changed, and would not
        know for so long who is added now.
        """
        self._checked(self._run("doveadm", "service", "status", "auth"), "reach the server (is Dovecot running?)")

    def flush_auth_cache(self, address: Address) -> None:
        """Make the server forget what it has cached of a mailbox's logins."""
        self._checked(self._run("doveadm", "auth", "cache", "flush", str(address)), "flush the auth cache")

    def quota_free(self, address: Address, emptied: bool) -> Optional[int]:
        """Bytes left under the tightest storage limit, None without one; all that it admits once the mailbox is
        emptied.
        """
        completed = self._run("doveadm", "-o", "mail_plugins=quota", "-f", "tab", "quota", "get", "-u", str(address))
        table = _text(self._checked(completed, "read the quota of %s" % str(address)))
        kilobytes = [_kilobytes_free(line, address, emptied) for line in table.splitlines()[1:]]
        limited = [free for free in kilobytes if free is not None]
        return max(0, min(limited)) * 1024 if limited else None

    def list_folders(self, address: Address) -> None:
        """Look for the folders of a mailbox, and enter those that are new into its list index."""
        completed = self._run("doveadm", "mailbox", "list", "-u", str(address))
        self._checked(completed, "list the folders of %s" % str(address))

    def start(self, program: str, arguments: Sequence[str], keep: Sequence[int]) -> ImapProcess:
        """Start an IMAP program by its path, see ImapProcess."""
        return ImapProcess(self._command(program, arguments), self._environment, keep)

    def _command(self, program: str, arguments: Sequence[str]) -> List[bytes]:
        words = [*self._enter, program, *(["-c", self._config] if self._config else []), *arguments]
        return [word.encode("utf-8", "surrogateescape") for word in words]

    def _run(
        self, program: str, *arguments: str, stdin: bytes = b"", timeout: float = _TIMEOUT
    ) -> subprocess.CompletedProcess[bytes]:
        executable = program if self._enter else shutil.which(program, path=self._environment["PATH"])
        if executable is None:
            message = "%s is not installed on this host: install Dovecot (Debian: dovecot-imapd)" % program
            raise MailImportError("host_refused", message)
        try:
            # run_command is a module's, and nothing here is one.
            return subprocess.run(  # pylint: disable=ansible-bad-function
                self._command(executable, arguments),
                input=stdin,
                capture_output=True,
                env=self._environment,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = "%s %s did not answer within %d seconds" % (program, arguments[0], timeout)
            raise MailImportError("host_refused", message) from error
        except OSError as error:
            ran = self._enter[0] if self._enter else executable
            raise MailImportError("host_refused", "cannot run %s: %s" % (ran, error.strerror)) from error

    @staticmethod
    def _checked(completed: subprocess.CompletedProcess[bytes], purpose: str) -> bytes:
        if completed.returncode != _OK:
            raise MailImportError("host_refused", "cannot %s: %s" % (purpose, _detail(completed)))
        return completed.stdout


def password_line(password: str) -> bytes:
    """The password as doveadm reads it.

    Raises:
        MailImportError: `invalid_row` for one that no login can carry; the message does not hold it.
    """
    secret = password.encode("utf-8", "surrogateescape")
    if not secret or len(secret) > _LONGEST_PASSWORD or any(byte in secret for byte in _ILLEGAL_IN_PASSWORD):
        message = (
            "no login to Dovecot can carry this password: it is empty, longer than %d bytes, or holds a tab, "
            "line break or NUL"
        )
        raise MailImportError("invalid_row", message % _LONGEST_PASSWORD)
    return secret + b"\n"


def _is_refusal(completed: subprocess.CompletedProcess[bytes]) -> bool:
    """Whether `doveadm auth test` was told no; its exit code is the same without a server, and when that cannot
    tell."""
    told = completed.returncode == _NO_PERMISSION and b"auth failed" in completed.stdout
    return told and b"temp_fail" not in completed.stdout


def _kilobytes_free(line: str, address: Address, emptied: bool) -> Optional[int]:
    """What a line of `doveadm quota get` leaves, None when it is about messages or unlimited; all that it admits once
    the mailbox is emptied.
    """
    # The name of a quota, which comes first, may be anything.
    _name, *columns = line.rsplit("\t", 4)
    if len(columns) == 4 and (columns[0] != "STORAGE" or columns[2] == "-"):
        return None
    if len(columns) != 4 or not all(figure.lstrip("-").isdigit() for figure in columns[1:3]):
        message = "doveadm does not tell how much of its quota %s uses, but: %s" % (str(address), one_line(line, 200))
        raise MailImportError("host_refused", message)
    return int(columns[2]) - (0 if emptied else int(columns[1]))


def _text(output: bytes) -> str:
    return output.decode("utf-8", "replace")


def _detail(completed: subprocess.CompletedProcess[bytes]) -> str:
    """The last thing the program said; warnings about the configuration come before it."""
    lines = _text(completed.stderr).strip().splitlines()
    return one_line(lines[-1], 300) if lines else "exit code %d" % completed.returncode
