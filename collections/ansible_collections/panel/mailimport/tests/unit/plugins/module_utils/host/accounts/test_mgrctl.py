# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shapes of what the panel's command answers; whole imports are in tests/hosts."""

from __future__ import annotations

import os

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.accounts import mgrctl
from ansible_collections.panel.mailimport.plugins.module_utils.host.accounts.mgrctl import Mgrctl, PanelError
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.host.conftest import (
    kill_the_process_that_runs,
)


@pytest.fixture
def answering(tmp_path, monkeypatch):
    """A command that gives these answers one after the other, and writes down how it was called."""
    monkeypatch.setattr(mgrctl, "_ASK_AGAIN", 0)

    def make(*answers):
        for number, answer in enumerate(answers):
            (tmp_path / ("answer%d" % number)).write_text(answer)
        program = tmp_path / "mgrctl"
        program.write_text(
            '#!/bin/sh\ncd "$(dirname "$0")"\nn=$(cat calls 2>/dev/null | wc -l)\necho "$@" >> calls\n'
            'printf %s "$MAILIMPORT_PASSWD" > secret\ncat "answer$n"\nexit 1\n'
        )
        program.chmod(0o755)
        return Mgrctl(str(program))

    return make


@pytest.mark.parametrize(
    "answer",
    [
        '{"doc": {"elem": [{"$id": "7", "name": {"$": "a@b.c"}, "owner": {"$": "u"}, "note": {}}]}}',
        '{"doc": {"elem": {"name": {"$": "a@b.c"}, "owner": {"$": "u"}, "note": ""}}}',
        '{"doc": {"elem": [{"name": "a@b.c", "owner": "u", "note": {"$": ""}}]}}',
    ],
)
def test_elements_of_a_list(answering, answer):
    assert answering(answer).elements("email") == [{"name": "a@b.c", "owner": "u", "note": ""}]


@pytest.mark.parametrize("answer", ['{"doc": {}}', '{"doc": {"elem": []}}', '{"doc": {"elem": null}}'])
def test_an_empty_list(answering, answer):
    assert answering(answer).elements("email") == []


def test_a_form_has_plain_values_only(answering):
    answer = (
        '{"doc": {"$func": "email.edit", "metadata": {"form": {}}, "slist": [{"$name": "x", "val": []}],'
        ' "tparams": {"elid": {"$": "a"}}, "name": {"$": "a"}, "passwd": {"$": "word"}, "maxsize": {}}}'
    )
    assert answering(answer).form("email.edit", "a@b.c") == {"name": "a", "passwd": "word", "maxsize": ""}


@pytest.mark.parametrize(
    ("answer", "kind", "about", "words"),
    [
        (
            '{"doc": {"error": {"$type": "exists", "$object": "name", "msg": {"$": "It is there"}}}}',
            "exists",
            "name",
            "It is there",
        ),
        ('{"doc": {"error": {"$type": "missed", "$object": "elid"}}}', "missed", "elid", ""),
        ('{"doc": {"error": {}}}', "error", "", ""),
        ("ERROR value(maxsize): no number", "value", "maxsize", "no number"),
        ("a warning\nERROR notconfigured(mail)\n", "notconfigured", "mail", ""),
    ],
)
def test_errors(answering, answer, kind, about, words):
    with pytest.raises(PanelError) as error:
        answering(answer).call("email.edit")
    assert (error.value.kind, error.value.about, error.value.words) == (kind, about, words)


@pytest.mark.parametrize(
    "answer", ["", "<html>word</html>", "[]", '"word"', "null", '{"doc": "word"}', '{"passwd": "word"}']
)
def test_what_is_no_answer_is_told_and_not_shown(answering, answer):
    with pytest.raises(MailImportError, match="gave (no|an) answer") as error:
        answering(answer).call("email")
    assert "word" not in error.value.message


def test_a_busy_panel_is_asked_once_more(answering, tmp_path):
    busy = "ERROR request_failed: email.edit terminated by administrator"
    assert answering(busy, '{"doc": {"ok": {}}}').call("email.edit") == {"ok": {}}
    (tmp_path / "calls").unlink()
    with pytest.raises(PanelError, match="request_failed"):
        answering(busy, busy, '{"doc": {"ok": {}}}').call("email.edit")


def test_secrets_go_by_the_environment_of_the_call_alone(answering, tmp_path):
    answering('{"doc": {"ok": {}}}').call("email.edit", {"name": "a"}, {"passwd": "s3cret $HOME"})
    assert (tmp_path / "calls").read_text() == "-m ispmgr -o json email.edit name=a -e passwd=$MAILIMPORT_PASSWD\n"
    assert (tmp_path / "secret").read_text() == "s3cret $HOME"
    assert "MAILIMPORT_PASSWD" not in os.environ


def test_an_error_that_repeats_the_password_is_masked(answering):
    answer = '{"doc": {"error": {"$type": "value", "$object": "passwd", "msg": {"$": "s3cret is too short"}}}}'
    with pytest.raises(PanelError) as error:
        answering(answer).call("email.edit", {}, {"passwd": "s3cret"})
    assert error.value.describe() == "value(passwd): ******** is too short"


def test_a_command_that_does_not_answer(answering, monkeypatch):
    monkeypatch.setattr(mgrctl, "_TIMEOUT", 0.2)
    program = answering()
    with open(program._program, "w", encoding="ascii") as stream:
        stream.write("#!/bin/sh\nexec sleep 1000\n")
    with pytest.raises(MailImportError, match="mgrctl email did not answer within 0 seconds"):
        program.call("email")


def test_the_command_ends_with_the_process_that_runs_it(tmp_path):
    program, told = tmp_path / "mgrctl", tmp_path / "pid"
    program.write_text('#!/bin/sh\ncd "$(dirname "$0")"\necho $$ > new\nmv new pid\nexec sleep 1000\n')
    program.chmod(0o755)
    kill_the_process_that_runs(lambda: Mgrctl(str(program)).elements("email"), told)


def test_settings_are_read_beside_the_command(tmp_path):
    place = tmp_path / "etc" / "ispmgr.conf.d"
    place.mkdir(parents=True)
    panel = Mgrctl(str(tmp_path / "sbin" / "mgrctl"))
    assert panel.setting("ParallelEmailImportCount") is None
    (tmp_path / "etc" / "ispmgr.conf").write_bytes(b"Option EULA\nParallelEmailImportCount 3 \nName \xff\n\nLonely\n")
    assert panel.setting("ParallelEmailImportCount") == "3" and panel.setting("Lonely") == ""
    (place / "own.conf").write_text('ParallelEmailImportCount "5"\n')
    assert panel.setting("ParallelEmailImportCount") == "5"
