# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a provider's refusal of a login may mean, where its own words do not say so."""

from __future__ import annotations

import re

# Yandex has one text for all of this, and no other sign
# (https://yandex.ru/support/mail-business/web/security/oauth.html).
YANDEX_CAUSES = (
    "Yandex says the same of four things: a wrong or expired token or password; a password where an app password is "
    "needed; IMAP that is switched "
    "off for the organization or in the mailbox; a mailbox that its user has never opened"
)

_IMAP_OFF = (
    "IMAP is switched off for the organization or its unit: Admin console, Apps, Google Workspace, Gmail, End User "
    "Access, POP and IMAP access"
)
_IMAP_OFF_HERE = "IMAP is switched off in the mailbox: Gmail, Settings, Forwarding and POP/IMAP"
_APP_PASSWORD = (
    "Gmail takes an app password in place of the password of the account, which its user makes at "
    "https://myaccount.google.com/apppasswords"
)
_WEB_LOGIN = "Gmail wants its user to log in on the web once; an app password, or an administrator's key, does without"

# Words of a refusal, and what they may mean. Gmail's are those of its own IMAP server.
_HINTS = tuple(
    (re.compile(words, re.IGNORECASE), meaning)
    for words, meaning in (
        (r"invalid credentials or IMAP is disabled", YANDEX_CAUSES),
        (r"IMAP access is disabled for your domain", _IMAP_OFF),
        (r"not enabled for IMAP use", _IMAP_OFF_HERE),
        (r"Application-specific password required", _APP_PASSWORD),
        (r"Web login required|log in via your web browser", _WEB_LOGIN),
    )
)


def with_hint(refusal: str) -> str:
    """Return a refusal of a login with what it may mean; alone, where it speaks for itself."""
    meaning = next((text for words, text in _HINTS if words.search(refusal)), "")
    return "%s; %s" % (refusal, meaning) if meaning else refusal
