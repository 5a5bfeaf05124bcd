# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys
from calendar import timegm
from pathlib import Path

import ansible_collections.panel
import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap import dates
from ansible_collections.panel.mailimport.plugins.module_utils.imap.dates import date_from_header, parse_internal_date
from hypothesis import given
from hypothesis import strategies as st

NEW_YEAR = timegm((2024, 1, 1, 0, 0, 0))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        (b" 1-Jan-2024 00:00:00 +0000", NEW_YEAR),
        (b"01-Jan-2024 00:00:00 +0000", NEW_YEAR),
        (b"1-JAN-2024 0:00:00 -0000", NEW_YEAR),
        (b" 1-Jan-2024 05:45:00 +0545", NEW_YEAR),
        (b"31-Dec-2023 16:00:00 -0800", NEW_YEAR),
        (b" 1-Jan-2024  14:00:00  +1400", NEW_YEAR),
        (b"31-Dec-2023 23:59:60 +0000", NEW_YEAR),  # a leap second
        (b"29-Feb-2024 12:00:00 +0000", timegm((2024, 2, 29, 12, 0, 0))),
        (b" 1-Jan-1970 00:00:00 +0000", 0),
        (b"31-Dec-1969 23:59:59 +0000", -1),
        (b"19-Jan-2038 03:14:08 +0000", 2**31),
        (b" 1-Jan-1900 00:00:00 +0000", timegm((1900, 1, 1, 0, 0, 0))),
    ],
)
def test_instants(text, instant):
    assert parse_internal_date(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"NIL",
        b"30-Dec-1899 00:00:00 +0000",
        b"01-Jan-0000 00:00:00 +0000",
        b" 1-Jan-24 00:00:00 +0000",
        b" 1-Foo-2024 00:00:00 +0000",
        b"32-Jan-2024 00:00:00 +0000",
        b"00-Jan-2024 00:00:00 +0000",
        b" 1-Jan-2024 00:00:00",
        b"2024-01-01T00:00:00Z",
        b"Mon, 1 Jan 2024 00:00:00 +0000",
        b"\xff-Jan-2024 00:00:00 +0000",
    ],
)
def test_what_is_no_date_of_a_message(text):
    assert parse_internal_date(text) is None


def header(date, before=b"From: a@example.org\r\n"):
    return before + b"Date: " + date + b"\r\nSubject: x\r\n\r\nDate: Tue, 2 Feb 1999 00:00:00 +0000\r\n"


@pytest.mark.parametrize(
    ("date", "instant"),
    [
        (b"Mon, 1 Jan 2024 01:00:00 +0100", NEW_YEAR),
        (b"1 Jan 2024 00:00:00 GMT", NEW_YEAR),
        (b"Mon, 1 Jan 2024 00:00:00", NEW_YEAR),  # without a zone
        (b"Mon, 1 Jan 2024 00:00:00 -0000", NEW_YEAR),
        (b"Mon, 01 Jan 24 00:00:00 +0000 (a comment)", NEW_YEAR),
    ],
)
def test_the_date_header_stands_in(date, instant):
    assert date_from_header(header(date)) == instant
    assert date_from_header(b"date:" + date + b"\n") == instant


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"Subject: no date\r\n\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n",  # that is in the body
        b"X-Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n",
        b"Date: \r\n\r\n",
        b"Date: tomorrow\r\n\r\n",
        b"Date: Mon, 99 Foo 2024 00:00:00 +0000\r\n\r\n",
        b"Date: Mon, 1 Jan 99999999999 00:00:00 +0000\r\n\r\n",
        b"Date: Mon, 1 Jan 2024 99999999999999999999:00:00 +0000\r\n\r\n",
        b"Date: Mon, 1 Jan 2024 00:00:00 +99999999999999999999\r\n\r\n",
        b"Date: Sat, 30 Dec 1899 00:00:00 +0000\r\n\r\n",
    ],
)
def test_no_usable_date_header(beginning):
    assert date_from_header(beginning) is None


@pytest.mark.parametrize("error", [IndexError, TypeError, ValueError, OverflowError])
@pytest.mark.parametrize("function", ["parsedate_tz", "mktime_tz"])
def test_a_date_header_that_python_stumbles_over(monkeypatch, function, error):
    """Python 3.9.0 to 3.9.7 raise IndexError for blanks only (bpo-45001)."""

    def stumble(_date):
        raise error

    monkeypatch.setattr(dates, function, stumble)
    assert date_from_header(header(b"Mon, 1 Jan 2024 00:00:00 +0000")) is None


@given(st.text("0123456789:+-, JanFebMonUTC()\t/.", max_size=60) | st.text(max_size=30))
def test_any_date_is_one_that_a_file_can_have_or_none(tmp_path_factory, text):
    found = date_from_header(b"Date: " + text.encode("utf-8", "replace") + b"\r\n\r\n")
    if found is not None:
        file = tmp_path_factory.getbasetemp() / "dated"
        file.touch()
        os.utime(file, (found, found))


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
def test_neither_time_zone_nor_language_of_this_machine_counts(zone):
    program = """
import json, locale
from ansible_collections.panel.mailimport.plugins.module_utils.imap.dates import date_from_header, parse_internal_date
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass  # a machine without that language tells less, and nothing wrong
print(json.dumps([
    parse_internal_date(b"31-Mar-2024 02:30:00 +0000"),
    date_from_header(b"Date: Sun, 31 Mar 2024 02:30:00\\r\\n\\r\\n"),
]))
"""
    collections = Path(next(iter(ansible_collections.panel.__path__))).parents[1]
    environment = {**os.environ, "TZ": zone, "LC_ALL": "de_DE.UTF-8", "PYTHONPATH": str(collections)}
    answer = subprocess.run([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, check=True)
    assert json.loads(answer.stdout) == [timegm((2024, 3, 31, 2, 30, 0))] * 2
