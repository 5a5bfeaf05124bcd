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
      - Whether several mailboxes are imported at the same time, each in whichever import queue of this host has the least to do.
      - With V(false) they are imported one after the other, in queue 1.
      - The queues of a mail host are shared by all runs on it. A queue runs one import at a time, whoever it is for, and
        whoever has waited the longest is next.
    type: bool
    default: false
  queues:
    description:
      - Number of import queues with O(parallel=true). There is no upper limit, but a source may refuse too many connections.
    type: int
    default: 2
  source_max_connections:
    description:
      - The most connections that one source host may have from this mail host, of all runs on it. Default is no limit.
      - A source that says it has too many connections gets fewer for the rest of the run in any case.
    type: int
  preflight:
    description:
      - Log in at the source for every mailbox that is new before anything is created, so that all wrong passwords are known at once.
      - With V(false) each import finds out for itself, also before anything of its own is created.
    type: bool
    default: true
"""
