# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An IMAP session of a mailbox without a login: Dovecot's own `imap` program on two pipes.

Started by root it looks the mailbox up, takes the mailbox's uid and gid and only then says its greeting. Unlike
`doveadm exec imap` it has the plugins of `protocol imap`, quota among them. Its standard output must be no socket.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import tempfile
from typing import BinaryIO, Mapping, Sequence, Tuple, cast

from ...model.errors import MailImportError
from ..base import SessionProcess

# A batch of small messages fits: the program stores one while the next is read from the source.
_PIPE_SIZE = 1 << 20
_F_SETPIPE_SZ = 1031  # fcntl.F_SETPIPE_SZ since Python 3.10
_LEAVING = 30.0


class ImapProcess(SessionProcess):
    """A running `imap`.

    Args:
        command, environment: the program, its arguments and its whole environment.
        keep: descriptors that it holds as long as it lives, such as the lock of its mailbox.

    Raises:
        MailImportError: `host_refused` when it cannot be started.
    """

    def __init__(self, command: Sequence[bytes], environment: Mapping[str, str], keep: Sequence[int]) -> None:
        # What it would log: for whoever finds the session closed.
        complaints = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        try:
            # run_command waits for the end.
            self._process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                cwd="/",
                env=dict(environment),
                pass_fds=keep,
                bufsize=0,
                # Whoever kills the import with all its processes lets this one come to an orderly end.
                start_new_session=True,
            )
        except OSError as error:
            complaints.close()
            raise MailImportError(
                "host_refused", "cannot run %s: %s" % (os.fsdecode(command[0]), error.strerror)
            ) from error
        standard_input, standard_output = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)
        self._files = (standard_output, standard_input, complaints)
        with contextlib.suppress(
            OSError
        ):  # a limit of the kernel's for whoever is not root; it only makes waits more frequent
            fcntl.fcntl(standard_input, _F_SETPIPE_SZ, _PIPE_SIZE)

    @property
    def descriptors(self) -> Tuple[int, int, int]:
        reading, writing, complaints = self._files
        return reading.fileno(), writing.fileno(), complaints.fileno()

    def let_go(self) -> None:
        for file in self._files:
            file.close()

    def wait(self) -> None:
        self.let_go()
        try:
            self._process.wait(_LEAVING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
