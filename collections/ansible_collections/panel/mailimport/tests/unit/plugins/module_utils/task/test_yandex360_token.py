# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from contextlib import contextmanager

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.files.private import held_private
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
def temporary(monkeypatch, tmp_path):
    """Where temporary files are made."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


@pytest.fixture
def asked(monkeypatch, temporary):
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

        def poll(self, code):
            calls.append("poll with %s" % code.device_code)
            return Token("a person's", 86400 * 365, "and its own")

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


def test_the_programs_part_of_a_code_shows_in_no_answer(asked, tmp_path, temporary):
    """Ansible's ssh shows all that a module answers, at -vvv, and Microsoft wants nothing else for a token."""
    dest = tmp_path / "token.json"
    begun = run(dest=str(dest))
    assert "the program's" not in json.dumps(begun) and begun["device"]["user_code"] == "the person's"
    (kept,) = temporary.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    ended = run(dest=str(dest), device=begun["device"])
    assert ended["changed"] is True and json.loads(dest.read_text())["access_token"] == "a person's"
    assert asked == ["begin", "poll with the program's"] and list(temporary.iterdir()) == []


def is_held(path):
    with open(path) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize("by_a_person", [False, True])
def test_a_file_is_held_while_its_token_is_renewed_or_replaced(asked, tmp_path, monkeypatch, by_a_person):
    """An import that renews it at the same time would spend the same refresh token, or put back an older one."""
    dest, held = tmp_path / "token.json", []
    keep(dest, days=3)
    step, oauth = ("write_tokens", device_token) if by_a_person else ("refresh", yandex360_token.OAuth)
    real = getattr(oauth, step)

    def observed(*arguments):
        held.append(is_held(dest))
        return real(*arguments)

    monkeypatch.setattr(oauth, step, observed)
    device = run(dest=str(dest), force=True)["device"] if by_a_person else None
    assert run(dest=str(dest), device=device)["changed"] is True
    assert held == [True] and not is_held(dest)


def test_a_token_that_an_import_has_renewed_meanwhile_is_left_alone(asked, tmp_path, monkeypatch):
    dest = tmp_path / "token.json"
    keep(dest, days=3)

    @contextmanager
    def late(path):
        keep(dest, days=300)
        with held_private(path):
            yield

    monkeypatch.setattr(device_token, "held_private", late, raising=False)
    result = run(dest=str(dest))
    assert (result["changed"], asked) == (False, []) and "is good for 299 days" in result["msg"]
