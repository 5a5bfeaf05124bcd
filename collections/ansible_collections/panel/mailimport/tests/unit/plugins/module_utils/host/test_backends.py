# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host import backends
from ansible_collections.panel.mailimport.plugins.module_utils.host.backends import Backend, open_backend
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.options import TARGET


def test_an_option_of_another_kind_is_an_error(monkeypatch, tmp_path):
    other = Backend(frozenset(("login_host",)), lambda options, domains_file: ("other", dict(options)))
    monkeypatch.setitem(backends.BACKENDS, "other", other)
    with pytest.raises(MailImportError, match="mail_home, uid means nothing with host_backend=other") as error:
        open_backend("other", {"login_host": "db", "uid": 0, "mail_home": "/srv/%u", "users_file": None}, str(tmp_path))
    assert error.value.reason == "invalid_row"
    assert open_backend("other", {"login_host": "db", "uid": None}, str(tmp_path))[0] == "other"
    with pytest.raises(MailImportError, match="login_host means nothing with host_backend=dovecot"):
        open_backend("dovecot", {"login_host": "db"}, str(tmp_path))


def test_kinds_and_their_options_are_those_of_the_modules():
    offered = {option.name: option for option in TARGET}
    assert set(offered.pop("host_backend").choices) == set(backends.BACKENDS)
    assert set(offered) - {"state_dir"} == backends.HOST_OPTIONS


def test_an_unknown_kind_is_an_error(tmp_path):
    with pytest.raises(MailImportError, match="host_backend must be one of command, docker_mailserver, dovecot"):
        open_backend("exchange", {}, str(tmp_path))


def test_opening_asks_nothing_of_the_host(tmp_path):
    open_backend("dovecot", {"dovecot_config": str(tmp_path / "absent")}, str(tmp_path / "domains"))
    assert list(tmp_path.iterdir()) == []
