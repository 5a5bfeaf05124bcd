# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import email
import email.policy
import os
import socketserver
import threading

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportKey, ImportResult
from ansible_collections.panel.mailimport.plugins.module_utils.run.info import Filter
from ansible_collections.panel.mailimport.plugins.module_utils.run.notices import Notice, Text, send_notices
from ansible_collections.panel.mailimport.plugins.module_utils.run.run_notices import Administrators, RunNotices
from ansible_collections.panel.mailimport.plugins.module_utils.run.settings import HostSettings
from ansible_collections.panel.mailimport.plugins.module_utils.run.smtp import Relay
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State

HELLO = Text("Hello $email", "$messages messages in $domain")


def finish(state, address, result_state, source="imap.example.net", to_the_end=None):
    key = ImportKey(source, address, address)
    state.begin(key, "customer", os.getpid())
    state.record_result(
        key,
        ImportResult(address, source, result_state),
        result_state == "completed" if to_the_end is None else to_the_end,
    )


def would_get(tmp_path, notice, wanted=None):
    return send_notices(HostSettings(str(tmp_path)), wanted or Filter(), notice, Relay(), check_mode=True)


def test_only_mailboxes_that_are_complete_and_asked_for_get_a_notice(tmp_path):
    with State(str(tmp_path)) as state:
        for address in ("anna@example.org", "ben@example.org", "told@example.org", "cleo@example.com"):
            finish(state, address, "completed")
        finish(state, "ben@example.org", "failed", source="another.example.net")
        finish(state, "dora@example.org", "skipped")
        finish(state, "emil@example.org", "failed")
        state.note_notice("told@example.org", "moved")
        state.note_notice("anna@example.org", "planned")
    came = would_get(tmp_path, Notice("moved", "it@example.org", HELLO), Filter(domains=("example.org",)))
    assert came == {"sent": ["anna@example.org"], "already": ["told@example.org"], "failed": []}


def test_whose_mail_has_not_come_hears_nothing_of_its_move(tmp_path):
    with State(str(tmp_path)) as state:
        # Without content (`import_content: false`) an import is completed too.
        finish(state, "anna@example.org", "completed", to_the_end=False)
        finish(state, "ben@example.org", "completed")
        finish(state, "ben@example.org", "completed", to_the_end=False)
        finish(state, "cleo@example.org", "completed")
        finish(state, "cleo@example.org", "completed", source="another.example.net", to_the_end=False)
    assert would_get(tmp_path, Notice("moved", "it@example.org", HELLO))["sent"] == ["ben@example.org"]


@pytest.mark.parametrize(
    ("text", "sender", "language", "words"),
    [
        (Text("Hello $name", ""), "it@example.org", None, "[$]name"),
        (Text("Hello", "for 5 $ a month"), "it@example.org", None, "cannot be made"),
        (Text("Hello\nBcc: all@example.org", ""), "it@example.org", None, "cannot be made"),
        (HELLO, "it@example.org\r\nBcc: all@example.org", None, "cannot be made"),
        (HELLO, "it@example.org", "de", "no text in de"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_sent(tmp_path, text, sender, language, words):
    with State(str(tmp_path)) as state:
        finish(state, "anna@example.org", "completed")
    languages = {"anna@example.org": language} if language else {}
    with pytest.raises(MailImportError, match=words):
        would_get(tmp_path, Notice("moved", sender, text, languages))


def test_a_host_without_imports_has_nobody_to_tell(tmp_path):
    nobody = {"sent": [], "already": [], "failed": []}
    assert (
        send_notices(HostSettings(str(tmp_path / "state")), Filter(), Notice("moved", "it@example.org"), Relay())
        == nobody
    )
    assert list(tmp_path.iterdir()) == []


class SmtpSession(socketserver.StreamRequestHandler):
    """Says to each recipient what the server is told to, and takes all mail."""

    def handle(self):
        self.say("220 mail.example.net ESMTP")
        for line in self.rfile:
            verb, _colon, value = line.decode().strip().partition(":")
            if verb.upper() == "RCPT TO":
                answer = self.server.answers.get(value.strip("<>"), "250 ok")
                self.say(answer)
                if answer.startswith("421"):
                    return
            elif verb.upper() == "DATA":
                self.say("354 go on")
                self.server.meanwhile()
                self.server.taken.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                self.say("250 taken")
            else:
                self.say("250 mail.example.net")

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")


@pytest.fixture
def smtp():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), SmtpSession) as server:
        server.daemon_threads = True
        server.answers, server.taken, server.meanwhile = {}, [], lambda: None
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def send(tmp_path, smtp):
    relay = Relay("127.0.0.1", smtp.server_address[1])
    return send_notices(HostSettings(str(tmp_path)), Filter(), Notice("moved", "it@example.org", HELLO), relay)


def test_who_was_refused_gets_it_later_and_nobody_gets_it_twice(tmp_path, smtp):
    people = ["%s@example.org" % name for name in ("anna", "ben", "cleo", "dora")]
    with State(str(tmp_path)) as state:
        for address in people:
            finish(state, address, "completed")
    smtp.answers = {people[1]: "550 5.1.1 unknown", people[2]: "421 4.3.2 closing"}
    came = send(tmp_path, smtp)
    assert came["sent"] == people[:1]
    assert [each["email"] for each in came["failed"]] == people[1:]
    # Who is left when the server ends the session hears why, too.
    words = ["550 5.1.1 unknown", "421 4.3.2 closing", "421 4.3.2 closing"]
    assert [each["message"] for each in came["failed"]] == words
    smtp.answers = {}
    came = send(tmp_path, smtp)
    assert (came["sent"], came["already"], came["failed"]) == (people[1:], people[:1], [])
    assert send(tmp_path, smtp)["sent"] == [] and len(smtp.taken) == 4


def test_a_server_that_is_not_there_is_named(tmp_path):
    with State(str(tmp_path)) as state:
        finish(state, "anna@example.org", "completed")
    with pytest.raises(MailImportError, match="127.0.0.1:1 delivers no mail: Connection refused"):
        send_notices(
            HostSettings(str(tmp_path)), Filter(), Notice("moved", "it@example.org", HELLO), Relay("127.0.0.1", 1)
        )


def test_who_hears_it_of_another_run_meanwhile_is_no_failure_whatever_the_farewell(tmp_path, smtp):
    people = ["anna@example.org", "ben@example.org"]
    with State(str(tmp_path)) as state:
        for address in people:
            finish(state, address, "completed")

    def another_run():
        with State(str(tmp_path)) as state:
            state.note_notice(people[1], "moved")

    smtp.meanwhile = another_run  # and QUIT is answered by 250, which smtplib takes for an error
    came = send(tmp_path, smtp)
    assert (came["sent"], came["failed"]) == (people[:1], [])


def told_of_runs(tmp_path, smtp, *runs):
    """Subjects of what an administrator gets of runs, each a list of results."""
    settings, administrators = (
        HostSettings(str(tmp_path)),
        Administrators(("it@example.org",), server="127.0.0.1", port=smtp.server_address[1]),
    )
    for results in runs:
        notices = RunNotices(settings, administrators)
        for result in results:
            key = ImportKey("imap.example.net", result.email, result.email)
            with State(str(tmp_path)) as state:
                state.begin(key, "customer", os.getpid())
                state.record_result(key, result, result.state == "completed")
            notices.tell_first_failure(result)
        notices.tell_end(results)
        assert notices.troubles == []
    subjects = [email.message_from_bytes(taken, policy=email.policy.default)["Subject"] for taken in smtp.taken]
    return [subject.partition(": ")[2] for subject in subjects]


def came(address, state="completed", changed=False):
    return ImportResult(address, "s", state, reason="auth_failed" if state == "failed" else None, changed=changed)


def test_administrators_hear_each_piece_of_news_once(tmp_path, smtp):
    failed = [came("anna@example.org"), came("ben@example.org", "failed"), came("cleo@example.org", "failed")]
    mended = [came("anna@example.org"), came("ben@example.org", changed=True), came("cleo@example.org", changed=True)]
    nothing = [came("anna@example.org"), came("ben@example.org"), came("cleo@example.org")]
    first = ["first failure: ben@example.org", "3 mailboxes: 1 completed, 2 failed"]
    runs = [failed, failed, mended, nothing, failed]
    # What has failed once more after it went well is news.
    assert told_of_runs(tmp_path, smtp, *runs) == [*first, "3 mailboxes: 3 completed", *first]


def test_nobody_hears_of_a_run_that_did_nothing(tmp_path, smtp):
    assert told_of_runs(tmp_path, smtp, [came("anna@example.org")], [came("anna@example.org", "skipped")], []) == []
