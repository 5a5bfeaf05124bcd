# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files with the tokens that a person has let an application have: JSON that nobody else can read."""

from __future__ import annotations

import json
import time
from typing import Any, Dict, Mapping, Optional

from ..files.private import read_private, write_private
from ..model.errors import MailImportError
from .oauth import Token


def read_tokens(path: str) -> Optional[Dict[str, Any]]:
    """Return what a file of tokens holds, None when there is none.

    Raises:
        MailImportError: `host_refused` when others can read it; `invalid_row` when it is another file.
    """
    data = read_private(path)
    if not data:
        return None
    try:
        values = json.loads(data)
        is_one = (
            all(isinstance(values[name], str) for name in ("client_id", "access_token"))
            and isinstance(values.setdefault("refresh_token", ""), str)
            and isinstance(values["expires_at"], (int, float))
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        is_one = False
    if not is_one:
        raise MailImportError("invalid_row", "%s is no file of this module: move it away" % path)
    return dict(values)


def values_of(token: Token, facts: Mapping[str, Any]) -> Dict[str, Any]:
    """Return what a file holds of a token; `facts` say what it is for."""
    return dict(
        facts,
        access_token=token.access_token,
        refresh_token=token.refresh_token or "",
        # A token of which it is not said how long it lasts is renewed the next time.
        expires_at=int(time.time()) + (token.expires_in or 0),
    )


def write_tokens(path: str, values: Mapping[str, Any]) -> None:
    """Write a file of tokens in one step, with mode 0600; its directory must be there."""
    write_private(path, json.dumps(values, indent=2).encode("ascii") + b"\n")
