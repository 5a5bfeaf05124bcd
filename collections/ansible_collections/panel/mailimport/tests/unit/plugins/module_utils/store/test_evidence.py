# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the files of a mailbox tell when nobody remembers its imports."""

from __future__ import annotations

import shutil

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportKey
from ansible_collections.panel.mailimport.plugins.module_utils.store.evidence import holds_import
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.store import MaildirStore
from ansible_collections.panel.mailimport.plugins.module_utils.store.marker import has_marker, place_marker

OTHER = ImportKey("imap.old.example", "bert", "anna@example.org")
PATHS = [("INBOX",), ("A",), ("A", "B", "C")]


@pytest.fixture(params=["maildir++", "fs"])
def where(location, request):
    return location(layout=request.param)


@pytest.mark.parametrize("path", PATHS)
def test_a11_names_of_files_tell_whose_messages_they_are(where, origin, fill, path):
    fill(MaildirStore(where), path, origin(b"Some Name At The Source"), [1, 2])
    assert holds_import(where, origin().key)
    assert not holds_import(where, OTHER)


def test_a11_what_is_staged_tells_it_too(where, origin, fill):
    fill(MaildirStore(where), ("A",), origin(), [1], finish=False)
    assert holds_import(where, origin().key)
    assert not holds_import(where, OTHER)


def test_a11_messages_that_others_brought_are_foreign(where, root, origin, fill):
    fill(MaildirStore(where), ("INBOX",), origin(key=OTHER), [1])
    (root / "cur" / "1700000000.M1P2.host,S=5:2,S").write_bytes(b"own\r\n")
    assert not holds_import(where, origin().key)


def test_a11_messages_that_the_owner_has_read_and_moved_tell_it(where, root, origin, fill):
    fill(MaildirStore(where), ("INBOX",), origin(), [1])
    (message,) = (root / "cur").iterdir()
    name = "Archive" if where.layout == "fs" else ".Archive"
    (root / name / "cur").mkdir(parents=True)
    message.rename(root / name / "cur" / (message.name + "S"))
    assert holds_import(where, origin().key)


def test_a11_the_marker_tells_it_where_no_message_is_left(where, root, origin, fill):
    fill(MaildirStore(where), ("INBOX",), origin(), [1])
    for message in (root / "cur").iterdir():
        message.unlink()
    assert holds_import(where, origin().key) and has_marker(where.root, origin().key)
    assert not has_marker(where.root, OTHER)
    shutil.rmtree(root)
    assert not holds_import(where, origin().key) and not has_marker(where.root, origin().key)


def test_a11_a_marker_is_left_where_there_is_a_root_only(where, root, origin):
    place_marker(where, origin().key, b"proof")
    assert not root.exists()
    root.mkdir()
    place_marker(where, origin().key, b"proof")
    place_marker(where, origin().key, b"proof")
    assert holds_import(where, origin().key) and len(list(root.iterdir())) == 1


def test_a11_a_link_in_place_of_the_marker_is_not_followed(where, root, tmp_path, origin):
    root.mkdir()
    place_marker(where, origin().key, b"proof")
    (marker,) = root.iterdir()
    marker.unlink()
    marker.symlink_to(tmp_path / "elsewhere")
    place_marker(where, origin().key, b"proof")
    assert not (tmp_path / "elsewhere").exists()


def test_a_link_that_the_owner_planted_shows_nothing(where, root, tmp_path, origin):
    outside = tmp_path / "outside" / "cur"
    outside.mkdir(parents=True)
    (outside / origin().base_name(1)).touch()
    root.mkdir()
    (root / (".A" if where.layout == "maildir++" else "A")).symlink_to(tmp_path / "outside")
    assert not holds_import(where, origin().key)
