# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import time

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.accounts import command_lines
from ansible_collections.panel.mailimport.plugins.module_utils.host.accounts.command_lines import CommandLines
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.process.alive import start_time
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.host.conftest import (
    kill_the_process_that_runs,
)

ANNA = {"u": "anna@example.org", "n": "anna", "d": "example.org", "o": "customer1", "q": "0", "h": "{X}$6$a"}


def lines(**given):
    return CommandLines({"list": ["true"], "create": ["true"], **given})


def test_values_are_put_into_words_and_stay_words():
    given = lines(create=["printf", "%%s|", "%u", "a %n b", "%d%%", "%o", "%q", "%h"])
    assert given.run("create", ANNA) == "anna@example.org|a anna b|example.org%|customer1|0|{X}$6$a|"


@pytest.mark.parametrize("value", ["$(id)", "`id`", "a b", "-rf", "a;b", "a'b", 'a"b', "a|b", "a\nb", "a/b", ""])
def test_a_value_that_a_shell_might_read_is_refused(value):
    given = lines(create=["touch", "/nonexistent/%o"])
    with pytest.raises(MailImportError, match="cannot be handed to a command line") as error:
        given.run("create", {**ANNA, "o": value})
    assert error.value.reason == "host_refused"


def test_letters_of_a_language_are_harmless():
    assert lines(create=["echo", "%n"]).run("create", {**ANNA, "n": "почта"}) == "почта\n"


@pytest.mark.parametrize("password", ["word", "two words ", "пароль", "$(id) `id` '\"\\"])
def test_the_password_comes_by_input_or_by_the_variable(password):
    assert lines(create=["cat"]).run("create", ANNA, password) == password + "\n"
    given = lines(create=["sh", "-c", 'cat; printf %%s "$WORD"'], password_variable="WORD")
    assert given.run("create", ANNA, password) == password
    assert "WORD" not in os.environ


def test_a_line_need_not_read_the_password():
    assert lines(create=["true"]).run("create", ANNA, "x" * 100) == ""


def test_a_failure_says_why_without_the_password_in_any_form():
    given = lines(create=["sh", "-c", 'read -r word; echo "no: $word" >&2; echo aside; exit 7'])
    with pytest.raises(MailImportError, match=r"create failed with exit code 7: no: \*\*\*\*\*\*\*\*$"):
        given.run("create", ANNA, "hers")


def test_a_line_that_does_not_end_is_killed_with_all_it_has_started(monkeypatch, tmp_path):
    monkeypatch.setattr(command_lines, "_TIMEOUT", 0.5)
    given = lines(list=["sh", "-c", 'sleep 1000 & echo $! > "$0"; wait', str(tmp_path / "pid")])
    with pytest.raises(MailImportError, match="did not end within 0 seconds and was killed"):
        given.run("list", {})
    pid = int((tmp_path / "pid").read_text())
    while start_time(pid) is not None:
        time.sleep(0.01)


def test_a_line_ends_with_the_process_that_runs_it(tmp_path):
    told = tmp_path / "pid"
    given = lines(list=["sh", "-c", 'echo $$ > "$0.new"; mv "$0.new" "$0"; exec sleep 1000', str(told)])
    kill_the_process_that_runs(lambda: given.run("list", {}), told)
