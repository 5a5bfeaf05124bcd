# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The map of mail domains and their owners, for a mail transfer agent that has no table of its own."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import Callable, Mapping

from ..files.atomic import NewFile, exclusive, replace_file
from ..model.errors import MailImportError, file_errors


class DomainMap:
    """A file with a line `domain TAB owner` for each domain, as Postfix and Exim read it."""

    def __init__(self, path: str) -> None:
        self._path = os.path.realpath(path)

    def publish(self, owners: Callable[[], Mapping[str, str]], write: bool) -> bool:
        """Make the file say what `owners` says; return whether it differed.

        Args:
            owners: tells owner by domain; asked when no other run is about to publish.
            write: False to find out only.
        """
        path = self._path
        with file_errors(path), exclusive(path) if write else nullcontext():
            content = "".join(_line(domain, owner) for domain, owner in sorted(owners().items())).encode("utf-8")
            if os.path.exists(path) and _content_of(path) == content:
                return False
            if write:
                replace_file(path, content, NewFile(0o644))
        return True


def _line(domain: str, owner: str) -> str:
    if not (domain + owner).isprintable():
        raise MailImportError("host_refused", "%r, owner of %r, cannot be written into a map" % (owner, domain))
    return "%s\t%s\n" % (domain, owner)


def _content_of(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()
