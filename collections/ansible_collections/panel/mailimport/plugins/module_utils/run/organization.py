# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From an organization at Yandex 360 to the imports of its mailboxes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Callable, List, NamedTuple, Optional, Sequence, Set

from ..model.errors import MailImportError, one_line
from ..model.imports import ImportRequest, ImportResult, Verdict
from ..model.secret import Renewal
from ..provider.yandex360.directory import Directory
from ..provider.yandex360.mailboxes import (
    Holdings,
    Obstacle,
    Selection,
    SourceMailbox,
    find_organization,
    select,
    survey,
)
from ..provider.yandex360.oauth import OAuth
from ..source.bearer import YANDEX_CAUSES
from ..state.database import State
from .batch import Item
from .findings import examine
from .passwords import NewPasswords
from .settings import HostSettings

RequestFor = Callable[[str], ImportRequest]

_SHARED = Obstacle(
    "shared_mailbox", "a shared mailbox has no password to log in with: use content_access=service_application"
)
_NEVER_OPENED = (
    "its user has never opened it: Yandex keeps no settings of this mailbox and refuses the token that it issued just "
    "now. "
    "Once the person has logged in to Yandex Mail, run the task again"
)


@dataclass(frozen=True)
class Choice:
    """What is to be imported: organization by number or name (None for the only one), domains, and globs of
    mailboxes."""

    organization: Optional[str] = None
    domains: Sequence[str] = ()
    mailboxes: Sequence[str] = ()
    excluded: Sequence[str] = ()


class Chosen(NamedTuple):
    """The mailboxes that are asked for; `holdings` is None when nobody could be asked for the organization."""

    holdings: Optional[Holdings]
    selection: Selection


def choose(directory: Optional[Directory], choice: Choice) -> Chosen:
    """Find the mailboxes that are asked for.

    Raises:
        MailImportError: what keeps the organization from being read; `invalid_row` when there is no directory and no
            address.
    """
    if directory is None:
        if not choice.mailboxes or any(char in address for address in choice.mailboxes for char in "*?["):
            raise MailImportError("invalid_row", "token is required, unless mailboxes names the addresses themselves")
        if choice.organization or choice.domains or choice.excluded:
            raise MailImportError(
                "invalid_row",
                "token is required with organization, domains and exclude_mailboxes: without it, mailboxes alone says "
                "which",
            )
        named = [SourceMailbox("", address.strip().lower(), "user") for address in choice.mailboxes]
        return Chosen(None, Selection(named, []))
    holdings = survey(directory, find_organization(directory.organizations(), choice.organization))
    return Chosen(holdings, select(holdings, choice.domains, choice.mailboxes, choice.excluded))


class Access:
    """How the mail of a mailbox is opened: makes what an import needs to log in.

    Args:
        oauth: of the service application; None when mail is opened by passwords.
        scope: asked for with each token, None for none.
    """

    def __init__(
        self, directory: Optional[Directory], organization: int, oauth: Optional[OAuth], scope: Optional[str] = None
    ) -> None:
        self._directory = directory
        self._organization = organization
        self._oauth = oauth
        self._scope = scope

    @property
    def by_password(self) -> bool:
        """Whether passwords at Yandex are replaced by those of the new mailboxes."""
        return self._oauth is None

    def open(self, request: ImportRequest, mailbox: SourceMailbox) -> ImportRequest:
        """The request with what it needs to log in."""
        renewal = Renewal(
            partial(self._set_password, mailbox, request.password)
            if self._oauth is None
            else partial(self._exchange, self._oauth, mailbox)
        )
        # A password that was set by an earlier run opens the mailbox; only when it does not, it is set.
        source = replace(
            request.source,
            password=request.password if self.by_password else "",
            auth="login" if self.by_password else "xoauth2",
        )
        return replace(request, source=source, renew=renewal, judge=partial(self._judge, mailbox, renewal))

    def _exchange(self, oauth: OAuth, mailbox: SourceMailbox) -> str:
        subject, kind = (mailbox.id, "uid") if mailbox.id else (mailbox.email, "email")
        return oauth.exchange(subject, kind, self._scope).access_token

    def _set_password(self, mailbox: SourceMailbox, password: str) -> str:
        if self._directory is None:
            raise MailImportError("internal_error", "there is no directory to set a password in")
        self._directory.set_password(self._organization, mailbox.id, password)
        return password

    def _judge(self, mailbox: SourceMailbox, renewal: Renewal, error: MailImportError) -> Verdict:
        """Find out which of the causes that Yandex has one text for it is."""
        if not renewal.issued:
            return Verdict("failed", error.reason, error.message)
        bare = error.message.replace("; " + YANDEX_CAUSES, "")
        message = "%s; %s" % (bare, YANDEX_CAUSES)
        if self._directory is None:
            return Verdict("failed", error.reason, message)
        if self._directory.imap_enabled(self._organization) is False:
            return Verdict(
                "failed",
                error.reason,
                "IMAP is switched off for the organization: switch it on in its mail settings (%s)" % bare,
            )
        opened = self._directory.mailbox_opened(self._organization, mailbox.id) if mailbox.kind == "user" else None
        if opened is False:
            return Verdict("skipped", "never_opened", _NEVER_OPENED)
        if opened and self.by_password:
            hint = (
                "the password was set just now, so an app password is needed or IMAP is switched off: "
                "content_access=service_application needs no password"
            )
            return Verdict("failed", error.reason, "%s (%s)" % (hint, bare))
        if opened:
            hint = (
                "the token was issued just now, so IMAP is switched off in the mailbox, or the application has "
                "neither mail:imap_ro nor mail:imap_full"
            )
            return Verdict("failed", error.reason, "%s (%s)" % (hint, bare))
        return Verdict("failed", error.reason, message)


def organization_items(
    selection: Selection,
    access: Access,
    request_for: RequestFor,
    source_host: str,
    passwords: NewPasswords,
    settings: HostSettings,
    check_mode: bool,
) -> List[Item]:
    """Turn the chosen mailboxes into imports; those that cannot be imported have their result at once.

    Args:
        request_for: makes the request for an address; raises MailImportError when it cannot be one.

    Raises:
        MailImportError: the state or the file of the passwords cannot be used. Nothing was made by then.
    """
    drafts = [_draft(mailbox, access, request_for, source_host) for mailbox in selection.mailboxes]
    requests = [draft for draft in drafts if isinstance(draft, ImportRequest)]
    with State.open_readonly(settings.state_dir) as state:
        needy = {
            str(request.address)
            for request in requests
            if _needs_password(request, state, settings, access.by_password)
        }
    passwords.generate(needy, write=not check_mode)
    items: List[Item] = []
    for mailbox, draft in zip(selection.mailboxes, drafts):
        items.append(
            _finished(draft, mailbox, access, passwords, needy, check_mode)
            if isinstance(draft, ImportRequest)
            else draft
        )
    return items + [
        _result(address, source_host, "failed", "not_found", "the organization has no mailbox of this address")
        for address in selection.missing
    ]


def _draft(mailbox: SourceMailbox, access: Access, request_for: RequestFor, source_host: str) -> Item:
    if mailbox.obstacle:
        return _result(mailbox.email, source_host, "skipped", *mailbox.obstacle)
    try:
        request = request_for(mailbox.email)
    except MailImportError as error:
        return _result(mailbox.email, source_host, "failed", error.reason, error.message)
    if request.import_content and access.by_password and mailbox.kind == "shared":
        return _result(mailbox.email, source_host, "skipped", *_SHARED)
    return request


def _result(email: str, source_host: str, state: str, reason: str, message: str) -> ImportResult:
    return ImportResult(
        one_line(email), "%s@%s" % (one_line(email), source_host), state=state, reason=reason, message=message
    )


def _needs_password(request: ImportRequest, state: State, settings: HostSettings, by_password: bool) -> bool:
    try:
        found = examine(request, state, settings.open_host())
    except MailImportError:
        return False  # it fails of this
    if request.update_password == "always" and found.final_state != "skipped":
        return True
    if found.final_state:
        return False
    return not found.exists or found.replacing or (by_password and request.import_content)


def _finished(
    draft: ImportRequest,
    mailbox: SourceMailbox,
    access: Access,
    passwords: NewPasswords,
    needy: Set[str],
    check_mode: bool,
) -> Item:
    address = str(draft.address)
    request = replace(draft, password=passwords.of(address))
    if not request.password and address in needy:
        message = "no password for this mailbox: give it in passwords, or name a file in generated_passwords"
        return _result(address, draft.source.host, "failed", "invalid_row", message)
    if not request.import_content:
        return request
    if access.by_password and check_mode:
        # No password is set at Yandex in check mode, so nobody can log in there and count.
        return replace(request, import_content=False)
    return access.open(request, mailbox)
