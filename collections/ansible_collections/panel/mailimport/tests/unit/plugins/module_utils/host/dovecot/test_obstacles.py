# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.obstacles import (
    PLUGINS,
    SETTINGS,
    obstacles,
)
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.settings import Location, UserSettings

MODULES = Path("/usr/lib/dovecot/modules")


def found(*plugins, quotas=(), **values):
    user = UserSettings(Location("maildir", "/m"), frozenset(plugins), values, frozenset(quotas))
    return list(obstacles(user))


def test_a_host_without_plugins_has_no_obstacle():
    assert found() == []
    assert found(mailbox_list_index_very_dirty_syncs="no", maildir_very_dirty_syncs="", mail_log_events="save") == []


def test_a_plugin_that_nobody_knows_is_an_obstacle():
    (reason,) = found("ours", "acl")
    assert "plugin ours is not known" in reason


def test_an_obstacle_is_told_for_each_that_is_there():
    assert len(found("acl", "quota", "quota_clone", "notify", "notify_status", quotas=["count"])) == 2


@pytest.mark.parametrize(
    ("plugins", "values"),
    [
        (["zlib"], {"zlib_save": "gz"}),
        (["mail_compress"], {"mail_compress_write_method": "zstd"}),
        (["fts", "fts_flatcurve"], {"fts_autoindex": "yes"}),
        ([], {"mailbox_list_index_very_dirty_syncs": "yes"}),
        ([], {"maildir_very_dirty_syncs": "yes"}),
        ([], {"mail_attachment_detection_options": "content-type=!text/*, add-flags"}),
    ],
)
def test_a_condition_makes_the_difference(plugins, values):
    assert found(*plugins, **values)
    assert not found(*plugins)


@pytest.mark.parametrize("kind", ["maildir", "dict", "dirsize"])
def test_a_quota_that_is_counted_as_messages_are_saved(kind):
    assert found("quota", quotas=["count", kind]) == ["the quota is counted as messages are saved"]
    assert not found("quota", quotas=["count", "fs"]) and not found(quotas=[kind])


def test_each_rule_says_why():
    for rule in [*SETTINGS.values(), *PLUGINS.values()]:
        assert bool(rule.obstacle) or rule.harmless
        assert not rule.condition or rule.obstacle


def test_the_plugins_that_come_with_dovecot_are_known():
    if not MODULES.is_dir():
        pytest.skip("needs Dovecot installed")
    names = [re.sub(r"^lib\d+_|_plugin$", "", path.stem) for path in MODULES.glob("lib*_plugin.so")]
    assert names and [name for name in names if not name.startswith("fts_") and name not in PLUGINS] == []
