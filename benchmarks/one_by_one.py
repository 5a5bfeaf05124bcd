# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plainest importer there is: each message is asked for, waited for and appended, then the next. Only INBOX.

Standard input is a JSON object: `source` and `host`, each with `port`, `user` and `password`.
"""

from __future__ import annotations

import json
import sys

from imapclient import IMAPClient

_ITEMS = ["FLAGS", "INTERNALDATE", "BODY.PEEK[]"]


def main() -> None:
    job = json.load(sys.stdin)
    sessions = []
    for side in (job["source"], job["host"]):
        client = IMAPClient("127.0.0.1", side["port"], ssl=False)
        client.normalise_times = False
        client.login(side["user"], side["password"])
        sessions.append(client)
    source, host = sessions
    source.select_folder("INBOX", readonly=True)
    host.select_folder("INBOX", readonly=True)
    for uid in source.search()[len(host.search()) :]:
        message = source.fetch([uid], _ITEMS)[uid]
        host.append(
            "INBOX",
            message[b"BODY[]"],
            [flag for flag in message[b"FLAGS"] if flag != b"\\Recent"],
            message[b"INTERNALDATE"],
        )


if __name__ == "__main__":
    main()
