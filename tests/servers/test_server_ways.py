# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one of the servers has that the others do not."""

from __future__ import annotations

import hashlib
from typing import Callable

import pytest
from support.dovecot import Dovecot
from support.imap import ImapError, Item
from support.mail import small_message
from support.other_servers import (
    PROXY_PASSWORD,
    PROXY_USER,
    ClassicCyrus,
    Courier,
    Cyrus,
    OtherServer,
    Pymap,
    SdboxDovecot,
)

from .conftest import NewScene

# A message that is a session of its own for whoever reads on in it.
COMMANDS = (
    b"Subject: x\r\n\r\nX1 CREATE Owned\r\nX2 DELETE INBOX\r\nX3 APPEND INBOX {3+}\r\nabc\r\n"
    b"X4 CREATE Owned {4}\r\nX5 LOGOUT\r\n"
)
# What a server can refuse before it has read the message: where it goes, or what it is said to have.
EARLY_REFUSALS = (b"APPEND Nowhere", b'APPEND "Now%*here/\\"x"')
# Dovecot does not read on after these, and they are not sent.
MISTAKES = (
    b"APPEND INBOX (\\Recent)",
    b"APPEND INBOX (\\NoSuchFlag)",
    b'APPEND INBOX () "32-Foo-2020 10:00:00 +0000"',
    b'APPEND INBOX () "10-Nov-2020 10:00:00 +0000" nonsense',
    b"APPEND INBOX (%s)" % b" ".join(b"k%d%s" % (number, b"y" * 240) for number in range(300)),
)


@pytest.mark.parametrize("kind", [Cyrus, ClassicCyrus])
def test_special_use_in_small_letters_lands_on_the_hosts_own_folder(
    kind: type[OtherServer], new_scene: NewScene, new_host: Callable[..., Dovecot]
) -> None:
    scene = new_scene(kind)
    scene.host = new_host(special_use={"\\Sent": "Gesendet", "\\Trash": "Papierkorb"})
    with scene.source_session() as session:
        sent = session.namespace()[0] + "Sent"
        assert b"\\Sent" not in b"".join(
            response.text for response in session.command(b'LIST "" "*" RETURN (SPECIAL-USE)')
        ).replace(b"\\sent", b"")
        session.append_each(sent, [Item(small_message(1))])
    assert scene.run().entry["state"] == "completed"
    folders = scene.host_account().folders
    assert (len(folders[("Gesendet",)].messages), ("Sent",) in folders, ("Trash",) in folders) == (1, False, False)


def test_cyrus_administrator_imports_in_the_name_of_a_user(new_scene: NewScene) -> None:
    scene = new_scene(Cyrus)
    with scene.source_session() as session:
        session.append_each("INBOX", [Item(small_message(1))])
    outcome = scene.run(source_master_user=PROXY_USER, password=PROXY_PASSWORD, target_password=scene.password)
    assert (outcome.entry["state"], outcome.entry["messages_copied"]) == ("completed", 1), outcome.output
    assert len(scene.host_account().folders[("INBOX",)].messages) == 1


def test_cyrus_sends_compressed(new_scene: NewScene) -> None:
    scene = new_scene(Cyrus)
    with scene.source_session() as session:
        session.append_each("INBOX", [Item(small_message(number, "again " * 500)) for number in range(20)])
    assert scene.run(source_compress=True).entry["messages_copied"] == 20
    source = scene.source_account().folders[("INBOX",)]
    assert scene.host_account().folders[("INBOX",)] == source


@pytest.mark.parametrize("kind", [Courier, Pymap])
def test_bytes_that_no_message_should_have_are_kept(kind: type[OtherServer], new_scene: NewScene) -> None:
    """NUL, bare LF, bare CR and 8-bit headers, as far as the server gives them back."""
    scene = new_scene(kind)
    odd = b"Subject: caf\xe9\r\nX: \0\r\n\r\nbare\nbare\rboth\r\r\nend \0\0"
    with scene.source_session() as session:
        assert session.append_each("INBOX", [Item(odd)]) == []
    (facts,) = scene.source_account().folders[("INBOX",)].messages.values()
    assert kind is Courier or facts.content.sha256 == hashlib.sha256(odd).hexdigest()
    assert scene.run().entry["state"] == "completed"
    (file,) = (scene.maildir / "cur").iterdir()
    assert hashlib.sha256(file.read_bytes()).hexdigest() == facts.content.sha256


@pytest.mark.parametrize("kind", [Cyrus, SdboxDovecot])
def test_what_was_not_asked_for_is_never_run(
    kind: type[OtherServer], running: Callable[[type[OtherServer]], tuple[OtherServer, str]]
) -> None:
    """By servers that are sent many messages in one command, of which they store all or none. Cyrus, too, which we ask
    first all the same."""
    server, user = running(kind)
    with server.session(user, server.users[user]) as session:
        for command in EARLY_REFUSALS + (MISTAKES if kind is Cyrus else ()):
            for message in (COMMANDS, COMMANDS * 2000):
                with pytest.raises(ImapError):
                    session.command(command, message, b"")
                assert session.command(b"NOOP") == [], command
        with pytest.raises(ImapError):  # the second one: Cyrus wants a header, Dovecot shorter keywords
            flags = b" (k" + b"y" * 240 + b")"
            session.command(b"APPEND INBOX", small_message(1), flags, b"no header\r\n" + COMMANDS, b"")
        account = session.account()
        assert (account.contents(), ("Owned",) in account.folders) == ([], False)
        session.command(b"APPEND INBOX", small_message(1), b"", COMMANDS, b"")
        assert len(session.account().contents()) == 2


def test_a_part_that_was_not_asked_for_is_never_run_by_cyrus(
    running: Callable[[type[OtherServer]], tuple[OtherServer, str]],
) -> None:
    """Not where its folder goes in the middle of the command either, when other messages would be run."""
    server, user = running(Cyrus)
    part, end = b" () CATENATE (TEXT", b")"
    with server.session(user, server.users[user]) as session, server.session(user, server.users[user]) as other:
        assert {b"CATENATE", b"LITERAL+"} <= session.capabilities()
        for command in (*EARLY_REFUSALS, *MISTAKES):
            for message in (COMMANDS, COMMANDS * 2000):
                with pytest.raises(ImapError):
                    session.command(command + part, message, end + part, message, end)
                assert session.command(b"NOOP") == [], command
        with pytest.raises(ImapError, match="NUL"):
            session.command(b"APPEND INBOX" + part, b"Subject: \0\r\n" + COMMANDS, end + part, COMMANDS, end)
        other.create("Gone")
        session.say(b"T0 APPEND Gone {%d}\r\n" % len(COMMANDS))
        assert session.hear().startswith(b"+")
        other.command(b"DELETE Gone")
        session.say(COMMANDS + b"%s {%d+}\r\n%s%s\r\n" % (part, len(COMMANDS), COMMANDS, end))
        assert session.hear().startswith(b"T0 NO ")
        assert session.command(b"NOOP") == []
        account = session.account()
        assert (account.contents(), ("Owned",) in account.folders) == ([], False)
        session.command(b"APPEND INBOX" + part, COMMANDS, end + part, small_message(1), end)
        assert len(session.account().contents()) == 2
