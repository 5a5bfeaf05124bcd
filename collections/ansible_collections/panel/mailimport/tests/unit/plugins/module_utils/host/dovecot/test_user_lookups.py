# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is asked for together, and what is made of answers that may be somebody else's."""

from __future__ import annotations

import json

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot import user_lookups
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.doveadm import Doveadm
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.user_lookups import UserLookups
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address

ANNA, BEN, CARL = (parse_address(name + "@example.org") for name in ("anna", "ben", "carl"))
# A doveadm that answers from a file of fields by user, and notes how it was asked.
SCRIPT = """#!/usr/bin/python3
import json, sys
words = sys.argv[1:]
print(*words, file=open("{asked}", "a"))
known = json.load(open("{known}"))
wanted = words[words.index("--") + 1:]
rows = [row for user in wanted for row in known.get(user, [])]
if "json" in words:
    print(json.dumps([{{"field": field, "value": value}} for field, value in rows]))
else:
    print("field\\tvalue")
    for row in rows:
        print("\\t".join(row))
sys.exit(0 if all(user in known for user in wanted) else 67)
"""


class Stand:
    def __init__(self, place, monkeypatch):
        self.known, self._asked = place / "known", place / "asked"
        program = place / "doveadm"
        program.write_text(SCRIPT.format(asked=self._asked, known=self.known))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(place))
        self.knows({str(each): fields(each) for each in (ANNA, BEN, CARL)})
        self.lookups = UserLookups(Doveadm())

    def knows(self, users):
        self.known.write_text(json.dumps(users))

    @property
    def asked(self):
        """The users of each question."""
        return [line.partition("-- ")[2].split() for line in self._asked.read_text().splitlines()]


def fields(address, home=None):
    return [("uid", "5000"), ("gid", "5000"), ("home", home or "/mail/%s" % address)]


@pytest.fixture
def stand(tmp_path, monkeypatch):
    return Stand(tmp_path, monkeypatch)


def test_those_who_come_next_are_asked_for_together(stand):
    stand.lookups.expect([ANNA, BEN, CARL])
    assert [stand.lookups.find(each)["home"] for each in (BEN, CARL, ANNA)] == [
        "/mail/ben@example.org",
        "/mail/carl@example.org",
        "/mail/anna@example.org",
    ]
    assert stand.asked == [[str(BEN), str(CARL)], [str(ANNA), str(BEN), str(CARL)]]


def test_whoever_is_not_expected_is_asked_for_alone(stand):
    stand.lookups.expect([ANNA, BEN])
    assert stand.lookups.find(CARL)["uid"] == "5000" and stand.asked == [[str(CARL)]]


def test_an_answer_is_not_used_twice_nor_when_it_is_old(stand, monkeypatch):
    stand.lookups.expect([ANNA, BEN])
    stand.lookups.find(ANNA)
    monkeypatch.setattr(user_lookups, "_FRESH", 0.0)
    stand.knows({str(BEN): fields(BEN, "/moved")})
    assert stand.lookups.find(BEN)["home"] == "/moved"


@pytest.mark.parametrize(
    "answers",
    [
        {str(ANNA): fields(ANNA)},
        {str(ANNA): fields(ANNA), str(BEN): []},
        {str(ANNA): fields(ANNA) + fields(CARL), str(BEN): fields(BEN)},
        {str(ANNA): fields(ANNA), str(BEN): [("user", "carl@example.org"), *fields(CARL)]},
        {str(ANNA): fields(ANNA)[1:], str(BEN): fields(BEN)},
        {str(ANNA): [*fields(ANNA), ("home", "/another")], str(BEN): fields(BEN)},
    ],
    ids=["unknown", "nothing", "more", "another name", "no uid", "twice"],
)
def test_where_it_is_not_certain_whose_is_what_each_is_asked_for_alone(stand, answers):
    stand.lookups.expect([ANNA, BEN])
    stand.knows(answers)
    stand.lookups.find(ANNA)
    stand.lookups.find(BEN)
    assert stand.asked == [[str(ANNA), str(BEN)], [str(ANNA)], [str(BEN)]]
    assert stand.lookups.find(CARL) is None


def test_a_pattern_is_never_asked_for_with_others(stand):
    pattern = parse_address("a?@example.org")
    stand.knows({str(pattern): fields(pattern), str(ANNA): fields(ANNA)})
    stand.lookups.expect([pattern, ANNA])
    stand.lookups.find(pattern)
    assert stand.asked == [[str(pattern)]]
