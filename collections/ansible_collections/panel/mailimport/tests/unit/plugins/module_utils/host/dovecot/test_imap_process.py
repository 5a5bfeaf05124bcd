# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.imap_process import ImapProcess
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import Address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.host.conftest import open_host

ANNA = Address("anna", "example.org")


def line(process):
    """What the process says next."""
    found = b""
    while not found.endswith(b"\n"):
        byte = os.read(process.descriptors[0], 1)
        assert byte, "the process ended after %r" % found
        found += byte
    return found


def test_session_of_a_mailbox_created_right_now(server, tmp_path):
    server.configure(
        old="protocol imap {\n  mail_plugins = $mail_plugins imap_quota\n}\n",
        new="protocol imap {\n  mail_plugins {\n    imap_quota = yes\n  }\n}\n",
    )
    host = open_host(server.config)
    host.create_mailbox(ANNA, "secret-word", "customer")
    uid = host.store_of(ANNA).uid
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)

    process = host.start_session(ANNA, (lock,))

    assert line(process).startswith(b"* PREAUTH")
    (about,) = [path for path in Path("/proc").glob("[0-9]*") if is_session(path, server)]
    assert "\nUid:\t%d\t%d\t%d\t%d\n" % ((uid,) * 4) in (about / "status").read_text()
    assert str(tmp_path / "lock") in [os.readlink(fd) for fd in (about / "fd").iterdir()]
    os.write(process.descriptors[1], b"a CREATE INBOX/New\r\nb GETQUOTAROOT INBOX\r\n")
    assert line(process).startswith(b"a OK")
    assert not line(process).startswith(b"b BAD"), "the plugins of the IMAP service are there"
    process.wait()
    assert not about.exists()
    os.close(lock)


@pytest.mark.parametrize(
    ("old", "new", "without"),
    [
        ("", "", True),
        ("mailbox_list_index_very_dirty_syncs = yes\n", "mailbox_list_index_very_dirty_syncs = yes\n", False),
        ("mail_location = sdbox:~/box:LAYOUT=index\n", "mailbox_list_layout = index\n", False),
        (
            "namespace old {\n  prefix = Old/\n  separator = /\n  hidden = yes\n  list = no\n"
            "  location = sdbox:~/old:LAYOUT=INDEX\n}\n",
            "namespace old {\n  prefix = Old/\n  separator = /\n  hidden = yes\n  list = no\n"
            "  mail_driver = sdbox\n  mail_path = ~/old\n  mail_index_path =\n  mailbox_list_layout = index\n}\n",
            False,
        ),
    ],
    ids=["usual", "very dirty", "layout", "hidden namespace"],
)
def test_c11_session_does_without_the_list_index_where_folders_are_found_on_the_disk(server, old, new, without):
    server.configure(old=old, new=new)
    host = open_host(server.config)
    host.create_mailbox(ANNA, "secret-word", "customer")
    host.store_of(ANNA)

    process = host.start_session(ANNA, ())

    assert line(process).startswith(b"* PREAUTH")
    (about,) = [path for path in Path("/proc").glob("[0-9]*") if is_session(path, server)]
    assert (b"\0mailbox_list_index=no\0" in (about / "cmdline").read_bytes()) == without
    os.write(process.descriptors[1], b"a CREATE INBOX/New\r\n")
    assert line(process).startswith(b"a OK")
    process.wait()


def is_session(path, server):
    try:
        words = (path / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return words[0].endswith(b"/imap") and server.config.encode() in words


def test_unknown_mailbox_says_why_there_is_no_session(server):
    process = open_host(server.config).start_session(Address("nobody", "example.org"), ())
    said = os.read(process.descriptors[0], 100)
    assert not said.startswith(b"* PREAUTH")
    complaints = process.descriptors[2]
    assert b"Unknown user" in os.pread(complaints, 10_000, 0) + said
    process.wait()


def test_program_that_is_not_there():
    with pytest.raises(MailImportError) as error:
        ImapProcess([b"/nonexistent/imap"], {}, ())
    assert error.value.reason == "host_refused"
    assert "/nonexistent/imap" in error.value.message


def test_process_gets_only_the_descriptors_it_is_to_keep(tmp_path):
    other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(other, True)
    process = ImapProcess(
        [b"/bin/sh", b"-c", b"readlink /proc/$$/fd/* 2>/dev/null; echo end"], {"PATH": "/bin:/usr/bin"}, ()
    )
    said = b""
    while not said.endswith(b"end\n"):
        said += line(process)
    assert os.fsencode(tmp_path / "other") not in said
    process.wait()
    os.close(other)
