# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the mail of a mailbox at Google Workspace is opened: with tokens that a service account gets for its user."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ...model.errors import MailImportError
from ...model.imports import ImportRequest, LoginDiagnosis
from ...model.secret import Renewal
from ..base import Access, SourceMailbox
from ..hints import with_hint
from .tokens import MAIL_SCOPE, Tokens

_REFUSED = (
    "the token was issued just now, so IMAP is switched off: Admin console, Apps, Google Workspace, Gmail, End User "
    "Access, POP and IMAP access; units of the organization can differ, and users can switch it off for themselves"
)


class DelegatedAccess(Access):
    """See the module."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def open(self, request: ImportRequest, mailbox: SourceMailbox) -> ImportRequest:
        renewal = Renewal(partial(self._tokens.new_token, mailbox.email, (MAIL_SCOPE,)))
        source = replace(request.source, user=mailbox.email, password="", auth="xoauth2")
        return replace(request, source=source, renew=renewal, diagnose=partial(self._diagnose, renewal))

    def _diagnose(self, renewal: Renewal, error: MailImportError) -> LoginDiagnosis:
        message = with_hint(error.message)
        if renewal.issued and message == error.message:
            message = "%s (%s)" % (_REFUSED, error.message)
        return LoginDiagnosis("failed", error.reason, message)
