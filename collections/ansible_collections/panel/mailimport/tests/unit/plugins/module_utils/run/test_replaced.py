# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.run.replaced import keep


@pytest.fixture
def beside(tmp_path):
    """Mail beside its store, in its owner's home."""
    path = tmp_path / "home" / "Maildir.replaced-20260105T100000.000000Z"
    path.mkdir(parents=True)
    (path / "mail").write_text("one")
    return path


def test_what_is_kept_is_out_of_its_owner_s_reach(beside, tmp_path):
    kept = tmp_path / "state" / "replaced" / "anna@example.org" / "20260105T100000.000000Z"
    (tmp_path / "state").mkdir()
    assert keep(str(beside), str(kept)) == str(kept)
    assert (kept / "mail").read_text() == "one" and not beside.exists()
    assert kept.parent.stat().st_mode & 0o777 == kept.parent.parent.stat().st_mode & 0o777 == 0o700


def test_a_link_that_the_owner_puts_in_place_of_the_home_is_not_followed(beside, tmp_path):
    """Nothing is taken away from where it points to, and the import does not wait for it for ever."""
    home = tmp_path / "home"
    home.rename(tmp_path / "elsewhere")
    home.symlink_to(tmp_path / "elsewhere")
    assert keep(str(beside), str(tmp_path / "replaced" / "anna@example.org" / "now")) == str(beside)
    assert (tmp_path / "elsewhere" / beside.name / "mail").read_text() == "one"


def test_mail_that_is_elsewhere_is_found_where_the_result_says(beside, tmp_path):
    """A link from beside means nothing from another directory."""
    beside.rename(tmp_path / "home" / "elsewhere")
    beside.symlink_to("elsewhere")
    where = keep(str(beside), str(tmp_path / "replaced" / "anna@example.org" / "now"))
    assert (Path(where) / "mail").read_text() == "one"
