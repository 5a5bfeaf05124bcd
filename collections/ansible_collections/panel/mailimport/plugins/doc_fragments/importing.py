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
      - Owner of the mail domain, such as a customer or a user of the panel.
      - A missing domain is created for this owner. A domain that belongs to another owner is an error.
    type: str
    required: true
  state:
    description:
      - V(present) makes sure that the mailbox exists and that the source was imported once, to the end. After that, the
        source is not contacted again.
      - V(latest) also carries over, on every run, what is new at the source, messages, flags and folders. It removes
        nothing. A message that is deleted at the source later stays here, and one that was moved or deleted here does
        not come back.
      - Of flags, V(latest) carries what changed at the source since the last run. What the mailbox's owner reads,
        answers or flags on the mail host stays. After an import by a version that did not remember the source's flags,
        the flags that the source has are added once, and none is taken away.
    type: str
    choices: [present, latest]
    default: present
  ignore_existing:
    description:
      - Whether a mailbox that existed before its first import is left untouched and reported as C(skipped).
      - With V(false), mail is imported into it as O(existing_content) says.
      - A second source for the same mailbox is an import of its own. To bring several sources into one mailbox, set
        O(ignore_existing=false) and O(existing_content=merge).
    type: bool
    default: true
  existing_content:
    description:
      - What to do with a mailbox that existed before its first import, with O(ignore_existing=false).
      - V(replace) moves its mail aside, to RV(panel.mailimport.mail_import_imap#module:imports[].replaced_to), and
        changes its password, before anything is copied. Both happen once for an import, after the source has listed its
        folders, and never again; not with O(import_content=false).
      - V(merge) keeps its mail and its password, and adds the mail of the source that is not there yet. Equal headers
        alone do not make two messages equal.
    type: str
    choices: [replace, merge]
    default: replace
  force:
    description:
      - Begin again even if the record says that the import is done. Messages that are there already are not copied
        again. The source is asked for the beginning of each of them, so that one to which it has given another UID is
        recognized.
      - With O(ignore_existing=false) and O(existing_content=replace), the mail of a mailbox that existed before its
        first import is moved aside once more.
    type: bool
    default: false
  update_password:
    description:
      - V(on_create) sets the password of a mailbox when it is created, and with O(existing_content=replace).
      - V(always) sets it whenever the mailbox cannot be opened with it.
    type: str
    choices: [on_create, always]
    default: on_create
  import_content:
    description:
      - With V(false), the domain and an empty mailbox are created, and the source is not contacted.
    type: bool
    default: true
  folders:
    description:
      - Patterns (globs) of the folders to import, as readable names with C(/) between the levels. A folder that matches
        brings those below it. Default is every folder.
      - Upper and lower case matter, except in C(INBOX).
      - A name without C(*) and C(?) that the source does not have is listed in
        RV(panel.mailimport.mail_import_imap#module:imports[].not_imported), and the import counts as failed.
      - When O(folders) and O(exclude_folders) leave no folder, the import fails with the reason C(folder_missing), and
        nothing is imported or replaced.
    type: list
    elements: str
    default: []
  exclude_folders:
    description:
      - Patterns (globs) of the folders to leave out, with those below them, even if O(folders) names them.
      - What the source does not have is ignored.
      - Folders that are left out are named in one line with C(-v), in check mode, too. They are no failure.
    type: list
    elements: str
    default: []
  folder_map:
    description:
      - Names of folders at the source, and the names they get on the mail host, with C(/) between the levels. Overrides
        O(automap).
      - Each name stands for that folder alone. Those below it keep their names unless they are named too. Patterns are
        not understood.
      - A name on the mail host must not be empty or hold C(.) or C(..) as a level.
      - C(INBOX) may be written in any case. Names that the source does not have are ignored. Several folders may become
        one.
      - A folder that was imported keeps the name it got then. Only with O(force=true) it is imported again, under its
        new name, and the old folder stays.
    type: dict
    default: {}
  automap:
    description:
      - Whether the source's folders for drafts, sent mail, junk, trash and archive become the mail host's own, whatever
        they are called. They are recognized by their special-use attributes (RFC 6154).
    type: bool
    default: true
  labels:
    description:
      - What becomes of Gmail's labels, of which a message may have several. Its mail comes over the line once in any
        case. Other servers have none, and there it is an error to choose anything but the default.
      - With V(folders), a message is in each folder whose label it has, as at Gmail. In a Maildir that is one file with
        several names. Messages without any label go to the folder for archived mail. All Mail, Important and Starred
        are no folders here, and starred messages are flagged.
      - With V(first), each message is in one folder only, that of a label which people made, the deepest of them first,
        then in Sent, Drafts, INBOX, or the archive. Dovecot counts a message in each of its folders, so this one takes
        the least of a quota.
      - With V(all_mail), everything is in the archive, but for spam and what was deleted.
    type: str
    choices: [folders, first, all_mail]
    default: folders
    version_added: 0.3.0
  max_message_size:
    description:
      - Size of the largest message that is accepted, in bytes or with a unit such as V(50M). A larger one is listed in
        RV(panel.mailimport.mail_import_imap#module:imports[].not_imported), and the import counts as failed.
    type: bytes
    default: 2G
  message_store:
    description:
      - How messages are written. V(maildir) writes files, V(imap) hands them to the host's own IMAP process.
      - V(auto) takes V(maildir) where the store is a Maildir that is fully understood, and V(imap) for sdbox, mdbox and
        everything else, such as beside plugins of Dovecot that act as messages are saved.
        RV(panel.mailimport.mail_import_imap#module:imports[].message_store_reason) says why.
      - With V(imap), messages get new UIDs from the mail host, so mail programs download them again after the switch. A
        message that the host's Dovecot does not keep as it was sent, such as one with NUL bytes, is listed as
        C(message_altered) in RV(panel.mailimport.mail_import_imap#module:imports[].not_imported); the message counts as
        imported.
    type: str
    choices: [auto, maildir, imap]
    default: auto
  source_connections:
    description:
      - How many connections one import opens to its source. Folders, and parts of large ones, come over all of them. It
        is for a large mailbox whose source is far away or gives each connection only so much; over a line of 20 Mbit/s
        for each connection, four of them take a quarter of the time.
      - V(auto) begins with one and adds others, up to four (two at Gmail), as long as each makes the import at least a
        fifth faster.
      - A source that refuses one, or says that it is busy, gets fewer for the rest of the import. Together with several
        import queues, O(panel.mailimport.mail_import_csv#module:source_max_connections) bounds all of them.
      - The default is V(1), because many sources admit few connections for an account, which is in use meanwhile, and
        several mailboxes at a time use a line just as well.
    type: str
    default: "1"
    version_added: 0.3.0
  notice_to:
    description:
      - Addresses of administrators. The mail host writes to them when the first mailbox of a run fails, and at the end
        of the run.
      - A run that changes nothing writes only when something stands otherwise than the latest notice said. In check
        mode nobody is written to.
      - That a notice could not be sent is a warning, and no failure.
    type: list
    elements: str
    default: []
    version_added: 0.3.0
  notice_sender:
    description:
      - Who writes, such as C(IT <it@example.org>). Default is the first of O(notice_to).
    type: str
    version_added: 0.3.0
  notice_server:
    description:
      - The mail server that delivers notices, seen from the mail host.
    type: str
    default: localhost
    version_added: 0.3.0
  notice_port:
    description:
      - Its port.
    type: int
    default: 25
    version_added: 0.3.0
  notice_protocol:
    description:
      - V(lmtp) delivers straight into the mailbox, V(smtp) by the way of all mail.
    type: str
    choices: [smtp, lmtp]
    default: smtp
    version_added: 0.3.0
  verify:
    description:
      - V(copied) compares what each run copies with what the mail host keeps of it, before the import is completed.
      - V(deep) imports nothing. It compares every message of the source with the mailbox, whenever the import was, and
        lists what differs in C(not_imported), by folder and UID. It looks whether the message is in its folder, and at
        its size, its C(Date), C(Message-ID) and C(Subject), its date of arrival and its flags. Where size or header
        fields differ, the messages themselves are compared.
      - An import with missing or other messages is C(failed) then. One with other flags or dates of arrival alone is
        not, for the mailbox's owner may have changed the flags.
      - V(content) compares the messages themselves in any case. It reads all of them from the source and from the mail
        host, as an import does.
      - With V(deep) and V(content), nothing is written on the mail host, not even what became of it. C(messages_failed)
        and C(message) tell how many messages differ.
    type: str
    choices: [copied, deep, content]
    default: copied
    version_added: 0.3.0
  verify_sample:
    description:
      - With O(verify=deep) and O(verify=content), so many messages of each folder are compared, from the first to the
        last, instead of all. What is missing is found all the same.
    type: int
    version_added: 0.3.0
"""
