# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be done for one mailbox: decided once, then shown by check mode or done by an import."""

from __future__ import annotations

from typing import NamedTuple

from ..model.imports import ImportRequest
from .status import MailboxStatus


class Steps(NamedTuple):
    """The steps of an import, in their order.

    `forget`: what is known of messages that were delivered counts no more. `publish_domain`: the host does not know the
    mail domain yet. `set_password`: make sure that the mailbox opens with the password of the task. `move_aside`: what
    is in the mailbox goes first, and the password is changed then where it can be.
    """

    create_mailbox: bool
    forget: bool
    publish_domain: bool
    set_password: bool
    move_aside: bool
    copy_content: bool

    @property
    def are_a_change(self) -> bool:
        """Whether the host is changed already by what comes before the copy, passwords aside."""
        return self.create_mailbox or self.publish_domain or self.move_aside


def decide(request: ImportRequest, status: MailboxStatus, sets_passwords: bool) -> Steps:
    """Return what is to be done for a mailbox whose import is not done.

    Args:
        sets_passwords: the host's can be changed. Where they cannot, `replace` keeps them, and only `update_password`
            asks for another one.
    """
    moved_before = status.record is not None and status.record.replaced and not request.force
    # Its owner can forge what shows that a mailbox was replaced by an import that nobody remembers.
    claimed = (
        sets_passwords and status.recovered and not request.ignore_existing and request.existing_content == "replace"
    )
    return Steps(
        create_mailbox=not status.exists,
        forget=status.contacted and (request.force or status.mail_removed),
        publish_domain=not status.domain_known,
        set_password=status.exists and (claimed or request.update_password == "always"),
        move_aside=status.replacing and request.import_content and not moved_before,
        copy_content=request.import_content,
    )
