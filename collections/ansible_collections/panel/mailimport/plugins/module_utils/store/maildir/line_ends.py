# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Line feeds without a carriage return: by so much is a message longer when every line end is sent as CRLF."""

from __future__ import annotations

import io


def bare_line_feeds(data: memoryview) -> int:
    """Count the line feeds that no carriage return precedes."""
    # The decoder looks for kinds of line ends several times faster than bytes.count counts them, and nearly all mail
    # has one kind.
    decoder = io.IncrementalNewlineDecoder(None, False)
    decoder.decode(str(data, "latin-1"), True)
    kinds = decoder.newlines if isinstance(decoder.newlines, tuple) else (decoder.newlines,)
    if "\n" not in kinds:
        return 0
    content = bytes(data)
    return content.count(b"\n") - content.count(b"\r\n")


class BareLineFeeds:
    """Counts them over the chunks of a message."""

    def __init__(self) -> None:
        self.count = 0
        self._after_cr = False

    def add(self, chunk: memoryview) -> None:
        if not chunk:
            return
        self.count += bare_line_feeds(chunk) - (self._after_cr and chunk[0] == 0x0A)
        self._after_cr = chunk[-1] == 0x0D
