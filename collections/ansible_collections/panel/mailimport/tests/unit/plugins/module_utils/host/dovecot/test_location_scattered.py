# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.location import store_location
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.settings_23 import read_settings

PRIVATE = "namespace %s {\n  type = private\n  inbox = %s\n  list = yes\n  disabled = no\n%s}\n"


def store(mail, namespaces="", **fields):
    user = {"uid": "5000", "gid": "5001", "home": "/srv/anna", "mail": mail, **fields}
    return store_location(user, read_settings("# 2.3.19 (x): x\n" + namespaces), tuple)


@pytest.mark.parametrize(
    "mail", ["maildir:~/M:LAYOUT=fs", "sdbox:~/s", "mdbox:~/m:INDEX=/i/anna:CONTROL=/c/anna", "sdbox:~/s:INDEX=MEMORY"]
)
def test_mail_is_all_in_its_directories(mail):
    assert store(mail).scattered is None


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("ALT", {"mail": "mdbox:~/m:ALT=/slow/anna"}),
        ("kept as mbox", {"mail": "mbox:~/m"}),
        ("finds out by itself", {"mail": ""}),
        ("INBOX is kept outside", {"mail": "sdbox:~/s:INBOX=~/inbox"}),
        ("not absolute", {"mail": "mdbox:m"}),
        ("chroot", {"mail": "sdbox:~/s", "chroot": "/jail"}),
        (
            "several private",
            {"mail": "sdbox:~/s", "namespaces": PRIVATE % ("a", "yes", "") + PRIVATE % ("b", "no", "  prefix = B/\n")},
        ),
        (
            "location of its own",
            {"mail": "sdbox:~/s", "namespaces": PRIVATE % ("a", "yes", "  location = mdbox:~/m\n")},
        ),
    ],
)
def test_mail_is_elsewhere_too(words, arguments):
    assert words in store(**arguments).scattered
