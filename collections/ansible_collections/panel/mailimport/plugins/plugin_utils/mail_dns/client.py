# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks name servers, and follows aliases. That nobody answers is never taken for an answer."""

from __future__ import annotations

import contextlib
import errno
import functools
import ipaddress
import threading
import typing as t

try:
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdatatype
    import dns.resolver
    import dns.reversename
except ImportError:  # the action plugin says so
    pass

# Aliases that are followed from one name to the next, as resolvers do.
_LONGEST_CHAIN = 12
# What a machine without IPv6 says of an address of that kind.
_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class NoAnswerError(Exception):
    """Nobody said whether there is such a record. `no_way`: from here there is no way to that address."""

    def __init__(self, message: str, no_way: bool = False) -> None:
        super().__init__(message)
        self.no_way = no_way


class BadNameError(ValueError):
    """A text that is no domain name."""


class NameServer(t.NamedTuple):
    """A server at an address; `name` is what an NS record calls it."""

    address: str
    port: int = 53
    name: str = ""

    def __str__(self) -> str:
        return "%s (%s)" % (self.name, self.address) if self.name else self.address


class Answer(t.NamedTuple):
    """The records of a name; none if there are none.

    `name` is where they are, at the end of the `aliases` that led there. `exists` is whether that name is there at all.
    """

    name: str
    records: tuple[t.Any, ...] = ()
    ttl: int = 0
    aliases: tuple[str, ...] = ()
    exists: bool = True


def parse_server(text: str) -> NameServer:
    """Take `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`.

    Raises:
        ValueError: it is none of these.
    """
    address, port = text.strip(), "53"
    if address.startswith("["):
        address, _bracket, port = address[1:].partition("]")
        port = port.removeprefix(":") or "53"
    elif address.count(":") == 1:
        address, _colon, port = address.partition(":")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError("%r is no address of a name server" % text)
    try:
        return NameServer(str(ipaddress.ip_address(address)), int(port))
    except ValueError:
        raise ValueError("%r is no address of a name server" % text) from None


def system_servers() -> list[NameServer]:
    """The name servers of this machine's resolver."""
    with contextlib.suppress(dns.resolver.NoResolverConfiguration):
        return [NameServer(str(address)) for address in dns.resolver.Resolver().nameservers]
    return []


def ascii_name(name: str) -> str:
    """A domain name as DNS has it: IDN as A-labels, lower case, no dot at the end.

    Raises:
        BadNameError: it is no name of a domain.
    """
    if not name.isascii() and not dns.name.have_idna_2008:
        raise BadNameError("%s needs the Python library idna on the controller: pip install idna" % name)
    codec = dns.name.IDNA_2008_UTS_46 if dns.name.have_idna_2008 else dns.name.IDNA_2003
    try:
        parsed = dns.name.from_text(name.strip(), idna_codec=codec)
    except (dns.exception.DNSException, UnicodeError, ValueError):
        raise BadNameError("%r is no domain name" % name) from None
    if len(parsed) < 2:
        raise BadNameError("%r is no domain name" % name)
    return _plain(parsed)


def reverse_name(address: str) -> str:
    """The name that the PTR record of an address has."""
    return _plain(dns.reversename.from_address(address))


def host_of(name: t.Any) -> str:
    """A name in a record, as `ascii_name` gives it; "" is the root."""
    return _plain(name)


def text_of(record: t.Any) -> str:
    """The text of a TXT record, whose strings belong together."""
    return b"".join(record.strings).decode("utf-8", "replace")


class Client:
    """Asks over UDP, and over TCP what did not fit.

    Args:
        servers: those that look up any name.
        timeout: seconds that one question may take.
    """

    def __init__(self, servers: t.Sequence[NameServer], timeout: float = 5.0) -> None:
        self.servers = list(servers)
        self.timeout = timeout
        self._known: dict[tuple[str, str], Answer | NoAnswerError] = {}
        self._lock = threading.Lock()

    def look_up(self, name: str, kind: str) -> Answer:
        """Look a name up as everybody does, caches included. Asked again, it says the same.

        Raises:
            NoAnswerError: in one line, why nobody knows.
        """
        key = (name.lower(), kind)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            try:
                known = self._follow(name, kind, self._ask_any)
            except NoAnswerError as error:
                known = error
            with self._lock:
                self._known[key] = known
        if isinstance(known, NoAnswerError):
            raise known
        return known

    def addresses(self, name: str) -> list[str]:
        """The addresses of a host, IPv4 first.

        Raises:
            NoAnswerError: in one line, why nobody knows.
        """
        return [record.address for kind in ("A", "AAAA") for record in self.look_up(name, kind).records]

    def ask_own(self, servers: t.Sequence[NameServer], name: str, kind: str) -> Answer:
        """Ask the servers of a zone itself, the first of them that answers. What they do not have is looked up.

        Raises:
            NoAnswerError: in one line, why nobody knows.
        """
        failure = NoAnswerError("%s %s: the zone has no name server that answers" % (name, kind))
        for server in servers:
            try:
                message = self.ask(server, name, kind)
            except NoAnswerError as error:
                failure = error
                continue
            if not message.flags & dns.flags.AA:
                return self.look_up(name, kind)  # it is in a zone below
            answer = _read(message)
            if answer.aliases and not answer.records:
                return self._follow(answer.name, kind, self._ask_any, answer.aliases)
            return answer
        raise failure

    def ask_authority(self, server: NameServer, name: str, kind: str) -> Answer:
        """Ask a server that is to have the zone.

        Raises:
            NoAnswerError: it does not answer, or has no such zone.
        """
        message = self.ask(server, name, kind)
        if not message.flags & dns.flags.AA:
            raise NoAnswerError("%s %s: %s does not have the zone" % (name, kind, server))
        return _read(message)

    def ask(self, server: NameServer, name: str, kind: str, recursive: bool = False, signed: bool = False) -> t.Any:
        """Ask one server one question, and return its message, with signatures if they are wanted.

        Raises:
            NoAnswerError: it gave no answer to it.
        """
        query = dns.message.make_query(name, kind, use_edns=0, payload=1232, want_dnssec=signed)
        # A resolver that validates is to say what there is also where signatures do not fit: that is found here.
        query.flags = query.flags | dns.flags.CD if recursive else query.flags & ~dns.flags.RD
        what = "%s %s: %s" % (name, kind, server)
        message = self._send(query, server, what)
        if message.rcode() in (dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS):
            query.use_edns(False)  # what old servers do not know
            message = self._send(query, server, what)
        if message.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise NoAnswerError("%s answers %s" % (what, dns.rcode.to_text(message.rcode())))
        return message

    def _send(self, query: t.Any, server: NameServer, what: str) -> t.Any:
        try:
            try:
                return dns.query.udp(
                    query,
                    server.address,
                    timeout=self.timeout,
                    port=server.port,
                    ignore_unexpected=True,
                    raise_on_truncation=True,
                )
            except dns.message.Truncated:
                what += ": the answer does not fit into UDP, and TCP"
                return dns.query.tcp(query, server.address, timeout=self.timeout, port=server.port)
        except dns.exception.Timeout:
            raise NoAnswerError("%s does not answer within %g s" % (what, self.timeout)) from None
        except (OSError, EOFError, dns.exception.DNSException) as error:
            words = getattr(error, "strerror", None) or str(error) or type(error).__name__
            no_way = getattr(error, "errno", None) in _NO_WAY
            raise NoAnswerError("%s: %s" % (what, words), no_way) from None

    def _ask_any(self, name: str, kind: str) -> t.Any:
        failure = NoAnswerError("%s %s: there is no name server to ask" % (name, kind))
        for server in self.servers:
            try:
                return self.ask(server, name, kind, recursive=True)
            except NoAnswerError as error:
                failure = error
        raise failure

    def _follow(
        self, name: str, kind: str, ask: t.Callable[[str, str], t.Any], aliases: tuple[str, ...] = ()
    ) -> Answer:
        while True:
            answer = _read(ask(name, kind))
            aliases += answer.aliases
            if answer.records or not answer.aliases or not answer.exists:
                return answer._replace(aliases=aliases)
            name = answer.name
            if name in aliases or len(aliases) > _LONGEST_CHAIN:
                raise _endless(aliases[0])


def _read(message: t.Any) -> Answer:
    """What a message says of the name it was asked for."""
    try:
        result = message.resolve_chaining()
    except dns.message.ChainTooLong:
        raise _endless(message.question[0].name.to_text(omit_final_dot=True)) from None
    except dns.exception.DNSException as error:
        question = message.question[0] if message.question else "the question"
        raise NoAnswerError(
            "%s: no answer that makes sense: %s" % (question, str(error) or type(error).__name__)
        ) from None
    return Answer(
        _plain(result.canonical_name),
        tuple(result.answer) if result.answer else (),
        result.answer.ttl if result.answer else 0,
        tuple(_plain(alias.name) for alias in result.cnames),
        message.rcode() != dns.rcode.NXDOMAIN,
    )


def _endless(name: str) -> NoAnswerError:
    return NoAnswerError("%s: the chain of its aliases (CNAME) does not end" % name)


@functools.lru_cache(maxsize=1024)
def _plain(name: t.Any) -> str:
    return name.to_text(omit_final_dot=True).lower().rstrip(".")
