# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What receivers go by to tell whether mail comes from whom it says: SPF, DKIM, DMARC, and the hosts' own names."""

from __future__ import annotations

import base64
import binascii
import re

from ..client import NoAnswerError, host_of, reverse_name, text_of
from ..domain import Domain, joined
from ..spf import MOST_LOOKUPS, MOST_VOID_LOOKUPS, Spf, SpfError, is_spf, with_term

_SMALLEST_KEY = 1024
_NO_ADDRESS = ("no address of the new mail host is known", "Publish its A record, or set mail_host_addresses.")
_POLICIES = ("none", "quarantine", "reject")


def check_spf(domain: Domain) -> None:
    """There is one SPF record, receivers can use it, and mail from the new mail host passes."""
    try:
        texts = [text for text in domain.texts(domain.name, "v=spf1") if is_spf(text)]
    except NoAnswerError as error:
        domain.error("spf", str(error), "Have the zone's name servers answer.")
        return
    domain.records["spf"] = texts
    if len(texts) > 1:
        domain.error(
            "spf",
            "%s has %d SPF records, and receivers use none of them" % (domain.name, len(texts)),
            "Make one of them.",
        )
        return
    if not texts:
        domain.warn("spf", "%s has no SPF record" % domain.name, "Publish the one that is in zone_lines.")
        domain.zone_lines.append(_text_line(domain, domain.name, with_term(None, *_terms(domain))))
        return
    try:
        spf = Spf(domain.look_up, domain.name, texts[0])
    except (SpfError, NoAnswerError) as error:
        domain.error("spf", str(error), "Correct it: receivers may refuse mail while it is so.")
        return
    domain.records["spf_lookups"] = spf.lookups
    _check_limits(domain, spf)
    _check_new_host(domain, spf)
    _check_old_host(domain, spf)


def _check_limits(domain: Domain, spf: Spf) -> None:
    if spf.lookups > MOST_LOOKUPS:
        domain.error(
            "spf",
            "the SPF record of %s needs %d look-ups, and receivers stop at %d"
            % (domain.name, spf.lookups, MOST_LOOKUPS),
            "Remove includes that nobody needs any more, or name networks (ip4:, ip6:) instead.",
        )
    if spf.void > MOST_VOID_LOOKUPS:
        domain.warn(
            "spf",
            "%d look-ups of the SPF record of %s find nothing, and receivers may stop at %d"
            % (spf.void, domain.name, MOST_VOID_LOOKUPS),
            "Remove what names nothing.",
        )
    if spf.admits_everybody():
        domain.warn("spf", "the SPF record of %s lets everybody pass" % domain.name, "End it with ~all or -all.")


def _check_new_host(domain: Domain, spf: Spf) -> None:
    if not (domain.wanted.spf_terms or domain.wanted.addresses):
        domain.error("spf", *_NO_ADDRESS)
        return
    if domain.wanted.spf_terms:
        lacking = [term for term in domain.wanted.spf_terms if not spf.has(term)]
        doubtful: list[str] = []
    else:
        answers = {address: spf.admits(address) for address in sorted(domain.wanted.addresses)}
        lacking = [address for address, admitted in answers.items() if admitted is False]
        doubtful = [address for address, admitted in answers.items() if admitted is None]
    if lacking:
        terms = lacking if domain.wanted.spf_terms else [_address_term(address) for address in lacking]
        domain.error(
            "spf",
            "the SPF record of %s does not have the new mail host: %s" % (domain.name, joined(lacking)),
            "Publish the record that is in zone_lines, before the switch.",
        )
        domain.zone_lines.append(_text_line(domain, domain.name, with_term(spf.text, *terms)))
    if doubtful:
        domain.warn(
            "spf",
            "whether mail from %s passes the SPF record of %s depends on each mail (exists, ptr or a macro)"
            % (joined(doubtful), domain.name),
            "Send a mail from the new mail host, and look at its header Authentication-Results.",
        )


def _check_old_host(domain: Domain, spf: Spf) -> None:
    old = domain.wanted.old.spf
    named = sorted(spf.domains.intersection(old))
    if old and not named and domain.wanted.phase != "finish":
        domain.warn(
            "spf",
            "the SPF record of %s does not have the old mail host any more: %s" % (domain.name, joined(old[:1])),
            "Keep include:%s until nobody sends from there." % old[0],
        )
    elif named and domain.wanted.phase == "finish":
        domain.warn(
            "spf",
            "the SPF record of %s still has the old mail host: %s" % (domain.name, joined(named)),
            "Remove it, if nothing is sent from there any more.",
        )


def check_dkim(domain: Domain) -> None:
    """The new keys are there and can be used; the old ones stay until the end."""
    for selector in domain.wanted.dkim_selectors:
        name = "%s._domainkey.%s" % (selector, domain.name)
        try:
            texts = domain.texts(name, "")
        except NoAnswerError as error:
            domain.error("dkim", str(error), "Have the name servers of this name answer.")
            continue
        fault = _fault_of_key(texts)
        if fault:
            domain.error(
                "dkim",
                "%s: %s" % (name, fault),
                "Publish the key of the new mail host there. Nothing may ask for it before, or a resolver keeps for "
                "%d s that there is none." % (domain.zone.negative_ttl or 0),
            )
    if domain.wanted.phase == "finish":
        for selector in sorted(set(domain.wanted.old.dkim) - set(domain.wanted.dkim_selectors)):
            name = "%s._domainkey.%s" % (selector, domain.name)
            try:
                left = domain.look_up(name, "TXT")
            except NoAnswerError:
                continue
            # What a wildcard has under every name is no key.
            is_key = any("p" in _tags(text_of(record)) for record in left.records)
            if is_key or any("_domainkey" in alias for alias in (*left.aliases, left.name)[1:]):
                domain.tell("dkim", "%s still has a key of the old mail host" % name, "Remove it.")


def _fault_of_key(texts: list[str]) -> str:
    """What is wrong with the records of a selector, "" if nothing is."""
    if len(texts) != 1:
        return "there are several records" if texts else "there is no key"
    tags = _tags(texts[0])
    if "p" not in tags or tags.get("v", "DKIM1") != "DKIM1":
        return "this is no key (RFC 6376): %s" % texts[0][:40]
    if not tags["p"]:
        return "the key is revoked"
    try:
        data = base64.b64decode(re.sub(r"\s", "", tags["p"]), validate=True)
    except (binascii.Error, ValueError):
        return "the key is cut off, or not in base64"
    if tags.get("k", "rsa").lower() == "ed25519":
        return "" if len(data) == 32 else "an Ed25519 key has 32 bytes, and this one %d" % len(data)
    bits = _rsa_bits(data)
    if not bits:
        return "the key is cut off, or no RSA key"
    return "" if bits >= _SMALLEST_KEY else "the key has %d bits, and receivers want %d" % (bits, _SMALLEST_KEY)


def _rsa_bits(data: bytes) -> int:
    # Ansible brings this library; it takes a while to load.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        return 0
    return key.key_size if isinstance(key, RSAPublicKey) else 0


def check_dmarc(domain: Domain) -> None:
    """A policy that has mail refused waits until SPF and DKIM are right."""
    name = domain.name
    try:
        # The policy of a domain is that of the domain above, where it has none.
        texts: list[str] = []
        while not texts and "." in name:
            texts = domain.texts("_dmarc." + name, "v=DMARC1")
            name = name if texts else name.partition(".")[2]
    except NoAnswerError as error:
        domain.error("dmarc", str(error), "Have the name servers of this name answer.")
        return
    domain.records["dmarc"] = texts
    if not texts:
        domain.tell("dmarc", "%s has no DMARC record" % domain.name, "Publish one when SPF and DKIM are right.")
        domain.zone_lines.append(_text_line(domain, "_dmarc." + domain.name, "v=DMARC1; p=none"))
        return
    tags = _tags(texts[0])
    policy = tags.get("p", "").lower()
    if name != domain.name:
        policy = tags.get("sp", policy).lower()
    if policy not in _POLICIES and "rua" in tags:
        policy = "none"  # who asks for reports alone (RFC 7489 section 6.6.3)
    if len(texts) > 1 or policy not in _POLICIES:
        what = "several records" if len(texts) > 1 else "no policy that there is"
        domain.error("dmarc", "_dmarc.%s has %s, and receivers use none" % (name, what), "Correct it.")
    elif policy != "none" and not domain.is_clean:
        domain.warn(
            "dmarc",
            "the DMARC policy of %s is %s, and SPF or DKIM are not right yet" % (name, policy),
            "Set p=none until they are: mail from the new mail host would be refused.",
        )


def check_ptr(domain: Domain) -> None:
    """The addresses of the new mail host have names, and these names have the addresses."""
    if not domain.wanted.addresses:
        domain.error("ptr", *_NO_ADDRESS)
    for address in sorted(domain.wanted.addresses):
        try:
            names = [host_of(record.target) for record in domain.client.look_up(reverse_name(address), "PTR").records]
            if _leads_back(domain, names, address):
                continue
        except NoAnswerError as error:
            domain.error("ptr", str(error), "Have the name servers of this address answer.")
            continue
        what = "of which none has it: %s" % joined(names) if names else "no name (PTR)"
        # Mail that leaves by another host does not need it.
        report = domain.warn if domain.wanted.spf_terms else domain.error
        report(
            "ptr",
            "the address %s of the new mail host has %s" % (address, "names " + what if names else what),
            "Have whoever the address is from set its PTR record to %s: many servers refuse mail without it."
            % joined(domain.wanted.hosts[:1]),
        )


def _leads_back(domain: Domain, names: list[str], address: str) -> bool:
    """Whether one of the names has the address, whatever is wrong with the others."""
    failure = None
    for name in names:
        try:
            if address in domain.client.addresses(name):
                return True
        except NoAnswerError as error:
            failure = error
    if failure:
        raise failure
    return False


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}


def _terms(domain: Domain) -> list[str]:
    return list(domain.wanted.spf_terms) or [_address_term(address) for address in sorted(domain.wanted.addresses)]


def _address_term(address: str) -> str:
    return "ip%d:%s" % (6 if ":" in address else 4, address)


def _text_line(domain: Domain, owner: str, text: str) -> str:
    """A TXT record; a string in it has at most 255 bytes."""
    data = text.encode("utf-8")
    parts = [data[at : at + 255] for at in range(0, len(data), 255)]
    return domain.line(owner, "TXT", " ".join('"%s"' % "".join(map(_in_zone, part)) for part in parts))


def _in_zone(byte: int) -> str:
    """A byte of a text, as files of zones have it (RFC 1035 section 5.1)."""
    char = chr(byte)
    return "\\" + char if char in '"\\' else char if " " <= char <= "~" else "\\%03d" % byte
