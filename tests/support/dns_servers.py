# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real authoritative name servers (NSD), each on port 53 of an address of its own, as the internet has them.

A server that has a zone for `.` too answers for every name, as the resolver of a network does: give its address as
`nameservers`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Iterable, Iterator, Mapping

import dns.exception
import dns.message
import dns.query
import dns.rcode

from .dovecot import wait_until
from .network import Network

PORT = 53

_CONFIGURATION = """\
server:
    ip-address: {address}
    port: {port}
    username: ""
    chroot: ""
    zonesdir: "{directory}"
    database: ""
    pidfile: "{directory}/nsd.pid"
    xfrdfile: "{directory}/xfrd.state"
    zonelistfile: "{directory}/zone.list"
    xfrdir: "{directory}"
    logfile: "{directory}/nsd.log"
    server-count: 1
    reuseport: no
    zonefiles-check: yes
    rrl-ratelimit: 0
remote-control:
    control-enable: no
"""


class DnsServer:
    """A name server that has some zones.

    A zone's records are lines of a zone file: `@ 300 MX 10 mail`, names without a dot are in the zone. Its SOA record
    is made here. A zone of None is one that the server ought to have and cannot load: it answers SERVFAIL.

    Attributes: `address`, the zones' records by their names in `zones`.
    """

    def __init__(
        self, network: Network, directory: Path, zones: Mapping[str, Iterable[str] | None], negative_ttl: int = 300
    ) -> None:
        self.directory = directory
        self.address = network.free_address(PORT)
        self._enter = network.enter
        self.negative_ttl = negative_ttl
        self.zones: dict[str, list[str] | None] = {
            name: None if records is None else list(records) for name, records in zones.items()
        }
        self._serials = dict.fromkeys(self.zones, 1)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> DnsServer:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and return when it answers for its zones."""
        self.directory.mkdir(parents=True, exist_ok=True)
        lines = [_CONFIGURATION.format(address=self.address, port=PORT, directory=self.directory)]
        for name in self.zones:
            lines.append('zone:\n    name: "%s"\n    zonefile: "%s"\n' % (name, self._file(name).name))
            self._write(name)
        configuration = self.directory / "nsd.conf"
        configuration.write_text("".join(lines))
        self._process = subprocess.Popen(
            [*self._enter, "/usr/sbin/nsd", "-d", "-c", str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for name in self.zones:
            self._wait_for(name)

    def stop(self) -> None:
        """Stop the server; what it served stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def publish(self, zone: str, *records: str, serial: int | None = None) -> None:
        """Replace all records of a zone, and return when they are served."""
        self.zones[zone] = list(records)
        self._serials[zone] = serial or self._serials[zone] + 1
        self._write(zone)
        if self._process is not None:
            pid = self._process.pid
            before = _children(pid)
            self._process.send_signal(signal.SIGHUP)
            self._wait_for(zone)

            def has_changed_over() -> bool:
                # For a moment, the process that has the old zone answers too.
                now = _children(pid)
                return now != before and len(now) == len(before)

            wait_until(has_changed_over, "the old process of NSD to end")

    @contextlib.contextmanager
    def published(self, zone: str, *records: str) -> Iterator[None]:
        """Replace all records of a zone for a while."""
        before = self.zones[zone] or []
        self.publish(zone, *records)
        try:
            yield
        finally:
            self.publish(zone, *before)

    def _file(self, zone: str) -> Path:
        return self.directory / ("%s.zone" % (zone.strip(".") or "root"))

    def _write(self, zone: str) -> None:
        records = self.zones[zone]
        if records is None:
            return
        origin = zone.rstrip(".") + "."
        soa = "@ 3600 SOA ns1 hostmaster %d 3600 900 604800 %d" % (self._serials[zone], self.negative_ttl)
        file = self._file(zone)
        before = file.stat().st_mtime_ns if file.exists() else 0
        file.write_text("\n".join(["$ORIGIN %s" % origin, "$TTL 3600", soa, *records, ""]))
        # NSD goes by the time of the file, in whole seconds where the file system has no more.
        if before:
            later = max(file.stat().st_mtime_ns, before + 2 * 10**9)
            os.utime(file, ns=(later, later))

    def _wait_for(self, zone: str) -> None:
        def serves() -> bool:
            assert self._process is not None
            if self._process.poll() is not None:
                raise RuntimeError("NSD ended: see %s" % (self.directory / "nsd.log"))
            query = dns.message.make_query(zone, "SOA")
            try:
                answer = dns.query.tcp(query, self.address, timeout=1, port=PORT)
            except (OSError, EOFError, dns.exception.DNSException):
                return False
            if self.zones[zone] is None:
                return answer.rcode() == dns.rcode.SERVFAIL
            return bool(answer.answer) and answer.answer[0][0].serial == self._serials[zone]

        wait_until(serves, "zone %s of %s" % (zone, self.directory))


def _children(pid: int) -> set[str]:
    """The processes below a process (proc(5))."""
    try:
        own = Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().split()
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return set()
    return set(own).union(*(_children(int(child)) for child in own))
