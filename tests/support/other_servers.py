# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that are not Dovecot: Cyrus, Courier, GNU Mailutils and pymap, each for the time of some tests, with a few
accounts. And a Dovecot that is used as they are.

Cyrus, Courier and Mailutils run in overlays, as root in namespaces of their own; the settings are those of their manual
pages (imapd.conf(5), cyrus.conf(5), makeuserdb(8), authdaemonrc, imap4d(8)).
"""

from __future__ import annotations

import os
import shlex
import signal
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Mapping, Optional, Sequence

from .dovecot import MAIL_GID, MAIL_UID, Dovecot, accepts, free_ports, wait_until
from .imap import Session
from .overlay import Overlay
from .tls import Authority

PROXY_USER = "migrator"
PROXY_PASSWORD = "the proxys password"  # noqa: S105 - of servers that live for some tests


class OtherServer:
    """One server, started by entering its context.

    Args:
        directory: a directory that does not exist yet, for everything the server writes.
        users: names and passwords of its accounts.
        authority: what certifies `localhost`, where the server offers TLS.

    Attributes: `port` (plain, and STARTTLS where it is offered), `tls_port` (None where there is none), `starttls`
    (login needs it), `keywords` (messages can have them).

    Raises:
        OverlayError: the machine admits no overlays.
    """

    packages: Sequence[str] = ()
    starttls = False
    keywords = True
    tls_port: Optional[int] = None

    def __init__(self, directory: Path, users: Mapping[str, str], authority: Authority) -> None:
        self.users = users
        self._certificate = authority.issue(type(self).__name__)
        self._context = ssl.create_default_context(cafile=str(authority.ca_file)) if self.starttls else None
        self.port, tls_port = free_ports(2)
        if self.tls_port is not None:
            self.tls_port = tls_port
        directory.mkdir()
        self._directory = directory

    def __enter__(self) -> OtherServer:
        self._process = self._start()
        wait_until(
            lambda: self._process.poll() is not None or accepts(self.port),
            "%s to accept connections" % type(self).__name__,
        )
        if self._process.poll() is not None:
            raise RuntimeError("%s does not start: %s" % (type(self).__name__, self._output()))
        return self

    def __exit__(self, *_exception: object) -> None:
        # What runs in a pid namespace ends with the process that made it.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def session(self, user: str, password: str) -> Session:
        """A login, with STARTTLS where that is needed."""
        return Session(self.port, user, password, self._context)

    def _start(self) -> subprocess.Popen[bytes]:
        self._overlay = Overlay([*self.packages, "eatmydata"], self._directory / "overlay")
        for path, text in self._files().items():
            file = self._overlay.files / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        # They may forget their mail when the machine crashes.
        return self._overlay.start("eatmydata", "bash", "-e", "-c", self._script())

    def _output(self) -> str:
        return self._overlay.output()

    def _files(self) -> dict[str, str]:
        """Files of the overlay's root: paths without the first slash, and texts."""
        return {"etc/test/server.pem": self._certificate.certificate.read_text() + self._certificate.key.read_text()}

    def _script(self) -> str:
        """Shell commands that make the accounts and run the server; none for one that needs no overlay."""
        return ""


class Cyrus(OtherServer):
    """Cyrus IMAP in its present namespace: `/` between the parts of a name, folders beside INBOX."""

    packages = ("cyrus-imapd", "sasl2-bin", "libsasl2-modules-db")
    tls_port = 0
    namespace = "unixhierarchysep: yes\naltnamespace: yes\n"
    # Folders of the server's own, with special use in its own letters (\\sent).
    own_folders = (
        "autocreate_inbox_folders: Sent|Trash\nautocreate_subscribe_folders: Sent\n"
        "xlist-sent: Sent\nxlist-trash: Trash\n"
    )

    def _files(self) -> dict[str, str]:
        imapd = (
            "configdirectory: /var/lib/cyrus\nproc_path: /run/cyrus/proc\nmboxname_lockpath: "
            "/run/cyrus/lock\ndefaultpartition: default\n"
            "partition-default: /var/spool/cyrus/mail\nallowplaintext: yes\nsasl_mech_list: PLAIN "
            "LOGIN\nsasl_pwcheck_method: auxprop\n"
            "sasl_auxprop_plugin: sasldb\nsasl_sasldb_path: /etc/test/sasldb\nvirtdomains: off\nproxyservers: "
            "migrator\ntls_server_cert: /etc/test/server.pem\n"
            "tls_server_key: /etc/test/server.pem\nidlesocket: /run/cyrus/socket/idle\nautocreate_quota: 0\n"
            "expunge_mode: immediate\ndelete_mode: immediate\nskiplist_unsafe: yes\n"
            + self.own_folders
            + self.namespace
        )
        daemon = "/usr/lib/cyrus/bin/imapd -C /etc/test/imapd.conf"
        cyrus = (
            "START {\n}\nSERVICES {\n"
            '  imap cmd="%s" listen="127.0.0.1:%d" prefork=0 maxchild=100\n'
            '  imaps cmd="%s -s" listen="127.0.0.1:%d" prefork=0 maxchild=100\n}\nEVENTS {\n}\n'
        ) % (daemon, self.port, daemon, self.tls_port or 0)
        return {**super()._files(), "etc/test/imapd.conf": imapd, "etc/test/cyrus.conf": cyrus}

    def _script(self) -> str:
        users = "".join(
            'printf %%s %s | saslpasswd2 -p -c -f /etc/test/sasldb -u "$(hostname)" %s\n'
            % (shlex.quote(password), shlex.quote(user))
            for user, password in {**self.users, PROXY_USER: PROXY_PASSWORD}.items()
        )
        return users + (
            "mkdir -p /run/cyrus/{socket,lock,proc}\nchown -R cyrus:mail /run/cyrus /etc/test\n"
            "su -s /bin/sh cyrus -c '/usr/lib/cyrus/bin/makedirs -C /etc/test/imapd.conf'\n"
            "exec /usr/sbin/cyrmaster -C /etc/test/imapd.conf -M /etc/test/cyrus.conf -p /run/cyrus/master.pid\n"
        )


class BareCyrus(Cyrus):
    """The same, whose mailboxes have nothing but INBOX at first."""

    own_folders = ""


class ClassicCyrus(Cyrus):
    """Cyrus IMAP in its classic namespace: `.` between the parts of a name, all folders below INBOX."""

    namespace = "unixhierarchysep: no\naltnamespace: no\n"


class Courier(OtherServer):
    """Courier IMAP, which offers neither LITERAL+ nor CONDSTORE, and keeps Maildirs below INBOX."""

    packages = ("courier-imap", "courier-authlib-userdb", "courier-authdaemon")

    def _script(self) -> str:
        settings = {
            # Trash:7, the default, removes what is old.
            "imapd": {"ADDRESS": "127.0.0.1", "PORT": str(self.port), "MAXPERIP": "40", "IMAP_EMPTYTRASH": ""},
            "authdaemonrc": {"authmodulelist": '"authuserdb"'},
        }
        edits = "".join(
            "sed -i -e %s /etc/courier/%s\n" % (shlex.quote("s/^%s=.*/%s=%s/" % (name, name, value)), file)
            for file, values in settings.items()
            for name, value in values.items()
        )
        users = "".join(
            "userdb {0} set home=/srv/mail/{0} uid={2} gid={3} mail=/srv/mail/{0}/Maildir\n"
            "printf '%s\\n' {1} {1} | userdbpw -md5 | userdb {0} set systempw\n"
            "mkdir -p /srv/mail/{0}\nmaildirmake.courier /srv/mail/{0}/Maildir\n".format(
                shlex.quote(user), shlex.quote(password), MAIL_UID, MAIL_GID
            )
            for user, password in self.users.items()
        )
        # Courier locks by gamin, whose server wants its user to have a name; the number may have one.
        return (
            edits
            + "rm -rf /etc/courier/userdb\n(umask 077; : >/etc/courier/userdb)\n"
            + users
            + (
                "getent passwd {0} || useradd -u {0} -d /srv/mail mail-owner\nchown -R {0}:{1} /srv/mail\nmakeuserdb\n"
                "mkdir -p /run/courier/authdaemon\nchown -R courier:courier /run/courier\n"
                "authdaemond start\n/usr/lib/courier/imapd start\nexec sleep infinity\n"
            ).format(MAIL_UID, MAIL_GID)
        )


class Imap4d(OtherServer):
    """GNU Mailutils' imap4d over mbox files: no UIDPLUS, no keywords, and a UIDVALIDITY that changes."""

    packages = ("mailutils-imap4d",)
    keywords = False

    def _files(self) -> dict[str, str]:
        config = (
            'mode daemon;\nmailbox { mail-spool "/var/mail"; mailbox-type mbox; };\nmax-children 50;\nforeground yes;\n'
            'pidfile "/run/imap4d.pid";\nlogging { syslog no; };\nauth { authentication generic:system; authorization '
            "system; };\n"
            "server 127.0.0.1:%d { tls-mode no; };\n"
        )
        return {**super()._files(), "etc/test/imap4d.conf": config % self.port}

    def _script(self) -> str:
        users = "".join(
            "useradd -m -d /srv/mail/{0} -s /bin/sh {0}\necho {0}:{1} | chpasswd\ninstall -o {0} -g mail -m 660 "
            "/dev/null /var/mail/{0}\n".format(shlex.quote(user), shlex.quote(password))
            for user, password in self.users.items()
        )
        return (
            "mkdir -p /srv/mail\n"
            + users
            + "exec imap4d --no-site-config --config-file=/etc/test/imap4d.conf --foreground\n"
        )


class Pymap(OtherServer):
    """pymap with its mail in memory, which keeps NUL and bare line ends; it has the first of the accounts only, behind
    STARTTLS.
    """

    starttls = True

    def _start(self) -> subprocess.Popen[bytes]:
        user, password = next(iter(self.users.items()))
        command = [
            str(Path(sys.executable).with_name("pymap")),
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--cert",
            str(self._certificate.certificate),
            "--key",
            str(self._certificate.key),
            "dict",
            "--demo-user",
            user,
            "--demo-password",
            password,
        ]
        with (self._directory / "output").open("wb") as output:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    def _output(self) -> str:
        return (self._directory / "output").read_text(errors="replace")


class SdboxDovecot(OtherServer):
    """Dovecot with mail in sdbox, and TLS."""

    tls_port = 0

    def __init__(self, directory: Path, users: Mapping[str, str], authority: Authority) -> None:
        super().__init__(directory, users, authority)
        self._server = Dovecot(
            directory / "dovecot",
            "sdbox-%s" % directory.parent.name,
            certificate=self._certificate,
            users=users,
            separator="/",
            mail_location="sdbox:~/sdbox",
        )
        self.port, self.tls_port = self._server.port, self._server.tls_port

    def __enter__(self) -> SdboxDovecot:
        self._server.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.stop()
