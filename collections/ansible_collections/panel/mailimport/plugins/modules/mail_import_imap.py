#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import one mailbox over IMAP."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_import_imap
short_description: Import a mailbox from an IMAP server onto a mail host
version_added: 0.1.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Declares that a mailbox exists on this mail host and holds every message of an account at an IMAP server.
  - Creates the mail domain and the mailbox where they are missing, copies the folders with all messages, flags, dates
    and subscriptions, and compares the copy with the source before it says that the import is completed.
  - The source is only read. An import that was interrupted, for whatever reason, is continued by the next run, and no
    message arrives twice.
  - A run that finds nothing left to do changes nothing and says so.
  - Passwords do not travel as arguments of the module. They are written to a file that only the module can read, in the
    temporary directory of the task, and the module removes it as soon as it has read it.
  - A task in a C(loop) imports one mailbox after the other. For more than a few, use
    M(panel.mailimport.mail_import_csv), which imports many at a time.
  - Ansible itself shows the items of a C(loop), and their passwords with them. See the examples for a loop without
    passwords in it.
requirements:
  - IMAPClient >= 3.0 on the mail host. The role P(panel.mailimport.setup#role) installs it where the module finds it.
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.attributes.import_module
  - panel.mailimport.source
  - panel.mailimport.source.connection
  - panel.mailimport.target
  - panel.mailimport.importing
  - panel.mailimport.internal
  - panel.mailimport.internal.progress
attributes:
  check_mode:
    support: full
    details:
      - Logs in at the source, lists and counts, and writes nothing. A failed login fails the task.
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
  email:
    description:
      - Address of the mailbox at the source.
    type: str
    required: true
  password:
    description:
      - Password of the account at the source, and of the new mailbox unless O(target_password) is given.
      - With O(source_master_user) it is the administrator's, and the mailbox needs O(target_password).
      - Required, except with O(import_content=false) and O(target_password).
    type: str
  target_email:
    description:
      - Address of the mailbox on the mail host. Default is O(email).
    type: str
  target_password:
    description:
      - Password of the new mailbox. Default is O(password).
    type: str
seealso:
  - module: panel.mailimport.mail_import_info
"""

EXAMPLES = r"""
- name: Bring Anna's mail over from the old provider
  panel.mailimport.mail_import_imap:
    source_host: imap.old-provider.example
    email: anna@example.org
    password: "{{ vault_anna_password }}"
    owner: customer1

- name: Carry over what arrived at the old provider in the meantime
  panel.mailimport.mail_import_imap:
    source_host: imap.old-provider.example
    email: anna@example.org
    password: "{{ vault_anna_password }}"
    owner: customer1
    state: latest

- name: Add the mail of another account to a mailbox that is in use, and leave its password alone
  panel.mailimport.mail_import_imap:
    source_host: 192.0.2.7
    source_tls: starttls
    source_tls_fingerprint: "{{ old_server_fingerprint }}"
    source_user: anna.old
    email: anna@example.com
    password: "{{ vault_old_password }}"
    target_email: anna@example.org
    target_password: "{{ vault_anna_password }}"
    owner: customer1
    ignore_existing: false
    existing_content: merge
    exclude_folders: [Trash, Spam/*]

- name: Bring over a few mailboxes, whose passwords are not part of the loop's items and so are not shown
  panel.mailimport.mail_import_imap:
    source_host: imap.old-provider.example
    email: "{{ item }}"
    password: "{{ vault_passwords[item] }}"
    owner: customer1
  loop: [anna@example.org, ben@example.org]

- name: See what an import would do, as the administrator of the old server
  panel.mailimport.mail_import_imap:
    source_host: imap.old-provider.example
    source_master_user: admin
    email: anna@example.org
    password: "{{ vault_admin_password }}"
    target_password: "{{ vault_anna_password }}"
    owner: customer1
  check_mode: true
  diff: true
"""

RETURN = r"""
msg:
  description:
    - The outcome in one line. It begins with the address. If the import failed, it ends with the reason word.
    - If mail was moved aside, a second line says where it is.
  type: str
  returned: always
  sample: "anna@example.org: Import completed successfully · 1,163 messages, 8.4 MB, 2 s"
imports:
  description:
    - The import, as a list of one entry.
    - Also there when the import failed. Only when the task could not begin, because an option is missing, unknown or of
      a wrong type, or the mail host lacks a Python library, the result has RV(msg) alone.
  type: list
  elements: dict
  returned: when the import succeeded or failed
  contains:
    email:
      description: Address of the mailbox on the mail host.
      type: str
      returned: always
      sample: anna@example.org
    source:
      description: The account that the mail comes from.
      type: str
      returned: always
      sample: anna@example.org@imap.old-provider.example
    state:
      description:
        - One of V(queued), V(running), V(paused), V(completed), V(skipped) and V(failed). In check mode, V(queued) is
          an import that would run.
        - V(paused) is an import whose source gives no more for now. It is no failure. The first run after
          RV(imports[].retry_at) goes on with it, and runs before that leave its source alone.
      type: str
      returned: always
      sample: completed
    reason:
      description:
        - Why the import failed, in one word such as V(auth_failed), V(certificate_invalid), V(connection_failed),
          V(disk_full), V(domain_owned_by_other), V(invalid_row), V(message_refused), V(over_quota),
          V(source_unavailable), V(throttled), V(tls_failed) or V(too_many_connections).
        - The troubleshooting guide explains all of them. V(null) if there is none.
      type: str
      returned: always
    message:
      description: The outcome for people, in one line.
      type: str
      returned: always
      sample: Import completed successfully
    created:
      description: Whether the mailbox was created. In check mode, this and the counts are what a run would do.
      type: bool
      returned: always
    changed:
      description: Whether anything on the mail host was created, altered or removed.
      type: bool
      returned: always
    folders:
      description: Number of folders of the source that are imported.
      type: int
      returned: always
    messages_total:
      description: Number of messages in these folders.
      type: int
      returned: always
    messages_copied:
      description: Number of messages that this run copied.
      type: int
      returned: always
    messages_linked:
      description: Number of those of them that are in another folder as well and were not fetched a second time, as
        with Gmail's labels.
      type: int
      returned: always
    messages_present:
      description:
        - Number of messages of the source that needed no copying, because an earlier run had brought them or, with
          O(existing_content=merge), the mailbox held an equal one.
        - A message that was moved or deleted on the mail host since it arrived counts too.
      type: int
      returned: always
    messages_failed:
      description: Number of messages that did not arrive.
      type: int
      returned: always
    bytes_copied:
      description:
        - Size of the messages that this run copied. In check mode, of those that an import would copy, see
          RV(estimate).
      type: int
      returned: always
    flags_updated:
      description: Number of messages whose flags were carried over again.
      type: int
      returned: always
    duration:
      description: Seconds that this run took.
      type: float
      returned: always
    not_imported:
      description: Everything at the source that did not arrive, or did not arrive unchanged.
      type: list
      elements: dict
      returned: always
      contains:
        folder:
          description: Readable name of the folder at the source.
          type: str
          returned: always
        reason:
          description: The reason word.
          type: str
          returned: always
        message:
          description: The reason in one line.
          type: str
          returned: always
        uid:
          description: UID of the message at the source. V(null) for a folder.
          type: int
          returned: always
        message_id:
          description: Its Message-ID, if it could be read.
          type: str
          returned: always
        size:
          description: Its size in bytes, if the source gave it.
          type: int
          returned: always
    retry_at:
      description: When an import that is V(paused) goes on, in UTC. V(null) for others.
      type: str
      returned: always
      sample: "2026-12-01T12:00:00Z"
    replaced_to:
      description: Directory on the mail host with the mail that was moved aside, with O(existing_content=replace).
      type: str
      returned: always
    message_store:
      description:
        - How messages are written on the mail host, V(maildir) (straight into the files) or V(imap) (through the host's
          own IMAP process).
        - V(null) if there was nothing to do.
      type: str
      returned: always
    message_store_reason:
      description:
        - Why files of the mail host must not be written directly. V(null) if they may be, or there was nothing to do.
      type: str
      returned: always
      sample: the quota_clone plugin tells others what is used as messages are saved
    queue:
      description: Number of the import queue that ran it. V(null) if there was nothing to do.
      type: int
      returned: always
estimate:
  description: What the import is going to take, see RV(panel.mailimport.mail_import_csv#module:estimate).
  type: dict
  returned: in check mode
summary:
  description: Number of imports in each state, of mailboxes whose mail was moved aside, and the sums of their counts.
  type: dict
  returned: with RV(imports)
  sample:
    queued: 0
    running: 0
    paused: 0
    completed: 1
    skipped: 0
    failed: 0
    replaced: 0
    folders: 7
    messages_total: 1163
    messages_copied: 1163
    messages_present: 0
    messages_failed: 0
    bytes_copied: 8392411
    flags_updated: 0
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.task.imports import run_mailbox_import
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import IMAPCLIENT, prepare_interpreter
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import internal_options, mailbox_options


def main() -> None:
    module = AnsibleModule(argument_spec=dict(mailbox_options(), **internal_options()), supports_check_mode=True)
    prepare_interpreter(module, IMAPCLIENT)
    run_mailbox_import(module)


if __name__ == "__main__":
    main()
