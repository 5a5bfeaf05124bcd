# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportKey
from ansible_collections.panel.mailimport.plugins.module_utils.store.base import HeldCopy, Place, wanted_in_each_folder
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


def test_copies_are_looked_for_in_each_folder_as_long_as_they_are_left(origin):
    """However many folders there are, all copies are gone through once."""

    class Left(dict):
        gone_through = 0

        def values(self):
            self.gone_through += 1
            return super().values()

    def held(uid, *names):
        return HeldCopy(uid, (), 9, tuple(Place((name,), origin(name.encode()), 10 * uid) for name in names))

    left = Left({1: held(1, "A", "B"), 2: held(2, "B", "C"), 3: held(3, "A", "C"), 4: held(4, "D")})
    asked = []
    for path, place, wanted in wanted_in_each_folder(left):
        asked.append((path, place.raw_name, {uid: copy.uid for uid, copy in wanted.items()}))
        for copy in wanted.values():
            if (path, copy.uid) != (("A",), 3):  # it has gone from there
                del left[copy.uid]
    assert asked == [
        (("A",), b"A", {10: 1, 30: 3}),
        (("B",), b"B", {20: 2}),
        (("C",), b"C", {30: 3}),
        (("D",), b"D", {40: 4}),
    ]
    assert left == {} and left.gone_through == 1


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
