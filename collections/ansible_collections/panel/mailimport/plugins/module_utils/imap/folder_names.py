# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folder names on the wire: modified UTF-7 (RFC 3501 section 5.1.3), tolerant of servers that break it."""

from __future__ import annotations

import binascii
import re

_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")


def decode_folder_name(raw: bytes) -> str:
    """Return a readable form of a folder name; never fails.

    Valid modified UTF-7 is decoded. Bytes that are not valid are taken as UTF-8 when they are that, else as Latin-1,
    so that every name has some readable form. The raw bytes remain the only form to address the folder with.
    """
    try:
        return _decode_strict(raw)
    except ValueError:
        pass
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _decode_strict(raw: bytes) -> str:
    text = []
    position = 0
    while position < len(raw):
        start = raw.find(b"&", position)
        if start < 0:
            start = len(raw)
        text.append(raw[position:start].decode("ascii"))
        if start == len(raw):
            break
        shifted = _SHIFTED.match(raw, start)
        if not shifted:
            raise ValueError("unterminated shift")
        text.append(_decode_shifted(shifted.group(1)))
        position = shifted.end()
    return "".join(text)


def _decode_shifted(encoded: bytes) -> str:
    if not encoded:
        return "&"
    padded = encoded.replace(b",", b"/") + b"=" * (-len(encoded) % 4)
    return binascii.a2b_base64(padded).decode("utf-16-be")


def encode_folder_name(name: str) -> bytes:
    """Encode a readable name as modified UTF-7."""
    parts = []
    pending = ""
    for char in name:
        if " " <= char <= "~":
            parts.append(_encode_shifted(pending))
            parts.append(b"&-" if char == "&" else char.encode("ascii"))
            pending = ""
        else:
            pending += char
    parts.append(_encode_shifted(pending))
    return b"".join(parts)


def _encode_shifted(text: str) -> bytes:
    if not text:
        return b""
    encoded = binascii.b2a_base64(text.encode("utf-16-be"), newline=False)
    return b"&" + encoded.rstrip(b"=").replace(b"/", b",") + b"-"
