# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules for Google Workspace: their options, and what is Google's between their parameters and their results."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Dict, Mapping, Optional, Sequence

from ansible.module_utils.basic import AnsibleModule

from ..model.errors import MailImportError
from ..provider.base import Access, NoAccess, OrganizationId, SourceMailbox, find_organization, select
from ..provider.google.access import DelegatedAccess
from ..provider.google.directory import API_URL, GMAIL_API_URL, MY_CUSTOMER, Directory
from ..provider.google.mailboxes import GoogleOrganization
from ..provider.google.service_account import ServiceAccount
from ..provider.google.tokens import ALL_SCOPES, MAIL_SCOPE, OAUTH_URL, Tokens, UndelegatedError, delegation_link
from .options import HOST_SECRETS, Options
from .organization import (
    Provider,
    domains_of,
    http_of,
    import_options,
    mailbox_entry,
    passwords_that_are_no_text,
    reaching_options,
    run_organization_import,
    selection_options,
    warn_of_selection,
    with_secrets,
)

IMAP_HOST = "imap.gmail.com"

# What the action plugins take out of a task's arguments and hand over in a file.
INFO_SECRETS = ("service_account",)
IMPORT_SECRETS = ("service_account", "passwords", *HOST_SECRETS)

# Makes a service account and its key, for who has Google's command line.
_COMMANDS = (
    "gcloud services enable admin.googleapis.com gmail.googleapis.com",
    "gcloud iam service-accounts create mailimport --display-name 'Mailbox import'",
    "gcloud iam service-accounts keys create mailimport-key.json "
    "--iam-account mailimport@$(gcloud config get-value project).iam.gserviceaccount.com",
    "ansible-vault encrypt mailimport-key.json",
)


def service_options() -> Options:
    """Options of the documentation fragment `google`: the key, and where the services are."""
    return dict(
        # A dictionary becomes JSON again.
        service_account=dict(type="json", no_log=True),
        service_account_src=dict(type="path", no_log=False),
        admin=dict(type="str"),
        customer=dict(type="str", default=MY_CUSTOMER),
        oauth_url=dict(type="str", default=OAUTH_URL),
        api_url=dict(type="str", default=API_URL),
        **reaching_options(),
    )


def info_options() -> Options:
    """Every option a task of `google_workspace_info` may give."""
    return dict(
        check_mailboxes=dict(type="bool", default=False),
        gmail_api_url=dict(type="str", default=GMAIL_API_URL),
        **service_options(),
        **selection_options(),
    )


def organization_options() -> Options:
    """Every option a task of `mail_import_google` may give."""
    return dict(**service_options(), **import_options(IMAP_HOST))


def lacking(params: Mapping[str, Any]) -> Optional[str]:
    """Say in one line what the import of an organization lacks, or None when it has all it needs."""
    if not params["owner"]:
        return "owner is required, and must not be empty"
    if params["create_aliases"] and not params["admin"]:
        return "admin is required with create_aliases: only the organization's directory has aliases"
    problem = lacking_key(params) if params["admin"] or params["import_content"] else None
    return problem or passwords_that_are_no_text(params)


def lacking_key(params: Mapping[str, Any]) -> Optional[str]:
    """Say in one line that the key is lacking, or None when there is one."""
    if params["service_account"] or params["service_account_src"]:
        return None
    return "service_account or service_account_src is required: the JSON key of the service account"


class GoogleWorkspace(Provider):
    """What `mail_import_google` does that is Google's alone."""

    secrets = IMPORT_SECRETS
    name = "Google"
    directory_option = "admin"

    def lacking(self, params: Mapping[str, Any]) -> Optional[str]:
        return lacking(params)

    def directory(self, params: Mapping[str, Any]) -> Optional[GoogleOrganization]:
        return GoogleOrganization(_directory(params, _tokens(params))) if params["admin"] else None

    def access(self, params: Mapping[str, Any], organization: OrganizationId) -> Access:
        if not params["import_content"]:
            return NoAccess()
        tokens = _tokens(params)
        if params["admin"]:
            _check_delegation(tokens, params["admin"])
        return DelegatedAccess(tokens)


def _check_delegation(tokens: Tokens, admin: str) -> None:
    """Make sure that mail may be read at all, before each mailbox fails of that.

    Raises:
        MailImportError: it may not.
    """
    try:
        tokens.token(admin, (MAIL_SCOPE,))
    except UndelegatedError:
        raise
    except MailImportError as error:
        if error.reason != "auth_failed":  # the administrator may have no mailbox
            raise


def run_google_import(module: AnsibleModule) -> None:
    """Import the organization a task names, and exit the module with what came of it."""
    run_organization_import(module, GoogleWorkspace())


def run_info(module: AnsibleModule) -> None:
    """List what the key opens, and what there is to do where it opens nothing yet; exit the module."""
    try:
        params = with_secrets(module.params, INFO_SECRETS)
        problem = lacking_key(dict(params, service_account_src=None))  # the controller has read that file
        if problem:
            raise MailImportError("invalid_row", problem)
        account = ServiceAccount.from_json(params["service_account"])
    except MailImportError as error:
        module.fail_json(msg=error.message, reason=error.reason, commands=list(_COMMANDS))
        raise
    access = dict(
        client_id=account.client_id,
        client_email=account.client_email,
        authorize_url=delegation_link(account.client_id),
        commands=list(_COMMANDS),
        scopes_wanted=list(ALL_SCOPES),
    )
    if not params["admin"]:
        # Nobody to ask for: what an administrator has to do once is all there is to tell.
        module.exit_json(changed=False, **access, **_nothing_known())
    try:
        answer = _found(module, params, Tokens(http_of(params), account, params["oauth_url"]))
    except MailImportError as error:
        module.fail_json(msg=error.message, reason=error.reason, **access)
        raise
    module.exit_json(changed=False, **access, **answer)


def _nothing_known() -> Dict[str, Any]:
    return dict(organization=None, scopes=[], scopes_missing=[], domains=[], mailboxes=[], mailing_lists=[])


def _found(module: AnsibleModule, params: Mapping[str, Any], tokens: Tokens) -> Dict[str, Any]:
    scopes = tokens.allowed(params["admin"], ALL_SCOPES)
    directory = _directory(params, tokens)
    organization = GoogleOrganization(directory)
    contents = organization.contents(find_organization(organization.organizations(), None))
    selection = select(contents, params["domains"], params["mailboxes"], params["exclude_mailboxes"])
    warn_of_selection(module, contents, selection)
    return dict(
        organization=asdict(contents.organization),
        scopes=scopes,
        scopes_missing=[scope for scope in ALL_SCOPES if scope not in scopes],
        domains=domains_of(contents),
        mailboxes=_mailboxes(selection.mailboxes, directory if params["check_mailboxes"] else None),
        mailing_lists=[asdict(entry) for entry in contents.mailing_lists],
    )


def _mailboxes(mailboxes: Sequence[SourceMailbox], directory: Optional[Directory]) -> Sequence[Dict[str, Any]]:
    entries = []
    for mailbox in mailboxes:
        entry = mailbox_entry(mailbox)
        facts = directory.facts_of(mailbox.email) if directory and mailbox.skip is None else None
        entry.update(
            imap_enabled=facts.imap_enabled if facts else None,
            imap_max_folder_size=facts.most_shown if facts else None,
            messages_total=facts.messages if facts else None,
            trouble=facts.trouble if facts else "",
        )
        entries.append(entry)
    return entries


def _tokens(params: Mapping[str, Any]) -> Tokens:
    return Tokens(http_of(params), ServiceAccount.from_json(params["service_account"]), params["oauth_url"])


def _directory(params: Mapping[str, Any], tokens: Tokens) -> Directory:
    gmail = params.get("gmail_api_url", GMAIL_API_URL)
    return Directory(http_of(params), tokens, params["admin"], params["customer"], params["api_url"], gmail)
