# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes senders insist on a host or its certificate: MTA-STS and DANE. What still names the old one stops mail."""

from __future__ import annotations

import hashlib
import re
import typing as t

from ..client import NoAnswerError
from ..domain import Domain, joined
from ..shown import BadCertificateError, NotShownError, Policy, check_certificate, fetch_chain, fetch_policy
from ..zone import find_zone
from .dnssec import has_key

_DAY = 24 * 3600
_STS_ID = re.compile(r";\s*id\s*=\s*[A-Za-z0-9]{1,32}\s*(;|$)")
# Uses of a TLSA record: about the host's own certificate, and about that of the authority that has given it.
_OWN_CERTIFICATE = (1, 3)
_OF_AUTHORITY = 2


def check_mta_sts(domain: Domain) -> None:
    """The policy allows every host that gets mail now, or from the switch on."""
    try:
        texts = domain.texts("_mta-sts." + domain.name, "v=STSv1")
        addresses = domain.addresses("mta-sts." + domain.name) if texts else []
    except NoAnswerError as error:
        domain.error("mta_sts", str(error), "Have the name servers of this name answer.")
        return
    if not texts:
        _check_left_policy(domain)
        return
    domain.records["mta_sts"] = texts
    if len(texts) > 1:
        domain.warn("mta_sts", "_mta-sts.%s has several records, and senders use none" % domain.name, "Keep one.")
    elif not _STS_ID.search(texts[0]):
        domain.warn("mta_sts", "_mta-sts.%s has no id, and senders do not use it" % domain.name, "Add one: id=1; say.")
    try:
        policy = fetch_policy(domain.name, addresses, domain.client.timeout)
    except NotShownError as error:
        domain.warn(
            "mta_sts",
            "there is no policy for MTA-STS: %s" % error,
            "Senders that have one go on with it. Publish one, with mode: none if you want no MTA-STS.",
        )
        return
    domain.records["mta_sts_policy"] = {"mode": policy.mode, "mx": list(policy.mx), "max_age": policy.max_age}
    if policy.mode != "none":
        _check_policy(domain, policy)


def _check_left_policy(domain: Domain) -> None:
    """Whoever has a policy goes by it until its end, though nothing in DNS says any more that there is one."""
    try:
        policy = fetch_policy(domain.name, domain.addresses("mta-sts." + domain.name), domain.client.timeout)
    except (NoAnswerError, NotShownError):
        return
    refused = [host for host in domain.wanted.hosts if not policy.covers(host)]
    if policy.mode == "enforce" and refused:
        domain.warn(
            "mta_sts",
            "_mta-sts.%s has no record, and the policy for MTA-STS that is still there does not have %s"
            % (domain.name, joined(refused)),
            "Senders that have it go by it for up to %d days. Publish one with mode: none, and the record with a new "
            "id; take both away after that." % (policy.max_age // _DAY),
        )


def _check_policy(domain: Domain, policy: Policy) -> None:
    published = [record.host for record in domain.mx if record.host]
    refused = [host for host in dict.fromkeys([*domain.wanted.hosts, *published]) if not policy.covers(host)]
    if refused:
        report = domain.error if policy.mode == "enforce" else domain.warn
        report(
            "mta_sts",
            "the policy for MTA-STS of %s (mode: %s) does not have %s" % (domain.name, policy.mode, joined(refused)),
            "Add mx: lines for it to https://mta-sts.%s/.well-known/mta-sts.txt, then change the id. Senders may go by "
            "the policy they have for %d days." % (domain.name, policy.max_age // _DAY),
        )
        domain.zone_lines.append(
            domain.line("_mta-sts." + domain.name, "TXT", '"v=STSv1; id=%s"' % domain.now.strftime("%Y%m%d%H%M%S"))
        )
    elif policy.mode == "enforce":
        for host in domain.wanted.hosts:
            _check_certificate(domain, host)
    old = [pattern for pattern in policy.mx if domain.wanted.old.has(pattern.removeprefix("*."))]
    if domain.wanted.phase == "finish" and old:
        domain.tell(
            "mta_sts", "the policy for MTA-STS of %s still has %s" % (domain.name, joined(old)), "Remove it there."
        )


def _check_certificate(domain: Domain, host: str) -> None:
    """Who goes by such a policy takes a good certificate of that host only."""
    try:
        check_certificate(host, domain.addresses(host), domain.client.timeout)
    except NoAnswerError:
        return  # told as a host that is not there
    except BadCertificateError as error:
        domain.error(
            "mta_sts",
            "the policy for MTA-STS of %s has senders ask for a good certificate, and that of %s is none: %s"
            % (domain.name, host, error),
            "Get one that everybody trusts, with this name in it, before the switch.",
        )
    except NotShownError as error:
        domain.warn(
            "mta_sts",
            "the policy for MTA-STS of %s has senders ask for a good certificate, which was not seen: %s"
            % (domain.name, error),
            "Look at the certificate of %s from elsewhere." % host,
        )


def check_tlsa(domain: Domain) -> None:
    """TLSA records of the new mail host are of the certificate that it shows."""
    hosts = [record.host for record in domain.mx if record.host and domain.place_of(record.host) == "new"]
    for host in dict.fromkeys([*domain.wanted.hosts, *hosts]):
        name = "_25._tcp.%s" % host
        try:
            uses = (*_OWN_CERTIFICATE, _OF_AUTHORITY)
            records = [record for record in domain.look_up(name, "TLSA").records if record.usage in uses]
            if not records:
                continue
            addresses = domain.addresses(host)
            signed = _is_signed(domain, host)
        except NoAnswerError as error:
            domain.error("tlsa", str(error), "Have the name servers of this name answer: senders with DANE wait.")
            continue
        try:
            fault = _fault_of_certificate(host, addresses, domain.client.timeout, records)
        except NotShownError as error:
            domain.warn(
                "tlsa",
                "%s has TLSA records, which cannot be compared: %s" % (host, error),
                "Compare them with the certificate of the new mail host.",
            )
            continue
        if fault is not None:
            # Without DNSSEC nobody goes by them.
            report = domain.error if signed else domain.warn
            report(
                "tlsa",
                "the TLSA records of %s are not of the certificate that it shows%s" % (name, fault),
                "Publish those of the new certificate, or remove them: senders with DANE refuse the host.",
            )


def _fault_of_certificate(
    host: str, addresses: t.Sequence[str], timeout: float, records: t.Sequence[t.Any]
) -> str | None:
    """What keeps what a host shows from being what its TLSA records say (RFC 7672); None when nothing does.

    Raises:
        NotShownError: in one line, why it shows none.
    """
    chain = fetch_chain(host, addresses, timeout)
    if any(record.usage in _OWN_CERTIFICATE and _fits(record, chain[0]) for record in records):
        return None
    fault = ""
    authorities = [record for record in records if record.usage == _OF_AUTHORITY]
    for certificate in chain:
        if any(_fits(record, certificate) for record in authorities):
            try:
                check_certificate(host, addresses, timeout, certificate)
                return None
            except BadCertificateError as error:
                fault = ", which its authority does not vouch for: %s" % error
    return fault


def _is_signed(domain: Domain, host: str) -> bool:
    """Whether those who validate believe what the zone of the host says. Where it cannot be told, it is believed."""
    zone = find_zone(domain.client, host)
    keys = domain.client.ask_own(zone.servers, zone.name, "DNSKEY").records
    return has_key(zone, keys) or bool(zone.delegation.failure and keys)


def _fits(record: t.Any, certificate: bytes) -> bool:
    """Whether a TLSA record (RFC 6698) is of this certificate."""
    data = _public_key(certificate) if record.selector == 1 else certificate
    digests = {0: data, 1: hashlib.sha256(data).digest(), 2: hashlib.sha512(data).digest()}
    return digests.get(record.mtype) == record.cert


def _public_key(certificate: bytes) -> bytes:
    # Ansible brings this library; it takes a while to load.
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_der_x509_certificate

    key = load_der_x509_certificate(certificate).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
