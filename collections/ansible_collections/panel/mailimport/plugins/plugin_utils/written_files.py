# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that action plugins write on the controller."""

from __future__ import annotations

import os
import tempfile
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


class WrittenFile:
    """A file on the controller, as it is to be."""

    def __init__(self, path: str, content: str, mode: int) -> None:
        self.path, self._content, self._mode = path, content, mode
        try:
            with open(path, encoding="utf-8", newline="") as stream:
                self._before: str | None = stream.read()
        except FileNotFoundError:
            self._before = None
        except (OSError, UnicodeDecodeError):
            self._before = ""

    @property
    def differs(self) -> bool:
        return self._before != self._content

    @property
    def difference(self) -> dict[str, str]:
        """What `--diff` shows; of a page, that it changes: its content is in the other files."""
        shown = ("", "") if self.path.endswith(".html") else (self._before or "", self._content)
        return {"before_header": self.path, "after_header": self.path, "before": shown[0], "after": shown[1]}

    def write(self) -> None:
        """Put the file in its place as a whole: somebody may be reading it."""
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            handle, beside = tempfile.mkstemp(dir=os.path.dirname(self.path), prefix=".report-")
            try:
                with open(handle, "w", encoding="utf-8", newline="") as stream:
                    stream.write(self._content)
                    os.fchmod(stream.fileno(), self._mode)
                os.replace(beside, self.path)
            except BaseException:
                os.unlink(beside)
                raise
        except OSError as error:
            raise AnsibleActionFail("%s cannot be written: %s" % (self.path, error.strerror)) from error


def write_files(action: ActionBase, files: t.Sequence[WrittenFile]) -> dict[str, t.Any]:
    """Write those that differ, but for check mode; return what the result says of that."""
    changes = [file for file in files if file.differs]
    if not action._task.check_mode:
        for file in changes:
            file.write()
    said: dict[str, t.Any] = {"changed": bool(changes)}
    if action._task.diff:
        said["diff"] = [file.difference for file in changes]
    return said
