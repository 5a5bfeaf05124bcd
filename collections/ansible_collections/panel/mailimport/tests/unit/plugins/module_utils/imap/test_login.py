# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import socket
import ssl
import subprocess
import threading
import time
import warnings
from contextlib import suppress

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap import connection
from ansible_collections.panel.mailimport.plugins.module_utils.imap.login import _no_login, connect
from ansible_collections.panel.mailimport.plugins.module_utils.imap.tls import tls_context
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceAccount

PLAIN = b"IMAP4rev1 AUTH=PLAIN"
# Bytes that are told from each other however a server or a message writes them.
PASSWORDS = ["a secret", 'qu"ote', "back\\slash", "two  blanks ", "ünïcode", "per%cent {7}", "(paren)", "x" * 400]


def log_in(account):
    connect(account, tls_context(account)).disconnect()


def refused(account):
    with pytest.raises(MailImportError) as error:
        log_in(account)
    assert account.password not in error.value.message
    return error.value


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("anna", "a secret"),
        ("anna smith", 'qu"ote'),
        ('an"na', "back\\slash"),
        ("DOMAIN\\anna", "{10}"),
        ("a(b)c {5}", "*"),
        ("", ""),
    ],
)
def test_user_and_password_reach_the_server_as_they_are(server, account, user, password):
    listening = server()
    log_in(account(listening, user=user, password=password))
    (login,) = [line for line in listening.heard if b" LOGIN " in line]

    def quoted(text):
        return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')

    assert login.split(b" ", 1)[1].decode() == "LOGIN %s %s" % (quoted(user), quoted(password))


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="only Linux has it")
def test_a_server_never_waits_for_an_acknowledgement_that_is_held_back(server, account):
    """As it does between the pieces of an answer (Cyrus, Courier); Linux forgets that with what is sent."""
    client = connect(account(server()), None)
    for _command in range(5):
        client.send(b"X1 NOOP\r\n")
        assert client._imap.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 1
    client.disconnect()


@pytest.mark.parametrize(
    ("options", "capabilities", "said"),
    [
        ({"password": "пароль"}, PLAIN, "\0anna\0пароль"),
        ({"user": "анна"}, PLAIN, "\0анна\0a secret"),
        ({}, PLAIN + b" LOGINDISABLED", "\0anna\0a secret"),
        ({"auth": "plain"}, PLAIN, "\0anna\0a secret"),
        ({"master_user": "admin"}, PLAIN, "anna\0admin\0a secret"),
        ({"auth": "plain", "master_user": "admin"}, PLAIN, "anna\0admin\0a secret"),
        ({"auth": "plain", "master_user": "%u*admin"}, PLAIN, "\0anna*admin\0a secret"),
        # As Yandex, which has it all the same.
        ({"auth": "xoauth2"}, PLAIN, "user=anna\1auth=Bearer a secret\1\1"),
        (
            {"auth": "oauthbearer", "user": "a=n,na"},
            b"IMAP4rev1 AUTH=OAUTHBEARER",
            "n,a=a=3Dn=2Cna,\1auth=Bearer a secret\1\1",
        ),
        ({"auth": "xoauth2"}, b"IMAP4rev1 AUTH=XOAUTH2", "user=anna\1auth=Bearer a secret\1\1"),
        ({"auth": "oauthbearer"}, b"IMAP4rev1 AUTH=OAUTHBEARER", "n,a=anna,\1auth=Bearer a secret\1\1"),
    ],
)
def test_mechanisms(server, account, options, capabilities, said):
    listening = server({b"AUTHENTICATE": b"+ \r\n"}, capabilities=capabilities)
    log_in(account(listening, **options))
    (position,) = [number for number, line in enumerate(listening.heard) if b" AUTHENTICATE " in line]
    assert base64.b64decode(listening.heard[position + 1]).decode() == said
    assert not any(b" LOGIN " in line for line in listening.heard)


def test_a_template_of_the_master_user_is_a_login_name(server, account):
    listening = server()
    log_in(account(listening, master_user="%u*admin"))
    assert any(line.endswith(b'LOGIN "anna*admin" "a secret"') for line in listening.heard)


@pytest.mark.parametrize(
    ("options", "capabilities", "words"),
    [
        ({}, b"IMAP4rev1 LOGINDISABLED", "allows no login on this connection"),
        ({"auth": "login"}, b"IMAP4rev1 LOGINDISABLED", "allows no login on this connection"),
        ({"auth": "plain"}, b"IMAP4rev1", "offers no AUTH=PLAIN"),
        ({"auth": "oauthbearer"}, PLAIN, "offers no AUTH=OAUTHBEARER"),
        ({"auth": "xoauth2", "password": "a\1secret"}, PLAIN, "control character"),
        ({"auth": "xoauth2", "user": "an\1na"}, PLAIN, "control character"),
        ({"master_user": "admin"}, b"IMAP4rev1", "AUTH=PLAIN, which source_master_user needs"),
        # Otherwise the administrator's own mail would be imported.
        ({"master_user": "admin", "auth": "login"}, PLAIN, "source_master_user"),
        ({"master_user": "admin", "auth": "xoauth2"}, b"IMAP4rev1 AUTH=XOAUTH2", "source_master_user"),
        ({"master_user": "admin", "auth": "oauthbearer"}, b"IMAP4rev1 AUTH=OAUTHBEARER", "source_master_user"),
        ({"password": "a\0secret"}, PLAIN, "NUL"),
        ({"user": "an\0na"}, PLAIN, "NUL"),
        ({"password": "a\r\nM1 DELETE INBOX"}, b"IMAP4rev1", "line break"),
        ({"user": "anna\nx"}, b"IMAP4rev1", "line break"),
        ({"password": "a\udcffsecret"}, PLAIN, "Unicode"),
    ],
)
def test_a_login_that_cannot_be_right_sends_no_password(server, account, options, capabilities, words):
    listening = server(capabilities=capabilities)
    error = refused(account(listening, **options))
    assert error.reason == "auth_failed" and words in error.message
    assert not any(b"LOGIN" in line or b"AUTHENTICATE" in line for line in listening.heard)


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (
            b"TAG NO [AUTHENTICATIONFAILED] wrong\r\n",
            "auth_failed",
            "refuses the login of anna: [AUTHENTICATIONFAILED] wrong",
        ),
        (b"TAG NO Gr\xc3\xbc\xc3\x9fe\r\n", "auth_failed", "refuses the login of anna: Grüße"),
        (b"TAG BAD syntax\r\n", "auth_failed", "syntax"),
        (b"TAG NO [UNAVAILABLE] the directory is down\r\n", "throttled", "the directory is down"),
        (b"TAG NO\r\n", "auth_failed", "refuses the login of anna without a word"),
        (
            b"TAG NO [ALERT] Too many simultaneous connections\r\n",
            "too_many_connections",
            "Too many simultaneous connections",
        ),
        (b"* BYE going down\r\n", "source_unavailable", "going down"),
        (b"* BYE [LIMIT] Too many connections\r\n", "too_many_connections", "Too many connections"),
        (None, "connection_failed", "closed the connection"),
    ],
)
def test_a_login_that_is_refused(server, account, answer, reason, words):
    error = refused(account(server({b"LOGIN": answer})))
    assert error.reason == reason
    assert words in error.message


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize(
    "answer", [b"TAG NO no: %s, sorry\r\n", b"TAG BAD no: %s, sorry\r\n", b"* BYE no: %s, sorry\r\n"]
)
def test_a_password_that_the_server_echoes_is_in_no_message(server, account, password, answer):
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    encoded = base64.b64encode(("\0anna\0" + password).encode()).decode()
    for echo in (password, '"anna" "%s"' % quoted, encoded):
        said = ("-" * 250 + " " + echo).encode()
        error = refused(account(server({b"LOGIN": answer % said}), password=password))
        for form in (
            password,
            quoted,
            encoded,
            password.strip(),
            password[:40],
            repr(password)[1:-1],
            str(password.encode())[2:-1],
        ):
            assert form not in error.message


@pytest.mark.parametrize(
    "host", ["imaps://mail.example.org", "mail.example.org:993", "mail example", "", "a@b", "mail.example.org/", "x\n"]
)
def test_a_host_that_is_no_host_name(host):
    error = refused(SourceAccount(host=host, user="anna", password="a secret"))
    assert error.reason == "invalid_row" and "host name" in error.message


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "::1%nothing"])
def test_a_host_that_is_not_there(host):
    assert (
        refused(SourceAccount(host=host, user="anna", password="a secret", tls="none", timeout=20)).reason
        == "connection_failed"
    )


def test_a_closed_port_and_one_that_cannot_be():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = refused(
            SourceAccount(host="127.0.0.1", port=taken.getsockname()[1], user="anna", password="a secret", tls="none")
        )
    assert error.reason == "connection_failed" and "Connection refused" in error.message
    assert (
        refused(SourceAccount(host="127.0.0.1", port=70000, user="anna", password="a secret", tls="none")).reason
        == "connection_failed"
    )


@pytest.mark.parametrize(
    ("greeting", "reason", "words"),
    [
        (b"* BYE Too many connections\r\n", "too_many_connections", "Too many connections"),
        (b"* BYE closed for today\r\n", "source_unavailable", "closed for today"),
        (b"* OK ready\r\n* BYE closed for today\r\n", "source_unavailable", ": closed for today"),
        (b"\x16\x03\x01\x02\r\n", "protocol_error", "127.0.0.1"),
        (b"x" * 200_000, "protocol_error", "line of more than"),
    ],
)
def test_a_server_that_does_not_let_one_in(server, account, greeting, reason, words):
    error = refused(account(server(greeting=greeting)))
    assert (error.reason, words in error.message) == (reason, True), error.message


@pytest.mark.parametrize(
    "answer",
    [
        b"* OK still here\r\n",
        b"* CAPABILITY IMAP4rev1\r\n",
        b"* OK " + b"x" * 100_000 + b"\r\n",
        b'* LIST () "/" {60000}\r\n' + b"x" * 60_000 + b"\r\n",
    ],
)
def test_a_login_that_is_answered_without_end(server, account, answer):
    error = refused(account(server({b"LOGIN": answer * (3_000_000 // len(answer))})))
    assert error.reason == "protocol_error" and "did not end within 1048576 bytes" in error.message


def test_a_session_that_needs_no_login(server, account):
    listening = server(greeting=b"* PREAUTH [CAPABILITY IMAP4rev1] welcome\r\n")
    log_in(account(listening))
    assert not any(b"LOGIN" in line for line in listening.heard)


def test_capabilities_are_those_after_the_login(session):
    opened = session(
        {b"LOGIN": b"* CAPABILITY IMAP4rev1 condstore LIST-STATUS\r\nTAG OK in\r\n"}, b"IMAP4rev1 LOGIN-REFERRALS"
    )
    assert opened.capabilities == {b"IMAP4REV1", b"CONDSTORE", b"LIST-STATUS"}


@pytest.mark.parametrize("piece", [b"x", b"\r\n* OK wait"])
def test_a_login_that_is_answered_a_little_at_a_time_has_an_end(piece):
    """There is never a silence as long as the timeout."""
    dripped_on = threading.Event()

    def drip(listener):
        with suppress(OSError), listener.accept()[0] as connection:
            connection.sendall(b"* OK ready")
            for _number in range(1000):
                connection.sendall(piece)
                time.sleep(0.01)
            dripped_on.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, args=(listener,), daemon=True).start()
        error = refused(
            SourceAccount("127.0.0.1", "anna", "a secret", listener.getsockname()[1], tls="none", timeout=0.1)
        )
        assert not dripped_on.is_set()
    assert error.reason == "connection_failed" and "did not come to an end of the login in time" in error.message


@pytest.mark.parametrize(
    ("greeting", "protocol"),
    [
        (b"+OK Dovecot ready.\r\n", "POP3"),
        (b"-ERR go away\r\n", "POP3"),
        (b"220 mail.example ESMTP Postfix\r\n", "SMTP"),
        (b"220-mail.example\r\n220 ready\r\n", "SMTP"),
        (b"554 no\r\n", "SMTP"),
        (b"220 FTP server ready\r\n", "FTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
        (b"<!DOCTYPE html>\n", "HTTP"),
        (b'"IMPLEMENTATION" "Dovecot Pigeonhole"\r\n', "ManageSieve"),
        (b"\x15\x03\x01\x00\x02\x02\n", "TLS"),
    ],
)
def test_d12_another_protocol_is_named_with_what_to_do(server, account, greeting, protocol):
    listening = server(greeting=greeting)
    error = refused(account(listening))
    assert error.reason == "protocol_error"
    assert "speaks %s, not IMAP" % protocol in error.message and "source_port" in error.message
    assert listening.heard == []


@pytest.mark.parametrize(
    ("capabilities", "words"),
    [
        (b"IMAP4rev1 LOGINDISABLED AUTH=XOAUTH2 AUTH=OAUTHBEARER", "source_auth=xoauth2"),
        (b"IMAP4rev1 LOGINDISABLED AUTH=OAUTHBEARER", "source_auth=oauthbearer"),
        (b"IMAP4rev1 LOGINDISABLED AUTH=GSSAPI", "offers GSSAPI"),
        (b"IMAP4rev1 LOGINDISABLED", "no other way in"),
    ],
)
def test_d12_a_login_that_is_disabled_behind_tls_says_what_to_do(capabilities, words):
    account = SourceAccount(host="x", user="anna", password="a secret", tls="implicit")
    message = _no_login(account, tuple(capabilities.split()), "imap.example:993")
    assert "LOGINDISABLED" in message and words in message
    assert "source_tls" not in message


def test_d12_tls_that_is_too_old_says_what_to_do(old_tls_server):
    error = refused(SourceAccount("127.0.0.1", "anna", "a secret", old_tls_server, timeout=5))
    assert (error.reason, "TLS 1.2" in error.message) == ("tls_failed", True), error.message


@pytest.fixture
def old_tls_server(tmp_path):
    """The port of a server that speaks TLS 1.0 and nothing newer."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
        + ["-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1

    def serve(listener):
        with suppress(OSError), listener.accept()[0] as connection:
            context.wrap_socket(connection, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]


PROMPTS = [b"+ \r\n", b"+\r\n", b"+\n", b"+ \n", b"+ Ready\r\n", b"+ go ahead, please!\r\n"]
PROMPTS += [b"+ UmVhZHk=\r\n"]


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("auth", ["plain", "xoauth2"])
def test_b2_whatever_stands_behind_the_plus(server, account, prompt, auth):
    if (prompt, auth) == (b"+ UmVhZHk=\r\n", "xoauth2"):
        pytest.skip("a challenge in Base64 is a refusal there")
    listening = server({b"AUTHENTICATE": prompt}, capabilities=PLAIN)
    log_in(account(listening, auth=auth))
    (position,) = [number for number, line in enumerate(listening.heard) if b" AUTHENTICATE " in line]
    assert b"a secret" in base64.b64decode(listening.heard[position + 1])


@pytest.mark.parametrize(
    "answer",
    [
        b"\r\nTAG OK in\r\n",
        b"* OK wait\r\n+ \r\nTAG OK in\r\n",
        b"Warning: the disk is slow\r\nTAG OK in\r\n",
        b"TAG OK in\n",
        b"TAG  OK  in\r\n",
        b"TAG\tOK in\r\n",
        b"TAG OK\r\n",
        b"*\t5 EXISTS\r\nTAG OK in\r\n",
        b"* CAPABILITY\r\nTAG OK in\r\n",
        b"* capability imap4rev1\r\ntag ok in\r\n".replace(b"tag", b"TAG"),
        b"*  5  exists\r\nTAG OK in\r\n",
        b"* OK [CAPABILITY\r\nTAG OK in\r\n",
        b"* \xff\xfe\r\nTAG OK in\r\n",
        b'* LIST () "/" {3}\r\nabc\r\nTAG OK in\r\n',
    ],
)
def test_b2_b4_a_login_that_is_answered_against_the_grammar(server, account, answer):
    log_in(account(server({b"LOGIN": answer})))


@pytest.mark.parametrize("raised", [ValueError("x"), IndexError("y"), TypeError("z"), AttributeError("w")])
def test_b2_no_exception_of_a_library_reaches_people(server, account, raised, monkeypatch):
    def fail(*_arguments):
        raise raised

    monkeypatch.setattr(connection.Client, "log_in", fail)
    error = refused(account(server()))
    assert error.reason == "protocol_error" and "not understood" in error.message
