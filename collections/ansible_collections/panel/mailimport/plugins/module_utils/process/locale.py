# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One locale for everything the collection runs on a mail host, whatever a login there has or ssh forwards."""

from __future__ import annotations

import codecs
import locale
import os
import sys
from contextlib import suppress

# The second is there on every system.
_NEUTRAL = ("C.UTF-8", "C")


def use_neutral_locale() -> None:
    """Set the locale of this process and of all that it starts.

    Rules of a language must not apply: in Turkish the C library makes another letter of the I in INSERT, and Python's
    sqlite3 does not know the statement any more. Python programs started from here encode paths in UTF-8.
    """
    os.environ.update(LC_ALL=_NEUTRAL[0], PYTHONUTF8="1")
    for name in _NEUTRAL:
        with suppress(locale.Error):
            locale.setlocale(locale.LC_ALL, name)
            return


def encodes_paths_in_utf8() -> bool:
    """Whether this interpreter does, as Dovecot does. It decided that by the locale when it started, and keeps it."""
    return codecs.lookup(sys.getfilesystemencoding()).name == "utf-8"
