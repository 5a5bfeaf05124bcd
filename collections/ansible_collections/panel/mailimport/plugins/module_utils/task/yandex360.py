# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules for Yandex 360: their options, and what is Yandex's between their parameters and their results."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Mapping, Optional

from ansible.module_utils.basic import AnsibleModule

from ..model.errors import MailImportError
from ..provider.base import Access, OrganizationId, find_organization, select
from ..provider.yandex360.access import PasswordAccess, TokenAccess
from ..provider.yandex360.directory import API_URL, CLOUD_API_URL, Directory
from ..provider.yandex360.mailboxes import YandexOrganizations
from ..provider.yandex360.oauth import OAUTH_URL, OAuth
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

IMAP_HOST = "imap.yandex.ru"

# What the action plugins take out of a task's arguments and hand over in a file.
INFO_SECRETS = ("token",)
IMPORT_SECRETS = ("token", "client_secret", "passwords", *HOST_SECRETS)


def service_options() -> Options:
    """Options of the documentation fragment `yandex360`: where the services are, and how to reach them."""
    return dict(
        oauth_url=dict(type="str", default=OAUTH_URL),
        api_url=dict(type="str", default=API_URL),
        cloud_api_url=dict(type="str", default=CLOUD_API_URL),
        **reaching_options(),
    )


def info_options() -> Options:
    """Every option a task of `yandex360_info` may give."""
    return dict(
        token=dict(type="str", no_log=True), organization=dict(type="str"), **service_options(), **selection_options()
    )


def organization_options() -> Options:
    """Every option a task of `mail_import_yandex` may give."""
    return dict(
        token=dict(type="str", no_log=True),
        client_id=dict(type="str"),
        client_secret=dict(type="str", no_log=True),
        content_access=dict(type="str", choices=["service_application", "password"], default="service_application"),
        token_scope=dict(type="str", no_log=False),
        replace_yandex_passwords=dict(type="bool", default=False),
        organization=dict(type="str"),
        **service_options(),
        **import_options(IMAP_HOST),
    )


def lacking(params: Mapping[str, Any]) -> Optional[str]:
    """Say in one line what the import of an organization lacks, or None when it has all it needs."""
    if not params["owner"]:
        return "owner is required, and must not be empty"
    if params["create_aliases"] and not params["token"]:
        return "token is required with create_aliases: only the organization's directory has aliases"
    wrong = passwords_that_are_no_text(params)
    if wrong:
        return wrong
    if params["content_access"] == "password":
        if not params["token"]:
            return "token is required with content_access=password"
        if params["import_content"] and not params["replace_yandex_passwords"]:
            return (
                "content_access=password replaces the password at Yandex of every mailbox that is imported, so that "
                "their users can no longer log in with "
                "theirs; set replace_yandex_passwords=true if that is what you want"
            )
    elif params["import_content"] and not (params["client_id"] and params["client_secret"]):
        return (
            "client_id and client_secret of the service application are required, unless import_content=false or "
            "content_access=password"
        )
    return None


def lacking_token(params: Mapping[str, Any]) -> Optional[str]:
    """Say in one line that the token is lacking, or None when there is one."""
    return None if params["token"] else "token is required, and must not be empty"


def run_info(module: AnsibleModule) -> None:
    """List what the token opens, and exit the module."""
    try:
        params = with_secrets(module.params, INFO_SECRETS)
        problem = lacking_token(params)
        if problem:
            raise MailImportError("invalid_row", problem)
        directory = _directory(params)
        organizations = directory.organizations()
        organization = find_organization(organizations, params["organization"])
        contents = YandexOrganizations(directory).contents(organization)
        selection = select(contents, params["domains"], params["mailboxes"], params["exclude_mailboxes"])
        imap_enabled, scopes = directory.imap_enabled(organization.id), directory.scopes()
    except MailImportError as error:
        module.fail_json(msg=error.message, reason=error.reason)
        raise
    warn_of_selection(module, contents, selection)
    module.exit_json(
        changed=False,
        organizations=[asdict(entry) for entry in organizations],
        organization=dict(asdict(organization), imap_enabled=imap_enabled),
        scopes=scopes,
        domains=domains_of(contents),
        mailboxes=[mailbox_entry(mailbox) for mailbox in selection.mailboxes],
        mailing_lists=[asdict(entry) for entry in contents.mailing_lists],
    )


class Yandex360(Provider):
    """What `mail_import_yandex` does that is Yandex's alone."""

    secrets = IMPORT_SECRETS
    name = "Yandex"

    def lacking(self, params: Mapping[str, Any]) -> Optional[str]:
        return lacking(params)

    def directory(self, params: Mapping[str, Any]) -> Optional[YandexOrganizations]:
        return YandexOrganizations(_directory(params)) if params["token"] else None

    def access(self, params: Mapping[str, Any], organization: OrganizationId) -> Access:
        directory = _directory(params) if params["token"] else None
        if directory is not None and params["content_access"] == "password":
            return PasswordAccess(directory, organization)
        oauth = OAuth(http_of(params), params["client_id"] or "", params["client_secret"] or "", params["oauth_url"])
        return TokenAccess(directory, organization, oauth, params["token_scope"])


def run_yandex_import(module: AnsibleModule) -> None:
    """Import the organization a task names, and exit the module with what came of it."""
    run_organization_import(module, Yandex360())


def _directory(params: Mapping[str, Any]) -> Directory:
    return Directory(http_of(params), params["token"], params["api_url"], params["cloud_api_url"])
