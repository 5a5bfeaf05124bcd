# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways of Exchange that no Dovecot has: messages that are written anew at each reading, notices in place of what is
no mail, and names of folders in the language of the mailbox.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Optional

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import patience
from fakes.imap_mail import Folder, Message
from fakes.imap_server import Command, FakeServer, Session
from support.imap import Item
from support.mail import small_message

from .bench import Bench, Run
from .test_renumbered_midway import heal, sent_so_far

EXCHANGE = b"* OK The Microsoft Exchange IMAP4 service is ready. [QQBNADAAUABSAA==]\r\n"
CAPABILITIES = b"IMAP4 IMAP4rev1 AUTH=PLAIN UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
NOTICE = (
    b"From: Microsoft Exchange Server\r\nSubject: Retrieval using the IMAP4 protocol failed for the following message: "
    b"%d\r\n\r\nThe server couldn't retrieve the following message.\r\n"
)

_readings = itertools.count(1)

each_store = pytest.mark.parametrize("store", ["maildir", "imap"])


def exchange(*folders: Folder) -> FakeServer:
    return FakeServer(list(folders), greeting=EXCHANGE, capabilities=CAPABILITIES, render=anew, reading=read)


def mail(number: int, text: bytes = b"Hello", size: int = 0, draft: bool = False) -> Message:
    """A message in two parts; what changes with each reading is named so."""
    body = (
        b'@FIELDS%d@\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="@BOUNDARY"\r\n\r\n'
        b"--@BOUNDARY\r\nContent-Type: text/plain\r\n\r\n%s %d\r\n%s--@BOUNDARY--\r\n"
        % (number, text, number, b"It is a long one.\r\n" * (size // 19))
    )
    return Message(number, body, (b"\\Draft",) if draft else ())


def fields_of(number: int, reading: int) -> bytes:
    """The same fields, in another order, folded and encoded otherwise."""
    subject = (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", b"=?iso-8859-1?B?R3L832U=?=")[reading % 2]
    fields = [
        b"Message-ID: <%d@one.example>" % number,
        b"Date: Mon, 1 Jun 2026 10:00:00 +0000",
        b"Subject:%s %s" % ((b"", b"\r\n")[reading % 2], subject),
        b"From: Anna <anna@one.example>",
        b"X-MS-Exchange-Reading: %d" % reading,
        b"X-MS-Exchange-AntiSpam-MessageData-0: " + b"=?us-ascii?Q?" + b"x" * 4000,
    ]
    start = reading % len(fields)
    return b"\r\n".join(fields[start:] + fields[:start])


def read(message: Message) -> bytes:
    """Write a message anew, with a long header."""
    reading = next(_readings)
    body = re.sub(rb"@FIELDS(\d+)@", lambda found: fields_of(int(found.group(1)), reading), message.body)
    return body.replace(b"@BOUNDARY", b"_000_%032x_" % reading)


def anew(sequence: int, message: Message, with_body: bool) -> Iterable[bytes]:
    """UID last, as Exchange does, and another message than the last time."""
    if with_body:
        body = read(message)
        yield b'* %d FETCH (INTERNALDATE "%s" BODY[] {%d}\r\n' % (sequence, message.date, len(body))
        yield body
        yield b" FLAGS (%s) UID %d)\r\n" % (b" ".join(message.flags), message.uid)
    else:
        yield b"* %d FETCH (FLAGS (%s) UID %d)\r\n" % (sequence, b" ".join(message.flags), message.uid)


def renumber(folder: Folder) -> None:
    """What a repair of the mailbox does: the same mail, under another UIDVALIDITY and other UIDs."""
    folder.uidvalidity += 1
    for message in folder.messages:
        message.uid += 1000


def fetched(server: FakeServer) -> int:
    """How often bodies were asked for."""
    return sum(b"BODY.PEEK[])" in command.rest for command in server.received("UID FETCH"))


def told(run: Run) -> list[str]:
    return [line for line in run.lines if "is left out: it holds" in line]


@each_store
def test_messages_that_are_written_anew_come_once(bench: Bench, store: str) -> None:
    """Twice the UIDVALIDITY changes, and mail comes meanwhile; two that are alike stay two."""
    inbox = Folder(b"INBOX", [*map(mail, range(1, 6)), mail(6, size=300_000), mail(7), mail(7)])
    inbox.messages[-1].uid = 8
    inbox.messages[-1].body = inbox.messages[-2].body
    with exchange(inbox) as server:
        assert bench.run(server.port, message_store=store).result.messages_copied == 8
        for new in (20, 21):
            renumber(inbox)
            inbox.messages.append(mail(new + inbox.messages[-1].uid // 1000 * 1000))
            run = bench.run(server.port, state="latest", message_store=store)
            assert (run.result.state, run.result.messages_copied) == ("completed", 1), run
            assert len(bench.messages()) == 8 + new - 19
            again = bench.run(server.port, state="latest", message_store=store)
            assert again.result.changed is False, again


def test_a_message_of_which_the_uid_is_not_told_comes_once(bench: Bench) -> None:
    """It was known again already when its answer ended without a UID, and it is asked for once more."""
    inbox = Folder(b"INBOX", [mail(number) for number in range(1, 6)])
    with exchange(inbox) as server:
        bench.run(server.port)
        renumber(inbox)
        silent: list[int] = []

        def without_uid(sequence: int, message: Message, with_body: bool) -> Iterable[bytes]:
            for piece in anew(sequence, message, with_body):
                drop = with_body and message.uid == 1003 and piece.endswith(b" UID 1003)\r\n") and not silent
                if drop:
                    silent.append(sequence)
                yield piece.replace(b" UID 1003", b"") if drop else piece

        server.render = without_uid
        run = bench.run(server.port, state="latest")
        assert silent and (run.result.state, run.result.messages_copied) == ("completed", 0), run
        assert len(bench.messages()) == 5
        assert bench.run(server.port, state="latest").result.changed is False


@each_store
def test_a_draft_that_was_written_on_comes_though_its_header_is_the_same(bench: Bench, store: str) -> None:
    drafts = Folder(b"Drafts", [mail(1, draft=True), mail(2)], attributes=(b"\\Drafts",))
    with exchange(Folder(b"INBOX"), drafts) as server:
        bench.run(server.port, message_store=store)
        renumber(drafts)
        drafts.messages[0].body = mail(1, b"Hello, and more").body
        assert bench.run(server.port, state="latest", message_store=store).result.messages_copied == 1


def test_what_its_owner_has_put_there_counts_as_another_message(bench: Bench) -> None:
    """Its header is that of one at the source, which does not make it the same."""
    inbox = Folder(b"INBOX", [mail(1)])
    own = b"Message-ID: <1@one.example>\r\nDate: Mon, 1 Jun 2026 10:00:00 +0000\r\nFrom: list\r\n\r\nmine\r\n"
    with exchange(inbox) as server, bench.session() as owner:
        bench.run(server.port)
        owner.select("INBOX")
        owner.delete(owner.uids())
        owner.append("INBOX", [Item(small_message(5)), Item(own)])
        renumber(inbox)
        run = bench.run(server.port, state="latest")
        assert run.result.messages_copied == 1 and len(bench.messages()) == 3


@each_store
def test_a_second_copy_that_its_owner_made_comes_though_it_is_alike_to_the_byte(bench: Bench, store: str) -> None:
    """Plain text is the same at each reading: one message here stands for one there, known by whatever."""
    text = b"Message-ID: <1@one.example>\r\nFrom: Anna <anna@one.example>\r\nSubject: plain\r\n\r\nHello\r\n"
    inbox = Folder(b"INBOX", [Message(1, text), Message(2, text, (b"\\Draft",)), mail(3)])
    with exchange(inbox) as server:
        assert bench.run(server.port, message_store=store).result.messages_copied == 3
        inbox.messages += [Message(4, text), Message(5, text, (b"\\Draft",))]
        renumber(inbox)
        run = bench.run(server.port, state="latest", message_store=store)
        assert (run.result.state, run.result.messages_copied, len(bench.messages())) == ("completed", 2, 5), run


@each_store
def test_an_interrupted_run_after_a_renumbering_forgets_nothing_of_before(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    """It records what it has come to. The rest is still known, also when the numbers change before it has come."""
    monkeypatch.setattr(patience, "LONGEST_OUTAGE", 0.05)
    inbox = Folder(b"INBOX", [*map(mail, range(1, 6)), mail(6), mail(6)])
    inbox.messages[-1].uid = 7
    with exchange(inbox) as server:
        assert bench.run(server.port, message_store=store).result.messages_copied == 7
        for times, goes_on_at_once in ((1, True), (2, False)):
            renumber(inbox)
            inbox.messages.insert(2, mail(20 + times))
            for uid, message in enumerate(inbox.messages, 100 * times):
                message.uid = uid
            sent_so_far(server, 4)
            assert bench.run(server.port, state="latest", message_store=store).result.state == "failed"
            heal(server)
            if not goes_on_at_once:
                renumber(inbox)
            run = bench.run(server.port, state="latest", message_store=store)
            assert run.result.state == "completed", run
            assert len(bench.messages()) == len(inbox.messages) == 7 + times


@each_store
def test_b12_a_folder_of_notices_is_read_once_and_told_each_time(bench: Bench, store: str) -> None:
    """Its name says that it holds no mail, and nobody knows the language of the mailbox. A notice in INBOX is asked
    for again by each run, for Exchange may have learned to give what it stands for.
    """
    calendar = Folder(b"Kalender", [Message(uid, NOTICE % uid) for uid in range(1, 8)])
    inbox = Folder(b"INBOX", [mail(1), Message(2, NOTICE % 2), mail(3)])
    with exchange(inbox, calendar) as server:
        first = bench.run(server.port, message_store=store)
        assert (first.result.messages_copied, first.reasons) == (2, [("INBOX", "message_refused", 2)]), first
        for _again in range(2):
            before = fetched(server)
            second = bench.run(server.port, state="latest", message_store=store)
            assert fetched(server) == before + 1, "nothing is new"
            assert (second.reasons, told(second)) == (first.reasons, told(first)) and len(told(first)) == 1
            assert second.result.changed is False
            look = bench.look(server.port, state="latest", message_store=store)
            assert (look.result.messages_copied, look.result.changed, look.after.folders) == (0, False, {})
            assert (look.reasons, told(look)) == (first.reasons, told(first))

        calendar.messages.append(Message(8, NOTICE % 8))
        before = fetched(server)
        run = bench.run(server.port, state="latest", message_store=store)
        assert fetched(server) == before + 2 and "it holds 8 items" in told(run)[0]

        calendar.messages.append(mail(9))
        run = bench.run(server.port, state="latest", message_store=store)
        assert (run.result.messages_copied, told(run)) == (1, []) and len(run.reasons) == 1 + 8
        assert len(bench.messages("Kalender")) == 1

        calendar.messages[:8], inbox.messages[1:2] = [], []
        assert bench.look(server.port, state="latest", message_store=store).reasons == []
        run = bench.run(server.port, state="latest", message_store=store)
        assert (run.reasons, run.result.state) == ([], "completed")


@each_store
@pytest.mark.parametrize("force", [False, True])
def test_b12_mail_that_exchange_could_not_give_comes_when_it_can(bench: Bench, store: str, force: bool) -> None:
    """Also where that was all that a folder held, whose name says nothing, and last or in the middle."""
    inbox = Folder(b"INBOX", [mail(1), Message(2, NOTICE % 2), mail(3), Message(4, NOTICE % 4)])
    project = Folder(b"Project X", [Message(1, NOTICE % 1), Message(2, NOTICE % 2)])
    with exchange(inbox, project) as server:
        first = bench.run(server.port, message_store=store)
        refused = [("INBOX", uid) for uid in (2, 4)] + [("Project X", uid) for uid in (1, 2)]
        assert first.result.state == "failed", first
        assert sorted((folder, uid) for folder, _reason, uid in first.reasons) == refused
        assert any("exclude_folders" in line and "Project X" in line for line in first.lines)
        look = bench.look(server.port, message_store=store)
        assert sorted(look.reasons) == sorted(first.reasons) and look.result.messages_copied == 0
        for folder in (inbox, project):
            for message in folder.messages:
                if message.body.startswith(b"From: Microsoft"):
                    message.body = mail(message.uid + 50).body
        run = bench.run(server.port, message_store=store, force=force, existing_content="merge" if force else "replace")
        assert (run.result.state, run.reasons, run.result.messages_copied) == ("completed", [], 4), run
        assert len(bench.messages()) == 4 and len(bench.messages("Project X")) == 2


@each_store
def test_with_force_what_is_here_is_known_and_what_is_gone_comes_again(bench: Bench, store: str) -> None:
    inbox = Folder(b"INBOX", [*map(mail, range(1, 5)), mail(4)])
    inbox.messages[-1].uid = 5
    with exchange(inbox) as server, bench.session() as owner:
        bench.run(server.port, message_store=store)
        owner.select("INBOX")
        owner.delete(owner.uids()[1:2])
        for came, is_renumbered in ((1, False), (0, False), (0, True)):
            if is_renumbered:
                renumber(inbox)
            run = bench.run(server.port, message_store=store, force=True, existing_content="merge")
            assert (run.result.state, run.result.messages_copied, len(bench.messages())) == ("completed", came, 5), run


def test_b12_force_asks_for_what_a_folder_without_mail_holds(bench: Bench) -> None:
    calendar = Folder(b"Kalender", [Message(1, NOTICE % 1)])
    with exchange(Folder(b"INBOX", [mail(1)]), calendar) as server:
        assert bench.run(server.port).result.state == "completed"
        calendar.messages[0].body = mail(1).body
        bench.run(server.port, force=True, existing_content="merge")
        assert len(bench.messages("Kalender")) == 1


def test_troubles_of_exchange_in_mid_import(bench: Bench) -> None:
    """A line without a tag and a star, throttling in three shapes, a session that ends with its token, a folder with a
    slash in its name, and a message that is listed and of which nothing comes.
    """
    inbox = Folder(b"INBOX", [*map(mail, range(1, 5)), Message(5, b"")])
    with exchange(inbox, Folder(b"A_xF8FF_B", [mail(1)])) as server:
        troubles = [
            b"Server Unavailable. 15\r\n",
            b"TAG BAD Request is throttled. Suggested Backoff Time: 20 milliseconds\r\n",
            b"TAG NO Request is throttled. Suggested Backoff Time: 20\r\n",
            b"* BYE AccessTokenExpired\r\n",
            b"* BYE Connection is closed. 13\r\n",
        ]

        def fetch(session: Session, command: Command) -> None:
            if troubles and b"BODY.PEEK[])" in command.rest:
                session.write(troubles.pop(0).replace(b"TAG", command.tag))
                session.hang_up()
            session.behave(command)

        def without_data(sequence: int, message: Message, with_body: bool) -> Iterable[bytes]:
            return () if with_body and not message.body else anew(sequence, message, with_body)

        server.on("UID FETCH", fetch)
        server.render = without_data
        run = bench.run(server.port)
        assert not troubles and run.result.messages_copied == 5, run
        assert run.reasons == [("INBOX", "source_unavailable", 5)]
        assert len(bench.messages("A_B")) == 1


@pytest.mark.parametrize(
    ("sent", "without_mail", "with_mail"),
    [
        ("Sent Items", ["Calendar", "Contacts/Suggested Contacts", "Notes"], ["Kalender", "Notizen"]),
        ("Gesendete Elemente", ["Kalender", "Kontakte", "Aufgaben", "Notizen", "Postausgang"], ["Calendar", "Notes"]),
        ("Отправленные", ["Календарь", "Контакты", "Задачи", "Заметки", "Исходящие"], ["Архив", "Notes"]),
        ("Éléments envoyés", ["Calendrier", "Tâches", "Boîte d'envoi"], ["Archives", "Kalender"]),
        ("Elementos enviados", ["Calendario", "Contactos", "Tareas", "Bandeja de salida"], ["Archivo"]),
        ("送信済みアイテム", ["予定表", "連絡先"], ["案件"]),
        ("Odoslaná pošta", [], ["Kalendár", "Calendar", "Notes"]),
        ("Itens Enviados", ["Calendário", "Contatos", "Anotações"], ["Notas", "Contactos/Loja"]),
        ("Itens Enviados", ["Calendário", "Contactos", "Notas"], []),
        (None, [], ["Calendar", "Journal"]),
    ],
)
def test_b12_folders_without_mail_have_names_in_the_language_of_the_mailbox(
    bench: Bench, sent: Optional[str], without_mail: list[str], with_mail: list[str]
) -> None:
    """A folder that somebody has called so in a mailbox of another language holds mail."""

    def wire(name: str) -> bytes:
        from ansible_collections.panel.mailimport.plugins.module_utils.imap.folder_names import encode_folder_name

        return encode_folder_name(name)

    names = [*without_mail, *with_mail]
    folders = [Folder(wire(name), [mail(1)]) for name in names]
    folders += [Folder(wire(sent), [mail(1)], attributes=(b"\\Sent",))] if sent else []
    with exchange(Folder(b"INBOX", [mail(1)]), *folders) as server:
        run = bench.run(server.port)
        assert run.result.messages_copied == 1 + bool(sent) + len(with_mail), run
        line = "".join(line for line in run.lines if "without mail" in line)
        assert all(name in line for name in without_mail) and not any(" %s" % name in line for name in with_mail)
        opened = {command.rest.strip(b'"') for command in server.received("EXAMINE")}
        assert not opened & {wire(name) for name in without_mail}
