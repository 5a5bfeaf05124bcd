# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a former owner of a mailbox has left in it makes no mailbox ours and no message delivered."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.run.mailbox import import_mailbox, make_mailboxes
from ansible_collections.panel.mailimport.plugins.module_utils.run.many import Scheduling, import_many
from ansible_collections.panel.mailimport.plugins.module_utils.run.reporter import Reporter
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State
from ansible_collections.panel.mailimport.plugins.module_utils.state.shared import SharedState
from ansible_collections.panel.mailimport.plugins.module_utils.store.origin import Origin

ANNA = parse_address("anna@example.org")
OTHER = parse_address("other@example.org")
ALL = ["one", "three", "two"]

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def root(host):
    """The Maildir of a mailbox that somebody had before."""
    root = host.root / str(ANNA) / "Maildir"
    for part in ("cur", "new", "tmp"):
        (root / part).mkdir(parents=True)
    (root / "cur" / "1700000000.M1P2.host:2,S").write_text("the former owner's")
    host.passwords[ANNA] = "the former owner's"
    return root


def mail(root: Path) -> list[str]:
    return sorted(path.read_text() for path in root.rglob("*") if path.parent.name in ("cur", "new"))


def forge_marker_file(root, origin):
    (root / ("mailimport-%s" % origin.import_digest)).write_text("")


def forge_marker_with_content(root, origin):
    (root / ("mailimport-%s" % origin.import_digest)).write_text(origin.import_digest * 2)


def forge_marker_directory(root, origin):
    (root / ("mailimport-%s" % origin.import_digest)).mkdir()


def forge_marker_link(root, origin):
    (root / ("mailimport-%s" % origin.import_digest)).symlink_to("/etc/passwd")


def forge_marker_pipe(root, origin):
    os.mkfifo(root / ("mailimport-%s" % origin.import_digest))


def forge_names(root, origin):
    (root / "cur" / (origin.base_name(1) + ":2,")).write_text("forged")


def forge_stage(root, origin):
    (root / "tmp" / ("mailimport-%s-%s-%010d" % (origin.import_digest, origin.digest, 77))).mkdir()


FORGERIES = [
    forge_marker_file,
    forge_marker_with_content,
    forge_marker_directory,
    forge_marker_link,
    forge_marker_pipe,
    forge_names,
    forge_stage,
]


def forge_shown(root, request):
    record = root / "tmp" / ("mailimport-%s.shown" % Origin(request.key, b"", 0).import_digest)
    record.mkdir()
    lines = ["+%s 77 1:1000\n" % Origin(request.key, name, 77).digest for name in (b"INBOX", b"Sent")]
    (record / "shown").write_text("".join(lines))


@pytest.mark.parametrize("forge", FORGERIES)
def test_a11_a_forgery_fills_no_mailbox_that_is_skipped(request_for, settings, root, forge):
    request = request_for()
    forge(root, Origin(request.key, b"INBOX", 77))
    before = mail(root)
    assert import_mailbox(request, settings).result.state == "skipped"
    assert mail(root) == before and settings.host.passwords[ANNA] == "the former owner's"


@pytest.mark.parametrize("forge", FORGERIES)
def test_a11_a_forgery_keeps_no_mail_from_being_replaced(request_for, settings, root, forge):
    request = request_for(ignore_existing=False, existing_content="replace")
    forge(root, Origin(request.key, b"INBOX", 77))
    forge_shown(root, request)
    result = import_mailbox(request, settings).result
    assert (result.state, result.messages_copied, result.messages_present) == ("completed", 3, 0), result.message
    assert result.replaced_to and mail(root) == ALL


def forge_many_names(root, origin):
    """Of two messages, under the UIDVALIDITY and under one that the source would have if it had renumbered often."""
    for uidvalidity in (77, (3 << 32) + 77, 10**60):
        for uid in (1, 2):
            name = Origin(origin.key, origin.raw_name, uidvalidity).base_name(uid) + ",S=6,W=6:2,"
            (root / "cur" / name).write_text("forged")


@pytest.mark.parametrize("forge", [forge_names, forge_many_names, forge_stage])
@pytest.mark.parametrize("store", ["maildir", "auto"])
def test_a11_forged_names_keep_no_message_out_that_is_added(request_for, settings, root, forge, store):
    """The mailbox keeps its mail, and gets that of the source."""
    request = request_for(ignore_existing=False, existing_content="merge", message_store=store)
    forge(root, Origin(request.key, b"INBOX", 77))
    before = mail(root)
    for check_mode in (True, False):
        result = import_mailbox(request, settings, check_mode).result
        assert (result.messages_copied, result.messages_present) == (3, 0), result.message
    assert result.state == "completed" and mail(root) == sorted([*before, *ALL])
    assert not import_mailbox(request, settings).result.changed


@pytest.mark.parametrize("forge", [None, *FORGERIES[:3]])
def test_a11_a_record_that_no_run_left_keeps_no_message_out(request_for, settings, root, forge):
    request = request_for(ignore_existing=False, existing_content="merge")
    if forge:
        forge(root, Origin(request.key, b"INBOX", 77))
    forge_shown(root, request)
    result = import_mailbox(request, settings).result
    assert (result.state, result.messages_copied) == ("completed", 3), result.message
    assert mail(root) == sorted([*ALL, "the former owner's"])
    assert not list((root / "tmp").iterdir())


def test_a11_a_marker_of_another_mailbox_proves_nothing(request_for, settings, root, host):
    other = request_for(address=OTHER)
    assert import_mailbox(other, settings).result.state == "completed"
    (marker,) = (host.root / str(OTHER) / "Maildir").glob("mailimport-*")
    request = request_for()
    shutil.copy(marker, root / ("mailimport-%s" % Origin(request.key, b"", 0).import_digest))
    assert import_mailbox(request, settings).result.state == "skipped"


def test_a11_without_state_and_key_a_mailbox_is_foreign(request_for, settings, host):
    assert import_mailbox(request_for(), settings).result.state == "completed"
    shutil.rmtree(settings.state_dir)
    key = Path(settings.state_dir + ".key")
    assert key.stat().st_mode & 0o777 == 0o600 and len(key.read_bytes()) >= 32
    key.unlink()
    assert import_mailbox(request_for(), settings).result.state == "skipped"


def test_a09_without_the_key_mail_that_is_there_is_not_removed(request_for, settings):
    import_mailbox(request_for(), settings)
    Path(settings.state_dir + ".key").unlink()
    assert import_mailbox(request_for(), settings).result.changed is False


class TestOneOfMany:
    """What is wrong with the files of one mailbox ends no other import."""

    @pytest.mark.parametrize("check_mode", [False, True])
    def test_a_missing_control_directory_is_no_obstacle(self, request_for, settings, root, monkeypatch, check_mode):
        plain = type(settings.host).store_of

        def with_control(self, address):
            location = plain(self, address)
            return location.__class__(**{**vars(location), "control": location.root + ".control"})

        monkeypatch.setattr(type(settings.host), "store_of", with_control)
        items = [request_for(), request_for(address=OTHER)]
        outcomes = import_many(items, settings, Scheduling(preflight=False), check_mode=check_mode)
        assert [each.result.state for each in outcomes] == ["skipped", "queued" if check_mode else "completed"]

    @pytest.mark.parametrize("where", ["store_of", "mailbox_exists"])
    @pytest.mark.parametrize("check_mode", [False, True])
    def test_an_error_of_its_files_is_its_own(self, request_for, settings, root, monkeypatch, where, check_mode):
        plain = getattr(type(settings.host), where)

        def failing(self, address):
            if address == ANNA:
                raise PermissionError(13, "Permission denied", "the files of anna")
            return plain(self, address)

        monkeypatch.setattr(type(settings.host), where, failing)
        items = [request_for(), request_for(address=OTHER)]
        outcomes = import_many(items, settings, Scheduling(preflight=False), check_mode=check_mode)
        assert [each.result.state for each in outcomes] == ["failed", "queued" if check_mode else "completed"]
        assert outcomes[0].result.reason == "host_refused" and "files of anna" in outcomes[0].result.message

    def test_an_error_while_it_is_made_is_its_own(self, request_for, settings, host, monkeypatch):
        def failing(self, address, password, owner):
            raise PermissionError(13, "Permission denied", "the files of anna")

        monkeypatch.setattr(type(host), "create_mailbox", failing)
        request = request_for()
        with State(settings.state_dir) as state:
            state.enqueue([(request.key, request.owner)], os.getpid())
        shared = SharedState(settings.state_dir)
        (outcome,) = make_mailboxes([request], settings, Reporter(), shared)
        shared.state.close()
        result = outcome.result
        assert (result.state, result.reason) == ("failed", "host_refused")


def test_who_loses_a_domain_at_the_last_moment_makes_no_mailbox(request_for, settings, host, monkeypatch):
    """Another run may claim it between the look and the making."""
    monkeypatch.setattr(State, "claim_domain", lambda self, domain, owner: "another customer")
    result = import_mailbox(request_for(), settings).result
    assert (result.state, result.reason) == ("failed", "domain_owned_by_other")
    assert not host.mailbox_exists(ANNA)


def test_a_domain_whose_first_mailbox_is_refused_stays_free(request_for, settings, host, monkeypatch):
    def refusing(self, address, password, owner):
        raise PermissionError(13, "Permission denied", "passwd")

    with monkeypatch.context() as patched:
        patched.setattr(type(host), "create_mailbox", refusing)
        assert import_mailbox(request_for(), settings).result.state == "failed"
    assert import_mailbox(request_for(owner="another customer"), settings).result.state == "completed"


def test_a_domain_that_another_import_relies_on_stays_claimed(request_for, settings, host, monkeypatch):
    with State(settings.state_dir) as state:
        other = request_for(address=OTHER)
        state.enqueue([(other.key, other.owner)], os.getpid())

    def refusing(self, address, password, owner):
        raise PermissionError(13, "Permission denied", "passwd")

    monkeypatch.setattr(type(host), "create_mailbox", refusing)
    assert import_mailbox(request_for(), settings).result.state == "failed"
    with State(settings.state_dir) as state:
        assert state.owner_of("example.org") == "customer"
