# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules for Microsoft 365: their options, and what is Microsoft's between their parameters and their results."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Dict, List, Mapping, Optional, Tuple
from urllib.parse import quote, urlencode

from ansible.module_utils.basic import AnsibleModule

from ..model.errors import MailImportError
from ..provider.base import Access, NoAccess, OrganizationId, find_organization, select
from ..provider.microsoft365.access import MAIL_ROLE, AppAccess, PersonAccess
from ..provider.microsoft365.clouds import CLOUDS
from ..provider.microsoft365.credentials import ClientCertificate, ClientSecret, Credential
from ..provider.microsoft365.directory import DOMAINS, GROUPS, ORGANIZATION, SETTINGS, USAGE, USERS, Directory
from ..provider.microsoft365.mailboxes import MicrosoftOrganization, commands_for
from ..provider.microsoft365.token_file import PersonTokens, TokenFile
from ..provider.microsoft365.tokens import AppTokens, Tokens, roles_in
from ..provider.microsoft365.usage import UsageReport
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

# What the action plugins take out of a task's arguments and hand over in a file.
INFO_SECRETS = ("client_secret", "client_certificate")
IMPORT_SECRETS = (*INFO_SECRETS, "passwords", *HOST_SECRETS)

# The options that say which application it is, and prove that.
_APPLICATION = ("tenant", "client_id", *INFO_SECRETS, "client_certificate_src")

_CONCEALED_NAMES = (
    "the sizes of single mailboxes are not known, for the organization conceals the names in Microsoft's reports: "
    "Microsoft 365 admin center, Settings, Org settings, Services, Reports"
)

# Permissions of the kind Application. The others are optional: what they would give is left out.
_GRAPH_ROLES = (USERS, DOMAINS, GROUPS, SETTINGS, ORGANIZATION, USAGE)


def service_options() -> Options:
    """Options of the documentation fragment `microsoft365`: the application, and where the services are."""
    return dict(
        tenant=dict(type="str"),
        client_id=dict(type="str"),
        client_secret=dict(type="str", no_log=True),
        client_certificate=dict(type="str", no_log=True),
        client_certificate_src=dict(type="path", no_log=False),
        cloud=dict(type="str", choices=list(CLOUDS), default="worldwide"),
        include_resources=dict(type="bool", default=False),
        include_onmicrosoft=dict(type="bool", default=False),
        login_url=dict(type="str"),
        api_url=dict(type="str"),
        **reaching_options(),
    )


def info_options() -> Options:
    """Every option a task of `microsoft365_info` may give."""
    return dict(**service_options(), **selection_options())


def organization_options() -> Options:
    """Every option a task of `mail_import_microsoft365` may give."""
    options = import_options(CLOUDS["worldwide"].imap_host)
    options["source_host"] = dict(type="str")
    return dict(
        use_directory=dict(type="bool", default=True),
        mail_resource=dict(type="str", no_log=False),
        token_file=dict(type="path", no_log=False),
        **service_options(),
        **options,
    )


def lacking_application(params: Mapping[str, Any]) -> Optional[str]:
    """Say in one line what the application lacks, or None when it has all it needs."""
    if params.get("token_file"):
        given = [name for name in _APPLICATION if params[name]]
        message = "token_file says which application it is and needs no proof of it: leave out %s"
        return message % " and ".join(given) if given else None
    for name in ("tenant", "client_id"):
        if not params[name]:
            return "%s is required, and must not be empty" % name
    proofs = [name for name in INFO_SECRETS if params[name]]
    proofs += ["client_certificate_src"] if params["client_certificate_src"] else []
    if not proofs:
        return "client_secret, client_certificate or client_certificate_src is required"
    return "%s are two proofs of one application: give one of them" % " and ".join(proofs) if len(proofs) > 1 else None


def lacking(params: Mapping[str, Any]) -> Optional[str]:
    """Say in one line what the import of an organization lacks, or None when it has all it needs."""
    if not params["owner"]:
        return "owner is required, and must not be empty"
    if params["create_aliases"] and not params["use_directory"]:
        return "create_aliases needs use_directory=true: only the organization's directory has aliases"
    if params["use_directory"] or params["import_content"]:
        problem = lacking_application(params)
        if problem:
            return problem
    return passwords_that_are_no_text(params)


class _Application:
    """The application of a task, with the tokens that all its parts share."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        cloud = CLOUDS[params["cloud"]]
        self.mail_resource: str = params.get("mail_resource") or cloud.mail_resource
        api_url = (params["api_url"] or cloud.api_url).rstrip("/")
        http = http_of(params)
        resources = frozenset((api_url, self.mail_resource))
        self.is_person = bool(params.get("token_file"))
        self.tokens: Tokens
        if self.is_person:
            file = TokenFile(http, params["token_file"])
            self.tokens, self.client_id = PersonTokens(file, self.mail_resource, resources), file.client_id
            tenant = file.tenant
        else:
            tenant, self.client_id = params["tenant"], params["client_id"] or ""
            login_url = params["login_url"] or cloud.login_url
            self.tokens = AppTokens(http, tenant, self.client_id, _credential(params), login_url, resources)
        self.directory = Directory(http, self.tokens, api_url)
        self.organization = MicrosoftOrganization(
            self.directory, tenant, params["include_resources"], params["include_onmicrosoft"]
        )


def _credential(params: Mapping[str, Any]) -> Credential:
    if params["client_certificate"]:
        return ClientCertificate(params["client_certificate"])
    return ClientSecret(params["client_secret"])


class Microsoft365(Provider):
    """What `mail_import_microsoft365` does that is Microsoft's alone."""

    secrets = IMPORT_SECRETS
    name = "Microsoft"
    directory_option = "use_directory"

    def __init__(self) -> None:
        self._application: Optional[_Application] = None

    def lacking(self, params: Mapping[str, Any]) -> Optional[str]:
        return lacking(params)

    def directory(self, params: Mapping[str, Any]) -> Optional[MicrosoftOrganization]:
        return self._of(params).organization if params["use_directory"] else None

    def access(self, params: Mapping[str, Any], organization: OrganizationId) -> Access:
        if not params["import_content"] and not params["use_directory"]:
            return NoAccess()
        application = self._of(params)
        if params["import_content"]:
            # Before each mailbox fails of it; and all processes share this one.
            application.tokens.token(application.mail_resource)
        access = PersonAccess if application.is_person else AppAccess
        return access(
            application.tokens, application.mail_resource, application.client_id, application.organization.logins
        )

    def _of(self, params: Mapping[str, Any]) -> _Application:
        if self._application is None:
            self._application = _Application(params)
        return self._application


def run_microsoft_import(module: AnsibleModule) -> None:
    """Import the organization a task names, and exit the module with what came of it."""
    if not module.params["source_host"]:
        module.params["source_host"] = CLOUDS[module.params["cloud"]].imap_host
    run_organization_import(module, Microsoft365())


def run_info(module: AnsibleModule) -> None:
    """List what the application sees, and what there is to do where it sees nothing yet; exit the module."""
    params = with_secrets(module.params, INFO_SECRETS)
    steps = _steps(params)
    try:
        problem = lacking_application(params)
        if problem:
            raise MailImportError("invalid_row", problem)
        answer = _found(module, params)
    except MailImportError as error:
        module.fail_json(msg=error.message, reason=error.reason, **steps)
        raise
    module.exit_json(changed=False, **dict(steps, **answer))


def _steps(params: Mapping[str, Any]) -> Dict[str, Any]:
    """What an administrator has to do once."""
    login = (params["login_url"] or CLOUDS[params["cloud"]].login_url).rstrip("/")
    client = params["client_id"] or "<client_id>"
    consent = "%s/%s/adminconsent?%s" % (
        login,
        quote(params["tenant"] or "<tenant>", safe=""),
        urlencode({"client_id": client}),
    )
    return dict(
        consent_url=consent,
        permissions_wanted=[MAIL_ROLE, *_GRAPH_ROLES],
        commands=commands_for(client, (), {}),
    )


def _found(module: AnsibleModule, params: Mapping[str, Any]) -> Dict[str, Any]:
    application = _Application(params)
    roles: List[str] = []
    for resource in (application.directory.resource, application.mail_resource):
        roles += sorted(roles_in(application.tokens.token(resource)) or ())
    organization = application.organization
    contents = organization.contents(find_organization(organization.organizations(), None))
    selection = select(contents, params["domains"], params["mailboxes"], params["exclude_mailboxes"])
    usage, told = _usage(application.directory)
    warn_of_selection(module, contents, selection)
    for warning in told:
        module.warn(warning)
    return dict(
        organization=asdict(contents.organization),
        permissions=roles,
        permissions_missing=[role for role in (MAIL_ROLE, *_GRAPH_ROLES) if role not in roles],
        domains=domains_of(contents),
        mailboxes=[
            _with_usage(mailbox_entry(mailbox), organization.logins.get(mailbox.email, mailbox.email), usage)
            for mailbox in selection.mailboxes
        ],
        bytes_total=usage.bytes if usage else None,
        mailing_lists=[asdict(entry) for entry in contents.mailing_lists],
        commands=commands_for(application.client_id, selection.mailboxes, organization.logins),
    )


def _usage(directory: Directory) -> Tuple[Optional[UsageReport], List[str]]:
    """How much is in the mailboxes, where Microsoft may tell, and what to warn of."""
    try:
        usage = directory.usage()
    except MailImportError as error:
        return None, ["cannot list sizes of mailboxes, so none are in the result: %s" % error.message]
    told: List[str] = []
    archives = sum(bool(each.has_archive) for each in usage.mailboxes.values())
    if archives:
        told.append("%d mailboxes have an archive, which IMAP does not open: what is in it stays behind" % archives)
    if usage.are_names_concealed:
        told.append(_CONCEALED_NAMES)
    return usage, told


def _with_usage(entry: Dict[str, Any], login: str, usage: Optional[UsageReport]) -> Dict[str, Any]:
    known = usage.mailboxes.get(login.lower()) if usage else None
    return dict(
        entry,
        login=login,
        item_count=known.items if known else None,
        bytes=known.bytes if known else None,
        archive=known.has_archive if known else None,
    )
