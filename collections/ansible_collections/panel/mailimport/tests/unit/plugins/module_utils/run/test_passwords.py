# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.run.passwords import NewPasswords

ANNA, BEN = "anna@example.org", "ben@example.org"


def test_what_is_given_wins_and_the_rest_is_made_up_once(tmp_path):
    path = tmp_path / "passwords.csv"
    first = NewPasswords({" Anna@Example.ORG ": 'a,"b:c'}, str(path))
    first.generate([BEN, ANNA])
    assert first.of(ANNA) == 'a,"b:c' and path.stat().st_mode & 0o777 == 0o600
    again = NewPasswords({}, str(path))
    again.generate([BEN])
    assert again.of(BEN) == first.of(BEN) != "" and again.of(ANNA) == ""
    again.generate([ANNA])
    assert path.read_text() == "%s,%s\n%s,%s\n" % (ANNA, again.of(ANNA), BEN, again.of(BEN))


def test_passwords_meet_the_usual_rules_and_are_all_different(tmp_path):
    passwords = NewPasswords({}, str(tmp_path / "passwords.csv"))
    addresses = ["box%d@example.org" % number for number in range(200)]
    passwords.generate(addresses)
    made = [passwords.of(address) for address in addresses]
    assert len(set(made)) == 200
    for password in made:
        assert (
            len(password) == 20
            and any(map(str.isdigit, password))
            and any(map(str.isupper, password))
            and any(map(str.islower, password))
        )


def test_nothing_is_written_to_find_out_or_without_a_file(tmp_path):
    path = tmp_path / "passwords.csv"
    found_out = NewPasswords({}, str(path))
    found_out.generate([ANNA], write=False)
    assert found_out.of(ANNA) and not path.exists()
    without = NewPasswords({}, None)
    without.generate([ANNA])
    assert without.of(ANNA) == ""


def test_a_file_that_is_something_else_is_not_written_over(tmp_path):
    path = tmp_path / "passwords.csv"
    path.touch(mode=0o600)
    path.write_text("a shopping list\n")
    with pytest.raises(MailImportError, match="line 1 is not an address and a password") as error:
        NewPasswords({}, str(path))
    assert error.value.reason == "invalid_row" and "shopping" not in error.value.message


def test_two_runs_that_share_a_file_lose_no_password(tmp_path):
    path = tmp_path / "passwords.csv"
    first, second = NewPasswords({}, str(path)), NewPasswords({}, str(path))
    first.generate([ANNA])
    second.generate([ANNA, BEN])
    assert second.of(ANNA) == first.of(ANNA)
    assert path.read_text() == "%s,%s\n%s,%s\n" % (ANNA, first.of(ANNA), BEN, second.of(BEN))


def test_runs_at_the_same_time_all_find_their_passwords_in_the_file(tmp_path):
    path = tmp_path / "passwords.csv"
    runs = [NewPasswords({}, str(path)) for _run in range(8)]
    addresses = ["box%d@example.org" % number for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda run, address: run.generate([address]), runs, addresses))
    kept = NewPasswords({}, str(path))
    assert [kept.of(address) for address in addresses] == [run.of(each) for run, each in zip(runs, addresses)]


def test_a_file_that_became_something_else_meanwhile_is_not_written_over(tmp_path):
    path = tmp_path / "passwords.csv"
    passwords = NewPasswords({}, str(path))
    path.touch(mode=0o600)
    path.write_text("a shopping list\n")
    with pytest.raises(MailImportError, match="is not an address and a password"):
        passwords.generate([ANNA])
    assert path.read_text() == "a shopping list\n"
