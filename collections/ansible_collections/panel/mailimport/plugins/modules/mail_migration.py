#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Say how far a migration is, and what may be done now. It is done by the action plugin of this name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_migration
short_description: Say how far a migration is, and what may be done now
version_added: 0.3.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Checks what a migration file says, and puts it beside the list of mailboxes and what the mail hosts remember. So it
    knows the state of each wave, whether the next phase may begin, and what is in its way.
  - A gate that opens with time is C(waiting), one for which somebody has to do something is C(closed). Nothing waits
    here, run it again.
  - Nothing is set by hand, and nothing is written but O(dest). The playbooks C(plan), C(pilot), C(bulk), C(delta),
    C(ready), C(switched), C(verify) and C(finish) of this collection are made of it.
  - Runs on the controller alone. The passwords of the list go nowhere.
requirements:
  - jsonschema >= 4.0 on the controller.
options:
  migration:
    description:
      - What the migration file says under C(migration), described by C(docs/migration.schema.json) of this collection.
      - Required unless O(check_variables=true), which takes the variable C(migration) where this is left out.
    type: raw
  phase:
    description:
      - The phase whose gates are looked at.
    type: str
    choices: [plan, pilot, bulk, delta, ready, switched, verify, finish, status]
    default: status
  moment:
    description:
      - V(before) asks whether the phase may begin, V(after) what it has come to.
    type: str
    choices: [before, after]
    default: before
  src:
    description:
      - The list, as O(panel.mailimport.mail_import_csv#module:src) takes it.
      - One of O(src) and O(mailboxes) is required, unless the migration has a provider for its source.
    type: path
  mailboxes:
    description:
      - The list itself, as O(panel.mailimport.mail_import_csv#module:mailboxes) takes it.
    type: list
    elements: raw
  directories:
    description:
      - Results of M(panel.mailimport.yandex360_info), M(panel.mailimport.google_workspace_info) or
        M(panel.mailimport.microsoft365_info) by the name of the mail host, where one of them is the source.
    type: dict
    default: {}
  check_variables:
    description:
      - Whether the variables of the task are checked as well, as far as they are options of the source's import, and
        the files of variables of the command line. A file with C(migration) must hold no secret in clear,
        C(migration.notices.webhook) being one, and no value that has itself in it by a YAML alias.
    type: bool
    default: false
  source_host:
    description:
      - As O(panel.mailimport.mail_import_report#module:source_host).
    type: str
  hosts:
    description:
      - Results of M(panel.mailimport.mail_import_info) by the name of the mail host.
    type: dict
    required: true
  switches:
    description:
      - Results of M(panel.mailimport.mail_switch) by the name of the mail host.
    type: dict
    default: {}
  runs:
    description:
      - Results of the imports of this phase by the name of the mail host. One that failed as a whole closes the gate
        behind the phase.
    type: dict
    default: {}
  first_runs:
    description:
      - Results of the first of two runs of the pilot by the name of the mail host. How fast it came is told from them,
        and how long the other mailboxes may take.
    type: dict
    default: {}
  checks:
    description:
      - Results of checks. C(dns) is one of M(panel.mailimport.mail_dns_info), C(recipients) one of
        M(panel.mailimport.mail_recipients_check), C(delivery) those of M(panel.mailimport.mail_delivery_check) by the
        name of the mail host.
    type: dict
    default: {}
  dest:
    description:
      - A file on the controller for RV(lines), of mode 0600. Its directory is made if it is missing.
      - The plan puts C(sizes.json) beside it, what it has counted in each mailbox. The pilot reads it.
    type: path
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.report
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
  async:
    support: none
  platform:
    support: full
  action_group:
    support: none
    membership: []
seealso:
  - module: panel.mailimport.mail_switch
  - ref: ansible_collections.panel.mailimport.docsite.cutover_guide
    description: The playbooks of a migration, one after the other.
"""

EXAMPLES = r"""
- name: Say how far the migration is
  hosts: mail_hosts
  gather_facts: false
  vars:
    migration:
      name: example-2026
      domains: [example.org]
      mx: [mail1.example.net]
      waves:
        - name: pilot
          mailboxes: [anna@example.org]
        - name: everybody
          start_after: "2026-12-04T22:00+01:00"
  tasks:
    - name: Ask the mail host
      panel.mailimport.mail_import_info:
      register: known
      ignore_errors: true
      ignore_unreachable: true

    - name: See how far it is
      panel.mailimport.mail_migration:
        migration: "{{ migration }}"
        src: company.csv
        hosts: "{{ dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, 'known'))) }}"
      register: far
      run_once: true

    - name: Tell
      ansible.builtin.debug:
        msg: "{{ far.lines }}"
      run_once: true
"""

RETURN = r"""
verdict:
  description: V(open), V(waiting) or V(closed), the worst of the gates.
  type: str
  returned: success
gates:
  description: The gates that were looked at.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: A word for it.
      type: str
      returned: always
    state:
      description: V(open), V(waiting) or V(closed).
      type: str
      returned: always
    reasons:
      description: Why, a line each.
      type: list
      elements: str
      returned: always
mailboxes:
  description:
    - The mailboxes that move, where they are not those of a list, as a list has them.
    - They have C(email), and C(target_email), C(mail_host), C(source_host) and C(source_user) where these are known; no
      password.
  type: list
  elements: dict
  returned: success
recipients:
  description: Every address that the mail hosts are to take mail for, those of aliases and mailing lists that a
    provider has reported included.
  type: list
  elements: str
  returned: success
waves:
  description:
    - The state of each wave, by its name.
    - C(planned), then C(copying), C(synced) or C(synced_with_errors), then C(switched) until the last old MX record has
      run out, C(completing) during the quiet hours, C(completed), and C(finished). A wave without mailboxes is
      C(empty).
  type: dict
  returned: success
only:
  description: The mailboxes that the phase imports, by mail host.
  type: dict
  returned: success
probes:
  description: A mailbox of each domain that is here, by mail host.
  type: dict
  returned: success
next:
  description: The phase whose turn it is, V(null) when there is none.
  type: str
  returned: success
lines:
  description: About twenty lines for people, the last of which names the next command.
  type: list
  elements: str
  returned: success
"""
