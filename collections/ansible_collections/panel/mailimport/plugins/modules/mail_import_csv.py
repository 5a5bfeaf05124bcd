#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import the mailboxes of a CSV file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_import_csv
short_description: Import the mailboxes of a CSV file onto a mail host
version_added: 0.2.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Declares that the mailboxes of a list exist on this mail host, each with every message of its account at an IMAP
    server. What M(panel.mailimport.mail_import_imap) does for one mailbox, this module does for thousands.
  - All rows are checked first, for their form, for contradictions, and by a login at the source. Everything that is
    wrong is reported at once, with the number of the line. A bad row stops no other. The task fails at the end if any
    import failed.
  - Several rows for one mailbox, from different sources, all need O(ignore_existing=false) and
    O(existing_content=merge). Otherwise all but the first fail.
  - Imports run in the import queues of the mail host, which all runs share. A run that was interrupted is continued by
    the next one.
  - A row with nothing left to do costs next to nothing, so the whole list can be run again at any time.
  - At a terminal, or with C(-v), there is a line for each mailbox as it ends, and counts in between. At the end,
    RV(msg) is shown in any case, on standard error, and there is a warning for each mailbox that was skipped.
  - With C(async) and C(poll=0), or from elsewhere, M(panel.mailimport.mail_import_info) shows all of them, queued,
    running and done.
  - Passwords do not travel as arguments of the module. The list is read on the controller, and a mail host gets only
    the rows that are its own.
requirements:
  - IMAPClient >= 3.0 and jsonschema >= 4.0 on the mail host. The role P(panel.mailimport.setup#role) installs them
    where the module finds them.
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.attributes.import_module
  - panel.mailimport.source
  - panel.mailimport.source.connection
  - panel.mailimport.target
  - panel.mailimport.importing
  - panel.mailimport.scheduling
  - panel.mailimport.internal
  - panel.mailimport.internal.progress
attributes:
  check_mode:
    support: full
    details:
      - Logs in at the source for every mailbox with something left to do, lists and counts, and writes nothing. A
        failed login fails the task.
      - With O(state=latest), flags that changed at the source count as a change, even if the mailbox has them already,
        where its mail is not in Maildir files.
      - With O(existing_content=merge), messages that no earlier run brought count as new, even if the mailbox holds
        equal ones.
  action_group:
    support: full
    membership:
      - panel.mailimport.host
      - panel.mailimport.import
options:
  src:
    description:
      - The list, a file on the controller, which may be encrypted with Ansible Vault. With O(remote_src=true), a CSV
        file on the mail host.
      - A relative path is looked for where Ansible looks for the files of a role or a play, then in the working
        directory.
      - One that ends in C(.yml), C(.yaml) or C(.json) is a list as in O(mailboxes), any other is CSV.
      - CSV without a header has two columns, C(address,password) or C(address:password). The first comma, semicolon,
        tab or colon is the separator, and everything after it is the password as it is, unless it is in double quotes.
      - CSV with a header has columns named like options of M(panel.mailimport.mail_import_imap), or like
        O(source_password) and O(mail_host), separated by any one of these four. The headers
        C(EmailAddress,UserName,Password) and C(host1;user1;password1;host2;user2;password2) are understood too.
      - The file is UTF-8. Blank lines and lines that begin with C(#) do not count.
      - Exactly one of O(src) and O(mailboxes) is required.
    type: path
  remote_src:
    description:
      - Whether O(src) is on the mail host.
    type: bool
    default: false
  mailboxes:
    description:
      - The list, in the task itself. Each entry is a dictionary with the keys that a header of O(src) can have,
        C(email) at least, and with C(folders), C(exclude_folders) and C(folder_map).
    type: list
    elements: raw
  only:
    description:
      - Addresses, on the mail host, of the mailboxes to import. Default is all of them.
      - An address that the list has neither for this mail host nor for another host of the play is an error. Each host
        takes its own; one that has none of them says so in RV(msg), and does nothing.
      - With O(remote_src=true), C(delegate_to), C(run_once) or an O(mail_host) that is not the host's own name in the
        inventory, an address that the list does not have for this mail host is an error.
      - With an O(mail_host) that is the host's own name, an address of a host that is not in the inventory is left to
        it, with a warning.
    type: list
    elements: str
    default: []
  mail_host:
    description:
      - Name of this mail host in the list. Rows with another name in their column C(mail_host) are left to that host.
        Rows without a name are imported by every host that runs the task.
      - Default is the name of the host in the inventory; with C(delegate_to), that of the host the task is delegated
        to.
      - A C(mail_host) that is not in the inventory is an error, since no host would import the row, and nothing is
        begun. Where this option is set, it gets a warning.
      - A C(mail_host) that is in the inventory and not in the play gets a warning, except with C(--limit) or O(only),
        which leave out hosts and mailboxes on purpose.
      - With O(remote_src=true), nothing is known of other hosts, and nothing is said of rows for them.
    type: str
  source_host:
    description:
      - Name or address of the IMAP server for all rows that do not name their own, as the mail host reaches it.
    type: str
    required: false
  source_user:
    description:
      - Login name at the source, for a list of one mailbox. A longer list needs a column of that name. Default is the
        row's C(email).
    type: str
  source_password:
    description:
      - Password at the source. If it is given, here or in a row, the row's C(password) is that of the new mailbox only.
      - Given here, it is the same for all rows, such as the password of O(source_master_user).
    type: str
  owner:
    description:
      - Owner of the mail domains of all rows that do not name their own, such as a customer or a user of the panel.
      - A missing domain is created for this owner. A domain that belongs to another owner is an error.
    type: str
    required: false
seealso:
  - module: panel.mailimport.mail_import_imap
  - module: panel.mailimport.mail_import_info
  - plugin: panel.mailimport.mailboxes
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Bring over the mailboxes of the old provider, four at a time
  panel.mailimport.mail_import_csv:
    src: mailboxes.csv
    source_host: imap.old-provider.example
    owner: customer1
    parallel: true
    queues: 4

- name: Use as many queues as ansible-playbook has forks, and replace what is in existing mailboxes
  panel.mailimport.mail_import_csv:
    src: vault/mailboxes.csv
    source_host: imap.old-provider.example
    owner: customer1
    ignore_existing: false
    parallel: true
    queues: "{{ ansible_forks }}"

- name: Import from two providers, as the administrator of one of them
  panel.mailimport.mail_import_csv:
    owner: customer1
    mailboxes:
      - email: anna@example.org
        password: "{{ vault_anna_password }}"
        source_host: imap.old-provider.example
      - email: ben@example.org
        password: "{{ vault_ben_password }}"
        source_host: imap.other-provider.example
        source_master_user: admin
        source_password: "{{ vault_admin_password }}"

- name: Start in the background
  panel.mailimport.mail_import_csv:
    src: mailboxes.csv
    source_host: imap.old-provider.example
    owner: customer1
    parallel: true
  async: 604800
  poll: 0

- name: See how far it is
  panel.mailimport.mail_import_info:
  register: mail
"""

RETURN = r"""
msg:
  description:
    - The outcome in one line, a line for each mailbox that failed, was skipped or was moved aside (a hundred of them at
      most), and how to run it again for the failed ones alone.
  type: str
  returned: always
  sample: "41 mailboxes: 38 completed, 3 skipped · 2,936 messages, 142 MB, 4 min"
imports:
  description:
    - One entry for each row, in their order, with the keys that M(panel.mailimport.mail_import_imap) returns.
    - The C(message) of a failed one begins with the line of the row.
    - Also there when imports failed. Only when the task could not begin, because an option is unknown or of a wrong
      type, the list cannot be read, or the mail host lacks a Python library, the result has RV(msg) alone.
  type: list
  elements: dict
  returned: when the imports succeeded or some failed
estimate:
  description:
    - What the imports that are left to do are going to take.
    - Up to 4 MiB are read from the source over each of up to 8 connections at a time, for two seconds at most, and
      thrown away. There is no such sample when less than 4 MiB are to come.
  type: dict
  returned: in check mode
  contains:
    mailboxes:
      description: Number of mailboxes to import. Those that failed or are skipped do not count here or below.
      type: int
      returned: always
    messages:
      description: Messages to copy.
      type: int
      returned: always
    bytes:
      description: Their size, by the word of the source.
      type: int
      returned: always
    bytes_estimated:
      description:
        - Whether RV(estimate.bytes) is estimated. Of large folders, a source without C(STATUS=SIZE) is asked for the
          sizes of a thousand messages only.
      type: bool
      returned: always
    largest:
      description: The largest mailboxes, with C(email), C(messages) and C(bytes) of what is to be copied.
      type: list
      elements: dict
      returned: always
    over_quota:
      description: New mailboxes whose mail is more than the option C(quota). Other quotas are not looked at.
      type: list
      elements: str
      returned: always
    slow:
      description:
        - Mailboxes with more mail than their source gives within a day (O(source_daily_bytes)), with C(email) and the
          number of C(days) that they take, with a run each day.
      type: list
      elements: dict
      returned: always
    disks:
      description:
        - The file systems that the mail goes to, as far as that is known before a mailbox is made. There is a warning
          for one without enough room.
      type: list
      elements: dict
      returned: always
      contains:
        place:
          description: The directory that all of these mailboxes are in, or the nearest above it that exists.
          type: str
          returned: always
        mailboxes:
          description: Number of mailboxes.
          type: int
          returned: always
        bytes_needed:
          description: Estimate of the room that the mail takes, in whole blocks.
          type: int
          returned: always
        files_needed:
          description: Number of messages, each of which may be a file.
          type: int
          returned: always
        bytes_free:
          description: Room that is free for others than root.
          type: int
          returned: always
        files_free:
          description: Inodes that are free. V(null) where their number is not limited.
          type: int
          returned: always
        enough:
          description: Whether it is enough.
          type: bool
          returned: always
    connections:
      description:
        - How many connections at a time were C(tried) and how many of them the source C(admitted). V(null) without a
          sample.
      type: dict
      returned: always
    sampled_bytes:
      description: Mail that was read as a sample.
      type: int
      returned: always
    durations:
      description: Estimated time over 1, 2, 4 and 8 import queues. Empty without a sample.
      type: list
      elements: dict
      returned: always
      contains:
        queues:
          description: Number of import queues.
          type: int
          returned: always
        bytes_per_second:
          description: Measured rate of the source over that many connections, or as many as it admitted.
          type: int
          returned: always
        seconds:
          description: Estimated time.
          type: float
          returned: always
summary:
  description: Number of imports in each state, of mailboxes whose mail was moved aside, and the sums of their counts.
  type: dict
  returned: with RV(imports)
  sample:
    queued: 0
    running: 0
    paused: 0
    completed: 198
    skipped: 2
    failed: 0
    replaced: 0
    folders: 1386
    messages_total: 230274
    messages_copied: 230274
    messages_present: 0
    messages_failed: 0
    bytes_copied: 16617973780
    flags_updated: 0
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.task.imports import run_list_import
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import (
    IMAPCLIENT,
    JSONSCHEMA,
    prepare_interpreter,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import internal_options, list_options


def main() -> None:
    module = AnsibleModule(argument_spec=dict(list_options(), **internal_options()), supports_check_mode=True)
    prepare_interpreter(module, IMAPCLIENT, JSONSCHEMA)
    run_list_import(module)


if __name__ == "__main__":
    main()
