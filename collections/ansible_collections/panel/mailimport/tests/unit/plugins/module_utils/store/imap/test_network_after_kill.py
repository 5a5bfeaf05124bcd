# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server over the network holds when a run was killed."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_host import GoneError, Stored
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import A, body
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.network_host import (
    imported,
    network_store,
)


@pytest.fixture
def host(network_host):
    return network_host


def test_connections_that_are_lost_are_no_matter_of_one_folder(host, origin, some):
    """It may well be read when they are not."""
    delivered = {}
    imported(host, origin, some(1), delivered)

    def on_uid_fetch(rest, lines, output):
        raise GoneError

    host.on_uid_fetch = on_uid_fetch
    store = network_store(host, delivered, interrupted=True)
    with pytest.raises(MailImportError) as error:
        store.open_folder(A, origin(), False)
    assert error.value.reason == "host_refused", error.value.message


@pytest.mark.parametrize("known", [False, True])
def test_folders_that_share_a_uidvalidity_share_no_mail(host, origin, some, known):
    """Some servers give several folders one. What a killed run stored is known again whatever went into others."""
    delivered = {}
    imported(host, origin, some(1, 2, 3), delivered)
    host.folders[b"B"] = [Stored(uid, [], b"14-Nov-2023 22:13:20 +0000", body(10 + uid)) for uid in (1, 2)]
    store = network_store(host, delivered, interrupted=True, folders={b"A": "A"} if known else {})
    begun = [] if known else [store.open_folder(A, origin(), False)]
    begun.append(store.open_folder(("B",), origin(b"B"), False))
    for fetched in some(11, 12, 13):
        begun[-1].add(fetched)
    for writer in begun:
        writer.mark_complete()
    store.commit()
    assert [stored.data for stored in host.folders[b"B"]] == [body(11), body(12), body(13)]
