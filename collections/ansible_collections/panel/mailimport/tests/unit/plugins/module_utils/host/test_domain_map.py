# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.domain_map import DomainMap
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError


def test_published_domains_are_written_when_they_differ(tmp_path):
    path = tmp_path / "domains"
    published = DomainMap(str(path))
    assert published.publish(lambda: {"b.example": "bert", "a.example": "anna"}, write=True)
    assert path.read_text() == "a.example\tanna\nb.example\tbert\n"
    assert path.stat().st_mode & 0o777 == 0o644
    before = path.stat()
    assert not published.publish(lambda: {"a.example": "anna", "b.example": "bert"}, write=True)
    assert path.stat() == before
    assert published.publish(lambda: {"a.example": "anna"}, write=False)
    assert path.stat() == before
    assert published.publish(lambda: {"a.example": "anna"}, write=True)
    assert path.read_text() == "a.example\tanna\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["domains"]


def test_an_owner_with_a_line_break_does_not_reach_the_map(tmp_path):
    path = tmp_path / "domains"
    with pytest.raises(MailImportError):
        DomainMap(str(path)).publish(lambda: {"a.example": "anna\nb.example\tmallory"}, write=True)
    assert not path.exists()
