# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that import many mailboxes: how they share the host and the source."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  parallel:
    description:
      - Whether several mailboxes are imported at the same time, each in whichever import queue of this host has the
        least to do.
      - With V(false) they are imported one after the other, in queue 1.
      - All runs on a mail host share its queues. A queue runs one import at a time, whichever run it belongs to, and
        takes the one that has waited longest next.
    type: bool
    default: false
  queues:
    description:
      - Number of import queues with O(parallel=true). There is no upper limit, but a source may refuse that many
        connections.
      - Without it there are two, or with O(host_backend=ispmanager) as many as the panel's own configuration says
        (C(ParallelEmailImportCount) in C(ispmgr.conf)).
    type: int
  source_max_connections:
    description:
      - The most connections that this mail host opens to one source host, in all runs together. Default is no limit.
      - In any case, a source that says it has too many connections gets fewer for the rest of the run.
    type: int
  preflight:
    description:
      - Whether to log in at the source for every new mailbox before anything is created, so that all wrong passwords
        are known at once.
      - With V(false), each import finds out for itself, still before anything of its own is created. It then waits up
        to a second for Dovecot to notice the new mailbox; otherwise all new mailboxes are waited for together.
    type: bool
    default: true
"""
