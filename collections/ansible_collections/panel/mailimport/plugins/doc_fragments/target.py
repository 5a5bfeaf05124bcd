# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of every module that works with a mail host."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  host_backend:
    description:
      - What runs the mail host.
      - V(dovecot) is a Dovecot server with virtual users in a passwd-file.
      - V(sql) is a Dovecot server whose virtual users are in an SQL database, such as that of PostfixAdmin.
      - V(ispmanager) is the panel ispmanager 6, which is told of domains, mailboxes and passwords by its own command.
        Its Dovecot is used as with V(dovecot). It was tried with a stand-in for the panel, and on no live one.
      - V(command) is a Dovecot server whose mailboxes are made by command lines of yours, see O(host_command).
      - V(none) is a Dovecot server whose mailboxes something else makes, such as LDAP, PAM or a panel. A mailbox exists
        when Dovecot knows it, and a missing one is an error. A Dovecot that takes any address for a mailbox is refused.
        As every mailbox was there before its import, set C(ignore_existing=false), and most often
        C(existing_content=merge). Passwords stay as they are, with C(existing_content=replace) too; with
        C(update_password=always), one that does not open the mailbox is an error.
      - An option that belongs to another kind of mail host is an error.
    type: str
    choices: [dovecot, sql, ispmanager, command, none]
    default: dovecot
  dovecot_config:
    description:
      - Configuration file of the Dovecot instance. Default is the one that Dovecot itself uses.
    type: path
  users_file:
    description:
      - The passwd-file with the mailboxes, which a passdb or userdb of Dovecot must name. Default is the one named in
        Dovecot's configuration. With O(host_backend=ispmanager) it is the file that the panel writes.
    type: path
  mail_home:
    description:
      - Home directory of a new mailbox, such as V(/var/mail/%d/%n). C(%u) stands for its address, C(%n) for the part
        before the C(@), and C(%d) for its domain. Each mailbox must get a home of its own.
      - Default is to leave it to Dovecot's configuration.
    type: str
  uid:
    description:
      - Numeric user id that owns the mail of a new mailbox. Default is to leave it to Dovecot's configuration.
    type: int
  gid:
    description:
      - Numeric group id of a new mailbox. Default is to leave it to Dovecot's configuration.
    type: int
  quota:
    description:
      - Quota of a new mailbox, such as V(2G). Default is none, and with O(host_backend=ispmanager) the
        panel's own. It means something with V(sql), V(ispmanager) and V(command) of O(host_backend).
    type: bytes
    version_added: 0.3.0
  mgrctl:
    description:
      - The command of ispmanager with O(host_backend=ispmanager). Default is C(/usr/local/mgr5/sbin/mgrctl).
    type: path
    version_added: 0.3.0
  host_command:
    description:
      - The command lines with O(host_backend=command), each a list of words. No shell reads them.
      - C(list) prints the addresses of all mailboxes, one a line; if it holds values, those of that domain, or just
        the one that it is asked for. C(create) makes a mailbox. Both are needed.
      - C(domains) prints the mail domains, one a line, each followed by its owner where there are owners.
        C(create_domain) makes one that C(domains) does not print. Without it, the file C(domains) in O(state_dir) lists
        the domains.
      - C(set_password) changes a password. Without it, passwords of mailboxes that are there stay as they are.
        C(remove) takes back a mailbox that was just made and does not work.
      - C(%u) is the address, C(%n) what stands before its C(@), C(%d) its domain, C(%o) the owner, C(%q) the quota in
        MiB (C(0) for none), C(%h) a hash of the password such as C({SHA512-CRYPT}...), and C(%%) a percent sign. Others
        are errors. While a line runs, everybody on the host may see its words, the hash too.
      - The password goes to C(create) and C(set_password) by standard input, as one line, or by the environment
        variable that C(password_variable) names.
      - An exit code other than C(0) is a failure. What the line then wrote to standard error is shown, without the
        password. A line that does not end within two minutes is killed.
      - Addresses with other characters than letters, digits and C(. _ + = -) are not handed to a line.
      - Write no secrets into it, for it is shown and logged like any option.
    type: dict
    version_added: 0.3.0
  sql_engine:
    description:
      - Database with O(host_backend=sql). V(mysql) is MariaDB as well, and needs PyMySQL on the mail host;
        V(postgresql) needs psycopg. The role P(panel.mailimport.setup#role) installs them.
    type: str
    choices: [mysql, postgresql, sqlite]
    version_added: 0.3.0
  sql_schema:
    description:
      - Whose tables they are.
      - V(postfixadmin) is PostfixAdmin 3.3 or later, V(iredmail) is iRedMail, V(ispmail) are the tables of the ISPmail
        guide.
      - V(custom) has only the statements of O(sql_statements).
    type: str
    choices: [postfixadmin, iredmail, ispmail, custom]
    version_added: 0.3.0
  sql_statements:
    description:
      - Statements that take the place of those of a known schema, or make up O(sql_schema=custom).
      - Queries are C(mailboxes) and C(taken), each with one column named C(address), and C(domains) with the columns
        C(domain) and C(owner). C(taken) are aliases and lists, in whose place no mailbox is created.
      - C(aliases) is a query with the columns C(address) and C(goto), one target or several with commas between them.
        C(create_alias) is a list of statements that run for each target, but once where they do not have C(goto), and
        C(create_list) is the same for mailing lists where they differ. With V(postfixadmin) they run once for all
        targets. The module M(panel.mailimport.mail_import_yandex) uses them.
      - Lists of statements, of which each list is one transaction, are C(create_domain), C(create_mailbox),
        C(set_password) and C(remove_mailbox). C(create_domain) runs before each C(create_mailbox), and must do nothing
        for a domain that is there.
      - Parameters are C(%(address)s), and in the same way C(local_part), C(domain), C(owner), C(password_hash),
        C(quota) in bytes, C(quota_mb), C(maildir) and C(password_days), and of aliases alone C(goto) and
        C(goto_domain). The driver of the database binds them. An
        unknown name, or a C(%) that is no parameter, is an error.
      - V(custom) needs C(mailboxes), C(create_mailbox) and C(set_password).
    type: dict
    version_added: 0.3.0
  sql_password_days:
    description:
      - Days until a password expires, where the tables have a date for that, as PostfixAdmin's have. Default is 365,
        its own.
    type: int
    version_added: 0.3.0
  login_host:
    description:
      - Host of the database. Default is the mail host itself.
    type: str
    version_added: 0.3.0
  login_port:
    description:
      - Its port. Default is that of the engine.
    type: int
    version_added: 0.3.0
  login_unix_socket:
    description:
      - Unix socket of the database, for PostgreSQL the directory that it is in. It is used instead of O(login_host).
    type: path
    version_added: 0.3.0
  login_user:
    description:
      - User of the database who may read and write the tables of mailboxes. The one that Dovecot has can only read
        them, as a rule.
    type: str
    version_added: 0.3.0
  login_password:
    description:
      - Password of O(login_user).
    type: str
    version_added: 0.3.0
  login_db:
    description:
      - Name of the database, or the file of an SQLite database.
    type: str
    version_added: 0.3.0
  ssl_mode:
    description:
      - How TLS is used with the database, as in PostgreSQL's C(sslmode). V(verify-ca) and V(verify-full) check its
        certificate, V(require) takes any. Default is V(prefer), which encrypts where the database offers it.
    type: str
    choices: [disable, prefer, require, verify-ca, verify-full]
    version_added: 0.3.0
  ca_cert:
    description:
      - File on the mail host with the certificate authorities of the database's certificate.
    type: path
    version_added: 0.3.0
  state_dir:
    description:
      - Directory on the mail host where the collection remembers its imports and the owners of domains.
      - The file C(domains) in it lists the mail domains with their owners, as a map for Postfix or Exim.
      - Beside it is a file of the same name with C(.key) behind it. With it, mailboxes that were imported are known
        again when the directory is lost. When both are lost, they count as mailboxes that existed before.
    type: path
    default: /var/lib/panel-mailimport
"""
