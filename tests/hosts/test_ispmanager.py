# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports into hosts of ispmanager: a stand-in for its command, and a real Dovecot that reads the users file it
writes."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Iterator

import pytest
from support.dovecot import wait_until
from support.dovecot_words import OLD, words
from support.imap import Item
from support.mail import small_message
from support.panel import Panel
from support.run import run_module
from support.scene import Scene, difference

pytestmark = pytest.mark.skipif(words() is not OLD, reason="ispmanager sets up Dovecot 2.3, whose lines it writes")


class PanelScene(Scene):
    """A scene whose mail host is a panel's."""

    panel: Panel

    def host_options(self) -> dict[str, Any]:
        return {
            "host_backend": "ispmanager",
            "mgrctl": str(self.panel.mgrctl),
            "dovecot_config": str(self.host.config),
            "state_dir": str(self.state_dir),
        }

    def mailbox(self, address: str = "") -> dict[str, Any]:
        return self.panel.data["mailboxes"][address or self.address]


@pytest.fixture
def panel_scene(small_scene: Scene) -> Iterator[PanelScene]:
    scene = PanelScene(**vars(small_scene))
    scene.panel = Panel(scene.directory / "panel", scene.host.users_file)
    yield scene
    assert scene.panel.data["faults"] == []


def make_hers(scene: PanelScene) -> None:
    """A mailbox that somebody has made in the panel, with a message in it."""
    scene.panel.call("emaildomain.edit", name="source.example", owner="customer1")
    name = scene.address.partition("@")[0]
    fields = {"name": name, "domainname": "source.example", "passwd": "hers", "confirm": "hers"}
    scene.panel.call("email.edit", forward="else@where.example", note="Anna's", maxsize="100", **fields)
    scene.host.wait_for_password(scene.address, "hers")
    with scene.host_session("hers") as session:
        session.append("INBOX", [Item(small_message(1, "hers"))])


def test_domain_mailbox_and_mail_are_made_once(panel_scene: PanelScene) -> None:
    shown = panel_scene.run(check_mode=True).entry
    assert (shown["created"], shown["changed"], shown["state"]) == (True, True, "queued"), shown["message"]
    assert (panel_scene.panel.data["domains"], panel_scene.panel.data["mailboxes"]) == ({}, {})
    entry = panel_scene.run().entry
    assert (entry["state"], entry["created"], entry["changed"]) == ("completed", True, True), entry["message"]
    assert panel_scene.panel.data["domains"]["source.example"]["owner"] == "customer1"
    assert "maxsize" not in panel_scene.mailbox()
    assert difference(panel_scene.source_account(), panel_scene.host_account()) == []
    again = panel_scene.run()
    assert (again.result["changed"], again.entry["state"], again.entry["created"]) == (False, "completed", False)
    assert not (panel_scene.state_dir / "domains").exists()


def test_a_domain_of_another_customer_is_refused(panel_scene: PanelScene) -> None:
    panel_scene.panel.call("emaildomain.edit", name="source.example", owner="customer2")
    for check_mode in (True, False):
        entry = panel_scene.run(check_mode=check_mode).entry
        assert (entry["state"], entry["reason"]) == ("failed", "domain_owned_by_other")
        assert "belongs to customer2" in entry["message"]
    assert panel_scene.panel.data["mailboxes"] == {}


def test_a_mailbox_of_somebodys_is_skipped_merged_and_replaced(panel_scene: PanelScene) -> None:
    make_hers(panel_scene)
    skipped = panel_scene.run().entry
    assert (skipped["state"], skipped["changed"]) == ("skipped", False), skipped["message"]
    merged = panel_scene.run(ignore_existing=False, existing_content="merge").entry
    assert (merged["state"], merged["created"]) == ("completed", False), merged["message"]
    here = panel_scene.host_account("hers").folders
    assert len(here["INBOX",].messages) == len(panel_scene.source_account().folders["INBOX",].messages) + 1
    replaced = panel_scene.run(ignore_existing=False, existing_content="replace", force=True).entry
    assert (replaced["state"], bool(replaced["replaced_to"])) == ("completed", True), replaced["message"]
    panel_scene.host.wait_for_password(panel_scene.address, panel_scene.password)
    assert difference(panel_scene.source_account(), panel_scene.host_account()) == []
    assert not panel_scene.host.accepts_password(panel_scene.address, "hers")


def test_a_new_password_leaves_all_else_in_the_panel_as_it_is(panel_scene: PanelScene) -> None:
    make_hers(panel_scene)
    options = {"ignore_existing": False, "existing_content": "merge", "update_password": "always"}
    before = panel_scene.mailbox()
    assert panel_scene.run(check_mode=True, **options).result["changed"]
    assert panel_scene.mailbox() == before
    entry = panel_scene.run(**options).entry
    assert entry["state"] == "completed", entry["message"]
    panel_scene.host.wait_for_password(panel_scene.address, panel_scene.password)
    assert not panel_scene.host.accepts_password(panel_scene.address, "hers")
    kept = ("forward", "note", "maxsize", "owner", "place")
    assert [panel_scene.mailbox()[field] for field in kept] == [before[field] for field in kept]
    assert not panel_scene.run(**options).result["changed"]


def test_a_list_over_two_queues_and_over_as_many_as_the_panel_says(panel_scene: PanelScene) -> None:
    rows = [
        {"email": panel_scene.address, "target_email": "user%d@list.example" % number, "password": panel_scene.password}
        for number in range(4)
    ]
    options = {name: value for name, value in panel_scene.arguments().items() if name not in ("email", "password")}
    options.update(mailboxes=rows, parallel=True, queues=2)
    outcome = run_module(options, panel_scene.directory, module="mail_import_csv")
    assert [entry["state"] for entry in outcome.result["imports"]] == ["completed"] * 4, outcome.result["msg"]
    assert sorted(panel_scene.panel.data["mailboxes"]) == ["user%d@list.example" % number for number in range(4)]
    assert list(panel_scene.panel.data["domains"]) == ["list.example"]
    again = run_module(options, panel_scene.directory, module="mail_import_csv")
    assert not again.result["changed"]
    panel_scene.panel.configure("Option EULA\nParallelEmailImportCount 1\n")
    more = [{**row, "target_email": row["target_email"].replace("user", "more")} for row in rows]
    panels = run_module({**options, "mailboxes": more, "queues": None}, panel_scene.directory, module="mail_import_csv")
    assert [entry["queue"] for entry in panels.result["imports"]] == [1] * 4, panels.result["msg"]


def test_no_secret_is_in_arguments_results_or_state(panel_scene: PanelScene) -> None:
    """The panel itself looks at the arguments of each call."""
    secret = "s3cret-word-of-hers"  # noqa: S105 - of this test
    panel_scene.panel.switch(shortest_password=8)
    outcomes = [panel_scene.run(target_password=word) for word in ("tiny1", secret)]
    assert "too short" in outcomes[0].entry["message"] and "tiny1" not in outcomes[0].entry["message"]
    outcomes.append(panel_scene.run(target_password="another-" + secret, update_password="always"))
    assert outcomes[-1].entry["changed"], outcomes[-1].entry["message"]
    for outcome in outcomes:
        assert secret not in outcome.output and secret not in json.dumps(outcome.result)
    for file in panel_scene.state_dir.rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()
    assert panel_scene.panel.data["faults"] == []


def test_where_the_hosts_imap_writes(panel_scene: PanelScene) -> None:
    """Panels count quotas in a way that files do not reach; the home of a new mailbox is not there yet."""
    entry = panel_scene.run(message_store="imap").entry
    assert (entry["state"], entry["message_store"]) == ("completed", "imap"), entry["message"]
    there, here = panel_scene.source_account(), panel_scene.host_account()
    assert {path: len(folder.messages) for path, folder in here.folders.items()} == {
        path: len(folder.messages) for path, folder in there.folders.items()
    }
    assert not panel_scene.run(message_store="imap").result["changed"]


def test_a_quota_goes_to_the_panel_in_mebibytes(panel_scene: PanelScene) -> None:
    assert panel_scene.run(quota="2G").entry["state"] == "completed"
    assert panel_scene.mailbox()["maxsize"] == "2048"


@pytest.mark.parametrize(
    "switches",
    [
        {"writes_later": 2},
        {"lone_element": True},
        {"errors_as_text": True, "busy": 1},
        {"exit_code": 0, "busy": 1},
        {"warns": True},
        {"lacks": ["forward", "note", "dmarc", "limit_ssl", "ipsrc", "defaction"]},
    ],
    ids=lambda switches: next(iter(switches)),
)
def test_editions_and_moods_of_the_panel(panel_scene: PanelScene, switches: dict[str, Any]) -> None:
    panel_scene.panel.switch(**switches)
    entry = panel_scene.run().entry
    assert entry["state"] == "completed", entry["message"]
    changed = panel_scene.run(target_password="second word", update_password="always").entry
    assert (changed["state"], changed["changed"]) == ("completed", True), changed["message"]
    panel_scene.host.wait_for_password(panel_scene.address, "second word")
    assert difference(panel_scene.source_account(), panel_scene.host_account("second word")) == []


@pytest.mark.parametrize("function", ["emaildomain.edit", "email.edit"])
def test_killed_while_the_panel_works(panel_scene: PanelScene, function: str) -> None:
    panel_scene.panel.switch(kills_caller=[function])
    panel_scene.start().communicate()
    assert "source.example" in panel_scene.panel.data["domains"]
    panel_scene.panel.switch(kills_caller=[])
    entry = panel_scene.run().entry
    assert (entry["state"], entry["message"]) == ("completed", "Import completed successfully")
    assert difference(panel_scene.source_account(), panel_scene.host_account()) == []
    assert not panel_scene.run().result["changed"]


def refused(scene: PanelScene, check_mode: bool = False, **changes: Any) -> str:
    """The message of an import that the panel refuses, which has left nothing in it."""
    before = scene.panel.data["mailboxes"]
    entry = scene.run(check_mode=check_mode, **changes).entry
    assert (entry["state"], entry["reason"], entry["created"]) == ("failed", "host_refused", False), entry["message"]
    assert scene.panel.data["mailboxes"] == before
    assert "\n" not in entry["message"]
    return entry["message"]


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        ({"most_mailboxes": 0}, "limit(email): The limit of mailboxes is reached (a limit of the owner's package"),
        ({"no_mail": True}, "notconfigured(email) (the panel has no mail server"),
        ({"answers": "<html>502 Bad Gateway</html>"}, "no answer that can be understood"),
        ({"answers": ""}, "no answer that can be understood"),
        ({"busy": 99}, "request_failed(): terminated by administrator"),
        ({"lacks": ["passwd"]}, "has no password"),
        ({"fails": {"email.edit": ["value", "name", "Wrong"]}}, "value(name): Wrong"),
    ],
    ids=["limit", "no mail", "html", "nothing", "busy", "another form", "value"],
)
def test_a_refusal_of_the_panel_is_one_clear_line(
    panel_scene: PanelScene, switches: dict[str, Any], words: str
) -> None:
    panel_scene.panel.switch(**{name: value or " " if name == "answers" else value for name, value in switches.items()})
    assert words in refused(panel_scene)


def test_an_owner_that_the_panel_does_not_know(panel_scene: PanelScene) -> None:
    assert "value(owner): The user does not exist" in refused(panel_scene, owner="nobody")


def test_a_suspended_mailbox_is_told(panel_scene: PanelScene) -> None:
    make_hers(panel_scene)
    panel_scene.panel.call("email.suspend", elid=panel_scene.address)
    wait_until(lambda: not panel_scene.host.accepts_password(panel_scene.address, "hers"), "the mailbox to be closed")
    for check_mode in (True, False):
        message = refused(panel_scene, check_mode, ignore_existing=False, existing_content="merge")
        assert "suspended in the panel: resume it there" in message
    panel_scene.panel.call("email.resume", elid=panel_scene.address)
    entry = panel_scene.run(ignore_existing=False, existing_content="merge").entry
    assert entry["state"] == "completed", entry["message"]


def test_a_form_in_a_garbled_answer_is_not_shown(panel_scene: PanelScene) -> None:
    """Forms hold passwords as they are."""
    make_hers(panel_scene)
    panel_scene.panel.switch(answers="oops FORM")
    outcome = panel_scene.run(target_email="new@source.example")
    assert "no answer that can be understood" in outcome.entry["message"]
    assert "hers" not in json.dumps(outcome.result)


@pytest.mark.parametrize("mgrctl", ["/nonexistent/mgrctl", "/etc/hostname"])
def test_a_host_without_the_panel_is_told(panel_scene: PanelScene, mgrctl: str) -> None:
    assert "cannot run %s" % mgrctl in refused(panel_scene, check_mode=True, mgrctl=mgrctl)


def test_letters_of_a_language_are_refused_before_anything_is_made(panel_scene: PanelScene) -> None:
    message = refused(panel_scene, check_mode=True, target_email="p\u00e9tr@source.example")
    assert "takes Latin letters only" in message


def test_a_domain_that_the_panel_shows_in_another_form(panel_scene: PanelScene) -> None:
    panel_scene.panel.call("emaildomain.edit", name="xn--bcher-kva.example", owner="customer2")
    entry = panel_scene.run(target_email="anna@b\u00fccher.example").entry
    assert entry["reason"] == "domain_owned_by_other"


def test_two_mailboxes_made_at_once(panel_scene: PanelScene) -> None:
    started = [panel_scene.start(target_email="user%d@source.example" % number) for number in range(2)]
    results = [json.loads(process.communicate()[0]) for process in started]
    assert [result["imports"][0]["state"] for result in results] == ["completed"] * 2
    assert len(panel_scene.panel.data["mailboxes"]) == 2


def test_the_stand_in_sees_a_password_in_arguments(small_scene: Scene) -> None:
    panel = Panel(small_scene.directory / "panel", small_scene.host.users_file)
    subprocess.run([str(panel.mgrctl), "email.edit", "passwd=word", "confirm=word"], check=False, capture_output=True)
    assert panel.data["faults"] == ["a password in the arguments of email.edit"]
