# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mail host that takes mail by SMTP: Postfix or Exim, as the guide says, in front of Dovecot's LMTP server."""

from __future__ import annotations

import re
import smtplib
from pathlib import Path

from .dovecot import wait_until
from .network import Network
from .postfix import MASTER, Postfix
from .run import COLLECTION

GUIDE = COLLECTION / "docs" / "docsite" / "rst" / "delivery_guide.rst"
# Postfix puts off what is for domains of others, by default.
NOT_OURS = 454
PORT = 25

POSTMASTER = """
protocol lmtp {
  postmaster_address = postmaster@firma.example
}
"""


class Delivery:
    """What a mail host needs besides its Dovecot. It begins with no domain.

    Attributes: `dovecot_settings` (for the Dovecot that gets the mail), `postfix`.
    """

    def __init__(self, network: Network, directory: Path, state_dir: Path) -> None:
        self._state_dir = state_dir
        settings = {
            **self._settings_of_the_guide(),
            # mynetworks would let everything in from this machine; and the guide's minute is some seconds here.
            "mynetworks": "192.0.2.1/32",
            "address_verify_negative_refresh_time": "2s",
            "address_verify_negative_expire_time": "4s",
            "address_verify_poll_delay": "1s",
        }
        self.postfix = Postfix(
            directory, (), settings=settings, address=network.free_address(PORT), port=PORT, enter=network.enter
        )
        socket = of_guide("# /etc/dovecot/conf.d/99-lmtp.conf")
        self.dovecot_settings = socket.replace("/var/spool/postfix", str(directory / "queue")) + POSTMASTER

    @staticmethod
    def missing() -> bool:
        """Whether the programs are not installed: postfix, dovecot-lmtpd."""
        return not (MASTER.exists() and Path("/usr/lib/dovecot/lmtp").exists())

    def __enter__(self) -> Delivery:
        self._state_dir.mkdir(mode=0o711, exist_ok=True)
        (self._state_dir / "domains").touch()
        self.postfix.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.postfix.stop()

    def _settings_of_the_guide(self) -> dict[str, str]:
        """Lines of main.cf as the guide has them, with the places of here."""
        text = of_guide("# /etc/postfix/main.cf").replace("/var/lib/panel-mailimport", str(self._state_dir))
        return dict(re.findall(r"^ +(\w+) = (.*)$", text, re.MULTILINE))

    def answer(self, address: str) -> int:
        """The code of the answer to a stranger who has mail for the address."""
        return answer_to_stranger(self.postfix.address, self.postfix.port, address)

    def know_domain_of(self, address: str) -> None:
        """Do what systemd does when the file of domains has changed."""
        self.postfix.reload()
        wait_until(lambda: self.answer(address) != NOT_OURS, "postfix to know the domain")

    def send(self, address: str, data: bytes) -> None:
        """Send a message and return when it has arrived."""
        with smtplib.SMTP(self.postfix.address) as server:
            server.sendmail("sender@elsewhere.example", [address], data)
        self.postfix.wait_until_delivered()


def of_guide(line: str) -> str:
    """The first part of the guide that begins with this line."""
    return GUIDE.read_text(encoding="utf-8").partition(line + "\n")[2].partition("\n\n")[0]


def answer_to_stranger(host: str, port: int, address: str) -> int:
    """The code of a server's answer to somebody who has mail for the address."""
    with smtplib.SMTP(host, port) as server:
        server.ehlo()
        server.mail("sender@elsewhere.example")
        return server.rcpt(address)[0]
