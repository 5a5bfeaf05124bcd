# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the mail of a mailbox at Yandex 360 is opened: with tokens of a service application, or with a password that an
administrator sets.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Optional

from ...model.errors import MailImportError
from ...model.imports import ImportRequest, LoginDiagnosis
from ...model.secret import Renewal
from ..base import Access, OrganizationId, SkipReason, SourceMailbox
from ..hints import YANDEX_CAUSES, with_hint
from .directory import Directory
from .oauth import OAuth

_SHARED = SkipReason(
    "shared_mailbox", "a shared mailbox has no password to log in with: use content_access=service_application"
)
_NEVER_OPENED = (
    "its user has never opened it: Yandex keeps no settings of this mailbox and refuses the token that it issued just "
    "now. "
    "Once the person has logged in to Yandex Mail, run the task again"
)


class _YandexAccess(Access):
    """What both ways have in common: finding out which of the causes that Yandex has one text for it is.

    Args:
        directory: to ask; None when there is no administrator's token.
    """

    # What a refusal of a mailbox that was opened before comes to.
    _refused_though_opened = ""

    def __init__(self, directory: Optional[Directory], organization: OrganizationId) -> None:
        self._directory = directory
        self._organization = organization

    def _diagnose(self, mailbox: SourceMailbox, renewal: Renewal, error: MailImportError) -> LoginDiagnosis:
        if not renewal.issued:
            return LoginDiagnosis("failed", error.reason, with_hint(error.message))
        opened = None
        if self._directory is not None:
            if self._directory.imap_enabled(self._organization) is False:
                hint = "IMAP is switched off for the organization: switch it on in its mail settings"
                return LoginDiagnosis("failed", error.reason, "%s (%s)" % (hint, error.message))
            if mailbox.kind == "user":
                opened = self._directory.mailbox_opened(self._organization, mailbox.id)
        if opened is None:
            return LoginDiagnosis("failed", error.reason, "%s; %s" % (error.message, YANDEX_CAUSES))
        if not opened:
            return LoginDiagnosis("skipped", "never_opened", _NEVER_OPENED)
        return LoginDiagnosis("failed", error.reason, "%s (%s)" % (self._refused_though_opened, error.message))


class TokenAccess(_YandexAccess):
    """By tokens that a service application gets for each mailbox.

    Args:
        scope: asked for with each token, None for none.
    """

    _refused_though_opened = (
        "the token was issued just now, so IMAP is switched off in the mailbox, or the application has neither "
        "mail:imap_ro nor mail:imap_full"
    )

    def __init__(
        self, directory: Optional[Directory], organization: OrganizationId, oauth: OAuth, scope: Optional[str] = None
    ) -> None:
        super().__init__(directory, organization)
        self._oauth = oauth
        self._scope = scope

    def open(self, request: ImportRequest, mailbox: SourceMailbox) -> ImportRequest:
        renewal = Renewal(partial(self._exchange, mailbox))
        source = replace(request.source, password="", auth="xoauth2")
        return replace(request, source=source, renew=renewal, diagnose=partial(self._diagnose, mailbox, renewal))

    def _exchange(self, mailbox: SourceMailbox) -> str:
        subject, kind = (mailbox.id, "uid") if mailbox.id else (mailbox.email, "email")
        return self._oauth.exchange(subject, kind, self._scope).access_token


class PasswordAccess(_YandexAccess):
    """By the password of the new mailbox, which is set at Yandex too when it does not open the mailbox there."""

    sets_passwords = True
    _refused_though_opened = (
        "the password was set just now, so an app password is needed or IMAP is switched off: "
        "content_access=service_application needs no password"
    )

    def __init__(self, directory: Directory, organization: OrganizationId) -> None:
        super().__init__(directory, organization)
        self._passwords = directory

    def skip_reason(self, mailbox: SourceMailbox) -> Optional[SkipReason]:
        return _SHARED if mailbox.kind == "shared" else None

    def open(self, request: ImportRequest, mailbox: SourceMailbox) -> ImportRequest:
        renewal = Renewal(partial(self._set_password, mailbox, request.target_password))
        # A password that was set by an earlier run opens the mailbox; only when it does not, it is set.
        source = replace(request.source, password=request.target_password, auth="login")
        return replace(request, source=source, renew=renewal, diagnose=partial(self._diagnose, mailbox, renewal))

    def _set_password(self, mailbox: SourceMailbox, password: str) -> str:
        self._passwords.set_password(self._organization, mailbox.id, password)
        return password
