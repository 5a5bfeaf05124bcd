# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.flags import split_flags


@pytest.mark.parametrize(
    ("flags", "system", "keywords", "lost"),
    [
        ((), (), (), ()),
        ((b"\\SEEN", b"\\seen", b"\\Draft", b"\\Recent"), (b"\\Draft", b"\\Seen"), (), ()),
        ((b"$Forwarded", b"\\Forwarded", b"work", b"WORK"), (), (b"$Forwarded", b"work"), ()),
        (
            (b"\\Unheard", b"two words", b"{5}", b")", b'"', b"a\r\nb", b""),
            (),
            (),
            (b"\\Unheard", b"two words", b"{5}", b")", b'"', b"a\r\nb", b""),
        ),
    ],
)
def test_flags_are_sorted_out(flags, system, keywords, lost):
    """What is left for a command cannot end it: message data behind it would be read as commands."""
    assert split_flags(flags) == (system, keywords, lost)
