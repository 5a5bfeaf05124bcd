# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Maildir of the tests' own, an IMAP process of theirs, and messages as the source hands them out."""

from __future__ import annotations

import math
import os

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.fetch import Fetched
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportKey
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import MailFiles, Message
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap import conversation, sessions
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.store import MaildirStore
from ansible_collections.panel.mailimport.plugins.module_utils.store.origin import Origin
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_host import Host
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import Run, body
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.network_host import NetworkHost

KEY = ImportKey("imap.old.example", "anna", "anna@example.org")


@pytest.fixture
def directory(tmp_path):
    """A handle of tmp_path."""
    handle = os.open(tmp_path, os.O_RDONLY)
    yield handle
    os.close(handle)


@pytest.fixture
def location(tmp_path):
    """Where a mailbox below tmp_path keeps its mail."""

    def make(control=None, layout="maildir++", **values):
        root = str(tmp_path / "Maildir")
        separator = "." if layout == "maildir++" else "/"
        defaults = {"uid": 0, "gid": 0, "driver": "maildir", "index": root, "separator": separator}
        return MailFiles(
            root=root, control=str(tmp_path / control) if control else root, layout=layout, **{**defaults, **values}
        )

    return make


@pytest.fixture
def root(tmp_path):
    return tmp_path / "Maildir"


@pytest.fixture
def store(location):
    return MaildirStore(location())


@pytest.fixture
def origin():
    """A source folder; its UIDVALIDITY is 77 unless told."""

    def make(raw_name=b"A", uidvalidity=77, uidnext=None, key=KEY):
        return Origin(key, raw_name, uidvalidity, uidnext)

    return make


@pytest.fixture
def message():
    """A message that comes whole, or in chunks when `cuts` say where."""

    def make(uid, body=b"Subject: x\r\n\r\nbody\r\n", flags=(), date=1_700_000_000, cuts=None):
        about = Message(uid, tuple(flags), date)
        if cuts is None:
            return Fetched(about, len(body), whole=memoryview(body))
        ends = [*cuts, len(body)]
        return Fetched(
            about, len(body), chunks=iter([memoryview(body)[start:end] for start, end in zip([0, *ends], ends)])
        )

    return make


@pytest.fixture
def fill(message):
    """Open a folder, add messages by UID and commit; the folder is finished unless told otherwise."""

    def make(store, path, origin, uids, finish=True, by_content=False):
        writer = store.open_folder(path, origin, by_content)
        for uid in uids:
            writer.add(message(uid))
        if finish:
            writer.mark_complete()
        store.commit()
        return writer

    return make


@pytest.fixture
def uidlist():
    """What a dovecot-uidlist says: its header's words, and UIDs with the names of files."""

    def read(directory):
        header, *lines = (directory / "dovecot-uidlist").read_bytes().split(b"\n")
        assert lines.pop() == b""
        return header.split(), [(int(line.split()[0]), line.partition(b":")[2].decode()) for line in lines]

    return read


@pytest.fixture
def uids():
    """UIDs in the names of the files of a folder."""

    def read(directory):
        return sorted(int(file.name[:10]) for part in ("cur", "new") for file in (directory / part).iterdir())

    return read


@pytest.fixture
def host():
    serving = Host()
    yield serving
    for thread in serving.threads:
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def run(host, location):
    """Begin a run; those before it have ended."""
    runs = []
    delivered = {}

    def begin(driver="sdbox", **options):
        for earlier in runs:
            earlier.end()
        runs.append(Run(host, location(driver=driver, layout="fs"), delivered, **options))
        return runs[-1]

    yield begin
    for earlier in runs:
        earlier.end()


@pytest.fixture
def some(message):
    """Messages with UIDs and bodies of their own."""

    def make(*uids, **options):
        return [message(uid, body(uid), **options) for uid in uids]

    return make


@pytest.fixture
def network_host(monkeypatch):
    """A server over the network with an empty folder A, which is near even where the machine is slow, and whose silence
    is taken for quiet soon."""
    monkeypatch.setattr(conversation, "_FAR", math.inf)
    monkeypatch.setattr(sessions, "_QUIET", 0.01)
    host = NetworkHost()
    host.folders[b"A"] = []
    yield host
    host.close()
