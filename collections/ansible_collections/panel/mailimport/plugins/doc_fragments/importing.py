# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of every module that imports: what becomes of the mailbox and what is carried over."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  owner:
    description:
      - Owner of the mail domain, a customer or a user of the panel for example.
      - A domain that is missing is created for this owner. A domain that another owner holds is an error.
    type: str
    required: true
  state:
    description:
      - V(present) makes sure that the mailbox exists and that the source was imported once, to the end. A source
        that was is not contacted again.
      - V(latest) also carries over what is new at the source on every run, messages and flags.
    type: str
    choices: [present, latest]
    default: present
  ignore_existing:
    description:
      - Whether a mailbox that existed before its first import is left untouched, and reported as C(skipped).
      - With V(false) it is imported into, as O(existing_content) says.
    type: bool
    default: true
  existing_content:
    description:
      - What becomes of a mailbox that existed before its first import, with O(ignore_existing=false).
      - V(replace) moves its mail aside, to RV(panel.mailimport.mail_import_imap#module:imports[].replaced_to), and changes its password before the import. This
        happens once for an import, at its first contact, and never again.
      - V(merge) keeps its mail and its password, and adds the mail of the source that is not there yet.
    type: str
    choices: [replace, merge]
    default: replace
  force:
    description:
      - Begin again, although the record says that the import is done. Messages that are there already are not copied once more.
      - With O(existing_content=replace), the mail of a mailbox that existed before its first import is moved aside once more.
    type: bool
    default: false
  update_password:
    description:
      - V(on_create) sets the password of a mailbox when it is created, and with O(existing_content=replace).
      - V(always) sets it whenever the mailbox does not open with it.
    type: str
    choices: [on_create, always]
    default: on_create
  import_content:
    description:
      - With V(false) the domain and an empty mailbox are made, and the source is not contacted.
    type: bool
    default: true
  folders:
    description:
      - Patterns (globs) of the folders to import, as readable names with C(/) between the levels. A folder that
        matches brings those below it. Default is every folder.
      - A name without C(*) and C(?) that the source does not have is listed in
        RV(panel.mailimport.mail_import_imap#module:imports[].not_imported), and the import counts as failed. When nothing
        at all matches, nothing is imported or replaced.
    type: list
    elements: str
    default: []
  exclude_folders:
    description:
      - Patterns (globs) of the folders to leave out, with those below them.
    type: list
    elements: str
    default: []
  folder_map:
    description:
      - Names of folders at the source, and what they are called on the mail host.
      - Stronger than O(automap).
    type: dict
    default: {}
  automap:
    description:
      - Whether the source's folders for drafts, sent mail, junk, trash and archive become the mail host's own,
        whatever they are called.
    type: bool
    default: true
  max_message_size:
    description:
      - The largest message that is accepted, in bytes or with a unit such as V(50M). A larger one is listed in
        RV(panel.mailimport.mail_import_imap#module:imports[].not_imported), and the import counts as failed.
    type: bytes
    default: 2G
  message_store:
    description:
      - How messages are written. V(maildir) writes files, V(imap) hands them to the host's own IMAP process.
      - V(auto) takes V(maildir) where the store is a Maildir that is fully understood, and V(imap) for sdbox, mdbox and
        all others.
      - With V(imap) messages get UIDs of the host's own, so mail programs download them anew after the switch. What the
        host's Dovecot keeps otherwise than it was sent, such as NUL bytes, is listed as C(message_altered) in
        RV(panel.mailimport.mail_import_imap#module:imports[].not_imported); the message counts as imported.
    type: str
    choices: [auto, maildir, imap]
    default: auto
"""
