# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportKey
from ansible_collections.panel.mailimport.plugins.module_utils.store.contents import ContentIndex


def test_names_tell_where_a_message_is_from(origin):
    name = origin().base_name(42)
    assert name == "0000000042.V77I%sK%s.mailimport" % (origin().digest, origin().import_digest[:8])
    assert origin().uid_of(name + ",S=5,W=6:2,S") == 42
    # As names were in version 0.2.
    assert origin().uid_of("0000000042.V77I%s.mailimport,S=5,W=6:2,S" % origin().digest) == 42
    for other in (
        origin(b"B"),
        origin(uidvalidity=78),
        origin(key=ImportKey("imap.old.example", "bert", "anna@example.org")),
    ):
        assert other.uid_of(name) == 0
    # The same key cannot be made by moving the borders between its parts.
    assert origin(key=ImportKey("a", "b", "c")).digest != origin(key=ImportKey("a\0b", "c", "")).digest


@pytest.mark.parametrize(
    "name",
    ["", "x", "dovecot", "1700000000.M1P2.host,S=5:2,", "²²²²²²²²²²{part}", "+000000042{part}", "0000000000{part}"],
)
def test_names_of_other_files_have_no_uid(origin, name):
    assert origin().uid_of(name.format(part=origin().base_name(1)[10:])) == 0


def test_sorting_names_is_sorting_uids(origin):
    uids = [1, 9, 10, 2**31, 2**32 - 1]
    assert sorted(origin().base_name(uid) for uid in reversed(uids)) == [origin().base_name(uid) for uid in uids]


def test_equal_contents_are_found_as_often_as_they_are_there():
    index = ContentIndex()
    for digest in (b"a", b"b", b"a"):
        index.add(digest)
    assert [index.pop(digest) for digest in (b"a", b"a", b"a", b"b", b"b", b"c")] == [
        True,
        True,
        False,
        True,
        False,
        False,
    ]
    index.add(b"a")
    assert index.pop(b"a")
