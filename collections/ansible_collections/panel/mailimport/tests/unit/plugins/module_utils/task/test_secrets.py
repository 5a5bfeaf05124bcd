# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module takes the secrets once, and from a private file only."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.task.secrets import take_secrets

SECRETS = {"password": "pä$$ \udcff\"'", "target_password": "12"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "secrets.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(SECRETS))
    return path


def test_the_secrets_are_read_and_their_file_removed(path: Path) -> None:
    assert take_secrets(str(path)) == SECRETS
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602, 0o644])
def test_a_file_that_others_can_open_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(MailImportError, match="no private file"):
        take_secrets(str(path))


def test_a_file_of_somebody_else_is_refused_unless_its_folder_is_theirs_too(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may give files away")
    os.chown(path, 65534, 65534)
    with pytest.raises(MailImportError, match="belongs to somebody else"):
        take_secrets(str(path))
    assert path.exists()
    os.chown(path.parent, 65534, 65534)
    assert take_secrets(str(path)) == SECRETS


def test_a_link_is_not_followed(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(MailImportError, match="cannot open the secrets file"):
        take_secrets(str(link))
    assert path.exists()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(MailImportError, match="no private file"):
        take_secrets(str(tmp_path))


def test_a_file_that_is_gone_is_named_as_the_cause(tmp_path: Path) -> None:
    with pytest.raises(MailImportError, match="cannot open the secrets file: No such file or directory"):
        take_secrets(str(tmp_path / "secrets.json"))
