# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports into a mailbox of an IMAP server over the network, a real Dovecot here: nothing but a login to it is had."""

from __future__ import annotations

import http.server
import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from fakes.fault_relay import FaultRelay
from support.dovecot import MAIL_GID, MAIL_UID, MASTER_PASSWORD, MASTER_USER, Dovecot, free_ports, wait_until
from support.imap import Account, Item
from support.long_line import Relay
from support.mail import load_mail, small_message
from support.organization import token_settings
from support.run import INFO_MODULE, environment, run_module
from support.scene import OWNER, Scene, fill
from support.tls import Authority, Certificate

HERS = "hers"
# So many lines break, and as many runs are killed; a campaign takes more.
FAULTS = int(os.environ.get("TARGET_FAULTS", "3"))


class TargetScene(Scene):
    """A scene whose mail host is reached over the network only."""

    def host_options(self) -> dict[str, Any]:
        return {
            "host_backend": "imap",
            "target_host": "localhost",
            "target_port": self.host.tls_port,
            "target_ca_cert": str(self.ca_file),
            "target_password": HERS,
            "state_dir": str(self.state_dir),
            "ignore_existing": False,
            "existing_content": "merge",
        }


@pytest.fixture(scope="module")
def target_host(shelf: Path, certificate: Certificate) -> Iterator[Dovecot]:
    """A server whose mail is no Maildir and whose folders are named in another way than the source's."""
    with Dovecot(
        shelf / "target",
        "target-%s" % shelf.name,
        certificate=certificate,
        separator="/",
        mail_location="sdbox:~/sdbox",
    ) as host:
        yield host


@pytest.fixture
def target_scene(
    place: Path, source: Dovecot, target_host: Dovecot, authority: Authority, account_numbers: Iterator[int]
) -> TargetScene:
    """An account with a few dozen messages at the source, and an empty mailbox on the server."""
    number = next(account_numbers)
    address = "user%d@source.example" % number
    scene = TargetScene(place, source, address, "pass word %d" % number, target_host, authority.ca_file)
    with scene.source_session() as session:
        fill(session, load_mail(40), ("INBOX", "Sent", "Party 🎉", "Projects{0}2024"))
    target_host.add_user(address, HERS)
    return scene


def lines(account: Account) -> list[tuple[Any, ...]]:
    """What is in an account, UIDs aside."""
    return sorted(
        (path, facts.content.sha256, facts.internal_date, sorted(flag for flag in facts.flags if flag != "\\Recent"))
        for path, folder in account.folders.items()
        for facts in folder.messages.values()
    )


def test_everything_arrives_and_a_second_run_changes_nothing(target_scene: TargetScene) -> None:
    shown = target_scene.run(check_mode=True).entry
    assert (shown["created"], shown["changed"], shown["state"]) == (False, True, "queued"), shown["message"]
    assert lines(target_scene.host_account(HERS)) == []
    with Relay(target_scene.host.tls_port, 0) as line:
        outcome = target_scene.run(target_port=line.port)
        assert line.traffic().connections == 2  # a first look, and the one that mail goes over
    entry = outcome.entry
    assert (entry["state"], entry["created"], entry["changed"]) == ("completed", False, True), outcome.output
    assert (entry["not_imported"], entry["message_store"]) == ([], "imap")
    source, target = target_scene.source_account(), target_scene.host_account(HERS)
    assert lines(target) == lines(source)
    assert source.subscriptions <= target.subscriptions
    with Relay(target_scene.host.tls_port, 0) as line:
        for state in ("present", "latest"):
            again = target_scene.run(state=state, target_port=line.port)
            assert (again.result["changed"], again.entry["state"]) == (False, "completed"), again.output
            # One login: TLS, LOGIN, and all that is asked of the mailbox in one round trip.
            connections, turns = line.traffic()[:2]  # on a slow machine a turn may not be seen as one
            assert connections == 1 and turns <= 3
    with target_scene.source_session() as session:
        session.append("INBOX", [Item(small_message(900))])
        session.select("INBOX")
        session.store(session.uids()[:1], "+FLAGS ($Noted)")  # of no message yet
    latest = target_scene.run(state="latest").entry
    assert (latest["state"], latest["messages_copied"], latest["flags_updated"]) == ("completed", 1, 1)
    assert lines(target_scene.host_account(HERS)) == lines(target_scene.source_account())


def test_source_and_target_are_compared_without_copying(target_scene: TargetScene) -> None:
    twin = small_message(901)
    with target_scene.source_session() as source, target_scene.host_session(HERS) as target:
        source.append("INBOX", [Item(twin)])
        target.append("INBOX", [Item(twin)])
    assert target_scene.run().entry["state"] == "completed"
    same = target_scene.run(verify="deep").entry
    assert (same["state"], same["message"]) == ("completed", "Verified: 41 messages compared, nothing differs")
    with target_scene.host_session(HERS) as session:
        session.select("Sent")
        session.delete(session.uids()[:2])
        session.append("Sent", [Item(small_message(902))])
    outcome = target_scene.run(verify="deep")
    told = [(each["folder"], each["reason"]) for each in outcome.entry["not_imported"]]
    assert told == [("Sent", "message_missing")] * 2
    assert not outcome.result["changed"]
    assert outcome.entry["message"] == "Verified: 39 messages compared, 2 missing here"


def test_what_is_there_stays_and_equal_messages_do_not_come_twice(target_scene: TargetScene) -> None:
    """Through STARTTLS, in the name of the user as an administrator who has a login name of his own."""
    own = Item(small_message(901), ("\\Seen",), 1_100_000_000)
    with target_scene.source_session() as session:
        session.append("INBOX", [Item(small_message(902))])
    with target_scene.host_session(HERS) as session:
        session.append("INBOX", [own, Item(small_message(902))])
    before = target_scene.host_account(HERS).folders[("INBOX",)].messages
    entry = target_scene.run(
        target_tls="starttls",
        target_port=target_scene.host.port,
        target_master_user="%%u*%s" % MASTER_USER,
        target_master_password=MASTER_PASSWORD,
        target_password="nobody's",  # noqa: S106 - not the mailbox's
    ).entry
    assert entry["state"] == "completed", entry["message"]
    assert entry["messages_copied"] == entry["messages_total"] - 1
    after = target_scene.host_account(HERS).folders[("INBOX",)].messages
    assert {uid: after[uid] for uid in before} == before


# Options that are wrong, the reason word, and what the line says.
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"target_host": "no-such-host.invalid"}, "connection_failed", "target host no-such-host.invalid is not known"),
    ({"target_host": "https://localhost"}, "invalid_row", "target_host"),
    ({"target_ca_cert": None}, "certificate_invalid", "set target_ca_cert or target_tls_fingerprint"),
    ({"target_ca_cert": "/nowhere.pem"}, "certificate_invalid", "target_ca_cert /nowhere.pem cannot be used"),
    ({"target_tls_fingerprint": "00" * 32}, "certificate_invalid", "not the one given"),
    ({"target_password": "wrong"}, "auth_failed", "the mailbox must exist there, and its password open it"),
    ({"target_email": "nobody@source.example"}, "auth_failed", "the mailbox must exist there"),
    ({"existing_content": "replace"}, "store_unsupported", "use existing_content=merge"),
    ({"target_tls": "starttls", "target_timeout": 0.5}, "connection_failed", "needs target_tls=implicit"),
]


def test_what_is_wrong_with_the_target_is_told_before_anything_is_written(target_scene: TargetScene) -> None:
    for number, (changes, reason, words) in enumerate(WRONG):
        entry = target_scene.run(check_mode=number % 2 == 1, **changes).entry
        assert (entry["state"], entry["reason"], entry["changed"]) == ("failed", reason, False), entry["message"]
        assert words in entry["message"]
    (port,) = free_ports(1)
    entry = target_scene.run(target_port=port).entry
    assert (entry["reason"], entry["changed"]) == ("connection_failed", False), entry["message"]
    assert "cannot connect to localhost:%d: Connection refused" % port in entry["message"]
    assert lines(target_scene.host_account(HERS)) == []


def test_a_target_that_is_the_source_is_refused(target_scene: TargetScene) -> None:
    """By whatever name of the machine, port and login name it is reached."""
    scene = target_scene
    plain = {"target_tls": "none", "target_ca_cert": None}
    with FaultRelay(scene.source.port, address="127.0.0.2") as elsewhere:
        for changes in (
            {"target_port": scene.source.tls_port},
            {"target_host": "127.0.0.1", "target_port": scene.source.tls_port},
            {"target_port": scene.source.port, **plain},
            {"target_host": "127.0.0.2", "target_port": elsewhere.port, "target_user": scene.address.upper(), **plain},
        ):
            entry = scene.run(target_password=scene.password, **changes).entry
            assert (entry["reason"], entry["changed"]) == ("invalid_row", False), (changes, entry)
            assert "is the mailbox that its mail would come from" in entry["message"]


def test_mailboxes_of_one_server_that_have_the_same_figures_are_two(target_scene: TargetScene) -> None:
    """As those of two people who have no mail but the greeting of their provider."""
    scene = target_scene
    people = ["%s.%s" % (name, scene.address) for name in ("old", "new")]
    scene.source.add_users(dict.fromkeys(people, HERS))
    for number, name in enumerate(people):
        with scene.source.session(name, HERS) as session:
            session.append("INBOX", [Item(small_message(number))])
        scene.source.doveadm("mailbox", "update", "-u", name, "--uid-validity", "77", "INBOX")
    old, new = people
    asked = {"target_port": scene.source.tls_port, "target_user": new, "target_password": HERS}
    entry = scene.run(source_user=old, password=HERS, **asked).entry
    assert (entry["state"], entry["messages_copied"]) == ("completed", 1), entry["message"]


def test_one_mailbox_of_a_list_that_does_not_open_stops_no_other(target_scene: TargetScene) -> None:
    scene = target_scene
    others = ["list%d-%s@target.example" % (number, scene.directory.name) for number in range(2)]
    for other in others:
        scene.host.add_user(other, HERS)
    options = {**scene.host_options(), **{name: value for name, value in scene.arguments().items() if "source" in name}}
    del options["target_password"]
    row = {"email": scene.address, "source_user": scene.address, "password": HERS, "source_password": scene.password}
    rows = [{**row, "target_email": other} for other in others]
    rows.insert(1, {**row, "target_email": scene.address, "target_password": "wrong"})
    arguments = {**options, "owner": OWNER, "mailboxes": rows}
    outcome = run_module(arguments, scene.directory, module="mail_import_csv")
    states = [(entry["state"], entry["reason"]) for entry in outcome.result["imports"]]
    assert states == [("completed", None), ("failed", "auth_failed"), ("completed", None)], outcome.output
    for other in others:
        with scene.host.session(other, HERS) as session:
            assert lines(session.account()) == lines(scene.source_account())
    about = {name: value for name, value in options.items() if name.startswith(("host_", "state_", "target_"))}
    known = run_module(about, scene.directory, module=INFO_MODULE).result
    assert (known["host_backend"], len(known["imports"])) == ("imap", 3)
    again = run_module(arguments, scene.directory, module="mail_import_csv").result
    assert again["changed"] is False


def test_no_root_is_needed(target_scene: TargetScene) -> None:
    """Not for the state, either, which is in the home of whoever runs the task."""
    home = target_scene.directory / "home"
    home.mkdir()
    os.chown(home, MAIL_UID, MAIL_GID)
    file = home / "arguments.json"
    file.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": target_scene.arguments(state_dir=None)}))
    command = [sys.executable, "-m", "ansible_collections.panel.mailimport.plugins.modules.mail_import_imap", str(file)]
    for changed in (True, False):
        ran = subprocess.run(
            command,
            user=MAIL_UID,
            group=MAIL_GID,
            extra_groups=[],
            env={**environment(), "HOME": str(home), "TMPDIR": str(home)},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if "Permission denied" in ran.stderr:
            pytest.skip("this checkout can only be read by root")
        (entry,) = json.loads(ran.stdout)["imports"]
        assert (entry["state"], entry["changed"]) == ("completed", changed), ran.stdout + ran.stderr
    assert (home / ".local" / "state" / "panel-mailimport" / "state.db").exists()
    assert lines(target_scene.host_account(HERS)) == lines(target_scene.source_account())


def test_broken_lines_and_kills_bring_each_message_once(target_scene: TargetScene) -> None:
    """The line to the target breaks, or the run is killed, somewhere; at the end each message is there once."""
    scene, seed = target_scene, random.randrange(2**32)
    with scene.source_session() as session:  # enough for several connections at once
        session.append("INBOX", [Item(small_message(number)) for number in range(1000, 1160)])
    chance, source = random.Random(seed), lines(target_scene.source_account())
    boxes = ["box%d-%d@target.example" % (number, seed) for number in range(2 * FAULTS + 1)]
    with scene.host.users_file.open("a") as users:
        users.write("".join("%s:{PLAIN}%s::::::\n" % (box, HERS) for box in boxes))
    scene.host.wait_for_password(boxes[-1], HERS)

    def through(relay: FaultRelay, box: str) -> dict[str, Any]:
        return {"target_email": box, "target_tls": "none", "target_ca_cert": None, "target_port": relay.port}

    with FaultRelay(scene.host.port) as relay:
        assert scene.run(**through(relay, boxes[-1])).entry["state"] == "completed"
        said = relay.passed
    for number, box in enumerate(boxes[:-1]):
        label = "seed %d, box %d" % (seed, number)
        breaks = number % 2 == 0
        kind = chance.choice(("reset", "close", "bye")) if breaks else "stall"
        # What an answer breaks off in is known to be somewhere in what the server says of a whole import.
        with FaultRelay(scene.host.port, kind, chance.randrange(2000, said)) as relay:
            running = scene.start(**through(relay, box))
            if breaks:
                running.communicate()
            else:
                wait_until(lambda: relay.faults > 0 or running.poll() is not None, label)  # noqa: B023 - called at once
                if running.poll() is None:  # less may be said than was that time
                    os.killpg(running.pid, signal.SIGKILL)
                running.communicate()
        with FaultRelay(scene.host.port) as relay:
            outcome = scene.run(**through(relay, box))
            assert outcome.entry["state"] == "completed", label + outcome.output
            with scene.host.session(box, HERS) as session:
                assert lines(session.account()) == source, label
            assert scene.run(state="latest", **through(relay, box)).result["changed"] is False, label


class TokenService:
    """Tells a server which mailbox a token opens; a context manager. `good` says of a token whether it opens now."""

    def __init__(self, address: str) -> None:
        self.good: dict[str, Callable[[], bool]] = {}
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802 - its name there
                token = self.path.rpartition("=")[2]
                opens = token in service.good and service.good[token]()
                body = json.dumps({"email": address} if opens else {"error": "invalid_token"}).encode()
                self.send_response(200 if opens else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self._server.server_address[1]

    def __enter__(self) -> TokenService:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_a_token_that_expires_in_the_middle_is_told_and_a_new_one_goes_on(
    target_scene: TargetScene, new_host: Callable[..., Dovecot]
) -> None:
    scene = target_scene
    with TokenService(scene.address) as service:
        scene.host = new_host(
            extra_config=token_settings("IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS ID", service.url, scene.directory)
        )
        scene.host.add_user(scene.address, HERS)
        options = {
            "target_tls": "none",
            "target_ca_cert": None,
            "target_auth": "xoauth2",
            "target_port": scene.host.port,
        }
        entry = scene.run(target_password="stale", **options).entry  # noqa: S106 - a token
        assert (entry["state"], entry["reason"], entry["changed"]) == ("failed", "auth_failed", False)
        service.good["second"] = lambda: True
        with FaultRelay(scene.host.port, "reset", 9000) as relay:
            service.good["first"] = lambda: relay.faults == 0
            entry = scene.run(target_password="first", **{**options, "target_port": relay.port}).entry  # noqa: S106
        assert (relay.faults, entry["state"], entry["reason"]) == (1, "failed", "auth_failed"), entry["message"]
        assert "target_password" in entry["message"] and "run the task again" in entry["message"], entry["message"]
        assert "first" not in entry["message"]
        again = scene.run(target_password="second", **{**options, "target_auth": "oauthbearer"}).entry  # noqa: S106
        assert again["state"] == "completed", again["message"]
        assert lines(scene.host_account(HERS)) == lines(scene.source_account())
