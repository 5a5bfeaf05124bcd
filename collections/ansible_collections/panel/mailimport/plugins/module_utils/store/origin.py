# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose a message is: the identity that says where it came from, and how it stands in names of files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Optional

from ..model.imports import ImportKey
from ..model.mail import split_epoch

# No source has renumbered a folder so often that its epoch would be higher.
_HIGHEST_EPOCH = 1 << 48


@dataclass(frozen=True)
class Origin:
    """Where the messages of one source folder come from; with a UID, the identity of a message.

    `uidvalidity` is the epoch of the source folder, see there. `uidnext` is the source's, as a hint for a fresh folder;
    None when unknown.
    """

    key: ImportKey
    raw_name: bytes
    uidvalidity: int
    uidnext: Optional[int] = None

    @property
    def source_uidvalidity(self) -> int:
        """The UIDVALIDITY as the source tells it."""
        return split_epoch(self.uidvalidity)[1]

    @cached_property
    def digest(self) -> str:
        """16 hex digits that stand for import and folder in a file name."""
        return _digest("\0".join(self.key).encode("utf-8") + b"\0" + self.raw_name)

    @cached_property
    def import_digest(self) -> str:
        """16 hex digits that stand for the import alone."""
        return _digest("\0".join(self.key).encode("utf-8"))

    @cached_property
    def _folder_part(self) -> str:
        """What every file name of this origin has behind the UID."""
        return ".V%dI%s" % (self.uidvalidity, self.digest)

    @cached_property
    def import_suffix(self) -> str:
        """What every file name of this import ends with, sizes and flags aside, whatever the folder."""
        return "K%s.mailimport" % self.import_digest[:8]

    @cached_property
    def _name_end(self) -> str:
        return self._folder_part + self.import_suffix

    def base_name(self, uid: int) -> str:
        """Return the unique part of a message's file name. Sorting by name is sorting by UID, as Dovecot does."""
        return "%010d%s" % (uid, self._name_end)

    def epoch_in(self, name: str) -> int:
        """Return the epoch in a file name of this folder's, whatever its own is; 0 when the file is of another."""
        text, folder, _import = name[10:].partition("I%s" % self.digest)
        epoch = int(text[2:]) if folder and text.startswith(".V") and text[2:].isdecimal() else 0
        return epoch if epoch < _HIGHEST_EPOCH else 0

    def uid_of(self, name: str) -> int:
        """Return the UID in a file name of this origin, 0 when the file is of another."""
        return int(name[:10]) if name.startswith(self._folder_part, 10) and name[:10].isdecimal() else 0


def _digest(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=8).hexdigest()
