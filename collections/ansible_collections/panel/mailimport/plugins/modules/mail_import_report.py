#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare a list of mailboxes with what the mail hosts know. It is done by the action plugin of this name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_import_report
short_description: Compare a list of mailboxes with what the mail hosts know
version_added: 0.3.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Takes the list of mailboxes and the results of M(panel.mailimport.mail_import_info) of the mail hosts, and says what
    became of each mailbox of the list. One that no host knows is C(not_begun). One whose mail host gave no answer is
    C(unknown).
  - Writes that as a page to open and print, as CSV, as JSON, and as metrics. The files change only when the facts do.
  - Runs on the controller alone. The passwords of the list go nowhere.
requirements:
  - jsonschema >= 4.0 on the controller.
options:
  src:
    description:
      - The list, in the formats of O(panel.mailimport.mail_import_csv#module:src). It is read on the controller, and
        may be encrypted with Ansible Vault.
      - One of O(src) and O(mailboxes) is required.
    type: path
  mailboxes:
    description:
      - The list itself, as O(panel.mailimport.mail_import_csv#module:mailboxes) takes it.
    type: list
    elements: raw
  source_host:
    description:
      - The IMAP server that mailboxes come from whose rows do not name one. Imports from elsewhere are then not those
        that the list asks for.
    type: str
  hosts:
    description:
      - Results of M(panel.mailimport.mail_import_info) by the name of the mail host. A host whose result has no
        C(imports) counts as one that gave no answer.
    type: dict
    required: true
  looks:
    description:
      - Results in check mode of the modules that import, by the name of the mail host. What they estimate stands in the
        page, and in C(report.json).
    type: dict
    default: {}
    version_added: 0.3.0
  title:
    description:
      - What the report is called, also the label C(report) of the metrics.
    type: str
    default: Mailbox import
  dest:
    description:
      - The directory on the controller for the files, made if it is missing. A relative one begins where Ansible was
        called.
      - Nothing is written without it.
    type: path
  formats:
    description:
      - V(html) is C(report.html), a page that opens without any network.
      - V(csv) is C(mailboxes.csv), and C(not_imported.csv) with everything that did not arrive as it was.
      - V(json) is C(report.json), described by C(docs/report.schema.json) of this collection.
      - V(prometheus) is C(mailimport.prom), for the textfile collector of the node exporter. It names no mailbox.
      - The files have mode 0600, the metrics 0644.
    type: list
    elements: str
    choices: [html, csv, json, prometheus]
    default: [html, csv, json, prometheus]
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.report
attributes:
  check_mode:
    support: full
  diff_mode:
    support: partial
    details:
      - Of the page, it is only shown that it changes.
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
  - module: panel.mailimport.mail_import_info
"""

EXAMPLES = r"""
- name: Report on the mailboxes of a list
  hosts: mail_hosts
  gather_facts: false
  tasks:
    - name: Ask the mail host
      panel.mailimport.mail_import_info:
      register: known
      ignore_unreachable: true

    - name: Write the report
      panel.mailimport.mail_import_report:
        src: company.csv
        source_host: imap.old-provider.example
        hosts: "{{ dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, 'known'))) }}"
        dest: report
        accept_not_imported:
          - email: anna@example.org
            message_id: "<20010203.1@old.example>"
            reason: message_refused
            note: broken, seen by Anna on 3 December
      register: report
      run_once: true

    - name: Fail unless everything is here
      ansible.builtin.assert:
        that: report.complete
        fail_msg: "{{ report.lines }}"
      run_once: true
"""

RETURN = r"""
complete:
  description: Whether every mailbox of the list is C(completed), C(skipped) or accepted. An empty list is not complete.
  type: bool
  returned: success
grade:
  description: The list's worst grade, see RV(panel.mailimport.mail_import_info#module:imports[].grade).
  type: str
  returned: success
  sample: good
lines:
  description: About twenty lines that say who is done, who failed and why, and how much is left.
  type: list
  elements: str
  returned: success
left:
  description: Mailboxes of the list that are not done.
  type: list
  elements: dict
  returned: success
  contains:
    email:
      description: The mailbox. Empty for a row that has no address.
      type: str
      returned: always
    state:
      description: C(not_begun), C(unknown), or a state of RV(panel.mailimport.mail_import_info#module:imports).
      type: str
      returned: always
    reason:
      description: The reason word of a failure.
      type: str
      returned: always
    message:
      description: A line for people.
      type: str
      returned: always
summary:
  description: Numbers of the list's mailboxes, by state and by grade, with the sums of their messages and bytes.
  type: dict
  returned: success
files:
  description: The files of the report.
  type: list
  elements: str
  returned: success
"""
