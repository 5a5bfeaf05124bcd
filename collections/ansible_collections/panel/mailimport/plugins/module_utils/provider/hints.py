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

# Words of a refusal, and what they may mean.
_HINTS = ((re.compile(r"invalid credentials or IMAP is disabled", re.IGNORECASE), YANDEX_CAUSES),)


def with_hint(refusal: str) -> str:
    """Return a refusal of a login with what it may mean; alone, where it speaks for itself."""
    meaning = next((text for words, text in _HINTS if words.search(refusal)), "")
    return "%s; %s" % (refusal, meaning) if meaning else refusal
