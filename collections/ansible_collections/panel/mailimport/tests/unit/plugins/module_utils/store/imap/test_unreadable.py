# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A folder that ends each session which reads it, after a kill."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_host import GoneError, Stored
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import body, fill

KILLED_SINCE = 1796040000.0  # 2026-11-30 12:00 UTC


@pytest.mark.parametrize("first", ["A", "B"])
def test_a14_copies_are_removed_though_another_folder_is_not_to_be_read(host, run, origin, some, first):
    """That was told when it was opened, and the next run looks there again."""
    host.capabilities += " SAVEDATE"

    def reveal(name, number):
        saved = b"30-Nov-2026 12:01:00 +0000"
        host.folders[name].append(Stored(host.next_uid, (), b"14-Nov-2023 22:13:20 +0000", body(number), saved))
        host.next_uid += 1

    host.folders.update({b"A": [], b"B": []})
    reveal(b"B", 9)
    begun = run(driver="mdbox", interrupted=True, killed_since=KILLED_SINCE)
    fetch = host.on_uid_fetch

    def on_uid_fetch(rest, lines, output):
        if host.open is host.folders[b"B"]:
            raise GoneError
        return fetch(rest, lines, output)

    host.on_uid_fetch = on_uid_fetch
    for name in sorted("AB", reverse=first == "B"):
        if name == "A":
            fill(begun.store, origin, some(1))
            continue
        with pytest.raises(MailImportError) as error:
            begun.store.open_folder(("B",), origin(b"B"), False)
        assert error.value.reason == "folder_refused"
    reveal(b"A", 1)
    begun.store.clean_up()
    assert (host.bodies(), begun.store.all_answers_known) == ([body(1)], False)
