# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.store.aside import check_movable
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.store import MaildirStore

A = ("A",)


@pytest.mark.parametrize("control", [None, "control"])
def test_all_mail_is_moved_aside_once(location, tmp_path, root, origin, fill, uids, control):
    where = location(control=control, index=str(tmp_path / "index"))
    fill(MaildirStore(where), A, origin(), [1, 2])
    (tmp_path / "index").mkdir()
    aside = str(root) + ".replaced-now"

    store = MaildirStore(where)
    assert store.move_aside(aside) == aside
    assert uids(tmp_path / "Maildir.replaced-now" / ".A") == [1, 2]
    assert (tmp_path / "index.replaced-now").exists() and not (tmp_path / "index").exists()
    if control:
        assert (tmp_path / "control.replaced-now" / ".A" / "dovecot-uidlist").exists()
    assert os.listdir(root) == []

    fill(store, A, origin(), [3])
    assert MaildirStore(where).move_aside(aside) == aside
    assert uids(root / ".A") == [3] and uids(tmp_path / "Maildir.replaced-now" / ".A") == [1, 2]


@pytest.mark.parametrize("left", [None, "control", "index"])
def test_a_mailbox_without_any_directory_has_nothing_to_move(location, tmp_path, root, left):
    if left:
        (tmp_path / left).mkdir()
    aside = str(root) + ".replaced-now"
    moved = MaildirStore(location(control="control", index=str(tmp_path / "index"))).move_aside(aside)
    assert (moved, os.path.exists(aside)) == ((aside, True) if left else (None, False))


def test_a_move_that_was_interrupted_goes_on(location, tmp_path, root, origin, fill):
    where = location(control="control")
    fill(MaildirStore(where), A, origin(), [1])
    os.rename(tmp_path / "control", tmp_path / "control.replaced-now")  # and then the run was killed
    aside = str(root) + ".replaced-now"
    assert MaildirStore(where).move_aside(aside) == aside
    assert (tmp_path / "control.replaced-now" / ".A" / "dovecot-uidlist").exists()
    assert (tmp_path / "Maildir.replaced-now" / ".A").exists() and os.listdir(root) == []


def test_a_store_that_is_scattered_is_not_moved_in_part(location):
    check_movable(location())
    with pytest.raises(MailImportError, match="cannot be moved aside, it is everywhere") as refused:
        check_movable(location(scattered="it is everywhere"))
    assert refused.value.reason == "store_unsupported"
