# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role `mail_host` makes a mail host of a machine, in one run with the import, and mail arrives there and leaves.

The machine is a copy of this one, with the packages that it has. scripts/bare_hosts.sh runs these tests with machines
that have none, from bare trees of Debian 12 and 13.
"""

from __future__ import annotations

import imaplib
import os
import shlex
import smtplib
import ssl
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import pytest
import yaml
from support.dovecot import Dovecot, wait_until
from support.guest import Guest, guests_refused
from support.imap import ImapError, Session
from support.mail import load_mail
from support.proxy import proxy_for
from support.run import COLLECTION, PlaybookRun, environment, run_command, run_plays
from support.scene import difference, fill
from support.tls import Authority

# The servers are asked on both Dovecots; what Ansible says and does is the same there.
on_both = pytest.mark.both_dovecots

NAME = "mail1.example.net"
ANNA, BEN = "anna@example.org", "ben@example.org"
DORA = "dora@example.com"
PASSWORD = "pass word of many"  # noqa: S105 - of servers that live for one run
STRANGER = "somebody@elsewhere.example"
QUOTA = 2 << 20

# Where a bare tree is, as scripts/bare_hosts.sh says it.
BARE_TREE = os.environ.get("BARE_TREE", "")


@dataclass
class NewHost:
    """A machine, and the way from a list of mailboxes at a source to it."""

    guest: Guest
    directory: Path
    source: Dovecot
    context: ssl.SSLContext

    def run(self, job: str) -> PlaybookRun:
        """Run the command of a job of the pipelines, in a directory with the files that the guide describes."""
        env = {**environment(), "ANSIBLE_VAULT_PASSWORD_FILE": str(self.directory / "vault-password")}
        return run_plays(shlex.split(playbook_command("gitlab-ci", job)), self.directory, env)

    def imap(self, user: str) -> Session:
        """A login with STARTTLS to the mailbox on the new host."""
        return Session(143, user, PASSWORD, self.context, self.guest.address, NAME)

    def smtp(self) -> smtplib.SMTP:
        """A connection from outside."""
        return smtplib.SMTP(self.guest.address, 25, local_hostname="mx.elsewhere.example", timeout=60)

    def submission(self, user: str, password: str = PASSWORD) -> smtplib.SMTP:
        """A mail program that has logged in."""
        server = smtplib.SMTP(self.guest.address, 587, timeout=60)
        server._host = NAME  # type: ignore[attr-defined] # the name that the certificate has to have
        server.starttls(context=self.context)
        server.login(user, password)
        return server

    def has_message(self, user: str, subject: str, text: str = "") -> bool:
        """Whether the mailbox shows it over IMAPS, with that text in it."""
        with imaplib.IMAP4_SSL(self.guest.address, 993, ssl_context=self._any_name()) as session:
            session.login(user, PASSWORD)
            session.select("INBOX", readonly=True)
            return bool(session.search(None, "SUBJECT", '"%s"' % subject, "TEXT", '"%s"' % text)[1][0])

    def _any_name(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.directory / "ca.pem"))
        context.check_hostname = False  # it is reached by number
        return context

    def log(self) -> str:
        """What its servers have logged."""
        return self.guest.run("sh", "-c", "cat /var/log/dovecot.log /var/log/postfix.log").stdout


def playbook_command(pipeline: str, job: str) -> str:
    """The line of a job of a pipeline in the documentation that runs the playbook."""
    jobs = yaml.safe_load((COLLECTION / "docs" / "pipelines" / (pipeline + ".yml")).read_text())
    found = jobs.get("jobs", jobs)[job]
    lines = found["script"] if "script" in found else [step.get("run", "") for step in found["steps"]]
    (command,) = [line for line in lines if line.startswith("ansible-playbook")]
    return command


def letter(subject: str, sender: str = STRANGER, size: int = 0) -> str:
    """A message; `size` adds so many bytes."""
    return "From: <%s>\r\nSubject: %s\r\n\r\nHello.\r\n%s" % (sender, subject, ("x" * 70 + "\r\n") * (size // 72))


# MariaDB as its administrator sets it up, on the machine itself.
_DATABASE = """
mkdir -p /run/mysqld /srv/mariadb && chown mysql:mysql /run/mysqld /srv/mariadb
mariadb-install-db --no-defaults --user=mysql --datadir=/srv/mariadb --skip-test-db \\
  --auth-root-authentication-method=normal
setsid mariadbd --no-defaults --user=mysql --datadir=/srv/mariadb --socket=/run/mysqld/mysqld.sock \\
  --bind-address=127.0.0.1 --innodb-buffer-pool-size=16M < /dev/null > /var/log/mariadb.log 2>&1 &
"""
_TABLES = """
CREATE DATABASE mail; USE mail;
CREATE USER writer@'%%' IDENTIFIED BY 'may_write'; GRANT ALL ON mail.* TO writer@'%%';
CREATE USER mailreader@'%%' IDENTIFIED BY 'may_read'; GRANT SELECT ON mail.* TO mailreader@'%%';
%s
"""


@pytest.fixture(scope="module")
def machine(shelf: Path, authority: Authority) -> Iterator[NewHost]:
    """A machine on which nobody has run anything yet."""
    refusal = guests_refused(shelf / "probe")
    if refusal:
        pytest.skip("no machine on this machine: %s" % refusal)
    certificate = authority.issue("source", host="source.example", address=Guest.gateway)
    users = dict.fromkeys((ANNA, BEN), PASSWORD)
    guest = Guest(shelf / "guest", Path(BARE_TREE or "/"), shared=() if BARE_TREE else (Path(sys.prefix),))
    source = Dovecot(
        shelf / "source", "old-%s" % shelf.name, certificate=certificate, users=users, address=guest.gateway
    )
    with guest, source, proxy_for(guest, shelf) if BARE_TREE else nullcontext():
        host = NewHost(guest, shelf, source, ssl.create_default_context(cafile=str(authority.ca_file)))
        prepare(host, authority)
        for mailbox in users:
            with Session(source.port, mailbox, PASSWORD, address=guest.gateway) as session:
                fill(session, load_mail(12), ("INBOX", "Sent", "Projects{0}2024"))
        yield host


@pytest.fixture(scope="module")
def made(machine: NewHost) -> NewHost:
    """The machine after one run has made a mail host of it, with two mailboxes."""
    run = machine.run("import")
    assert run.returncode == 0, run.output
    assert "Ready for the switch: %s takes mail for example.org." % NAME in " ".join(run.output.split())
    return machine


def prepare(host: NewHost, authority: Authority) -> None:
    """What the administrator brings: certificates, an inventory."""
    certificate = authority.issue("host", host=NAME, address=None)
    files = {"ca.pem": authority.ca_file, "host.pem": certificate.certificate, "host.key": certificate.key}
    for name, file in files.items():
        host.guest.run("tee", "/etc/ssl/%s" % name, stdin=file.read_text())
    (host.directory / "ca.pem").write_text(authority.ca_file.read_text())
    if not BARE_TREE:
        # The modules find the libraries of the tests where the role setup would put them.
        host.guest.run("mkdir", "/opt/panel-mailimport")
        host.guest.run("ln", "-s", sys.prefix, "/opt/panel-mailimport/venv")
    variables = {
        **host.guest.variables(),
        "ansible_python_interpreter": "/usr/bin/python3",
        "import_setup": bool(BARE_TREE),
        "mail_host_service_manager": "none",
        "mail_host_postmaster": ANNA,
        "mail_host_certificate": "/etc/ssl/host.pem",
        "mail_host_certificate_key": "/etc/ssl/host.key",
        "mail_host_quota": "2M",
        "src": "company.csv",
        "source_host": host.guest.gateway,
        "source_port": host.source.tls_port,
        "source_ca_cert": "/etc/ssl/ca.pem",
        "owner": "customer1",
    }
    written = {
        "hosts.yml": yaml.safe_dump({"mail_hosts": {"hosts": {NAME: variables}}}),
        "site.yml": "- import_playbook: panel.mailimport.site\n",
        "company.csv": "".join("%s,%s\n" % (mailbox, PASSWORD) for mailbox in (ANNA, BEN)),
        "vault-password": "the list's word\n",
    }
    for name, text in written.items():
        (host.directory / name).write_text(text)
    encrypt = ["ansible-vault", "encrypt", "--vault-password-file", "vault-password", "company.csv"]
    assert run_command(encrypt, cwd=host.directory, env=environment())[0] == 0


@pytest.mark.parametrize("job", ["check", "import"])
def test_the_pipelines_run_the_same_playbook(job: str) -> None:
    assert playbook_command("github-actions", job) == playbook_command("gitlab-ci", job)


def test_check_mode_tells_of_a_machine_and_leaves_it_as_it_is(machine: NewHost) -> None:
    run = machine.run("check")
    assert run.returncode == 0, run.output
    assert run.recap[NAME]["changed"] > 0
    assert "vmail" not in machine.guest.run("cat", "/etc/passwd").stdout


@on_both
def test_one_run_makes_the_host_and_brings_the_mailboxes(made: NewHost) -> None:
    with Session(made.source.port, ANNA, PASSWORD, address=made.guest.gateway) as session:
        source = session.account()
    with made.imap(ANNA) as session:
        host = session.account()
    # A login makes the folders that mail programs want.
    own = ("Drafts", "Junk", "Trash")
    assert [line for line in difference(source, host) if not any(name in line for name in own)] == []
    assert {("Drafts",), ("Sent",), ("Junk",), ("Trash",)} <= set(host.folders)


def test_a_second_run_changes_nothing(made: NewHost) -> None:
    run = made.run("import")
    assert run.returncode == 0, run.output
    assert run.recap[NAME]["changed"] == 0, run.output


@on_both
def test_mail_from_outside_reaches_the_mailbox(made: NewHost) -> None:
    with made.smtp() as server:
        server.sendmail(STRANGER, [ANNA, "anna+shop@example.org", "postmaster"], letter("from outside"))
    wait_until(lambda: made.has_message(ANNA, "from outside"), "the message to arrive")


@on_both
@pytest.mark.parametrize(
    ("recipient", "answer"),
    [
        ("nobody@example.org", "550 5.1.1"),
        ("nobody@" + NAME, "550 5.1.1"),
        (STRANGER, "554 5.7.1"),
        ("somebody%elsewhere.example@example.org", "554 5.7.1"),
        ('"somebody@elsewhere.example"@example.org', "554 5.7.1"),
        ("@example.org:" + STRANGER, "554 5.7.1"),
        ("carl@example.com", "554 5.7.1"),
    ],
)
def test_mail_for_nobody_here_is_refused(made: NewHost, recipient: str, answer: str) -> None:
    with made.smtp() as server:
        server.ehlo_or_helo_if_needed()
        server.mail(STRANGER)
        code, text = server.rcpt(recipient)
        assert ("%d %s" % (code, text.decode())).startswith(answer), text


@on_both
def test_no_password_goes_over_a_plain_connection(made: NewHost) -> None:
    with pytest.raises(ImapError, match="PRIVACYREQUIRED|LOGINDISABLED|Plaintext|Cleartext"):
        Session(143, ANNA, PASSWORD, address=made.guest.address)
    for port in (25, 587):
        with smtplib.SMTP(made.guest.address, port, timeout=60) as server:
            server.ehlo()
            assert server.has_extn("starttls") and not server.has_extn("auth")
    with made.smtp() as server:
        server._host = NAME  # type: ignore[attr-defined]
        server.starttls(context=made.context)
        server.ehlo()
        assert not server.has_extn("auth")  # other servers have nothing to log in for


@on_both
@pytest.mark.parametrize("size", [QUOTA - 2000, QUOTA + 1])
def test_a_full_mailbox_is_told_of_before_the_message(made: NewHost, size: int) -> None:
    """Ben has more than 2000 bytes already; the other message would not fit into an empty mailbox."""
    with made.smtp() as server:
        server.ehlo()
        server.mail(STRANGER, ["SIZE=%d" % size])
        code, text = server.rcpt(BEN)
    assert ("%d %s" % (code, text.decode())).startswith("552 5.2."), text


@on_both
def test_a_message_whose_size_was_not_announced_comes_back(made: NewHost) -> None:
    """It is known not to fit when all of it is there, which is the answer of LMTP."""
    with made.submission(ANNA) as server:
        server.mail(ANNA)
        server.rcpt(BEN)
        assert server.data(letter("too much", ANNA, QUOTA))[0] == 250
    wait_until(lambda: made.has_message(ANNA, "Undelivered", "552 5.2.2"), "the message to come back")


@on_both
def test_mail_programs_send_with_the_imported_password(made: NewHost) -> None:
    with made.submission(ANNA) as server:
        server.sendmail(ANNA, [BEN], letter("from Anna", ANNA))
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="5.7.1"):
            server.sendmail(BEN, [BEN], letter("as if from Ben", BEN))
        server.mail("anna+shop@example.org")
        assert server.rcpt(STRANGER)[0] == 250
    wait_until(lambda: made.has_message(BEN, "from Anna"), "the message to arrive")
    with smtplib.SMTP_SSL(made.guest.address, 465, context=made._any_name(), timeout=60) as server:
        server.login(BEN, PASSWORD)
    # The last thing: Dovecot answers the next login from there later.
    with pytest.raises(smtplib.SMTPAuthenticationError):
        made.submission(ANNA, "wrong")


def test_a_broken_configuration_is_not_put_in_place(made: NewHost) -> None:
    """The administrator's own file is a part of it. Everything goes on as it was."""
    inventory = made.directory / "hosts.yml"
    inventory.write_text(inventory.read_text().replace("mail_host_quota: 2M", "mail_host_quota: 3M"))
    made.guest.run("tee", "/etc/dovecot/local.conf", stdin="mail_max_userip_connections = many\n")
    run = made.run("import")
    made.guest.run("rm", "/etc/dovecot/local.conf")
    assert run.returncode != 0
    assert "/etc/dovecot/local.conf line 1" in " ".join(run.output.split())
    assert "3145728" not in made.guest.run("cat", "/etc/dovecot/dovecot.conf").stdout
    with made.imap(ANNA):
        pass


@pytest.mark.skipif(bool(BARE_TREE), reason="a database server is no part of the role")
def test_mailboxes_in_mariadb(made: NewHost) -> None:
    """The same host reads its mailboxes from a database from now on."""
    ask = ("mariadb", "--no-defaults", "--socket=/run/mysqld/mysqld.sock", "--user=root")
    made.guest.run("sh", "-ec", _DATABASE)
    wait_until(lambda: made.guest.run(*ask, "-e", "SELECT 1").returncode == 0, "MariaDB to answer")
    tables = (Path(__file__).parents[1] / "support" / "schemas" / "ispmail.mysql.sql").read_text()
    assert made.guest.run(*ask, stdin=_TABLES % tables).returncode == 0
    database = {"host_backend": "sql", "sql_engine": "mysql", "sql_schema": "ispmail", "login_db": "mail"}
    login = {"login_host": "127.0.0.1", "login_user": "writer", "login_password": "may_write"}
    mailbox = {"email": ANNA, "password": PASSWORD, "target_email": DORA, "quota": "2M"}
    source = {name: "{{ %s }}" % name for name in ("source_host", "source_port", "source_ca_cert", "owner")}
    task = {"name": "Import", "panel.mailimport.mail_import_imap": {**mailbox, **source, **database, **login}}
    accounts = {"mail_host_accounts": "sql", "mail_host_sql_password": "may_read", **database, **login}
    roles = ["panel.mailimport.mail_host"]
    play = {"name": "Test", "hosts": "mail_hosts", "gather_facts": False, "vars": accounts, "roles": roles}
    (made.directory / "database.yml").write_text(yaml.safe_dump([{**play, "tasks": [task]}]))
    command = ["ansible-playbook", "-i", "hosts.yml", "database.yml"]
    run = run_plays(command, made.directory, environment())
    assert run.returncode == 0, run.output
    with made.imap(DORA) as session:
        assert ("Projects", "2024") in session.account().folders
    with made.smtp() as server:
        server.sendmail(STRANGER, [DORA], letter("for the database"))
        server.mail(STRANGER)
        assert server.rcpt("nobody@example.com")[1].startswith(b"5.1.1")
        assert server.rcpt(ANNA)[1].startswith(b"5.7.1")  # the file is not asked any more
    with made.smtp() as server:
        server.ehlo()
        server.mail(STRANGER, ["SIZE=%d" % QUOTA])
        assert server.rcpt(DORA)[1].startswith(b"5.2.2")
    wait_until(lambda: made.has_message(DORA, "for the database"), "the message to arrive")
