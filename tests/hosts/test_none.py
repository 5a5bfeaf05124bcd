# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports into hosts whose mailboxes something else makes: they are what Dovecot knows, and nothing is changed of them
but their mail."""

from __future__ import annotations

import os
from typing import Any, Callable

import pytest
from support.dovecot import MAIL_GID, MAIL_UID, Dovecot
from support.dovecot_words import OLD, words
from support.imap import Item
from support.mail import small_message
from support.scene import Scene, difference

# What Dovecot knows of whoever asks: every address is a mailbox.
_STATIC = {
    "2.3": "passdb {\n  driver = static\n  args = password=word\n}\n"
    "userdb {\n  driver = static\n  args = uid=%d gid=%d home=%s/%%d/%%n\n}\n",
    "2.4": "passdb static {\n  password = word\n}\nuserdb static {\n  fields {\n    uid = %d\n    gid = %d\n"
    "    home = %s/%%{user | domain}/%%{user | username}\n  }\n}\n",
}


class NoneScene(Scene):
    """A scene whose mail host has mailboxes that the collection knows nothing of."""

    def host_options(self) -> dict[str, Any]:
        return {
            "host_backend": "none",
            "dovecot_config": str(self.host.config),
            "state_dir": str(self.state_dir),
            "ignore_existing": False,
            "existing_content": "merge",
        }


@pytest.fixture
def none_scene(small_scene: Scene) -> NoneScene:
    return NoneScene(**vars(small_scene))


def test_mail_comes_into_a_mailbox_that_was_made_elsewhere(none_scene: NoneScene) -> None:
    none_scene.host.add_user(none_scene.address, "hers")
    shown = none_scene.run(check_mode=True).entry
    assert (shown["created"], shown["changed"], shown["state"]) == (False, True, "queued"), shown["message"]
    entry = none_scene.run().entry
    assert (entry["state"], entry["created"], entry["changed"]) == ("completed", False, True), entry["message"]
    assert difference(none_scene.source_account(), none_scene.host_account("hers")) == []
    assert not none_scene.run().result["changed"]


def test_a_mailbox_that_is_there_is_no_change(none_scene: NoneScene) -> None:
    none_scene.host.add_user(none_scene.address, "hers")
    for check_mode in (True, False):
        outcome = none_scene.run(import_content=False, check_mode=check_mode)
        assert (outcome.result["changed"], outcome.entry["created"]) == (False, False), outcome.entry["message"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_missing_mailbox_says_who_has_to_make_it(none_scene: NoneScene, check_mode: bool) -> None:
    entry = none_scene.run(check_mode=check_mode).entry
    assert (entry["state"], entry["created"], entry["changed"]) == ("failed", False, False)
    assert entry["reason"] == "host_refused"
    assert "there is no mailbox %s" % none_scene.address in entry["message"]
    assert "make it where this host's users are declared" in entry["message"]


def test_a_mailbox_is_seen_as_soon_as_it_is_made(none_scene: NoneScene, new_host: Callable[..., Dovecot]) -> None:
    """Also where the server remembers for an hour who is unknown: the failed run before has asked for it."""
    host = new_host(extra_config="auth_cache_size = 1M\n")
    scene = NoneScene(**{**vars(none_scene), "host": host})
    assert scene.run().entry["state"] == "failed"
    host.add_user(scene.address, "hers")
    assert scene.run().entry["state"] == "completed"


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_server_that_knows_everybody_is_refused(
    none_scene: NoneScene, new_host: Callable[..., Dovecot], check_mode: bool
) -> None:
    host = new_host(accounts=_STATIC[words().version] % (MAIL_UID, MAIL_GID, none_scene.directory / "mail"))
    scene = NoneScene(**{**vars(none_scene), "host": host})
    entry = scene.run(check_mode=check_mode).entry
    assert (entry["state"], entry["changed"], entry["reason"]) == ("failed", False, "host_refused")
    assert "takes any address of source.example for a mailbox" in entry["message"]
    assert not (scene.directory / "mail").exists()


def test_a_catch_all_is_refused(none_scene: NoneScene, new_host: Callable[..., Dovecot]) -> None:
    """One of a single domain: mailboxes of the others can be told apart."""
    if words() is not OLD:
        pytest.skip("written for Dovecot 2.3")
    place = none_scene.directory
    (place / "everybody").write_text("source.example:{PLAIN}word:%d:%d::%s/%%d/%%n::\n" % (MAIL_UID, MAIL_GID, place))
    block = "%s {\n  driver = passwd-file\n  args = username_format=%s %s\n}\n"
    by_address = "".join(block % (kind, "%u", place / "users") for kind in ("passdb", "userdb"))
    (place / "users").write_text("anna@other.example:{PLAIN}word:%d:%d::%s/anna::\n" % (MAIL_UID, MAIL_GID, place))
    (place / "anna").mkdir()
    os.chown(place / "anna", MAIL_UID, MAIL_GID)
    host = new_host(accounts=by_address + block % ("userdb", "%d", place / "everybody"))
    scene = NoneScene(**{**vars(none_scene), "host": host})
    assert "takes any address of source.example" in scene.run().entry["message"]
    entry = scene.run(target_email="anna@other.example", check_mode=True).entry
    assert entry["state"] == "queued", entry["message"]


def test_replace_keeps_the_password(none_scene: NoneScene) -> None:
    none_scene.host.add_user(none_scene.address, "hers")
    with none_scene.host_session("hers") as session:
        session.append("INBOX", [Item(small_message(1, "hers"))])
    shown = none_scene.run(check_mode=True, existing_content="replace").entry
    assert "moved aside" in shown["message"] and "password" not in shown["message"]
    entry = none_scene.run(existing_content="replace").entry
    assert (entry["state"], bool(entry["replaced_to"])) == ("completed", True), entry["message"]
    assert difference(none_scene.source_account(), none_scene.host_account("hers")) == []


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("content", ["merge", "replace"])
def test_a_password_that_would_have_to_be_changed_is_told(
    none_scene: NoneScene, content: str, check_mode: bool
) -> None:
    none_scene.host.add_user(none_scene.address, "hers")
    with none_scene.host_session("hers") as session:
        session.append("INBOX", [Item(small_message(1, "hers"))])
    wanted = {"existing_content": content, "update_password": "always"}
    entry = none_scene.run(check_mode=check_mode, **wanted).entry
    assert (entry["state"], entry["reason"]) == ("failed", "host_refused")
    assert "does not open with this password, and host_backend=none changes none" in entry["message"]
    assert len(none_scene.host_account("hers").folders["INBOX",].messages) == 1
    entry = none_scene.run(check_mode=check_mode, target_password="hers", **wanted).entry
    assert entry["state"] == ("queued" if check_mode else "completed"), entry["message"]


def test_options_of_other_kinds_are_refused(none_scene: NoneScene) -> None:
    outcome = none_scene.run(users_file="/etc/dovecot/users")
    assert "users_file means nothing with host_backend=none" in outcome.result["msg"]
