# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quirks of folders and of listing them. Numbers: README.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import FolderRules
from fakes.imap_mail import Folder
from fakes.imap_server import Command, FakeServer, Session, of_folder, says
from support.dovecot import Dovecot
from support.dovecot_words import words

from .bench import PASSWORD, Bench, digests, folders_of, messages, three_folders


def assert_all_mail(bench: Bench, server: FakeServer) -> None:
    """All mail of the server is in the mailbox, in folders of whatever names."""
    here = sorted(
        facts.content.sha256 for folder in bench.account().folders.values() for facts in folder.messages.values()
    )
    assert here == sorted(found for folder in server.folders for found in digests(folder.messages))


@pytest.mark.parametrize("name", [b"Inbox", b"inbox"])
def test_q46_inbox_in_any_letters(bench: Bench, name: bytes) -> None:
    with FakeServer([Folder(name, messages(3)), Folder(b"Inbox/Sub", messages(3, 11))]) as server:
        server.rewrite = lambda piece: piece
        server.on(
            "EXAMINE",
            lambda session, command: session.behave(
                command._replace(rest=command.rest.replace(b'"INBOX"', b'"%s"' % name))
            ),
        )
        run = bench.run(server.port)
        assert run.result.state == "completed", run
        assert bench.digests("INBOX") == digests(server.folders[0].messages)
        assert_all_mail(bench, server)


def test_q46_folders_named_like_inbox_lose_nothing(bench: Bench) -> None:
    """Courier has its folders below INBOX, one of them may be called INBOX again, and another inbox."""
    with FakeServer(folders_of(b"INBOX.INBOX", b"INBOX.inbox", b"INBOX.Sent", separator=b".")) as server:
        server.on("NAMESPACE", namespace(b'(("INBOX." ".")) NIL NIL'))
        run = bench.run(server.port)
        assert run.result.state == "completed", run
        assert_all_mail(bench, server)
        assert bench.digests("Sent") == digests(server.folder(b"INBOX.Sent").messages)


def test_q46_names_that_differ_in_case_only(bench: Bench) -> None:
    with FakeServer(folders_of(b"Trash", b"trash", b"TRASH")) as server:
        bench.completed(server)


def namespace(text: bytes):
    """Answer NAMESPACE with that."""

    def act(session: Session, command: Command) -> None:
        session.write(b"* NAMESPACE %s\r\n" % text)
        session.answer(command)

    return act


@pytest.mark.parametrize("attribute", [b"\\Noselect", b"\\NonExistent", b"\\NOSELECT"])
def test_q47_a_parent_that_cannot_be_opened(bench: Bench, attribute: bytes) -> None:
    gmail = Folder(b"[Gmail]", attributes=(attribute, b"\\HasChildren"))
    with FakeServer([*folders_of(b"[Gmail]/Sent Mail"), gmail]) as server:
        run = bench.run(server.port)
        assert (run.result.state, run.reasons) == ("completed", [])
        assert not [command for command in server.received("EXAMINE") if command.rest == b'"[Gmail]"']
        assert bench.digests("[Gmail]", "Sent Mail") == digests(server.folder(b"[Gmail]/Sent Mail").messages)


@pytest.mark.parametrize("answer", [b"NO not today", b"BAD unknown command"])
def test_q50_namespace_that_is_only_announced(bench: Bench, answer: bytes) -> None:
    with FakeServer(folders_of(b"INBOX.Sent", b"INBOX.Sent.2024", separator=b".")) as server:
        server.on("NAMESPACE", says(answer))
        run = bench.run(server.port)
        assert run.result.state == "completed", run
        assert_all_mail(bench, server)


def test_q50_folders_of_others_are_left_to_others(bench: Bench) -> None:
    with FakeServer(folders_of(b"Sent", b"shared/Team", b"user/boss")) as server:
        server.on("NAMESPACE", namespace(b'(("" "/")) (("user/" "/")) (("shared/" "/"))'))
        run = bench.run(server.port)
        assert run.result.state == "completed", run
        assert {path[0] for path in bench.account().folders} == {"INBOX", "Sent", *bench_own_folders(bench)}


def bench_own_folders(bench: Bench) -> set[str]:
    """Folders that every mailbox of the mail host shows."""
    return {path[0] for path in bench.account().folders} & {"Drafts", "Trash", "Junk", "Archive"}


@pytest.mark.parametrize("separator", [b"\\", b"|", b"^", b"~", b"."])
def test_q51_separators(bench: Bench, separator: bytes) -> None:
    with FakeServer(
        folders_of(b"A", b"A" + separator + b"B", b"A" + separator + b"B" + separator + b"C", separator=separator)
    ) as server:
        run = bench.run(server.port)
        assert run.result.state == "completed", run
        assert bench.digests("A", "B", "C") == digests(server.folders[3].messages)


def test_q51_no_separator(bench: Bench) -> None:
    """NIL: names are flat, and a slash is a letter like others."""
    with FakeServer(folders_of(b"A", b"A/B", b"NIL", separator=None)) as server:
        run = bench.run(server.port)
        assert run.result.state == "completed", run
        assert_all_mail(bench, server)
        assert bench.digests("NIL") == digests(server.folder(b"NIL").messages)


def test_q52_the_hosts_separator_in_a_name(bench: Bench) -> None:
    """The mail host separates by a dot: the name is changed, it is said, and none of the mail gets mixed."""
    with FakeServer(folders_of(b"v1.0", b"v1_0", b"v1/0")) as server:
        run = bench.run(server.port)
        assert run.result.state == "completed", run
        assert_all_mail(bench, server)
        assert any("v1.0 is called" in line for line in run.lines)
        assert bench.digests("v1", "0") == digests(server.folder(b"v1/0").messages)
        assert bench.digests("v1_0") == digests(server.folder(b"v1_0").messages)
        assert bench.run(server.port, state="latest").result.changed is False


@pytest.mark.parametrize(
    "name",
    [
        b" leading",
        b"trailing ",
        b"a  double",
        b'quo"te',
        b"back\\slash",
        b"per%cent*star",
        b"ti~lde#hash",
        b"~home",
        b"&-amp",
        b"(paren)",
        b"{5}",
        b"NIL",
    ],
)
def test_q53_q54_names_of_odd_characters(bench: Bench, name: bytes) -> None:
    with FakeServer(folders_of(name)) as server:
        run = bench.run(server.port)
        assert run.result.state == "completed", run
        assert_all_mail(bench, server)


def test_q53_an_empty_component(bench: Bench) -> None:
    with FakeServer(folders_of(b"A//B", b"A/B", b"/C", b"D/")) as server:
        run = bench.run(server.port)
        assert run.result.state == "completed", run
        assert_all_mail(bench, server)


@pytest.mark.parametrize("name", [b"a\rb", b"a\nb", b"a\0b", b"a\x07b", b"a\x7fb"])
@pytest.mark.parametrize("capabilities", [b"IMAP4rev1 LIST-STATUS", b"IMAP4rev1"])
def test_q54_control_characters_in_a_name(bench: Bench, name: bytes, capabilities: bytes) -> None:
    """A name that no quoted string can carry is listed as refused; all others go on."""

    def list_all(session: Session, command: Command) -> None:
        session.write(b'* LIST () "/" {%d}\r\n%s\r\n' % (len(name), name))
        session.behave(command)

    with FakeServer(folders_of(b"Good"), capabilities=capabilities) as server:
        server.on("LIST", list_all)
        askable = not set(name) & set(b"\r\n\0")
        if askable:
            server.folders.append(Folder(name, messages(2, 50)))
            server.on("LIST", Session.behave)
        run = bench.run(server.port)
        assert run.result.state == ("completed" if askable else "failed"), run
        assert [reason for _folder, reason, _uid in run.reasons] == [] if askable else ["folder_refused"]
        assert_all_mail(bench, server)


@pytest.mark.parametrize(
    "name",
    [
        b"&2D3eAA-".replace(b"eAA", b"eAA"),
        "Grüße".encode(),
        "Grüße".encode("latin-1"),
        "日本語".encode(),
        b"&",
        b"&abc",
        b"a&b",
        b"&AOQ",
        b"&!!!-",
        b"&2D0-",
        b"&AAAA-x",
        b"&ACY-",
        b"\xff\xfe",
        b"&" + b"A" * 200 + b"-",
    ],
)
def test_q55_names_that_are_no_modified_utf7(bench: Bench, name: bytes) -> None:
    """The folder is asked for by the very bytes it was listed with."""
    with FakeServer(folders_of(name)) as server:
        run = bench.run(server.port)
        assert run.result.state == "completed", run
        assert_all_mail(bench, server)
        assert bench.run(server.port, state="latest").result.changed is False


def test_q55_a_name_with_a_surrogate_pair(bench: Bench) -> None:
    with FakeServer(folders_of(b"Party &2Dzfiw-")) as server:
        assert bench.run(server.port).result.state == "completed"
    assert bench.digests("Party 🎋") == digests(server.folders[1].messages)


def test_q56_names_too_long_for_a_file(bench: Bench) -> None:
    long = b"x" * 300
    with FakeServer(folders_of(long, long + b"y", b"/".join([b"deep%d" % number for number in range(60)]))) as server:
        run = bench.run(server.port)
        assert run.result.state == "completed", run
        assert_all_mail(bench, server)
        assert len([line for line in run.lines if "is called" in line]) == 3


def listing(*lines: bytes):
    """Answer LIST with those lines only."""

    def act(session: Session, command: Command) -> None:
        session.write(*lines)
        session.answer(command)

    return act


def test_q58_literals_duplicates_and_odd_lines_in_a_listing(bench: Bench) -> None:
    with FakeServer(folders_of(b"Literal", b"atom")) as server:
        server.on(
            "LIST",
            listing(
                b'* LIST (\\HasNoChildren) "/" {7}\r\nLiteral\r\n',
                b'* LIST () "/" INBOX\r\n',
                b'* LIST () "/" "INBOX"\r\n',
                b'* LIST () "/" atom\r\n',
                b'* LIST () "/" atom\r\n',
                b"* STATUS {7}\r\nLiteral (MESSAGES 3 UIDNEXT 14 UIDVALIDITY 1700000001 ) \r\n",
                b'* STATUS "atom" ()\r\n',
                b"* STATUS INBOX (MESSAGES 3)\r\n",
                b'* STATUS "elsewhere" (MESSAGES 99)\r\n',
                b"* OK still here\r\n",
                b"* 5 EXISTS\r\n",
            ),
        )
        bench.completed(server)
        assert sorted(command.rest for command in server.received("EXAMINE")) == [b'"INBOX"', b'"Literal"', b'"atom"']


@pytest.mark.parametrize("capabilities", [b"IMAP4rev1 LIST-STATUS", b"IMAP4rev1"])
def test_q58_status_that_fails_for_a_folder(bench: Bench, capabilities: bytes) -> None:
    """What EXAMINE says is enough."""
    with FakeServer(folders_of(b"Middle", b"Sent"), capabilities=capabilities) as server:
        server.on("STATUS", of_folder(b"Middle", says(b"NO STATUS failed")))
        server.rewrite = lambda piece: (
            b"* NO STATUS of Middle failed\r\n" if piece.startswith(b'* STATUS "Middle"') else piece
        )
        assert bench.run(server.port, check_mode=True).result.messages_copied == 9
        server.commands.clear()
        assert bench.completed(server).result.messages_total == 9
        assert len(server.received("UID FETCH")) == 3
        again = bench.run(server.port, state="latest").result
        assert (again.changed, again.messages_total, again.messages_present) == (False, 9, 9)


@pytest.mark.parametrize("capabilities", [b"IMAP4rev1 LIST-STATUS", b"IMAP4rev1"])
def test_a3_an_inbox_that_is_not_listed(bench: Bench, capabilities: bytes) -> None:
    """It is there all the same (RFC 3501 section 5.1)."""
    with FakeServer(folders_of(b"Sent"), capabilities=capabilities) as server:
        server.on("LIST", listing(b'* LIST () "/" "Sent"\r\n', b'* STATUS "Sent" (MESSAGES 3)\r\n'))
        assert bench.look(server.port).result.messages_copied == 6
        assert bench.completed(server).result.messages_total == 6


@pytest.mark.parametrize("answer", [b"BAD parse error in LIST", b"NO no such extension"])
def test_q71_list_status_that_is_only_announced(bench: Bench, answer: bytes) -> None:
    def act(session: Session, command: Command) -> None:
        session.answer(command, answer) if b"RETURN" in command.rest else session.behave(command)

    with three_folders() as server:
        server.folders[1].subscribed = True
        server.on("LIST", act)
        bench.completed(server)
    assert ("Middle",) in bench.account().subscriptions


def test_q57_no_name_is_reserved(bench: Bench) -> None:
    """Folders that Exchange keeps for itself are folders like others on the mail host."""
    with FakeServer(
        folders_of(b"Files", b"Calendar", b"Sync Issues", b"Contacts", b"dovecot", b"tmp", b"cur", b"new")
    ) as server:
        bench.completed(server)


def test_q59_virtual_folders_are_folders(bench: Bench) -> None:
    """Gmail's All Mail holds mail that is nowhere else, so it comes too, unless it is excluded."""
    everything = Folder(
        b"[Gmail]/All Mail", [*messages(3), *messages(3, 50)], attributes=(b"\\All", b"\\HasNoChildren")
    )
    with FakeServer([*folders_of(), everything]) as server:
        rules = FolderRules(exclude=("[[]Gmail]/All Mail",))
        assert bench.run(server.port, rules=rules).result.messages_copied == 3
        bench.completed(server, force=True)


@pytest.mark.parametrize("store", ["auto", "imap"])
def test_a1_folders_called_like_namespaces_of_the_host(
    new_host: Callable[..., Dovecot], place: Path, store: str
) -> None:
    """What is everybody's on the host gets nobody's mail, and what a namespace hides would be seen by nobody."""
    public = words().mail_location("maildir:%s" % (place / "public")).replace("mail_location", "location")
    old = "namespace old {\n  prefix = INBOX/\n  separator = /\n  list = no\n  hidden = yes\n}\n"
    everybodys = "namespace all {\n  type = public\n  prefix = Public/\n  separator = /\n%s\n}\n" % public
    host = new_host(separator="/", users={"box@all.example": PASSWORD}, extra_config=old + everybodys)
    bench = Bench(host, place / "state", "box@all.example")
    with FakeServer(folders_of(b"Public", b"Public/x/y", b"INBOX/z", b"Publicity", b"A/Public/b")) as server:
        run = bench.run(server.port, message_store=store, existing_content="merge")
        assert run.result.state == "completed", run
        assert len([line for line in run.lines if "is called _" in line]) == 3, run.lines
        here = {folder.name: folder for folder in server.folders}
        with bench.session() as session:
            for name in ("_Public", "_Public/x/y", "_INBOX/z", "Publicity", "A/Public/b", "INBOX"):
                found = session.content(name).messages.values()
                raw = name.lstrip("_").encode()
                assert sorted(facts.content.sha256 for facts in found) == sorted(digests(here[raw].messages)), name
    assert not (place / "public").exists()
