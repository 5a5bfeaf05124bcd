# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MTA-STS and DANE, which make senders refuse a host: real policies over HTTPS, real certificates over STARTTLS."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.checks import transport
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fakes.smtp_server import DRIPS, SmtpServer
from support.network import Network
from support.tls import Authority, Certificate

from .conftest import READY, SWITCHED, Internet
from .test_delegation import signing_key

STS = '_mta-sts TXT "v=STSv1; id=20260101"'
POLICY = "version: STSv1\nmode: %s\nmax_age: 604800\n"
GOOGLE_ONLY = POLICY % "enforce" + "mx: aspmx.l.google.com\nmx: *.aspmx.l.google.com\n"
BOTH = GOOGLE_ONLY + "mx: *.neu.example\n"


@contextmanager
def policy_host(
    network: Network, certificate: Certificate, text: str, status: int = 200, drips: bool = False
) -> Iterator[str]:
    """A web server that has a policy; gives its address. One that drips has no end."""
    leaves = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - the library's name
            found = status if self.path == "/.well-known/mta-sts.txt" else 404
            self.send_response(found)
            if found == 301:
                self.send_header("Location", "https://anderswo.example/")
            self.end_headers()
            self.wfile.write(text.encode())
            with suppress(OSError):
                while drips and not leaves.wait(0.02):
                    self.wfile.write(b"\n")

        def log_message(self, *_arguments: object) -> None:
            """Keep quiet."""

    with network.inside():
        server = ThreadingHTTPServer((network.free_address(443), 443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[0]
    finally:
        leaves.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    """A certificate of the policy host, of an authority that everybody trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    return authority.issue("mta-sts", "mta-sts.firma.example", None)


def test_a_policy_that_has_only_the_old_host(internet: Internet, trusted: Certificate) -> None:
    with policy_host(internet.network, trusted, GOOGLE_ONLY) as address:
        internet.publish(*READY, STS, "mta-sts A %s" % address)
        found = internet.look()
    assert found.problem("mta_sts").startswith(
        "error: the policy for MTA-STS of firma.example (mode: enforce) does not"
    )
    assert found.problem("mta_sts").endswith("have mail.neu.example")
    assert found.domain["zone_lines"] == ['_mta-sts.firma.example. 3600 IN TXT "v=STSv1; id=20261204200000"']
    assert found.domain["records"]["mta_sts_policy"]["max_age"] == 604800


@pytest.fixture
def new_host(internet: Internet, neu: Callable[..., None], authority: Authority) -> Iterator[Callable[..., None]]:
    """Starts the new host, with a certificate for a name."""
    with ExitStack() as stack:

        def start(name: str) -> None:
            certificate = authority.issue("host", name, None)
            server = stack.enter_context(SmtpServer({}, certificate=certificate, network=internet.network))
            neu("mail A %s" % server.address)

        yield start


def test_a_policy_that_has_both_hosts(internet: Internet, trusted: Certificate, new_host: Callable[..., None]) -> None:
    new_host("mail.neu.example")
    with policy_host(internet.network, trusted, BOTH.replace("\n", "\r\n")) as address:
        internet.publish(*READY, STS, "mta-sts A %s" % address)
        assert internet.look().problems("mta_sts") == []
        internet.publish(*SWITCHED, STS, "mta-sts A %s" % address)
        assert internet.look(phase="switched").problems("mta_sts") == []
        assert "still has aspmx.l.google.com" in internet.look(phase="finish").problem("mta_sts")


def test_a_policy_asks_for_a_good_certificate(
    internet: Internet, trusted: Certificate, new_host: Callable[..., None], neu: Callable[..., None]
) -> None:
    with policy_host(internet.network, trusted, BOTH) as address:
        internet.publish(*READY, STS, "mta-sts A %s" % address)
        new_host("mail.anders.example")
        told = internet.look().problem("mta_sts")
        assert told.startswith("error: ") and "not valid for 'mail.neu.example'" in told
        neu("mail A %s" % internet.network.free_address(25))
        assert internet.look().problem("mta_sts").startswith("warning: ")
    with policy_host(internet.network, trusted, BOTH.replace("enforce", "testing")) as address:
        internet.publish(*READY, STS, "mta-sts A %s" % address)
        assert internet.look().problems("mta_sts") == []


def test_a_policy_that_is_only_tried_or_switched_off(internet: Internet, trusted: Certificate) -> None:
    with policy_host(internet.network, trusted, GOOGLE_ONLY.replace("enforce", "testing")) as address:
        internet.publish(*READY, STS, "mta-sts A %s" % address)
        assert internet.look().problem("mta_sts").startswith("warning: the policy for MTA-STS of firma.example")
    with policy_host(internet.network, trusted, POLICY % "none") as address:
        internet.publish(*READY, STS, "mta-sts A %s" % address)
        assert internet.look().problems("mta_sts") == []


def test_a_policy_that_nobody_would_take(internet: Internet, trusted: Certificate, authority: Authority) -> None:
    elsewhere = authority.issue("other", "www.firma.example", None)
    for certificate, text, status, words in (
        (trusted, "<html>", 200, "is no policy"),
        (trusted, BOTH, 404, "HTTP 404"),
        (trusted, BOTH, 301, "HTTP 301"),
        (elsewhere, BOTH, 200, "certificate verify failed"),
    ):
        with policy_host(internet.network, certificate, text, status) as address:
            internet.publish(*READY, STS, "mta-sts A %s" % address)
            assert words in internet.look().problem("mta_sts")
    internet.publish(*READY, STS)
    assert "mta-sts.firma.example has no address" in internet.look().problem("mta_sts")
    internet.publish(*READY, STS, '_mta-sts TXT "v=STSv1; id=2"')
    assert "several records" in internet.look().problems("mta_sts")[0]
    nobody = "mta-sts A %s" % internet.network.free_address(443)
    internet.publish(*READY, '_mta-sts TXT "v=STSv1; i" "d=2"', nobody)
    assert internet.look().problem("mta_sts").startswith("warning: there is no policy for MTA-STS: ")
    internet.publish(*READY, '_mta-sts TXT "v=STSv1; id=;"', nobody)
    assert internet.look().problems("mta_sts")[0] == (
        "warning: _mta-sts.firma.example has no id, and senders do not use it"
    )
    for records in (("_mta-sts CNAME x.kaputt.example.",), (STS, "mta-sts CNAME x.kaputt.example.")):
        internet.publish(*READY, *records)
        told = internet.look().problem("mta_sts")
        assert told.startswith("error: ") and "answers SERVFAIL" in told


def test_a_policy_that_was_only_taken_out_of_dns(internet: Internet, trusted: Certificate) -> None:
    """Senders go on with the one that they have."""
    words = (
        "warning: _mta-sts.firma.example has no record, and the policy for MTA-STS that is still there does not have "
        "mail.neu.example"
    )
    for text, told in ((GOOGLE_ONLY, [words]), (BOTH, []), (POLICY % "none", []), ("<html>", [])):
        with policy_host(internet.network, trusted, text) as address:
            internet.publish(*READY, "mta-sts A %s" % address)
            assert internet.look().problems("mta_sts") == told
    # Of a wildcard, say.
    internet.publish(*READY, "mta-sts A %s" % internet.network.free_address(443))
    assert internet.look().problems("mta_sts") == []
    internet.publish(*READY, "mta-sts CNAME x.kaputt.example.")
    found = internet.look()
    assert found.problems("mta_sts") == [] and found.result["ready"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has what is outside of DNS take 0.3 s at most."""
    for name in ("fetch_policy", "fetch_chain"):
        fetch = getattr(transport, name)
        monkeypatch.setattr(transport, name, lambda host, addresses, _timeout, fetch=fetch: fetch(host, addresses, 0.3))


@pytest.mark.usefixtures("impatient")
def test_servers_that_drip_without_end(
    internet: Internet, trusted: Certificate, neu: Callable[..., None], authority: Authority
) -> None:
    with policy_host(internet.network, trusted, BOTH, drips=True) as address:
        internet.publish(*READY, STS, "mta-sts A %s" % address)
        told = internet.look().problem("mta_sts")
        assert told.endswith("(%s): no whole answer within 0.3 s" % address), told
    internet.publish(*READY)
    certificate = authority.issue("drips", "mail.neu.example", None)
    with SmtpServer({}, greeting=DRIPS, certificate=certificate, network=internet.network) as server:
        neu("mail A %s" % server.address, "_25._tcp.mail TLSA 3 1 1 " + 32 * "00")
        told = internet.look().problem("tlsa")
        assert told.endswith("(%s) port 25: no whole answer within 0.3 s" % server.address), told


def test_what_a_mail_host_refuses_with_is_told(internet: Internet, neu: Callable[..., None]) -> None:
    with SmtpServer({}, greeting="554-No service here\r\n554 Go away", network=internet.network) as server:
        neu("mail A %s" % server.address, "_25._tcp.mail TLSA 3 1 1 " + 32 * "00")
        assert internet.look().problem("tlsa").endswith("port 25: 554 No service here Go away")
    with SmtpServer({}, network=internet.network) as server:
        neu("mail A %s" % server.address, "_25._tcp.mail TLSA 3 1 1 " + 32 * "00")
        assert "STARTTLS" in internet.look().problem("tlsa")


def key_digest(certificate: Certificate) -> str:
    key = x509.load_pem_x509_certificate(certificate.certificate.read_bytes()).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def whole_digest(certificate: Certificate) -> str:
    return certificate.fingerprint().replace(":", "")


@pytest.fixture
def shown(authority: Authority, internet: Internet, neu: Callable[..., None]) -> Iterator[Callable[..., str]]:
    """Publishes TLSA records of the new host and returns what is said; the host shows the certificate `new`."""
    new, old = authority.issue("new", "mail.neu.example", None), authority.issue("old", "mail.neu.example", None)
    with SmtpServer({}, certificate=new, network=internet.network) as server:

        def publish(*records: str, more: str = "; nothing") -> str:
            values = {
                "new_key": key_digest(new),
                "new": whole_digest(new),
                "old_key": key_digest(old),
                "old": whole_digest(old),
            }
            tlsa = ["_25._tcp.mail TLSA " + record.format(**values) for record in records]
            neu("mail A %s" % server.address, *tlsa, more)
            return " ".join(internet.look().problems("tlsa"))

        yield publish
    assert "STARTTLS" in server.commands
    assert not any(command.startswith("MAIL") for command in server.commands)


def test_tlsa_of_the_certificate_that_is_shown(shown: Callable[..., str]) -> None:
    assert shown("3 1 1 {new_key}") == ""
    assert shown("3 0 1 {new}") == ""
    # The next one may be there already, or the last one still.
    assert shown("3 1 1 {old_key}", "3 1 1 {new_key}") == ""
    # Senders make nothing of what is about an authority that everybody trusts.
    assert shown("0 1 1 {old_key}") == ""


def test_tlsa_of_an_authority(internet: Internet, authority: Authority, neu: Callable[..., None]) -> None:
    """Its certificate stands behind that of the host, which it has to have given for this name and for now."""
    own = Certificate(authority.ca_file, authority.ca_file)
    records = ["2 1 1 %s" % key_digest(own), "2 0 1 %s" % whole_digest(own)]
    words = "warning: the TLSA records of _25._tcp.mail.neu.example are not of the certificate that it shows"
    for number, (host, expired, is_behind, fault) in enumerate(
        (
            ("mail.neu.example", False, True, None),
            ("mail.neu.example", False, False, ""),
            (
                "mail.anders.example",
                False,
                True,
                ", which its authority does not vouch for: Hostname mismatch, certificate is not valid for "
                "'mail.neu.example'.",
            ),
            ("mail.neu.example", True, True, ", which its authority does not vouch for: certificate has expired"),
        )
    ):
        certificate = authority.issue("behind%d" % number, host, None, expired)
        if is_behind:
            certificate.certificate.write_bytes(certificate.certificate.read_bytes() + authority.ca_file.read_bytes())
        with SmtpServer({}, certificate=certificate, network=internet.network) as server:
            for record in records:
                neu("mail A %s" % server.address, "_25._tcp.mail TLSA " + record)
                assert internet.look().problems("tlsa") == ([] if fault is None else [words + fault])


def test_an_authority_that_does_not_name_its_key(
    internet: Internet,
    authority: Authority,
    neu: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    trusted: Certificate,
) -> None:
    """As those of companies do; other mail servers take it, and Python alone, from 3.13 on, does not."""
    create = ssl.create_default_context

    def create_strict(*arguments: Any, **options: Any) -> ssl.SSLContext:
        context = create(*arguments, **options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", create_strict)
    host = authority.issue("no_key", "mail.neu.example", None, names_key=False)
    web = authority.issue("no_key_web", "mta-sts.firma.example", None, names_key=False)
    host.certificate.write_bytes(host.certificate.read_bytes() + authority.ca_file.read_bytes())
    tlsa = "_25._tcp.mail TLSA 2 1 1 " + key_digest(Certificate(authority.ca_file, authority.ca_file))
    with (
        SmtpServer({}, certificate=host, network=internet.network) as server,
        policy_host(internet.network, web, BOTH) as address,
    ):
        neu("mail A %s" % server.address, tlsa)
        internet.publish(*READY, STS, "mta-sts A %s" % address)
        found = internet.look()
        assert (found.problems("tlsa"), found.problems("mta_sts")) == ([], [])


def test_tlsa_of_another_certificate(internet: Internet, shown: Callable[..., str]) -> None:
    words = "the TLSA records of _25._tcp.mail.neu.example are not of the certificate that it shows"
    assert shown("3 1 1 {old_key}") == "warning: " + words
    key, ds = signing_key("neu.example")
    # Nobody goes by them unless the registry has the key.
    assert shown("3 0 1 {old}", more="@ " + key) == "warning: " + words
    with internet.registration(*internet.delegation, "neu " + ds):
        assert shown("3 0 1 {old}", more="@ " + key) == "error: " + words


def test_tlsa_that_cannot_be_compared(internet: Internet, neu: Callable[..., None]) -> None:
    neu("mail A %s" % internet.network.free_address(25), "_25._tcp.mail TLSA 3 1 1 " + 32 * "00")
    assert "which cannot be compared: mail.neu.example" in internet.look().problem("tlsa")
    neu("mail A 192.0.2.10", "_25._tcp.mail CNAME x.kaputt.example.")
    assert "answers SERVFAIL" in internet.look().problem("tlsa")
