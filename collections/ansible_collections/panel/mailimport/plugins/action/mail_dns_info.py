# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at the DNS of mail domains, on the controller."""

from __future__ import annotations

import ipaddress
import typing as t
from datetime import datetime
from importlib.util import find_spec

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.client import (
    Client,
    NameServer,
    ascii_name,
    parse_server,
    system_servers,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.providers import PROVIDERS, old_host
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.survey import (
    Change,
    Survey,
    addresses_of_hosts,
    lines,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.wanted import CHECKS, PHASES, Wanted
from ansible_collections.panel.mailimport.plugins.plugin_utils.options import validated

MODULE = "panel.mailimport.mail_dns_info"

_STRINGS: dict[str, t.Any] = {"type": "list", "elements": "str"}
OPTIONS: dict[str, dict[str, t.Any]] = {
    "domains": {**_STRINGS, "required": True},
    "mail_host": {**_STRINGS, "required": True},
    "mail_host_addresses": {**_STRINGS, "default": []},
    "phase": {"type": "str", "choices": list(PHASES), "default": "before"},
    "old_provider": {"type": "str", "choices": list(PROVIDERS)},
    "old_hosts": {**_STRINGS, "default": []},
    "spf_terms": {**_STRINGS, "default": []},
    "dkim_selectors": {**_STRINGS, "default": []},
    "max_ttl": {"type": "int", "default": 3600},
    "changed_at": {"type": "str"},
    "old_ttl": {"type": "int"},
    "resolvers": {**_STRINGS, "default": []},
    "nameservers": {**_STRINGS, "default": []},
    "timeout": {"type": "float", "default": 5.0},
    "skip_checks": {**_STRINGS, "choices": list(CHECKS), "default": []},
}


class ActionModule(ActionBase):
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        params = validated(self._task.args, OPTIONS, MODULE)
        if find_spec("dns") is None:
            message = "%s needs dnspython on the controller: pip install 'dnspython[idna,dnssec]'"
            raise AnsibleActionFail(message % MODULE)
        try:
            survey = _survey(params)
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from error
        found = survey.look_at(params["domains"])
        told = lines(found)
        result.update(found, changed=False, lines=told, msg="\n".join(told))
        return result


def _survey(params: dict[str, t.Any]) -> Survey:
    """Make of the options what is asked.

    Raises:
        ValueError: one of them has no meaning, in one line.
    """
    for name in ("domains", "mail_host"):
        if not params[name]:
            raise ValueError("%s must not be empty" % name)
    if params["timeout"] <= 0:
        raise ValueError("timeout must be more than 0 seconds")
    client = Client(_servers("nameservers", params) or system_servers(), params["timeout"])
    if not client.servers:
        raise ValueError("the controller knows no name server to ask: set nameservers")
    hosts = tuple(dict.fromkeys(ascii_name(name) for name in params["mail_host"]))
    addresses = frozenset(_address(text) for text in params["mail_host_addresses"])
    wanted = Wanted(
        phase=params["phase"],
        hosts=hosts,
        addresses=addresses or addresses_of_hosts(client, hosts),
        old=old_host(params["old_provider"], params["old_hosts"]),
        spf_terms=tuple(params["spf_terms"]),
        dkim_selectors=tuple(params["dkim_selectors"]),
        max_ttl=params["max_ttl"],
        skipped=frozenset(params["skip_checks"]),
    )
    return Survey(client, wanted, _servers("resolvers", params), _change(params))


def _servers(name: str, params: dict[str, t.Any]) -> list[NameServer]:
    try:
        return [parse_server(text) for text in params[name]]
    except ValueError as error:
        raise ValueError("%s: %s" % (name, error)) from None


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise ValueError("mail_host_addresses: %r is no address" % text) from None


def _change(params: dict[str, t.Any]) -> Change | None:
    if (params["changed_at"] is None) != (params["old_ttl"] is None):
        raise ValueError("changed_at and old_ttl go together: give both or none")
    if params["changed_at"] is None:
        return None
    try:
        moment = datetime.fromisoformat(params["changed_at"])
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(
            "changed_at: %r is no time with its zone, such as 2026-12-04T22:00+01:00" % params["changed_at"]
        )
    return Change(moment, params["old_ttl"])
