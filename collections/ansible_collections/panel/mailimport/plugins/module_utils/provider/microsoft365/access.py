# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the mail of a mailbox at Microsoft 365 is opened: with the one token that the application has for all of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Mapping

from ...model.errors import MailImportError
from ...model.imports import ImportRequest, LoginDiagnosis
from ...model.secret import Renewal
from ..base import Access, SourceMailbox
from .mailboxes import permission_command
from .tokens import AppTokens, roles_in

MAIL_ROLE = "IMAP.AccessAsApp"

_NO_ROLE = (
    "the token has no permission %s: add it to the application (Office 365 Exchange Online, Application permissions) "
    "and grant admin consent" % MAIL_ROLE
)
_NOT_LET_IN = (
    "Microsoft says the same of several things: the application has no FullAccess to this mailbox, or not yet, for "
    "that takes up to two hours; New-ServicePrincipal was given another ObjectId than that of Enterprise applications; "
    "IMAP is switched off in the mailbox (Set-CASMailbox -ImapEnabled $true). In Exchange Online PowerShell: %s"
)


class AppAccess(Access):
    """See the module.

    Args:
        resource: what the tokens for the mail are for.
        client_id: the application's, for people.
        logins: what mailboxes are opened as, by address, where that is another name.
    """

    def __init__(self, tokens: AppTokens, resource: str, client_id: str, logins: Mapping[str, str]) -> None:
        self._tokens = tokens
        self._resource = resource
        self._client_id = client_id
        self._logins = logins

    def open(self, request: ImportRequest, mailbox: SourceMailbox) -> ImportRequest:
        login = self._logins.get(mailbox.email, mailbox.email)
        renewal = Renewal(partial(self._tokens.token, self._resource))
        source = replace(request.source, user=login, password="", auth="xoauth2")
        return replace(request, source=source, renew=renewal, diagnose=partial(self._diagnose, login, renewal))

    def _diagnose(self, login: str, renewal: Renewal, error: MailImportError) -> LoginDiagnosis:
        if not renewal.issued:
            return LoginDiagnosis("failed", error.reason, error.message)
        roles = roles_in(renewal.issued[-1])
        if roles is not None and MAIL_ROLE not in roles:
            return LoginDiagnosis("failed", error.reason, "%s (%s)" % (_NO_ROLE, error.message))
        advice = _NOT_LET_IN % permission_command(self._client_id, login)
        return LoginDiagnosis("failed", "permission_denied", "%s (%s)" % (advice, error.message))
