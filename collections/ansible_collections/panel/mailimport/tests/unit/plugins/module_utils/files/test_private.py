# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.files.private import read_private, write_private
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError


def test_what_is_written_is_closed_to_others_and_read_again(tmp_path):
    path = tmp_path / "secret"
    assert read_private(str(path)) is None
    for content in (b"one", b"another"):
        write_private(str(path), content)
        assert read_private(str(path)) == content and path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["secret"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(tmp_path, mode):
    path = tmp_path / "secret"
    path.write_bytes(b"one")
    path.chmod(mode)
    for use in (lambda: read_private(str(path)), lambda: write_private(str(path), b"two")):
        with pytest.raises(MailImportError, match="chmod 600") as error:
            use()
        assert error.value.reason == "host_refused"
    assert path.read_bytes() == b"one"


def test_a_link_a_directory_and_a_missing_directory_are_refused(tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"one")
    (tmp_path / "elsewhere").chmod(0o600)
    (tmp_path / "link").symlink_to("elsewhere")
    for name in ("link", ".", "missing/secret"):
        with pytest.raises(MailImportError) as error:
            write_private(str(tmp_path / name), b"two")
        assert error.value.reason == "host_refused"
    assert (tmp_path / "elsewhere").read_bytes() == b"one"


def test_a_directory_is_no_file(tmp_path):
    with pytest.raises(MailImportError, match="must be a file") as error:
        read_private(str(tmp_path))
    assert error.value.reason == "host_refused"
