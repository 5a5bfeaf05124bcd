# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What many mailboxes cost at the least: logins and commands like the engine's over bare sockets, with no look at what
was done before, no proof of what was written, and nothing remembered.

Standard input is a JSON object: `port` of the source, `accounts` (each with `user`, `password` and `home`, where its
mail goes), `again` (log in and list only), `processes`, and `ids`: the uid and gid of the mail.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import socket
import sys
import time
from typing import Any, BinaryIO, Dict, List

_LIST = b'LIST "" "*" RETURN (SUBSCRIBED SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))'
_FETCH = b"UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])"
_STATUS = re.compile(rb'\* STATUS ("[^"]*"|\S+) \(.*MESSAGES (\d+)')
_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> int:
    job = json.load(sys.stdin)
    began = time.monotonic()
    children = [_start(job, number) for number in range(job["processes"])]
    failures = ["process %d" % child for child in children if os.waitpid(child, 0)[1]]
    json.dump({"seconds": time.monotonic() - began, "failures": failures}, sys.stdout)
    return 1 if failures else 0


def _start(job: Dict[str, Any], number: int) -> int:
    """Fork a process that takes its share of the accounts."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            uid, gid = job["ids"]
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            for account in job["accounts"][number :: job["processes"]]:
                _visit(job["port"], account, job["again"])
            status = 0
        finally:
            os._exit(status)
    return child


def _visit(port: int, account: Dict[str, str], again: bool) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as stream:
        stream.readline()  # the greeting
        _ask(connection, stream, b'LOGIN "%s" "%s"' % (account["user"].encode(), account["password"].encode()))
        listed = _ask(connection, stream, b'ID ("name" "bare loop")', b"NAMESPACE", _LIST)
        if not again:
            folders = [found[1] for found in map(_STATUS.match, listed) if found and found[2] != b"0"]
            _copy(connection, stream, folders, account["home"])
        connection.sendall(b"x LOGOUT\r\n")


def _copy(connection: socket.socket, stream: BinaryIO, folders: List[bytes], home: str) -> None:
    number = 0
    for folder in folders:
        name = folder.strip(b'"').decode()
        directory = os.path.join(home, "Maildir", "" if name == "INBOX" else "." + name)
        for part in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(directory, part), exist_ok=True)
        for line in _ask(connection, stream, b"EXAMINE " + folder, _FETCH):
            if isinstance(line, bytearray):
                number += 1
                path = os.path.join(directory, "cur", "%d.M%d.bare,S=%d:2," % (time.time(), number, len(line)))
                with open(path, "wb") as file:
                    file.write(line)
    handle = os.open(home, os.O_RDONLY)
    _libc.syncfs(handle)
    os.close(handle)


def _ask(connection: socket.socket, stream: BinaryIO, *commands: bytes) -> List[bytes]:
    """Send commands at once; return the lines of all answers, with literals as entries of their own."""
    connection.sendall(b"".join(b"a%d %s\r\n" % item for item in enumerate(commands)))
    last = b"a%d " % (len(commands) - 1)
    lines: List[bytes] = []
    while not lines or not lines[-1].startswith(last):
        lines.append(stream.readline())
        literal = _LITERAL.search(lines[-1])
        if literal:
            lines.append(bytearray(stream.read(int(literal[1]))))
        elif not lines[-1]:
            raise EOFError("the source ended the session")
    if not lines[-1].startswith(last + b"OK"):
        raise ValueError(lines[-1])
    return lines


if __name__ == "__main__":
    sys.exit(main())
