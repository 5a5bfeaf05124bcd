# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A folder on the host that nothing can be written into costs no other folder, and is told in every run until it is
mended."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.dovecot import MAIL_GID, MAIL_UID
from support.imap import Item
from support.mail import small_message

from .bench import Bench, digests, messages, three_folders


def file_in_its_place(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.touch()
    os.chown(folder, MAIL_UID, MAIL_GID)


def no_rights(folder: Path) -> None:
    folder.chmod(0)


def read_only(folder: Path) -> None:
    (folder / "cur").chmod(0o500)


def of_root(folder: Path) -> None:
    for part in (folder, folder / "cur", folder / "new", folder / "tmp"):
        os.chown(part, 0, 0)


def file_for_tmp(folder: Path) -> None:
    shutil.rmtree(folder / "tmp")
    (folder / "tmp").touch()


def link_for_cur(folder: Path) -> None:
    shutil.rmtree(folder / "cur")
    (folder / "cur").symlink_to("/etc")


def moved_elsewhere(folder: Path) -> None:
    """Dovecot follows such a link."""
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")


def messages_elsewhere(folder: Path) -> None:
    (folder / "cur").rename(folder / "elsewhere")
    (folder / "cur").symlink_to("elsewhere")


def file_for_cur(folder: Path) -> None:
    shutil.rmtree(folder / "cur")
    (folder / "cur").touch()


def directory_for_the_uidlist(folder: Path) -> None:
    (folder / "dovecot-uidlist").unlink(missing_ok=True)
    (folder / "dovecot-uidlist").mkdir()


HARMS = (file_in_its_place, no_rights, read_only, of_root, file_for_tmp, link_for_cur, directory_for_the_uidlist)


@pytest.mark.parametrize("known", [False, True], ids=["at first", "in a later run"])
@pytest.mark.parametrize("harm", HARMS)
def test_a_folder_of_the_host_that_takes_nothing(bench: Bench, harm: Callable[[Path], None], known: bool) -> None:
    folder = bench.host.home_of(bench.address) / "Maildir" / ".Middle"
    kept = folder.with_name("kept")
    with bench.session() as session:
        session.create("Middle")
    with three_folders() as server:
        if known:
            bench.completed(server, existing_content="merge")
            server.folders[1].messages += messages(1, 106)
        shutil.copytree(folder, kept)
        for copied in (kept, *kept.rglob("*")):
            os.chown(copied, MAIL_UID, MAIL_GID)
        harm(folder)
        for check_mode in (True, False):
            run = bench.run(server.port, check_mode, existing_content="merge", state="latest")
            result = run.result
            assert ("Middle", "folder_refused", None) in run.reasons, result.message
            assert result.messages_total == result.messages_copied + result.messages_present + result.messages_failed
            assert result.messages_failed == len(server.folders[1].messages)
        with bench.session() as session:
            for name, there in (("INBOX", server.folders[0]), ("Sent", server.folders[2])):
                here = session.content(name).messages.values()
                assert sorted(facts.content.sha256 for facts in here) == sorted(digests(there.messages))

        if folder.is_dir():
            folder.chmod(0o700)
            shutil.rmtree(folder)
        else:
            folder.unlink()
        kept.rename(folder)
        bench.completed(server, existing_content="merge", state="latest")


def test_a_folder_whose_mail_ends_each_session_costs_no_other(bench: Bench) -> None:
    """Dovecot's own process opens it, and says BYE when it is asked for the mail that it lists there."""
    folder = bench.host.home_of(bench.address) / "Maildir" / ".Middle"
    with bench.session() as session:
        session.create("Middle")
        session.append("Middle", [Item(small_message(1))])
    link_for_cur(folder)
    with three_folders() as server:
        run = bench.run(server.port, existing_content="merge", message_store="imap")
        assert run.reasons == [("Middle", "folder_refused", None)], run.result.message
        assert run.result.messages_failed == len(server.folders[1].messages)
        with bench.session() as session:
            for name, there in (("INBOX", server.folders[0]), ("Sent", server.folders[2])):
                here = session.content(name).messages.values()
                assert sorted(facts.content.sha256 for facts in here) == sorted(digests(there.messages))


@pytest.mark.parametrize(
    "harm",
    (*HARMS, moved_elsewhere, messages_elsewhere, file_for_cur),
    ids=lambda harm: harm.__name__,
)
def test_a_folder_costs_no_other_where_files_were_written_and_the_hosts_server_writes_by_now(
    bench: Bench, harm: Callable[[Path], None]
) -> None:
    """Whether a folder takes any mail, the server says; not whether its files can be read."""
    with three_folders() as server:
        bench.completed(server, existing_content="merge")
        for number, folder in enumerate(server.folders):
            folder.messages += messages(1, 106 + number)
        harm(bench.host.home_of(bench.address) / "Maildir" / ".Middle")
        run = bench.run(server.port, existing_content="merge", state="latest", message_store="imap")
        result = run.result
        assert result.reason != "host_refused" and {folder for folder, *_rest in run.reasons} <= {"Middle"}, result
        counted = result.messages_copied + result.messages_present + result.messages_failed
        assert counted == result.messages_total == sum(len(folder.messages) for folder in server.folders)
        followed = harm in (moved_elsewhere, messages_elsewhere)
        if followed:
            assert (result.state, result.messages_copied) == ("completed", 3), result.message
            notes = [line for line in run.lines if "flags of messages that came as files are not carried" in line]
            assert len(notes) == 1 and "folder Middle" in notes[0], run.lines
        with bench.session() as session:
            for folder in server.folders:
                name = folder.name.decode()
                if name != "Middle" or result.state == "completed":
                    here = session.content(name).messages.values()
                    assert sorted(facts.content.sha256 for facts in here) == sorted(digests(folder.messages))
        if followed:
            options = {"existing_content": "merge", "state": "latest", "message_store": "imap"}
            assert not bench.run(server.port, **options).result.changed
