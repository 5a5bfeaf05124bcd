# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Yandex's own IMAP server, scripted after its recorded answers: the part of it that no Dovecot can play."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.secret import Renewal
from fakes.imap_server import Command, FakeServer, Folder, Session, says, times, usual_response

from .bench import Bench, digest, messages

GREETING = (
    b"* OK Yandex IMAP4rev1 at mail-imap-production-main-914.iva.yp-c.yandex.net:993 ready to talk with "
    b"::ffff:192.0.2.1:12010\r\n"
)
# By the documentation, by a log of 2025 and by a measurement of 2026. None has SASL-IR, SPECIAL-USE or CONDSTORE.
CAPABILITIES = (
    b"IMAP4rev1 CHILDREN UNSELECT LITERAL+ NAMESPACE XLIST BINARY UIDPLUS ENABLE ID AUTH=PLAIN IDLE MOVE",
    b"IMAP4rev1 CHILDREN UNSELECT LITERAL+ NAMESPACE XLIST BINARY UIDPLUS ENABLE ID AUTH=PLAIN AUTH=XOAUTH2 IDLE MOVE",
    b"IMAP4rev1 CHILDREN UNSELECT LITERAL+ NAMESPACE XLIST UIDPLUS ENABLE ID AUTH=PLAIN AUTH=XOAUTH2 IDLE MOVE",
)
AFTER_LOGIN = b"* CAPABILITY IMAP4rev1 CHILDREN UNSELECT LITERAL+ NAMESPACE XLIST UIDPLUS ENABLE ID IDLE MOVE\r\n"
REFUSAL = b"NO [AUTHENTICATIONFAILED] AUTHENTICATE invalid credentials or IMAP is disabled sc=ANQhQk2BrGkH_101523_7m"

SENT, JUNK, DRAFTS = b"&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-", b"&BCEEPwQwBDw-", b"&BCcENQRABD0EPgQyBDgEOgQ4-"
LABELS = (b"\\Seen", b"\\Recent", b"encrypted", b"system_hamon")


def folder(name: bytes, *attributes: bytes, first: int = 1) -> Folder:
    """A folder as Yandex lists it, with three messages."""
    made = messages(3, first)
    made[0].flags = LABELS
    return Folder(name, made, attributes=attributes, separator=b"|")


@pytest.fixture
def yandex() -> FakeServer:
    """A Russian account: INBOX comes last, and nothing but attributes tells what a folder is for."""
    server = FakeServer(
        [
            folder(SENT, b"\\HasNoChildren", b"\\Unmarked", b"\\Sent"),
            folder(SENT + b"_0", b"\\HasNoChildren", b"\\Unmarked", first=11),
            folder(JUNK, b"\\HasNoChildren", b"\\Unmarked", b"\\Junk", first=21),
            folder(DRAFTS, b"\\HasChildren", b"\\Unmarked", b"\\Drafts", first=31),
            folder(DRAFTS + b"|template", b"\\HasNoChildren", b"\\Unmarked", b"\\Templates", first=41),
            folder(b"INBOX", b"\\HasNoChildren", b"\\Marked", b"\\NoInferiors", first=51),
        ],
        capabilities=CAPABILITIES[-1],
        greeting=GREETING,
    )
    server.on("AUTHENTICATE", let_in)
    return server


def let_in(session: Session, command: Command) -> None:
    """Take the initial response in either form."""
    if b" " not in command.rest:
        session.write(b"+ \r\n")
        session.flush()
        session._input.readline()
    session.write(AFTER_LOGIN)
    session.answer(command, b"OK AUTHENTICATE Completed.")


def only_in_one_line(session: Session, command: Command) -> None:
    """Take the documented form and no other."""
    if b" " not in command.rest:
        session.answer(command, b"BAD Command syntax error. sc=AAA")
        return
    said = base64.b64decode(command.rest.split(b" ")[1])
    assert said.startswith(b"user=") and said.endswith(b"\1\1")
    let_in(session, command)


def run(bench: Bench, server: FakeServer, **changes: object):  # noqa: ANN201 - what Bench says
    """Import with tokens, a new one for each session."""
    numbers = iter(range(1000))
    with server:
        return bench.run(
            server.port,
            source_auth="xoauth2",
            source_password="",
            renew=Renewal(lambda: "token-%d" % next(numbers)),
            **changes,
        )


def assert_all_there(bench: Bench, *missing: int) -> None:
    """Every message is where it belongs but the one of those UIDs, and nothing else is."""
    places = {
        ("Sent",): range(1, 4),
        ("Отправленные_0",): range(11, 14),
        ("Junk",): range(21, 24),
        ("Drafts",): range(31, 34),
        ("Черновики", "template"): range(41, 44),
        ("INBOX",): range(51, 54),
    }
    folders = {path: sorted(content.messages) for path, content in bench.account().folders.items() if content.messages}
    assert folders == {path: [uid for uid in uids if uid not in missing] for path, uids in places.items()}


@pytest.mark.parametrize("form", [let_in, only_in_one_line])
@pytest.mark.parametrize("capabilities", CAPABILITIES)
def test_folders_are_mapped_by_attribute_and_labels_are_keywords(
    bench: Bench, yandex: FakeServer, capabilities: bytes, form
) -> None:  # noqa: ANN001
    yandex.capabilities = capabilities
    yandex.on("AUTHENTICATE", form)
    done = run(bench, yandex)
    assert (done.result.state, done.result.messages_copied) == ("completed", 18), done
    assert_all_there(bench)
    assert bench.messages("INBOX")[51].flags >= {"\\Seen", "encrypted", "system_hamon"}
    # Nothing that marks a message as seen, and nothing that this server cannot do.
    names = {command.name for command in yandex.commands}
    assert not names & {"SELECT", "UID SEARCH", "SEARCH", "UID STORE", "STORE", "FETCH"}
    assert all(b"BODY.PEEK[]" in command.rest for command in yandex.received("UID FETCH"))


def test_autologout_right_after_capability(bench: Bench, yandex: FakeServer) -> None:
    def autologout(session: Session, _command: Command) -> None:
        session.write(b"* CAPABILITY %s\r\n* BYE Autologout; idle for too long (1)\r\n" % yandex.capabilities)
        session.hang_up()

    yandex.on("CAPABILITY", times(2, autologout))
    done = run(bench, yandex)
    assert done.result.state == "completed", done
    assert "Autologout" in " ".join(done.waits)
    assert_all_there(bench)


def test_autologout_in_mid_run(bench: Bench, yandex: FakeServer) -> None:
    def autologout(session: Session, command: Command) -> None:
        wanted = list(session.wanted(command))
        session.send_messages(command, wanted[:1])
        session.write(b"* BYE Autologout; idle for too long (1)\r\n")
        session.hang_up()

    yandex.on("UID FETCH", times(3, autologout))
    assert run(bench, yandex).result.state == "completed"
    assert_all_there(bench)


def test_unavailable_now_and_then(bench: Bench, yandex: FakeServer) -> None:
    yandex.on("UID FETCH", times(2, says(b"NO [UNAVAILABLE] UID FETCH Backend error. sc=BBB")))
    assert run(bench, yandex).result.state == "completed"
    assert_all_there(bench)


@pytest.mark.parametrize("broken", ["breaks off into another line", "no body at all"])
def test_a_message_that_it_cannot_give_is_listed_and_the_rest_arrives(
    bench: Bench, yandex: FakeServer, broken: str
) -> None:
    """MailKit's issues 1997 and 1708: for certain messages the answer is no IMAP."""

    def render(sequence, message, with_body):  # noqa: ANN001, ANN202 - as usual_response
        if message.uid != 22 or not with_body:
            return usual_response(sequence, message, with_body)
        if broken == "no body at all":
            return [b"* %d FETCH (UID 22 FLAGS (\\Seen) BODY[] )\r\n" % sequence]
        return [b'* %d FETCH (UID 22 FLAGS (\\Seen) INTERNALDATE "' % sequence, b"* OK Still here\r\n"]

    yandex.render = render
    done = run(bench, yandex)
    assert done.result.state == "failed"
    assert [uid for _folder, _reason, uid in done.reasons] == [22], done
    assert_all_there(bench, 22)


def test_body_nil_is_no_message(bench: Bench, yandex: FakeServer) -> None:
    def render(sequence, message, with_body):  # noqa: ANN001, ANN202
        if message.uid != 22 or not with_body:
            return usual_response(sequence, message, with_body)
        return [b"* %d FETCH (UID 22 FLAGS () BODY[] NIL)\r\n" % sequence]

    yandex.render = render
    done = run(bench, yandex)
    assert done.result.state == "failed" and [uid for _folder, _reason, uid in done.reasons] == [22], done
    assert_all_there(bench, 22)


def test_the_one_text_for_four_causes(bench: Bench, yandex: FakeServer) -> None:
    yandex.on("AUTHENTICATE", says(REFUSAL))
    done = run(bench, yandex)
    assert (done.result.state, done.result.reason) == ("failed", "auth_failed")
    assert "sc=ANQhQk2BrGkH_101523_7m" in done.result.message and "four things" in done.result.message


def test_a_folder_that_was_made_anew_between_runs_brings_nothing_twice(bench: Bench, yandex: FakeServer) -> None:
    run(bench, yandex)
    again = FakeServer(yandex.folders, capabilities=yandex.capabilities, greeting=GREETING)
    again.on("AUTHENTICATE", let_in)
    again.folder(b"INBOX").uidvalidity = 1_800_000_000
    done = run(bench, again, state="latest")
    assert done.result.state == "completed" and done.result.messages_copied == 0
    assert [facts.content.sha256 for _uid, facts in sorted(bench.messages("INBOX").items())] == [
        digest(m.body) for m in again.folder(b"INBOX").messages
    ]
