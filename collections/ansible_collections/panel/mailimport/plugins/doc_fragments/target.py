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
      - V(docker_mailserver) is the container of that name. Its file C(postfix-accounts.cf), O(users_file), gets the new
        mailboxes, and O(dovecot_command) leads into it.
      - V(mailcow) is mailcow, whose API makes domains, mailboxes and passwords (O(mailcow_url), O(mailcow_api_key)).
        O(dovecot_command) leads into its container C(dovecot-mailcow). It is sent hashes, so its rules for passwords do
        not apply. It was tried with a stand-in for its API, and on no live one.
      - V(imap) is any IMAP server over the network, O(target_host). The task may run anywhere, such as on the
        controller (C(delegate_to=localhost)), and does not need root. The mailbox must be there, and its password open
        it; nothing but mail is changed. As with V(none), set C(ignore_existing=false) and C(existing_content=merge).
        Mail cannot be moved aside, so C(existing_content=replace) is an error.
      - An option that belongs to another kind of mail host is an error.
    type: str
    choices: [dovecot, sql, ispmanager, command, none, docker_mailserver, mailcow, imap]
    default: dovecot
  dovecot_config:
    description:
      - Configuration file of the Dovecot instance. Default is the one that Dovecot itself uses.
    type: path
  dovecot_command:
    description:
      - Words of a command before C(doveadm), C(doveconf) and C(imap), for a Dovecot in a container, such as V([docker,
        exec, -i, mailserver]). It must pass standard input on, and make no terminal.
      - The mail is written through that Dovecot's own IMAP then, and cannot be moved aside.
      - It means something with V(sql), V(command), V(none), V(docker_mailserver) and V(mailcow) of O(host_backend), and
        the last two need it. O(dovecot_config) is a path inside.
    type: list
    elements: str
    version_added: 0.3.0
  users_file:
    description:
      - The passwd-file with the mailboxes, which a passdb or userdb of Dovecot must name. Default is the one named in
        Dovecot's configuration. With O(host_backend=ispmanager) it is the file that the panel writes.
      - With O(host_backend=docker_mailserver), which needs it, it is C(postfix-accounts.cf) in the container's
        configuration, as the host sees it. The container notices within seconds.
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
      - Quota of a new mailbox, such as V(2G). Default is none, and with O(host_backend=ispmanager) the panel's own. It
        means something with V(sql), V(ispmanager), V(command), V(docker_mailserver) and V(mailcow) of O(host_backend).
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
      - C(list) prints the addresses of all mailboxes, one a line; if it holds values, those of that domain, or just the
        one that it is asked for. C(create) makes a mailbox. Both are needed.
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
        targets. They are used with C(create_aliases) of the modules for organizations.
      - Lists of statements, of which each list is one transaction, are C(create_domain), C(create_mailbox),
        C(set_password) and C(remove_mailbox). C(create_domain) runs before each C(create_mailbox), and must do nothing
        for a domain that is there.
      - Parameters are C(%(address)s), and in the same way C(local_part), C(domain), C(owner), C(password_hash),
        C(quota) in bytes, C(quota_mb), C(maildir) and C(password_days), and of aliases alone C(goto) and
        C(goto_domain). The driver of the database binds them. An unknown name, or a C(%) that is no parameter, is an
        error.
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
      - File on the mail host with the certificate authorities of the certificate of the database, or of O(mailcow_url).
    type: path
    version_added: 0.3.0
  mailcow_url:
    description:
      - Address of the site with O(host_backend=mailcow), such as V(https://mail.example.org).
    type: str
    version_added: 0.3.0
  mailcow_api_key:
    description:
      - A key of its API that reads and writes. It must admit the mail host's address.
    type: str
    version_added: 0.3.0
  mailcow_validate_certs:
    description:
      - Whether the certificate of O(mailcow_url) must be valid. Default is V(true).
    type: bool
    version_added: 0.3.0
  target_host:
    description:
      - Name or address of the IMAP server that mail goes to, with O(host_backend=imap), which needs it.
      - A mailbox that is the very one which its mail would come from is an error, before anything is written.
    type: str
    version_added: 0.3.0
  target_port:
    description:
      - Port of O(target_host). Default is V(993) with O(target_tls=implicit), and V(143) otherwise.
    type: int
    version_added: 0.3.0
  target_tls:
    description:
      - How the connection to O(target_host) is encrypted. V(implicit), the default, is TLS from the first byte.
        V(starttls) upgrades a plain connection before anything else is said. V(none) sends passwords in clear text;
        nothing ever falls back to it.
    type: str
    choices: [implicit, starttls, none]
    version_added: 0.3.0
  target_validate_certs:
    description:
      - Whether the certificate of O(target_host), and its name, must be valid. Default is V(true).
    type: bool
    version_added: 0.3.0
  target_ca_cert:
    description:
      - File, where the task runs, with the certificates (PEM) of the authorities to trust instead of the system's own.
    type: path
    version_added: 0.3.0
  target_tls_fingerprint:
    description:
      - SHA-256 fingerprint of the certificate that O(target_host) must show, 64 hexadecimal digits, with or without
        colons. It takes the place of O(target_validate_certs) and O(target_ca_cert).
    type: str
    version_added: 0.3.0
  target_user:
    description:
      - Login name of a mailbox at O(target_host). C(%u) stands for its address, C(%n) for what is before the C(@), and
        C(%d) for its domain. Default is V(%u).
    type: str
    version_added: 0.3.0
  target_master_user:
    description:
      - Log in at O(target_host) as this administrator, with O(target_master_password), on behalf of the mailbox.
      - A plain name is the identity that authenticates, and the mailbox's the one to act for (RFC 4616). This needs
        C(AUTH=PLAIN). A name that holds C(%u) is a template for the login name, such as V(%u*master) for Dovecot and
        V(%u%admin) for Stalwart.
    type: str
    version_added: 0.3.0
  target_master_password:
    description:
      - Password of O(target_master_user).
    type: str
    version_added: 0.3.0
  target_auth:
    description:
      - How to log in at O(target_host). V(auto), the default, takes the best mechanism for a password that the server
        offers. V(xoauth2) and V(oauthbearer) send the mailbox's password here as the access token.
    type: str
    choices: [auto, login, plain, xoauth2, oauthbearer]
    version_added: 0.3.0
  target_timeout:
    description:
      - Seconds without a single byte from O(target_host) after which the connection counts as dead. Default is 60.
    type: float
    version_added: 0.3.0
  target_max_connections:
    description:
      - Most connections to O(target_host) that one import may have. Default is 8.
      - As many are used as turn out to be fastest, up to this number. Several share the round trips of a long line, and
        keep a server busy that makes each message durable before it takes the next. Where the server admits fewer,
        fewer are used; a server without UIDPLUS gets all mail over one.
    type: int
    version_added: 0.3.0
  target_verify:
    description:
      - What is read back from O(target_host) of the messages that it has taken.
      - V(digests), the default, reads every byte. What the server altered (bytes, date or flags) is told for each
        message as C(message_altered), and what is no form of the message that was sent fails the import.
      - V(counts) asks only whether each message is there, and for its flags. V(none) asks nothing. Both are for lines
        on which a second transfer costs too much.
      - A message whose acknowledgement was lost is looked for by its content in any case.
    type: str
    choices: [none, counts, digests]
    version_added: 0.3.0
  state_dir:
    description:
      - Directory on the mail host where the collection remembers its imports and the owners of domains, as an absolute
        path.
      - The file C(domains) in it lists the mail domains with their owners, as a map for Postfix or Exim.
      - Beside it is a file of the same name with C(.key) behind it. With it, mailboxes that were imported are known
        again when the directory is lost. When both are lost, they count as mailboxes that existed before.
      - Default is C(/var/lib/panel-mailimport). With O(host_backend=imap), and when the task does not run as root, it
        is C(~/.local/state/panel-mailimport).
    type: path
"""
