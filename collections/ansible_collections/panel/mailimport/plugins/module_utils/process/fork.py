# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a forked process must do before anything else: keep little, give up its rights, and end with its parent."""

from __future__ import annotations

import codecs
import ctypes
import gc
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import Callable, NoReturn, Sequence, Tuple

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_libc = ctypes.CDLL(None, use_errno=True)
# What an import may take of memory, in bytes; it needs a fraction of that, whatever the source holds.
_MOST_MEMORY = 1 << 30


def die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent ends, and end at once if it has (prctl(2)). A change of uid
    undoes it.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def with_this_process() -> Callable[[], None]:
    """For `preexec_fn`: what is started ends with this process, however that ends."""
    parent = os.getpid()
    return lambda: die_with(parent)


def forbid_core_dumps() -> None:
    """Keep what is in the memory of this process, passwords among it, out of core files and from other processes of its
    user (prctl(2), ptrace(2)); what it starts makes no core files either.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def load_codecs() -> None:
    """Python loads codecs on first use, which an unprivileged process cannot do from Ansible's zip or a private
    path."""
    for name in ("ascii", "utf-8", "latin-1", "utf-16-be", "idna", "punycode"):
        codecs.lookup(name)


def fork_with_pipe(child: Callable[[int, int], NoReturn]) -> Tuple[int, int]:
    """Fork; the new process calls `child` with the pid of its parent and the descriptor to write to.

    Returns:
        The pid of the new process, and the descriptor from which that can be read.
    """
    load_codecs()
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        child(parent, writing)
    os.close(writing)
    return pid, reading


def keep_only(descriptors: Sequence[int]) -> None:
    """In a process that was just forked: keep nothing of the parent's but these descriptors."""
    # No object of the parent may be collected here: its descriptor's number may soon be another file's.
    gc.freeze()
    _close_all_but(descriptors)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _close_all_but(kept: Sequence[int]) -> None:
    # Only what is open: the limit may be a billion, and Python 3.9 closes number by number. Linux shows a process its
    # own descriptors whatever uid it has taken (proc_fd_permission).
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2 and fd not in kept:
            with suppress(OSError):  # that of the listing is closed already
                os.close(fd)


def limit_memory() -> None:
    """What a source makes this process keep must not be able to take the memory of the whole host."""
    with open("/proc/self/statm", encoding="ascii") as stream:
        data = int(stream.read().split()[5]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit = data + _MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard),) * 2)


def give_up_privileges(uid: int, gid: int) -> None:
    os.chdir("/")
    os.umask(0o077)
    if os.geteuid() == 0:
        os.setgroups([gid])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)


def describe_bug(error: BaseException) -> str:
    """Say in one line what went wrong that should not have been possible, and where."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = (
        "unknown place"
        if trace is None
        else "%s line %d" % (os.path.basename(trace.tb_frame.f_code.co_filename), trace.tb_lineno)
    )
    return "%s in %s: %s" % (type(error).__name__, where, error)
