# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is left out on purpose is told in one line, by an import and by check mode, and is no failure."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import FolderRules
from fakes.imap_server import Command, FakeServer, Session

from .bench import Bench, Run, folders_of


def lines_of(run: Run) -> list[str]:
    return [line.partition(": ")[2] for line in run.lines if "left out" in line]


@pytest.mark.parametrize("check_mode", [True, False])
def test_folders_left_out_on_purpose_are_one_line(bench: Bench, check_mode: bool) -> None:
    with FakeServer(folders_of(b"Mine", b"Spam", b"Spam.Old", b"#Public.News", separator=b".")) as server:

        def namespace(session: Session, command: Command) -> None:
            session.write(b'* NAMESPACE (("" ".")) NIL (("#Public." "."))\r\n')
            session.answer(command)

        server.on("NAMESPACE", namespace)
        run = bench.run(server.port, check_mode=check_mode, rules=FolderRules(exclude=("Spam",)))
        assert lines_of(run) == [
            "folders left out on purpose: 2 by folders and exclude_folders (Spam, Spam/Old); "
            "1 shared or other users' (#Public.News)"
        ]
        assert (run.reasons, run.result.reason, run.result.messages_failed) == ([], None, 0)


def test_many_of_them_are_counted(bench: Bench) -> None:
    with FakeServer(folders_of(*(b"F%02d" % number for number in range(25)))) as server:
        run = bench.run(server.port, rules=FolderRules(include=("INBOX",)))
        (line,) = lines_of(run)
        assert line.endswith("F18, F19 and 5 more)") and "25 by folders" in line


def test_nothing_is_told_where_nothing_is_left_out(bench: Bench) -> None:
    with FakeServer(folders_of(b"Mine")) as server:
        assert lines_of(bench.run(server.port)) == []
