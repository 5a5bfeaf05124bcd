# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything of an account arrives exactly as it is at the source."""

from __future__ import annotations

from typing import Callable

import pytest
from support.dovecot import MAIL_GID, MAIL_UID, MASTER_PASSWORD, MASTER_USER, SPECIAL_USE, Dovecot
from support.dovecot_words import words
from support.imap import Account, Item
from support.mail import load_mail, small_message
from support.relay import Relay
from support.scene import Scene, difference, fill
from support.tls import Certificate

pytestmark = pytest.mark.both_dovecots

HOSTS = {
    "Maildir++": {},
    "prefix INBOX.": {"prefix": "INBOX."},
    "separator /": {"separator": "/"},
    "LAYOUT=fs": {"mail_location": "maildir:~/Maildir:LAYOUT=fs", "separator": "/"},
    "INDEX and CONTROL elsewhere": {"mail_location": "maildir:~/Maildir:INDEX=~/index:CONTROL=~/control"},
    "sdbox": {"mail_location": "sdbox:~/sdbox", "separator": "/"},
}
STORED_AS_MAILDIR = [name for name in HOSTS if name != "sdbox"]


def without_prefix(path: tuple[str, ...]) -> tuple[str, ...]:
    """A folder's name without the prefix INBOX. of its host."""
    return path[1:] if len(path) > 1 and path[0] == "INBOX" else path


def test_whole_corpus_arrives_equal(scene: Scene) -> None:
    mail = load_mail()
    with scene.source_session() as session:
        fill(session, mail)
    source = scene.source_account()
    assert len(source.contents()) == len(mail)

    outcome = scene.run()

    assert outcome.returncode == 0, outcome.output
    assert outcome.entry["message"] == "Import completed successfully"
    assert outcome.entry["messages_copied"] == outcome.entry["messages_total"] == len(mail)
    assert outcome.entry["not_imported"] == []
    assert difference(source, scene.host_account()) == []


def test_compressed_connection_brings_the_same(
    small_scene: Scene, certificate: Certificate, new_host: Callable[..., Dovecot]
) -> None:
    small_scene.source = new_host(
        certificate=certificate,
        users={small_scene.address: small_scene.password},
        extra_config=words().compression,
    )
    with small_scene.source_session() as session:
        fill(session, load_mail(60), ("INBOX", "Sent"))
    with Relay(small_scene.source.port) as relay:
        outcome = small_scene.run(source_compress=True, source_port=relay.port, source_tls="none", source_ca_cert=None)
        assert b"COMPRESS DEFLATE" in relay.sent
        assert b"FETCH" not in relay.sent
    assert outcome.entry["state"] == "completed", outcome.output
    assert difference(small_scene.source_account(), small_scene.host_account()) == []


def test_source_is_only_read(small_scene: Scene) -> None:
    before = small_scene.source_account()
    assert small_scene.run().entry["state"] == "completed"
    assert difference(before, small_scene.source_account()) == []


def test_files_belong_to_the_mailbox_owner_alone(small_scene: Scene) -> None:
    assert small_scene.run().entry["state"] == "completed"
    home = small_scene.host.home_of(small_scene.address)
    paths = [home, *home.rglob("*")]
    assert len(paths) > 40
    for path in paths:
        status = path.lstat()
        assert (status.st_uid, status.st_gid) == (MAIL_UID, MAIL_GID), path
        assert status.st_mode & 0o007 == 0, path


@pytest.mark.parametrize("kind", STORED_AS_MAILDIR)
def test_each_arrangement_of_maildir(small_scene: Scene, new_host: Callable[..., Dovecot], kind: str) -> None:
    small_scene.host = new_host(**HOSTS[kind])
    outcome = small_scene.run()
    assert outcome.entry["state"] == "completed", outcome.output

    source, host = small_scene.source_account(), small_scene.host_account()
    if "prefix" in HOSTS[kind]:
        assert all(path[0] == "INBOX" for path in host.folders)
        host = Account(
            {without_prefix(path): content for path, content in host.folders.items()},
            frozenset(map(without_prefix, host.subscriptions)),
        )
    assert difference(source, host) == []
    assert small_scene.run(state="latest").entry["changed"] is False


@pytest.mark.parametrize("kind", ["Maildir++", "LAYOUT=fs"])
def test_folder_names_hold_the_other_separator(
    scene: Scene, certificate: Certificate, new_host: Callable[..., Dovecot], kind: str
) -> None:
    """A folder whose name cannot be kept arrives under a name of its own, and none of its mail is lost."""
    scene.source = new_host(certificate=certificate, users={scene.address: scene.password}, **HOSTS["sdbox"])
    scene.host = new_host(**HOSTS[kind])
    with scene.source_session() as session:
        for number, name in enumerate(("INBOX", "v1.0", "v1/0", "v1_0", "mail.example.org/in.box")):
            if name != "INBOX":
                session.create(name)
            session.append(name, [Item(small_message(number))])

    outcome = scene.run()

    assert outcome.entry["state"] == "completed", outcome.output
    source, host = scene.source_account(), scene.host_account()
    assert host.contents() == source.contents()
    assert len([path for path, content in host.folders.items() if content.messages]) == 5
    assert scene.run(state="latest").result["changed"] is False


def test_store_that_is_not_maildir_is_filled_or_refused_but_never_damaged(
    small_scene: Scene, new_host: Callable[..., Dovecot]
) -> None:
    small_scene.host = new_host(**HOSTS["sdbox"])
    outcome = small_scene.run()
    if outcome.entry["state"] == "completed":
        assert small_scene.host_account().contents() == small_scene.source_account().contents()
    else:
        assert outcome.entry["reason"] == "store_unsupported"
        assert small_scene.address not in small_scene.host.users_file.read_text()


def test_special_use_folders_land_on_the_hosts_own(
    scene: Scene, certificate: Certificate, new_host: Callable[..., Dovecot]
) -> None:
    german = {"\\Sent": "Gesendet", "\\Trash": "Papierkorb", "\\Drafts": "Entwürfe"}
    scene.source = new_host(certificate=certificate, users={scene.address: scene.password}, special_use=german)
    with scene.source_session() as session:
        fill(session, load_mail(30), ("INBOX", "Gesendet", "Papierkorb", "Gesendet{0}2025"))
    source = scene.source_account()

    assert scene.run().entry["state"] == "completed"

    host = scene.host_account()
    assert host.folders[(SPECIAL_USE["\\Sent"],)] == source.folders[("Gesendet",)]
    assert host.folders[(SPECIAL_USE["\\Trash"],)] == source.folders[("Papierkorb",)]
    assert ("Gesendet",) not in host.folders
    assert host.contents() == source.contents()


def test_folder_options(small_scene: Scene) -> None:
    outcome = small_scene.run(exclude_folders=["Party*"], folder_map={"Projects/2024": "Old/Projects"})
    assert outcome.entry["state"] == "completed", outcome.output
    source, host = small_scene.source_account(), small_scene.host_account()
    assert host.folders[("Old", "Projects")] == source.folders[("Projects", "2024")]
    assert ("Party 🎉",) not in host.folders
    assert ("Projects", "2024") not in host.folders


def test_more_keywords_than_maildir_has_letters(scene: Scene) -> None:
    """Maildir has 26 letters for keywords of a folder: what goes beyond arrives all the same, or is reported."""
    keywords = ["Keyword%d" % number for number in range(40)]
    with scene.source_session() as session:
        session.append("INBOX", [Item(small_message(number), (keyword,)) for number, keyword in enumerate(keywords)])

    outcome = scene.run()

    source, host = scene.source_account(), scene.host_account()
    assert host.contents() == source.contents()
    lost = [line for line in difference(source, host) if "flags" in line]
    assert len(lost) == len(outcome.entry["not_imported"])
    assert (outcome.entry["state"] == "completed") == (not lost)


def test_new_mailbox_opens_with_its_password_only(small_scene: Scene) -> None:
    assert small_scene.run(target_password="another, for here").entry["state"] == "completed"
    assert small_scene.host.accepts_password(small_scene.address, "another, for here")
    assert not small_scene.host.accepts_password(small_scene.address, small_scene.password)


@pytest.mark.parametrize("tls", ["implicit", "starttls", "none", "fingerprint"])
def test_every_way_to_connect(small_scene: Scene, certificate: Certificate, tls: str) -> None:
    plain = small_scene.source.port
    options = {
        "implicit": {},
        "starttls": {"source_tls": "starttls", "source_port": plain},
        "none": {"source_tls": "none", "source_port": plain, "source_ca_cert": None},
        "fingerprint": {"source_ca_cert": None, "source_tls_fingerprint": certificate.fingerprint()},
    }[tls]
    assert small_scene.run(**options).entry["state"] == "completed"
    assert difference(small_scene.source_account(), small_scene.host_account()) == []


def test_login_as_the_source_administrator(small_scene: Scene) -> None:
    outcome = small_scene.run(source_master_user=MASTER_USER, password=MASTER_PASSWORD, target_password="hers")
    assert outcome.entry["state"] == "completed", outcome.output
    assert difference(small_scene.source_account(), small_scene.host_account("hers")) == []
