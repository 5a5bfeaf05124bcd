# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong is told in one clear line with its reason word, and nothing half-made stays."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Callable

import pytest
from support.dovecot import Dovecot
from support.dovecot_words import words
from support.imap import Item, snapshot
from support.mail import load_mail, small_message
from support.relay import server_that_says
from support.run import Outcome
from support.scene import Scene, difference, torn_or_foreign
from support.tls import Authority


def assert_refused(scene: Scene, outcome: Outcome, *reasons: str) -> None:
    """The run failed for one of the reasons, said so in a line, and left the mail host as it was."""
    assert outcome.returncode != 0
    assert outcome.result["failed"] is True
    assert outcome.result["changed"] is False
    entry = outcome.entry
    assert (entry["state"], entry["changed"], entry["created"]) == ("failed", False, False)
    assert entry["reason"] in reasons, entry
    assert "\n" not in outcome.result["msg"]
    assert entry["reason"] in outcome.result["msg"]
    assert entry["message"] in outcome.result["msg"]
    assert 10 < len(entry["message"]) <= 500
    assert "Traceback" not in outcome.output
    assert_untouched(scene)


def assert_untouched(scene: Scene) -> None:
    """The mail host has no mailbox and no domain."""
    assert scene.host.users_file.read_text() == ""
    assert list((scene.host.directory / "mail").iterdir()) == []
    assert scene.info()["domains"] == []


def plain(port: int) -> dict[str, object]:
    """Options for a source without TLS on that port."""
    return {"source_port": port, "source_tls": "none", "source_ca_cert": None}


def test_wrong_password(small_scene: Scene) -> None:
    outcome = small_scene.run(password="wrong")
    assert_refused(small_scene, outcome, "auth_failed")
    assert [entry["state"] for entry in small_scene.info()["imports"]] in ([], ["failed"])


def test_a_right_password_after_a_wrong_one(small_scene: Scene) -> None:
    small_scene.run(password="wrong")
    assert small_scene.run().entry["state"] == "completed"
    # It came after the folder was shown, so its UID is a new one.
    assert small_scene.host_account().contents() == small_scene.source_account().contents()


def test_unknown_host(scene: Scene) -> None:
    assert_refused(scene, scene.run(source_host="no-such-host.invalid"), "connection_failed")


def test_closed_port(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert_refused(scene, scene.run(**plain(port)), "connection_failed")


@pytest.mark.parametrize("way", ["implicit", "starttls"])
@pytest.mark.parametrize("fault", ["untrusted", "wrong name", "expired"])
def test_bad_certificate(
    scene: Scene, place: Path, authority: Authority, new_host: Callable[..., Dovecot], fault: str, way: str
) -> None:
    issuer = Authority(place / "other") if fault == "untrusted" else authority
    wrong_name = {"host": "elsewhere.example", "address": None} if fault == "wrong name" else {}
    certificate = issuer.issue(
        "bad-%s-%s" % (fault.replace(" ", "-"), place.name), expired=fault == "expired", **wrong_name
    )
    scene.source = new_host(certificate=certificate, users={scene.address: scene.password})
    port = scene.source.tls_port if way == "implicit" else scene.source.port

    outcome = scene.run(source_tls=way, source_port=port)

    assert_refused(scene, outcome, "certificate_invalid")
    advice = {"wrong name": "set source_host to a name that it is for", "expired": "let it be renewed"}
    assert advice.get(fault, "set source_ca_cert") in outcome.entry["message"]
    assert scene.address not in scene.source.log()
    # Unverified, when that is asked for, it works.
    assert scene.run(source_tls=way, source_port=port, source_validate_certs=False).entry["state"] == "completed"


def test_wrong_fingerprint(scene: Scene) -> None:
    assert_refused(scene, scene.run(source_tls_fingerprint="00" * 32), "certificate_invalid")


def test_server_without_tls(scene: Scene, new_host: Callable[..., Dovecot]) -> None:
    """STARTTLS that is not offered is no reason to go on in clear text."""
    scene.source = new_host(users={scene.address: scene.password})
    assert_refused(scene, scene.run(source_tls="starttls", source_port=scene.source.port), "tls_failed")
    assert scene.address not in scene.source.log()


def test_plain_port_instead_of_tls(scene: Scene) -> None:
    assert_refused(scene, scene.run(source_port=scene.source.port), "tls_failed", "connection_failed")


def test_server_that_says_bye(scene: Scene) -> None:
    with server_that_says(b"* BYE Too many connections, come back later\r\n") as port:
        outcome = scene.run(**plain(port))
    assert_refused(scene, outcome, "too_many_connections")
    assert "come back later" in outcome.entry["message"]


@pytest.mark.parametrize("greeting", [b"220 smtp.example.org ESMTP\r\n", b"\x00\xff garbage\r\n", b"x" * 100_000, b""])
def test_server_that_is_no_imap_server(scene: Scene, greeting: bytes) -> None:
    with server_that_says(greeting) as port:
        outcome = scene.run(**plain(port))
    assert_refused(scene, outcome, "protocol_error", "connection_failed", "source_unavailable")


def test_server_that_stays_silent(scene: Scene) -> None:
    with server_that_says(b"", close=False) as port:
        outcome = scene.run(source_timeout=0.5, **plain(port))
    assert_refused(scene, outcome, "connection_failed", "source_unavailable")


@pytest.mark.parametrize(
    "address",
    [
        "anna\n@example.org",
        "anna@example.org\nroot:x:0:0",
        "an:na@example.org",
        "anna@exam:ple.org",
        "../anna@example.org",
        "anna@../etc",
        "anna..b@example.org",
        "anna/b@example.org",
        "anna@example.org/..",
        "anna",
        "@example.org",
        "anna@",
        "anna@b@",
        "an na@example.org",
        "*@example.org",
        "%u@example.org",
        "anna\x01@example.org",
        "anna@example..org",
        "",
        "a" * 65 + "@example.org",
    ],
)
def test_address_that_must_not_reach_a_file(scene: Scene, address: str) -> None:
    places = (scene.directory.parent, scene.host.directory)
    before = [set(place.iterdir()) for place in places]
    outcome = scene.run(email=address, source_user=scene.address)
    assert_refused(scene, outcome, "invalid_row")
    assert [set(place.iterdir()) for place in places] == before


def test_address_that_is_cut_where_c_ends_a_string(scene: Scene) -> None:
    """From 2.21 on ansible-core itself may refuse it, since syslog cannot take it."""
    outcome = scene.run(email="anna\x00@example.org", source_user=scene.address)
    assert outcome.returncode != 0 and outcome.result["failed"] is True
    assert "null character" in outcome.result["msg"] or outcome.entry["reason"] == "invalid_row"
    assert_untouched(scene)


@pytest.mark.both_dovecots
@pytest.mark.parametrize("address", ["анна@пример.example", "anna+tag=1@example.org", "anna@xn--e1afmkfd.example"])
def test_unusual_address_that_is_fine(small_scene: Scene, new_host: Callable[..., Dovecot], address: str) -> None:
    small_scene.host = new_host(extra_config="auth_username_chars =\n")
    outcome = small_scene.run(target_email=address)
    assert outcome.entry["state"] == "completed", outcome.output
    assert small_scene.host.accepts_password(address, small_scene.password)
    assert (
        snapshot(small_scene.host.port, address, small_scene.password).contents()
        == small_scene.source_account().contents()
    )


@pytest.mark.both_dovecots
def test_address_that_this_dovecot_does_not_admit(scene: Scene, new_host: Callable[..., Dovecot]) -> None:
    scene.host = new_host(extra_config="auth_username_chars = abcdefghijklmnopqrstuvwxyz01234567890.-_@")
    assert_refused(scene, scene.run(target_email="o'brien@example.org"), "host_refused")


@pytest.mark.parametrize("owner", ["cust\nomer", "cust\tomer", "", " ", " customer1"])
def test_owner_that_must_not_reach_a_file(scene: Scene, owner: str) -> None:
    outcome = scene.run(owner=owner)
    assert outcome.returncode != 0
    assert scene.host.users_file.read_text() == ""


def test_domain_of_another_owner(small_scene: Scene) -> None:
    small_scene.run(target_email="first@shared.example")
    users = small_scene.host.users_file.read_bytes()

    outcome = small_scene.run(target_email="second@shared.example", owner="customer2")

    assert (outcome.entry["state"], outcome.entry["reason"], outcome.result["changed"]) == (
        "failed",
        "domain_owned_by_other",
        False,
    )
    assert small_scene.host.users_file.read_bytes() == users
    assert not small_scene.host.home_of("second@shared.example").exists()
    assert small_scene.run(target_email="second@shared.example").entry["state"] == "completed"


def test_domain_without_owner_takes_the_first(small_scene: Scene) -> None:
    small_scene.host.add_user("somebody@source.example", "hers")
    assert small_scene.run(owner="customer7").entry["state"] == "completed"
    assert small_scene.info()["domains"] == [{"domain": "source.example", "owner": "customer7"}]


def test_full_disk(scene: Scene, small_disk: Callable[..., None]) -> None:
    with scene.source_session() as session:
        session.append("INBOX", [Item(message.data) for message in load_mail(20)])
        session.append("INBOX", [Item(small_message(number, "x" * 100_000)) for number in range(60)])
    source = scene.source_account()
    disk = scene.host.directory / "mail"
    small_disk(disk, "3m")

    outcome = scene.run()

    assert (outcome.returncode != 0, outcome.entry["state"], outcome.entry["reason"]) == (
        True,
        "failed",
        "disk_full",
    ), outcome.output
    assert "\n" not in outcome.result["msg"]
    assert "Traceback" not in outcome.output
    small_disk(disk, "64m")
    # Nothing torn is visible, and with more room the next run goes on.
    assert torn_or_foreign(source, scene.host_glimpse()) == []
    assert scene.run().entry["state"] == "completed"
    assert difference(source, scene.host_account()) == []


def test_full_disk_under_the_state(small_scene: Scene, small_disk: Callable[..., None]) -> None:
    small_scene.state_dir.mkdir(mode=0o700)
    small_disk(small_scene.state_dir, "64k")
    free = shutil.disk_usage(small_scene.state_dir).free
    (small_scene.state_dir / "filler").write_bytes(b"x" * (free - 4096))
    outcome = small_scene.run()
    assert (outcome.entry["state"], outcome.entry["reason"]) == ("failed", "disk_full"), outcome.output
    (small_scene.state_dir / "filler").unlink()
    small_disk(small_scene.state_dir, "64m")
    assert small_scene.run().entry["state"] == "completed"
    # It came after the folder was shown, so its UID is a new one.
    assert small_scene.host_account().contents() == small_scene.source_account().contents()


@pytest.mark.both_dovecots
def test_full_mailbox(small_scene: Scene, new_host: Callable[..., Dovecot]) -> None:
    """A quota of the mail host holds for imported mail too."""
    small_scene.host = new_host(extra_config=words().quota_settings("20k"))
    outcome = small_scene.run()
    assert (outcome.entry["state"], outcome.entry["reason"]) == ("failed", "over_quota"), outcome.output
    brought = outcome.entry["messages_copied"] + outcome.entry["messages_present"]
    again = small_scene.run().entry
    assert (again["reason"], again["messages_total"]) == ("over_quota", outcome.entry["messages_total"])
    assert again["messages_present"] == brought > 0


@pytest.mark.both_dovecots
@pytest.mark.parametrize("ids", [{"uid": 0}, {"gid": -1}, {"uid": 4999}, {"gid": 2**32}], ids=str)
def test_owner_of_mail_that_dovecot_would_not_serve(small_scene: Scene, ids: dict[str, int]) -> None:
    """A line of the users file is never changed again: it must not be written."""
    ((kind, number),) = ids.items()
    for check_mode in (True, False):
        outcome = small_scene.run(check_mode, **ids)
        assert_refused(small_scene, outcome, "host_refused")
        assert "no mail of %s %d, see its first_valid_%s" % (kind, number, kind) in outcome.entry["message"]
    assert small_scene.run().entry["state"] == "completed"


@pytest.mark.both_dovecots
@pytest.mark.parametrize("wrong", [{"uid": 999_999}, {"mail_home": "/proc/nowhere/%d/%n"}], ids=str)
def test_a_mailbox_that_cannot_hold_mail_is_taken_back(small_scene: Scene, wrong: dict[str, object]) -> None:
    """What it was made with would stay in the users file, and correcting the task would not help."""
    outcome = small_scene.run(**wrong)
    assert (outcome.entry["state"], outcome.entry["reason"], outcome.entry["created"]) == (
        "failed",
        "host_refused",
        False,
    ), outcome.output
    assert small_scene.host.users_file.read_text() == ""
    assert small_scene.run().entry["state"] == "completed"
    assert difference(small_scene.source_account(), small_scene.host_account()) == []


@pytest.mark.both_dovecots
def test_a_file_that_dovecot_does_not_read_is_not_written(small_scene: Scene) -> None:
    other = small_scene.directory / "others"
    other.write_text("nobody:x:65534:65534::/nonexistent:/bin/false\n")
    for check_mode in (True, False):
        outcome = small_scene.run(check_mode, users_file=str(other))
        assert_refused(small_scene, outcome, "host_refused")
        assert "Dovecot does not read %s" % other in outcome.entry["message"]
    assert other.read_text() == "nobody:x:65534:65534::/nonexistent:/bin/false\n"


@pytest.mark.both_dovecots
def test_mailboxes_do_not_share_a_home(small_scene: Scene) -> None:
    shared = str(small_scene.host.home_of("%n@shared"))
    assert small_scene.run(mail_home=shared).entry["state"] == "completed"
    local_part = small_scene.address.partition("@")[0]
    outcome = small_scene.run(mail_home=shared, target_email="%s@another.example" % local_part)
    assert (
        outcome.entry["reason"] == "host_refused"
        and "is the home of %s" % small_scene.address in outcome.entry["message"]
    )
    outcome = small_scene.run(mail_home=str(small_scene.host.home_of("all@%d")), target_email="other@another.example")
    assert outcome.entry["reason"] == "host_refused" and "mail_home must hold %u or %n" in outcome.entry["message"]
    assert small_scene.host.users_file.read_text().count("\n") == 1


@pytest.mark.both_dovecots
def test_address_that_dovecot_would_not_find(small_scene: Scene) -> None:
    for check_mode in (True, False):
        outcome = small_scene.run(check_mode, target_email="o'neil@shop.example")
        assert_refused(small_scene, outcome, "host_refused")
        assert "apostrophe" in outcome.entry["message"]


def test_port_that_is_none(small_scene: Scene) -> None:
    outcome = small_scene.run(source_port=small_scene.source.tls_port + 65536)
    assert_refused(small_scene, outcome, "invalid_row")
    assert "source_port must be from 1 to 65535" in outcome.entry["message"]


@pytest.mark.both_dovecots
def test_address_that_looks_like_an_option(small_scene: Scene) -> None:
    outcome = small_scene.run(target_email="-dash@shop.example")
    assert (outcome.entry["state"], outcome.entry["created"]) == ("completed", True), outcome.output
    again = small_scene.run(target_email="-dash@shop.example", update_password="always")
    assert (again.entry["state"], again.entry["changed"]) == ("completed", False), again.output
    assert (
        snapshot(small_scene.host.port, "-dash@shop.example", small_scene.password).contents()
        == small_scene.source_account().contents()
    )


def test_blanks_around_an_address_are_no_part_of_the_login(small_scene: Scene) -> None:
    outcome = small_scene.run(email=" %s " % small_scene.address)
    assert (outcome.entry["state"], outcome.entry["email"]) == ("completed", small_scene.address), outcome.output


@pytest.mark.both_dovecots
def test_mail_host_that_is_not_there(scene: Scene) -> None:
    outcome = scene.run(dovecot_config=str(scene.directory / "no-such.conf"))
    assert outcome.returncode != 0
    assert outcome.entry["reason"] == "host_refused"
    assert "Traceback" not in outcome.output


@pytest.mark.both_dovecots
@pytest.mark.parametrize("check_mode", [True, False])
def test_mail_host_that_does_not_run(small_scene: Scene, check_mode: bool) -> None:
    small_scene.host.stop()
    outcome = small_scene.run(check_mode=check_mode)
    assert_refused(small_scene, outcome, "host_refused")
    assert "is Dovecot running?" in outcome.entry["message"]


def test_task_fails_with_one_line(small_scene: Scene) -> None:
    """What a person sees of it: ansible-playbook's own output."""
    outcome = small_scene.task(password="wrong")
    assert outcome.result["failed"] is True
    assert outcome.entry["reason"] == "auth_failed"
    # ansible-core 2.18 breaks long lines.
    assert outcome.entry["message"] in " ".join(outcome.output.split())
    assert "Traceback" not in outcome.output


def test_message_over_the_size_limit_is_reported(small_scene: Scene) -> None:
    """What stays behind is listed, the rest arrives, and the import does not count as completed."""
    with small_scene.source_session() as session:
        session.append("Sent", [Item(small_message(1, "y" * 3_000_000))])
        session.select("Sent")
        uid = session.uids()[-1]

    outcome = small_scene.run(max_message_size="2M")

    assert outcome.entry["state"] == "failed", outcome.output
    (left_behind,) = outcome.entry["not_imported"]
    assert (left_behind["folder"], left_behind["uid"], left_behind["message_id"]) == (
        "Sent",
        uid,
        "<note-1@example.net>",
    )
    assert left_behind["size"] > 3_000_000
    assert difference(small_scene.source_account(), small_scene.host_account()) == [
        "('Sent',): UID %d is missing" % uid
    ]
    assert small_scene.run().entry["state"] == "completed"
    # It came after the folder was shown, so its UID is a new one.
    assert small_scene.host_account().contents() == small_scene.source_account().contents()
