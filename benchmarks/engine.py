# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine without Ansible: import the mailboxes that standard input names, one after the other, and say how it went.

Standard input is a JSON object: `host` (the options of the mail host), `state_dir`, `sources` (a list of those of
SourceAccount), `addresses` (the mailbox of each on the host), `state` (of ImportRequest), `compress` (whether to ask
the sources to), `queues` (the number of import queues) and `connections` (those of each import).
"""

from __future__ import annotations

import json
import sys
import time

# What a run loads when it finds something to do is part of Python's start here.
from ansible_collections.panel.mailimport.plugins.module_utils.host.accounts import passwd_file  # noqa: F401
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot import server  # noqa: F401
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportRequest, SourceConnections
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceAccount
from ansible_collections.panel.mailimport.plugins.module_utils.run import visits, work  # noqa: F401
from ansible_collections.panel.mailimport.plugins.module_utils.run.many import Scheduling, import_many
from ansible_collections.panel.mailimport.plugins.module_utils.run.settings import HostSettings


def main() -> int:
    """Run the job; print the seconds it took without the start of Python, and what failed."""
    job = json.load(sys.stdin)
    settings = HostSettings(job["state_dir"], job["backend"], job["host"])
    # A mailbox that is only reached over IMAP was there before.
    merging = job["backend"] == "imap"
    requests = []
    began = time.monotonic()
    for source, address in zip(job["sources"], job["addresses"]):
        account = SourceAccount(compress=job["compress"], **source)
        requests.append(
            ImportRequest(
                account,
                parse_address(address),
                account.password,
                owner="benchmark",
                state=job["state"],
                ignore_existing=not merging,
                existing_content="merge" if merging else "replace",
                connections=SourceConnections.parse(job["connections"]),
            )
        )
    # As the modules do it: for a list, log in everywhere first.
    how = Scheduling(parallel=job["queues"] > 1, queues=job["queues"], preflight=len(requests) > 1)
    results = [outcome.result for outcome in import_many(requests, settings, how)]
    failures = ["%s: %s" % (result.source, result.message) for result in results if result.state != "completed"]
    json.dump({"seconds": time.monotonic() - began, "failures": failures}, sys.stdout)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
