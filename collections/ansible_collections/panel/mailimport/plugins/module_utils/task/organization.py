# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules for Yandex 360: their options, and from their parameters to their results."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule

from ..model.errors import MailImportError
from ..provider.http import Http, HttpSettings
from ..provider.yandex360.directory import API_URL, CLOUD_API_URL, Directory
from ..provider.yandex360.mailboxes import Holdings, Selection, SourceMailbox, find_organization, select, survey
from ..provider.yandex360.oauth import OAUTH_URL, OAuth
from ..run.organization import Access, Choice, choose, organization_items
from ..run.passwords import NewPasswords
from .imports import exit_with, run_batch
from .options import (
    Options,
    host_settings,
    importing_options,
    internal_options,
    mailbox_request,
    scheduling,
    scheduling_options,
    source_options,
    target_options,
)
from .secrets import take_secrets

IMAP_HOST = "imap.yandex.ru"

_NO_MAILBOX = "domains, mailboxes and exclude_mailboxes leave no mailbox of the organization"

# What the action plugins take out of a task's arguments and hand over in a file.
INFO_SECRETS = ("token",)
TOKEN_REQUIRED = "token is required, and must not be empty"
IMPORT_SECRETS = ("token", "client_secret", "passwords")


def secrets_option() -> Options:
    """The internal option in which the action plugin passes the path of the secrets."""
    return dict(secrets_file=internal_options()["secrets_file"])


def service_options() -> Options:
    """Options of the documentation fragment `yandex360`: where the services are, and how to reach them."""
    return dict(
        oauth_url=dict(type="str", default=OAUTH_URL),
        api_url=dict(type="str", default=API_URL),
        cloud_api_url=dict(type="str", default=CLOUD_API_URL),
        api_ca_cert=dict(type="path"),
        api_timeout=dict(type="float", default=30.0),
    )


def selection_options() -> Options:
    """Options of the documentation fragment `yandex360.selection`: the organization, and what of it is meant."""
    return dict(
        organization=dict(type="str"),
        domains=dict(type="list", elements="str", default=[]),
        mailboxes=dict(type="list", elements="str", default=[]),
        exclude_mailboxes=dict(type="list", elements="str", default=[]),
    )


def info_options() -> Options:
    """Every option a task of `yandex360_info` may give."""
    return dict(token=dict(type="str", no_log=True), **service_options(), **selection_options())


def organization_options() -> Options:
    """Every option a task of `mail_import_yandex` may give."""
    source = {
        name: option
        for name, option in source_options().items()
        if name not in ("source_user", "source_master_user", "source_auth")
    }
    source["source_host"] = dict(type="str", default=IMAP_HOST)
    return dict(
        token=dict(type="str", no_log=True),
        client_id=dict(type="str"),
        client_secret=dict(type="str", no_log=True),
        content_access=dict(type="str", choices=["service_application", "password"], default="service_application"),
        token_scope=dict(type="str", no_log=False),
        replace_yandex_passwords=dict(type="bool", default=False),
        passwords=dict(type="dict", default={}, no_log=True),
        passwords_src=dict(type="path", no_log=False),
        generated_passwords=dict(type="path", no_log=False),
        **service_options(),
        **selection_options(),
        **source,
        **target_options(),
        **importing_options(),
        **scheduling_options(),
    )


def lacking(params: Mapping[str, Any]) -> Optional[str]:
    """Say in one line what the import of an organization lacks, or None when it has all it needs."""
    if not params["owner"]:
        return "owner is required, and must not be empty"
    numbers = sorted(
        str(address)
        for address, password in (params["passwords"] or {}).items()
        if isinstance(password, (bool, int, float, list, dict))
    )
    if numbers:
        return "passwords: not text, so put it in quotes: the password of %s" % ", ".join(numbers[:20])
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


def run_info(module: AnsibleModule) -> None:
    """List what the token opens, and exit the module."""
    try:
        params = with_secrets(module.params, INFO_SECRETS)
        if not params["token"]:
            raise MailImportError("invalid_row", TOKEN_REQUIRED)
        directory = _directory(params)
        organizations = directory.organizations()
        organization = find_organization(organizations, params["organization"])
        holdings = survey(directory, organization)
        selection = select(holdings, params["domains"], params["mailboxes"], params["exclude_mailboxes"])
        imap_enabled, scopes = directory.imap_enabled(organization.id), directory.scopes()
    except MailImportError as error:
        module.fail_json(msg=error.message, reason=error.reason)
        raise
    for warning in [
        *holdings.warnings,
        *("the organization has no mailbox %s" % address for address in selection.missing),
        *_unmatched(selection),
    ]:
        module.warn(warning)
    module.exit_json(
        changed=False,
        organizations=[asdict(entry) for entry in organizations],
        organization=dict(asdict(organization), imap_enabled=imap_enabled),
        scopes=scopes,
        domains=_domains(holdings),
        mailboxes=[_mailbox(mailbox) for mailbox in selection.mailboxes],
        mailing_lists=[asdict(entry) for entry in holdings.mailing_lists],
    )


def run_organization_import(module: AnsibleModule) -> None:
    """Import the organization a task names, and exit the module with what came of it."""
    try:
        params = with_secrets(module.params, IMPORT_SECRETS)
        problem = lacking(params)
        if problem:
            raise MailImportError("invalid_row", problem)
        how = scheduling(params)
        settings = host_settings(params)
        directory = _directory(params) if params["token"] else None
        choice = Choice(params["organization"], params["domains"], params["mailboxes"], params["exclude_mailboxes"])
        holdings, selection = choose(directory, choice)
        access = Access(directory, holdings.organization.id if holdings else 0, _oauth(params), params["token_scope"])
        passwords = NewPasswords(params["passwords"] or {}, params["generated_passwords"])

        def request_for(email: str) -> Any:
            return mailbox_request(
                dict(params, email=email, password="", target_email=None, target_password="", **_LOGIN)
            )

        items = organization_items(
            selection, access, request_for, params["source_host"], passwords, settings, module.check_mode
        )
    except MailImportError as error:
        module.fail_json(msg=error.message, reason=error.reason)
        raise
    for warning in [*_warnings(holdings, access, params, module.check_mode), *_unmatched(selection)]:
        module.warn(warning)
    exit_with(module, run_batch(module, items, how), _NO_MAILBOX, **_report(holdings, selection.mailboxes))


# What is not for a task to say: Access makes the logins.
_LOGIN: Dict[str, Any] = dict(source_user=None, source_master_user=None, source_auth="xoauth2")


def with_secrets(params: Mapping[str, Any], names: Tuple[str, ...]) -> Dict[str, Any]:
    """The parameters, with what the action plugin has handed over in a file."""
    given = dict(params)
    if given["secrets_file"]:
        secrets = take_secrets(given["secrets_file"])
        given.update((name, secrets[name]) for name in names if name in secrets)
    return given


def http_of(params: Mapping[str, Any]) -> Http:
    """The client that the options of the fragment `yandex360` describe.

    Raises:
        MailImportError: `invalid_row`, when there would be no time for an answer.
    """
    if params["api_timeout"] <= 0:
        raise MailImportError("invalid_row", "api_timeout must be more than 0 seconds")
    return Http(HttpSettings(params["api_ca_cert"], params["api_timeout"]))


def _directory(params: Mapping[str, Any]) -> Directory:
    return Directory(http_of(params), params["token"], params["api_url"], params["cloud_api_url"])


def _oauth(params: Mapping[str, Any]) -> Optional[OAuth]:
    if params["content_access"] == "password":
        return None
    return OAuth(http_of(params), params["client_id"] or "", params["client_secret"] or "", params["oauth_url"])


def _warnings(
    holdings: Optional[Holdings], access: Access, params: Mapping[str, Any], check_mode: bool
) -> Tuple[str, ...]:
    warnings = holdings.warnings if holdings else ()
    if check_mode and access.by_password and params["import_content"]:
        warnings += (
            "check mode sets no passwords at Yandex, so nobody has logged in there and no messages are counted",
        )
    return warnings


def _unmatched(selection: Selection) -> List[str]:
    return ["no mailbox of the organization matches %s" % pattern for pattern in selection.unmatched]


def _report(holdings: Optional[Holdings], chosen: Any) -> Dict[str, Any]:
    """What the organization has beside mailboxes: this host gets none of it, and its administrator has to know."""
    if holdings is None:
        return dict(organization=None, domains=[], aliases=[], mailing_lists=[])
    return dict(
        organization=asdict(holdings.organization),
        domains=_domains(holdings),
        aliases=[dict(email=mailbox.email, aliases=list(mailbox.aliases)) for mailbox in chosen if mailbox.aliases],
        mailing_lists=[asdict(entry) for entry in holdings.mailing_lists],
    )


def _domains(holdings: Holdings) -> Any:
    """The domains; what has no mailboxes of its own is an alias of the main one, unless it is that itself."""
    main = next((domain.name for domain in holdings.domains if domain.master), None)
    return [
        dict(
            asdict(domain),
            mailboxes=holdings.mailboxes_on(domain.name),
            alias_of=None if domain.master or holdings.mailboxes_on(domain.name) else main,
        )
        for domain in holdings.domains
    ]


def _mailbox(mailbox: SourceMailbox) -> Dict[str, Any]:
    obstacle = mailbox.obstacle
    return dict(
        id=mailbox.id,
        email=mailbox.email,
        kind=mailbox.kind,
        aliases=list(mailbox.aliases),
        importable=obstacle is None,
        reason=obstacle.reason if obstacle else None,
        message=obstacle.message if obstacle else "",
    )
