# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What another server gives, the mail host has after an import: nothing is lost that the server has not lost itself."""

from __future__ import annotations

import hashlib

from support.imap import Account, ImapError, Session
from support.mail import Mail, load_mail
from support.other_servers import ClassicCyrus, Imap4d, Pymap
from support.scene import FOLDERS, Scene, difference, item_of

# Of the corpus of real mail, every so many messages go to a server that is slow, or that differs from another in names
# only.
EVERY = {Imap4d: 8, Pymap: 4, ClassicCyrus: 4}
# Servers refuse some of it: a quote in a name, a NUL in a message.
ACCEPTED = 0.8


def spread(session: Session, mail: list[Mail], keywords: bool) -> None:
    """Spread all messages over folders, with flags and dates; what the server refuses is left out."""
    prefix, separator = session.namespace()
    there = session.folders()
    names = []
    for template in FOLDERS:
        name = "INBOX" if template == "INBOX" else prefix + template.format(separator)
        try:
            if tuple(name.split(separator)) not in there:
                session.create(name)
            if len(names) % 3 != 2:
                session.subscribe(name)
            names.append(name)
        except ImapError:
            continue
    refused = []
    for number, name in enumerate(names):
        items = [item_of(message) for message in mail[number :: len(names)]]
        if not keywords:
            items = [item._replace(flags=tuple(flag for flag in item.flags if flag.startswith("\\"))) for item in items]
        refused += session.append_each(name, items)
    assert len(names) > ACCEPTED * len(FOLDERS)
    assert len(refused) < (1 - ACCEPTED) * len(mail), refused


def as_on_the_host(account: Account, prefix: tuple[str, ...]) -> Account:
    """The account with the names its folders are to have on the host: without the prefix of the source's namespace."""

    def named(path: tuple[str, ...]) -> tuple[str, ...]:
        return path[len(prefix) :] if prefix and path[: len(prefix)] == prefix and path != prefix else path

    return Account(
        {named(path): folder for path, folder in account.folders.items()}, frozenset(map(named, account.subscriptions))
    )


def given(scene: Scene) -> Account:
    """Everything that the source gives of the account, with the names of the host."""
    with scene.source_session() as session:
        prefix, separator = session.namespace()
        account = session.account()
    # Newer versions of imap4d take the backslash out of a folder's name, and leave it in the subscription of that.
    account = account._replace(subscriptions=account.subscriptions & account.folders.keys())
    return as_on_the_host(account, tuple(prefix.split(separator)[:-1]))


def stored(scene: Scene) -> list[str]:
    """SHA-256 of all message files on the host. Dovecot itself shows a few of them otherwise: a NUL as 0x80, CR CR LF
    as CR LF.
    """
    files = [file for directory in scene.maildir.rglob("cur") for file in directory.iterdir()]
    return sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)


def test_everything_arrives_as_the_server_gives_it(other: Scene) -> None:
    """Bytes, flags, keywords, dates, names, subscriptions, UIDs and UIDVALIDITY; and a second run finds nothing to
    do."""
    mail = load_mail()
    mail = mail if len(mail) < 100 else mail[:: EVERY.get(type(other.source), 1)]
    with other.source_session() as session:
        spread(session, mail, other.source.keywords)
    source = given(other)
    count = len(source.contents())
    assert count > ACCEPTED * len(mail)

    outcome = other.run()

    assert (outcome.entry["state"], outcome.entry["not_imported"]) == ("completed", []), outcome.output
    assert outcome.entry["messages_total"] == outcome.entry["messages_copied"] == count
    assert stored(other) == sorted(content.sha256 for content in source.contents())
    differences = difference(source, other.host_account())
    assert [line for line in differences if " content " not in line] == []
    assert len(differences) < (1 - ACCEPTED) * count
    for state in ("present", "latest"):
        again = other.run(state=state)
        assert (again.result["changed"], again.entry["messages_total"]) == (False, count), (state, again.output)
    assert difference(source, given(other)) == []
