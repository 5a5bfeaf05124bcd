# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import time

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.provider.oauth import DeviceCode, Token
from ansible_collections.panel.mailimport.plugins.module_utils.task import device_token, yandex360_token


class Module:
    """A module that ends by an exception and keeps its result."""

    def __init__(self, **params):
        defaults = {
            "client_id": "app",
            "client_secret": "secret",
            "scopes": [],
            "dest": None,
            "minimum_days": 30,
            "force": False,
        }
        self.params = {
            **defaults,
            "oauth_url": "http://nowhere",
            "api_ca_cert": None,
            "api_timeout": 1.0,
            "secrets_file": None,
            **params,
        }
        self.check_mode = False
        self.result = {}

    def exit_json(self, **result):
        self.result = result
        raise SystemExit(0)

    def fail_json(self, **result):
        self.result = result
        raise SystemExit(1)


@pytest.fixture
def asked(monkeypatch):
    """What was asked of Yandex's OAuth."""
    calls = []

    class FakeOAuth:
        def __init__(self, *_arguments):
            pass

        def begin(self, _scopes):
            calls.append("begin")
            return DeviceCode("the program's", "the person's", "http://nowhere/device")

        def refresh(self, _refresh_token, _scopes):
            calls.append("refresh")
            return Token("new", 86400 * 365, "newer")

    monkeypatch.setattr(yandex360_token, "OAuth", FakeOAuth)
    return calls


def run(**params):
    module = Module(**params)
    with pytest.raises(SystemExit):
        device_token.run_token(module, yandex360_token.wanted_token)
    return module.result


def keep(dest, days):
    dest.write_text(
        json.dumps(
            {
                "client_id": "app",
                "access_token": "old",
                "refresh_token": "older",
                "expires_at": time.time() + days * 86400,
            }
        )
    )
    dest.chmod(0o600)


def test_nobody_enters_a_code_for_a_file_whose_directory_is_not_there(asked, tmp_path):
    result = run(dest=str(tmp_path / "missing" / "token.json"))
    assert result == {
        "msg": "dest cannot be written: there is no directory %s" % (tmp_path / "missing"),
        "reason": "host_refused",
    }
    assert asked == []


@pytest.mark.parametrize("stored", [False, True])
def test_no_token_is_got_or_renewed_that_cannot_be_written(asked, tmp_path, monkeypatch, stored):
    dest = tmp_path / "token.json"
    if stored:
        keep(dest, days=3)
    monkeypatch.setattr(
        os, "access", lambda path, mode: not (path == str(tmp_path) and mode & os.W_OK)
    )  # root may write anywhere
    result = run(dest=str(dest))
    assert "may not read and write the directory %s" % tmp_path in result["msg"] and result["reason"] == "host_refused"
    assert asked == []


def test_a_token_that_is_good_needs_no_writing(asked, tmp_path, monkeypatch):
    keep(tmp_path / "token.json", days=300)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert run(dest=str(tmp_path / "token.json"))["changed"] is False and asked == []


def test_where_it_can_be_written_a_code_is_asked_for_and_a_token_renewed(asked, tmp_path):
    dest = tmp_path / "token.json"
    assert run(dest=str(dest))["device"]["user_code"] == "the person's" and run()["device"]
    keep(dest, days=3)
    assert run(dest=str(dest))["changed"] is True and json.loads(dest.read_text())["refresh_token"] == "newer"
    assert asked == ["begin", "begin", "refresh"]
