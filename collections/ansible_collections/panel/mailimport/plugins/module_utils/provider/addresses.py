# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of services: which may be called, and what people see of them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ..model.errors import MailImportError, one_line

_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")


def origin_of(url: str) -> str:
    """Where an address is, without what else it says."""
    try:
        parts = urlsplit(url)
        return "%s://%s" % (parts.scheme, parts.netloc.rpartition("@")[2])
    except ValueError:
        return "an address"


def is_loopback(host: str) -> bool:
    """Whether a host is this very machine."""
    return bool(_LOOPBACK.fullmatch(host))


def check_url(url: str, shown: str) -> None:
    """Refuse an address over which a token could be read by others.

    Args:
        shown: what people see of it.

    Raises:
        MailImportError: `invalid_row`, unless it is https, or http to this very machine.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    if (
        not host
        or parts.username is not None
        or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
    ):
        raise MailImportError(
            "invalid_row", "%r is not an address of a service: it must begin with https://" % one_line(shown, 80)
        )
