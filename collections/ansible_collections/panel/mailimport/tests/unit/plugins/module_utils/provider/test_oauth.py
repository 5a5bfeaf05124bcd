# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import jsonschema
import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.provider.google import tokens as google
from ansible_collections.panel.mailimport.plugins.module_utils.provider.microsoft365 import tokens as microsoft365
from ansible_collections.panel.mailimport.plugins.module_utils.provider.oauth import OAuthClient, Token, lifetime_of


class Answers:
    """Gives one answer, if it fits what is asked for."""

    def __init__(self, answer):
        self._answer = {"access_token": "abc", **answer}

    def call(self, call):
        jsonschema.validate(self._answer, call.schema)
        return self._answer


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ({"expires_in": 3599}, 3599),
        ({"expires_in": "3599"}, 3599),
        ({"expires_in": 3599.9}, 3599),
        ({"expires_in": 0}, 0),
        ({"expires_in": None}, None),
        ({}, None),
    ],
)
def test_how_long_a_token_is_good_may_be_said_in_many_ways(answer, seconds):
    client = OAuthClient(Answers(answer), "id", "secret", "https://x.example/token", "https://x.example/code")
    assert client.refresh("def") == Token("abc", seconds, None)
    for schema in (google._TOKEN, microsoft365._TOKEN):
        jsonschema.validate({"access_token": "abc", **answer}, schema)
    # One that is over as it comes is not good for an hour.
    assert lifetime_of({"expires_in": "0"}) == 0


@pytest.mark.parametrize("value", [-1, 1e300, float("inf"), "-1", "1e9", "soon", [], True])
def test_what_is_no_time_is_refused(value):
    client = OAuthClient(Answers({"expires_in": value}), "id", "", "https://x.example/token", "https://x.example/code")
    with pytest.raises(jsonschema.ValidationError):
        client.refresh("def")
