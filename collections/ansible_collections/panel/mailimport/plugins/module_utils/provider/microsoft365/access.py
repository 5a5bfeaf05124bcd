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
from ..addresses import is_loopback
from ..base import Access, SourceMailbox
from ..http import Http, HttpSettings
from .clouds import is_mail_server
from .mailboxes import permission_command
from .token_file import TokenFile
from .tokens import Tokens, roles_in

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

# Where there are no options of the services.
_TRUST = "name the authority's file in REQUESTS_CA_BUNDLE, by environment of the task"
_NOT_MICROSOFTS = (
    "source_token_file is a token that opens mailboxes at Microsoft, and %s is no server of Microsoft's: give the row "
    "its own source_password, or leave source_token_file out"
)
_PERSON_REFUSED = (
    "Microsoft says the same of several things: whoever entered the code for the token has no full access to this "
    "mailbox (%s is not a mailbox of theirs, or not its main address); the token has no permission "
    "IMAP.AccessAsUser.All; IMAP is switched off in the mailbox"
)


def with_token_file(request: ImportRequest, path: str) -> ImportRequest:
    """Return the request with a login by the token in a file of `microsoft365_token`.

    Raises:
        MailImportError: `invalid_row` or `host_refused`, when there is no such file, or it cannot be used, or the
            source is somebody else's, who would get to know the token.
    """
    source = request.source
    if not (is_mail_server(source.host) or is_loopback(source.host)):
        raise MailImportError("invalid_row", _NOT_MICROSOFTS % source.host)
    file = TokenFile(Http(HttpSettings(trust=_TRUST)), path)
    if source.auth == "auto":
        source = replace(source, auth="xoauth2")
    renewal = Renewal(file.token, file.in_place_of)
    return replace(
        request,
        source=replace(source, password=""),
        renew=renewal,
        diagnose=partial(_diagnose_person, source.user, renewal),
    )


def _diagnose_person(login: str, renewal: Renewal, error: MailImportError) -> LoginDiagnosis:
    if not renewal.issued:
        return LoginDiagnosis("failed", error.reason, error.message)
    return LoginDiagnosis("failed", "permission_denied", "%s (%s)" % (_PERSON_REFUSED % login, error.message))


class AppAccess(Access):
    """See the module.

    Args:
        resource: what the tokens for the mail are for.
        client_id: the application's, for people.
        logins: what mailboxes are opened as, by address, where that is another name.
    """

    def __init__(self, tokens: Tokens, resource: str, client_id: str, logins: Mapping[str, str]) -> None:
        self._tokens = tokens
        self._resource = resource
        self._client_id = client_id
        self._logins = logins

    def open(self, request: ImportRequest, mailbox: SourceMailbox) -> ImportRequest:
        login = self._logins.get(mailbox.email, mailbox.email)
        tokens, resource = self._tokens, self._resource
        renewal = Renewal(partial(tokens.token, resource), partial(tokens.in_place_of, resource))
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


class PersonAccess(AppAccess):
    """The same with the token of a person, who has full access to the mailboxes."""

    def _diagnose(self, login: str, renewal: Renewal, error: MailImportError) -> LoginDiagnosis:
        return _diagnose_person(login, renewal, error)
