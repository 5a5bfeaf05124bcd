# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The import of an organization, from a module's parameters to its result, for every provider."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible.module_utils.basic import AnsibleModule

from ..model.errors import MailImportError
from ..model.imports import ImportRequest, ImportResult
from ..model.options import COMPARISONS
from ..provider.base import (
    Access,
    OrganizationContents,
    OrganizationDirectory,
    OrganizationId,
    Selection,
    SourceMailbox,
)
from ..provider.http import Http, HttpSettings
from ..run.aliases import HostAlias, create_aliases
from ..run.organization import Choice, choose, organization_items
from ..run.outcomes import Item
from ..run.passwords import NewPasswords
from ..run.settings import HostSettings
from .imports import exit_with, import_items
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

_NO_MAILBOX = "domains, mailboxes and exclude_mailboxes leave no mailbox of the organization"

# What is not for a task to say: Access makes the logins.
_LOGIN: Mapping[str, Any] = dict(
    source_user=None, source_master_user=None, source_auth="xoauth2", source_token_file=None
)


class Provider(ABC):
    """What a provider's module does with its parameters. Its methods raise MailImportError.

    Attributes: `name`, for people; `secrets`, the options that the action plugin hands over in a file;
    `directory_option`, the one without which there is no directory.
    """

    name: str
    directory_option = "token"
    secrets: Tuple[str, ...]

    @abstractmethod
    def lacking(self, params: Mapping[str, Any]) -> Optional[str]:
        """Say in one line what the import lacks, or None when it has all it needs."""

    @abstractmethod
    def directory(self, params: Mapping[str, Any]) -> Optional[OrganizationDirectory]:
        """Return the directory, None when the task gives no key to one."""

    @abstractmethod
    def access(self, params: Mapping[str, Any], organization: OrganizationId) -> Access:
        """Return how the organization's mailboxes are opened."""


def selection_options() -> Options:
    """Options of the documentation fragment `provider.selection`: what of an organization is meant."""
    return dict(
        domains=dict(type="list", elements="str", default=[]),
        mailboxes=dict(type="list", elements="str", default=[]),
        exclude_mailboxes=dict(type="list", elements="str", default=[]),
    )


def reaching_options() -> Options:
    """Options of the documentation fragment `provider.services`: how to reach a provider's services."""
    return dict(api_ca_cert=dict(type="path"), api_timeout=dict(type="float", default=30.0))


def http_of(params: Mapping[str, Any]) -> Http:
    """The client that these options describe.

    Raises:
        MailImportError: `invalid_row`, when there would be no time for an answer.
    """
    if params["api_timeout"] <= 0:
        raise MailImportError("invalid_row", "api_timeout must be more than 0 seconds")
    return Http(HttpSettings(params["api_ca_cert"], params["api_timeout"]))


def secrets_option() -> Options:
    """The internal option in which the action plugin passes the path of the secrets."""
    return dict(secrets_file=internal_options()["secrets_file"])


def import_options(source_host: str) -> Options:
    """What every module takes that imports an organization, whoever the provider; `source_host` is its IMAP server."""
    source = {
        name: option
        for name, option in source_options().items()
        if name not in ("source_user", "source_master_user", "source_auth", "source_token_file")
    }
    source["source_host"] = dict(type="str", default=source_host)
    return dict(
        passwords=dict(type="dict", default={}, no_log=True),
        passwords_src=dict(type="path", no_log=False),
        generated_passwords=dict(type="path", no_log=False),
        create_aliases=dict(type="bool", default=False),
        **selection_options(),
        **source,
        **target_options(),
        **importing_options(),
        **scheduling_options(),
    )


def passwords_that_are_no_text(params: Mapping[str, Any]) -> Optional[str]:
    """Say in one line which passwords YAML has made numbers of; None when all are texts."""
    wrong = sorted(
        str(address)
        for address, password in (params["passwords"] or {}).items()
        if isinstance(password, (bool, int, float, list, dict))
    )
    return "passwords: not text, so put it in quotes: the password of %s" % ", ".join(wrong[:20]) if wrong else None


class _Prepared(NamedTuple):
    """An organization's import before it begins: what is asked for, what the directory holds, and what is to be done.
    `contents` is None where nobody could be asked for the organization.
    """

    params: Dict[str, Any]
    settings: HostSettings
    contents: Optional[OrganizationContents]
    selection: Selection
    items: List[Item]
    warnings: List[str]
    writes: bool

    def create_aliases(self, results: Sequence[ImportResult]) -> List[HostAlias]:
        """Make what the organization has of aliases, if that is asked for; return what came of each."""
        if not (self.contents and self.params["create_aliases"]):
            return []
        host = self.settings.open_host()
        return create_aliases(self.contents, self.selection.mailboxes, results, host, not self.writes)


def run_organization_import(module: AnsibleModule, provider: Provider) -> None:
    """Import the organization a task names, and exit the module with what came of it."""
    try:
        params = with_secrets(module.params, provider.secrets)
        how = scheduling(params)
        prepared = _prepare(params, provider, module.check_mode)
    except MailImportError as error:
        module.fail_json(msg=error.message, reason=error.reason)
        raise
    for warning in prepared.warnings:
        module.warn(warning)
    ran = import_items(module, params, prepared.items, how)
    aliases = prepared.create_aliases([outcome.result for outcome in ran.outcomes])
    exit_with(
        module,
        ran,
        "mailboxes",
        _NO_MAILBOX,
        aliases,
        host_aliases=[alias.as_dict() for alias in aliases],
        **_report(prepared.contents, prepared.selection.mailboxes),
    )


def _prepare(params: Dict[str, Any], provider: Provider, check_mode: bool) -> _Prepared:
    """Check the parameters, read the directory, and make imports of the mailboxes that are asked for.

    Raises:
        MailImportError: the import cannot begin; nothing was made by then.
    """
    problem = provider.lacking(params)
    if problem:
        raise MailImportError("invalid_row", problem)
    settings = host_settings(params)
    if params["create_aliases"]:
        settings.open_host().check_aliases()
    # Where a key opens one organization only, there is no such option.
    choice = Choice(params.get("organization"), params["domains"], params["mailboxes"], params["exclude_mailboxes"])
    contents, selection = choose(provider.directory(params), choice, provider.directory_option)
    access = provider.access(params, contents.organization.id if contents else 0)
    only_verifies = params["verify"] in COMPARISONS
    if only_verifies and access.sets_passwords:
        message = "verify=%s sets no passwords at %s, so nobody could log in there"
        raise MailImportError("invalid_row", message % (params["verify"], provider.name))

    def request_for(email: str) -> ImportRequest:
        return mailbox_request(dict(params, email=email, password="", target_email=None, target_password="", **_LOGIN))

    writes = not (check_mode or only_verifies)
    passwords = NewPasswords(params["passwords"] or {}, params["generated_passwords"])
    items = organization_items(selection, access, request_for, params["source_host"], passwords, settings, not writes)
    warnings = [*(contents.warnings if contents else ()), *unmatched(selection)]
    if check_mode and access.sets_passwords and params["import_content"]:
        message = "check mode sets no passwords at %s, so nobody has logged in there and no messages are counted"
        warnings.append(message % provider.name)
    return _Prepared(params, settings, contents, selection, items, warnings, writes)


def with_secrets(params: Mapping[str, Any], names: Tuple[str, ...]) -> Dict[str, Any]:
    """The parameters, with what the action plugin has handed over in a file."""
    given = dict(params)
    if given["secrets_file"]:
        secrets = take_secrets(given["secrets_file"])
        given.update((name, secrets[name]) for name in names if name in secrets)
    return given


def warn_of_selection(module: AnsibleModule, contents: OrganizationContents, selection: Selection) -> None:
    """Warn of what cannot be listed of an organization, and of parts of the choice that it does not have."""
    missing = ["the organization has no mailbox %s" % address for address in selection.missing]
    for warning in [*contents.warnings, *missing, *unmatched(selection)]:
        module.warn(warning)


def unmatched(selection: Selection) -> List[str]:
    """What to warn of: parts of the choice that no mailbox has."""
    return ["no mailbox of the organization matches %s" % pattern for pattern in selection.unmatched]


def _report(contents: Optional[OrganizationContents], chosen: Sequence[SourceMailbox]) -> Dict[str, Any]:
    """What the organization has beside mailboxes: its administrator has to know."""
    if contents is None:
        return dict(organization=None, domains=[], aliases=[], mailing_lists=[])
    return dict(
        organization=asdict(contents.organization),
        domains=domains_of(contents),
        aliases=[dict(email=mailbox.email, aliases=list(mailbox.aliases)) for mailbox in chosen if mailbox.aliases],
        mailing_lists=[asdict(entry) for entry in contents.mailing_lists],
    )


def domains_of(contents: OrganizationContents) -> List[Dict[str, Any]]:
    """The domains, with the number of mailboxes on each."""
    return [dict(asdict(domain), mailboxes=contents.mailboxes_on(domain.name)) for domain in contents.domains]


def mailbox_entry(mailbox: SourceMailbox) -> Dict[str, Any]:
    """What the info modules tell of a mailbox."""
    skip = mailbox.skip
    return dict(
        id=mailbox.id,
        email=mailbox.email,
        kind=mailbox.kind,
        aliases=list(mailbox.aliases),
        importable=skip is None,
        reason=skip.reason if skip else None,
        message=skip.message if skip else "",
    )
