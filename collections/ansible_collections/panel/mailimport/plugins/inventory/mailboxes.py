# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes hosts of the mailboxes in a list."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mailboxes
short_description: Mailboxes of a list as hosts
version_added: 0.2.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Makes a host of every mailbox in a CSV or YAML list, so that C(--forks) is the number of mailboxes imported at a
    time, C(--limit) picks some, a retry file holds the failed ones, and C(serial) and job slices divide the rest. The
    playbook C(panel.mailimport.import_each) imports them.
  - The host's name is the mailbox's address on the mail host, in lower case. Characters with a meaning in host patterns
    are replaced by C(_).
  - Such a host is reached like the mail host that the mailbox belongs to. It has all variables of the mail host, from
    the inventory and from C(group_vars) and C(host_vars) beside it. In their templates, C(inventory_hostname) is the
    mailbox.
  - The mail hosts are looked for in the inventories that were read before, so name them first, with C(-i). In a
    directory, inventories are read in the order of their names. Where every inventory source is read on its own, as in
    AWX, put both into one directory and make that the source.
  - The name of the inventory file ends in C(.mailboxes.yml) or C(.mailboxes.yaml).
  - No password is in a host variable. The variables name the list and the mailboxes, and the import reads the passwords
    when it needs them.
  - The groups are C(mailboxes), C(domain_example_org) for every domain and C(mail_host_mail1_example_net) for every
    mail host.
  - Fails if anything is wrong with any row, and names all of these rows. Ansible turns that into a warning, unless
    C(any_unparsed_is_failed) is set in the section C(inventory) of its configuration.
  - Keep the list outside of inventory directories. Ansible takes every file in them for an inventory.
notes:
  - Ansible looks for facts and the Python interpreter on every host anew. Set C(ansible_python_interpreter) for the
    mail hosts, and C(gather_facts) to V(false).
requirements:
  - jsonschema >= 4.0 on the controller.
options:
  plugin:
    description:
      - Always V(panel.mailimport.mailboxes).
    type: str
    required: true
    choices:
      - panel.mailimport.mailboxes
  src:
    description:
      - The list, relative to the directory of this file. One that ends in C(.yml), C(.yaml) or C(.json) is a list of
        mappings, any other is CSV. It may be encrypted with Ansible Vault.
      - The formats are those of O(panel.mailimport.mail_import_csv#module:src).
    type: str
    required: true
  mail_host:
    description:
      - Mail host of the rows that have no C(mail_host) of their own and no entry in O(mail_hosts).
    type: str
  mail_hosts:
    description:
      - Mail hosts by mail domain, for rows that have no C(mail_host) of their own.
    type: dict
    default: {}
  batch_size:
    description:
      - Number of mailboxes per host. All of them are of one domain and one mail host.
      - A host and a task cost Ansible about 0.2 seconds, whatever the task does. With thousands of mailboxes, batches
        save most of that.
    type: int
    default: 1
"""

EXAMPLES = r"""
# company.mailboxes.yml, used with:
# ansible-playbook -i hosts.yml -i company.mailboxes.yml panel.mailimport.import_each --forks 4
plugin: panel.mailimport.mailboxes
src: company.csv
mail_host: mail1.example.net

# company.csv
# anna@example.org,her password
# ben@example.org,his password

---
# A mail host for each domain, and a hundred mailboxes in a host
plugin: panel.mailimport.mailboxes
src: company.csv
mail_hosts:
  example.org: mail1.example.net
  example.com: mail2.example.net
batch_size: 100
"""

import os
import re
import typing as t
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec

from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.inventory.group import to_safe_group_name
from ansible.inventory.helpers import get_group_vars, sort_groups
from ansible.inventory.host import Host
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.utils.unsafe_proxy import wrap_var
from ansible.utils.vars import combine_vars
from ansible.vars.plugins import get_vars_from_inventory_sources
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.rows.check import check_rows
from ansible_collections.panel.mailimport.plugins.module_utils.rows.row import BadRow, Row, mailbox_of
from ansible_collections.panel.mailimport.plugins.plugin_utils.mailbox_list import read_list


class Mailboxes(t.NamedTuple):
    """What becomes one host: mailboxes of one domain on one mail host."""

    mail_host: str
    domain: str
    addresses: list[str]


class InventoryModule(BaseInventoryPlugin):
    NAME = "panel.mailimport.mailboxes"

    def verify_file(self, path: str) -> bool:
        return super().verify_file(path) and path.endswith((".mailboxes.yml", ".mailboxes.yaml"))

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        if self.get_option("batch_size") < 1:
            raise AnsibleParserError("batch_size must be at least 1")
        src = os.path.abspath(os.path.join(os.path.dirname(path), self.get_option("src")))
        placed = self._placed(self._checked_rows(src), src)
        shared = {
            name: self._variables_of(inventory.get_host(name)) for name in {mail_host for mail_host, _domain in placed}
        }
        inventory.add_group("mailboxes")
        names: set[str] = set()
        for wanted, mailboxes in self._hosts(placed):
            self._add(_unused(wanted, names), mailboxes, src, shared[mailboxes.mail_host])

    def _checked_rows(self, src: str) -> list[Row]:
        if find_spec("jsonschema") is None:
            raise AnsibleParserError(
                "the inventory plugin mailboxes needs jsonschema on the controller: pip install jsonschema"
            )
        try:
            rows, bad_rows = check_rows(read_list(self.loader, src))
        except MailImportError as error:
            raise AnsibleParserError("%s: %s" % (src, error.message)) from None
        _refuse(src, bad_rows)
        return rows

    def _placed(self, rows: Iterable[Row], src: str) -> dict[tuple[str, str], list[str]]:
        """Addresses by mail host and domain, in the order of the list; two rows for one mailbox are one address."""
        placed: dict[tuple[str, str], dict[str, None]] = {}
        homeless = []
        by_domain = {str(domain).lower(): str(mail_host) for domain, mail_host in self.get_option("mail_hosts").items()}
        for row in rows:
            address = parse_address(mailbox_of(row))
            mail_host = row.values.get("mail_host") or by_domain.get(address.domain) or self.get_option("mail_host")
            if mail_host is None or self.inventory.get_host(mail_host) is None:
                reason = (
                    "no mail host is named for it"
                    if mail_host is None
                    else "mail host %s is in no inventory before this one" % mail_host
                )
                homeless.append(BadRow(row.place, str(address), reason))
            else:
                placed.setdefault((mail_host, address.domain), {})[str(address)] = None
        _refuse(src, homeless)
        return {place: list(addresses) for place, addresses in placed.items()}

    def _hosts(self, placed: Mapping[tuple[str, str], list[str]]) -> Iterator[tuple[str, Mailboxes]]:
        """Hosts with the names they should have."""
        size = self.get_option("batch_size")
        for (mail_host, domain), addresses in placed.items():
            for number, first in enumerate(range(0, len(addresses), size), start=1):
                batch = addresses[first : first + size]
                yield (
                    batch[0] if size == 1 else "%s-%s-%04d" % (domain, mail_host, number),
                    Mailboxes(mail_host, domain, batch),
                )

    def _variables_of(self, mail_host: Host) -> dict[str, t.Any]:
        """All variables of a mail host, as Ansible would put them together; `ansible_host` among them."""
        sources = self.inventory.processed_sources
        # Those of the group `all` every mailbox has anyway.
        groups = sort_groups([group for group in mail_host.get_groups() if group.name != "all"])
        variables: dict[str, t.Any] = {"ansible_host": mail_host.name}
        for more in (
            get_group_vars(groups),
            get_vars_from_inventory_sources(self.loader, sources, groups, "all"),
            mail_host.vars,
            get_vars_from_inventory_sources(self.loader, sources, [mail_host], "all"),
        ):
            variables = combine_vars(variables, more)
        return variables

    def _add(self, name: str, mailboxes: Mailboxes, src: str, shared: Mapping[str, t.Any]) -> None:
        self.inventory.add_host(name)
        for prefix, what in (("domain", mailboxes.domain), ("mail_host", mailboxes.mail_host)):
            group = self.inventory.add_group(to_safe_group_name("%s_%s" % (prefix, what), force=True, silent=True))
            self.inventory.add_child("mailboxes", group)
            self.inventory.add_child(group, name)
        own = {
            "mailimport_src": src,
            "mailimport_only": mailboxes.addresses,
            "mailimport_mail_host": mailboxes.mail_host,
        }
        # An address may hold what a template looks like.
        for variable, value in {**shared, **wrap_var(own)}.items():
            self.inventory.set_variable(name, variable, value)


def _refuse(src: str, bad_rows: list[BadRow]) -> None:
    if bad_rows:
        told = ["%s%s: %s" % (row.place, " (%s)" % row.email if row.email else "", row.message) for row in bad_rows]
        raise AnsibleParserError("%d rows of %s cannot be used. %s" % (len(told), src, ". ".join(told)))


def _unused(wanted: str, names: set[str]) -> str:
    """The name as host patterns take it, with a number if it is taken; it is taken from now on."""
    safe = re.sub(r"[^\w.@+=-]", "_", wanted)
    name, number = safe, 1
    while name in names:
        number += 1
        name = "%s_%d" % (safe, number)
    names.add(name)
    return name
