# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What another server gives, the mail host has after an import: nothing is lost that the server has not lost itself."""

from __future__ import annotations

from support.imap import Account, FolderContent, ImapError, Session
from support.mail import Mail, load_mail
from support.scene import FOLDERS, Scene, difference, item_of

# Some servers refuse some of it: a name, a NUL in a message.
MOST_OF = 0.8


def spread(session: Session, mail: list[Mail], keywords: bool, folders: tuple[str, ...] = FOLDERS) -> list[str]:
    """Spread all messages over folders with flags, keywords and dates; return what the server refuses of it."""
    refused = []
    prefix, separator = session.namespace()
    names = []
    for number, template in enumerate(folders):
        name = "INBOX" if template == "INBOX" else prefix + template.format(separator)
        try:
            if name != "INBOX" and name not in ("%sSent" % prefix, "%sTrash" % prefix):
                session.create(name)
            if number % 3 != 2:
                session.subscribe(name)
            names.append(name)
        except ImapError as error:
            refused.append("%s: %s" % (name, error))
    for number, name in enumerate(names):
        items = [item_of(message) for message in mail[number :: len(names)]]
        if not keywords:
            items = [item._replace(flags=tuple(flag for flag in item.flags if flag.startswith("\\"))) for item in items]
        refused += session.append_each(name, items)
    return refused


def test_x(other: Scene) -> None:
    import time
    t=time.time()
    mail = load_mail()
    with other.source_session() as s:
        r = spread(s, mail, other.source.keywords)
        import collections,re
        print(collections.Counter(re.sub(r'^T\d+','',x)[:120] for x in r))
        print('load',time.time()-t); t=time.time()
    with other.source_session() as s:
        a = s.account()
    print('read',time.time()-t, len(a.contents()), {k:v.uidvalidity for k,v in a.folders.items()}); t=time.time()
    with other.source_session() as s:
        b = s.account()
    print('same', difference(a,b)[:10])
    t=time.time()
    o = other.run()
    print('import',time.time()-t,o.output[:1500] if o.returncode else ''); t=time.time()
    print({k:v for k,v in o.entry.items() if k!='not_imported'}, o.entry['not_imported'][:5])
    d = difference(a, other.host_account())
    print(len(d), d[:20])
    o=other.run(); print('again', o.result['changed'], time.time()-t)
    t=time.time()
    o=other.run(state='latest'); print('latest', o.result['changed'], o.entry, time.time()-t)
    assert 0
