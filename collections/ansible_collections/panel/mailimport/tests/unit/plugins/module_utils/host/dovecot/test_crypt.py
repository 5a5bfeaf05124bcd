# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hashes that are made here open as those of doveadm do."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot import crypt
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.crypt import sha512_crypt
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.doveadm import Doveadm

PASSWORDS = ("secret", "with blanks ", "Ünïcode 日本", "\udcff", "x" * 511, "$6$salt$", "'\"\\")

needs_doveadm = pytest.mark.skipif(shutil.which("doveadm") is None, reason="Dovecot is not installed")


@pytest.fixture
def config(tmp_path):
    """The least that doveadm starts with."""
    said = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=True).stdout
    version = said.split()[0].partition("-")[0]  # Debian says "2.4.1-4"
    file = tmp_path / "dovecot.conf"
    newer = not version.startswith("2.3")
    file.write_text("dovecot_config_version = %s\ndovecot_storage_version = %s\n" % (version, version) if newer else "")
    return str(file)


@needs_doveadm
@pytest.mark.parametrize("made_by", ["crypt", "doveadm"])
def test_dovecot_takes_the_hash_for_the_password_and_no_other(monkeypatch, config, made_by):
    if made_by == "doveadm":
        monkeypatch.setattr(crypt, "_library", lambda: None)
    for password in PASSWORDS:
        hashed = Doveadm(config).hash_password(password)
        assert hashed.startswith("{SHA512-CRYPT}$6$")
        for typed, opens in ((password, True), (password + "x", False)):
            secret = typed.encode("utf-8", "surrogateescape")
            if len(secret) <= 511:
                command = ["doveadm", "-c", config, "pw", "-t", hashed]
                checked = subprocess.run(command, input=secret + b"\n", capture_output=True, check=False)
                assert (checked.returncode == 0) is opens, typed


def test_no_two_hashes_are_alike():
    assert sha512_crypt(b"secret") != sha512_crypt(b"secret")


def test_what_cannot_be_hashed_here_is_none(monkeypatch):
    monkeypatch.setattr(crypt, "_LIBRARIES", ("libnowhere.so.9",))
    crypt._library.cache_clear()
    assert sha512_crypt(b"secret") is None
    crypt._library.cache_clear()
