# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where mail programs are sent: autodiscover, autoconfig and SRV records."""

from __future__ import annotations

from .conftest import GOOD_DMARC, GOOD_SPF, NEW_MX, SWITCHED, Internet


def test_autodiscover_of_the_old_provider(internet: Internet) -> None:
    mx = "@ 300 MX 0 firma-example.mail.protection.outlook.com."
    spf = GOOD_SPF.replace("_spf.google.com", "spf.protection.outlook.com")
    helper = "autodiscover CNAME autodiscover.outlook.com."
    internet.publish(mx, spf, GOOD_DMARC, helper)
    before = internet.look(provider="microsoft365")
    assert before.problem("clients").startswith("info: autodiscover.firma.example leads to the old mail host")
    assert (
        "; remove: autodiscover.firma.example. 3600 IN CNAME autodiscover.outlook.com." in before.domain["switch_lines"]
    )
    internet.publish(NEW_MX, spf, GOOD_DMARC, helper)
    after = internet.look(provider="microsoft365", phase="switched")
    assert after.problem("clients").startswith("error: autodiscover.firma.example leads to the old mail host")
    internet.publish(NEW_MX, spf, GOOD_DMARC, "autodiscover A 203.0.113.5")
    assert internet.look(provider="microsoft365", phase="switched").problems("clients") == []


def test_services_that_name_the_old_host(internet: Internet) -> None:
    services = ("_imaps._tcp SRV 0 1 993 imap.alt.example.", "_autodiscover._tcp SRV 0 0 443 autodiscover.outlook.com.")
    internet.publish(*SWITCHED, *services, "_pop3s._tcp SRV 0 0 0 .")
    found = internet.look(provider="microsoft365", phase="switched")
    assert [problem.partition(" leads")[0] for problem in found.problems("clients")] == [
        "error: _autodiscover._tcp.firma.example",
        "error: _imaps._tcp.firma.example",
    ]
    assert "_imaps._tcp.firma.example. 3600 IN SRV 0 1 993 mail.neu.example." in found.domain["zone_lines"]
    internet.publish(
        *SWITCHED, "_imaps._tcp SRV 0 1 993 mail.neu.example.", "_submissions._tcp SRV 0 1 465 m", "m A 192.0.2.10"
    )
    assert internet.look(phase="switched").problems("clients") == []


def test_autoconfig_at_the_address_of_the_old_host(internet: Internet) -> None:
    internet.publish("@ 300 MX 1 mail", "mail A 203.0.113.7", "autoconfig A 203.0.113.7", GOOD_SPF, GOOD_DMARC)
    assert "autoconfig.firma.example leads to the old mail host" in internet.look(provider=None).problem("clients")
    internet.publish("@ 300 MX 1 mail", "mail A 203.0.113.7", "autoconfig A 203.0.113.8", GOOD_SPF, GOOD_DMARC)
    assert internet.look(provider=None).problems("clients") == []


def test_a_wildcard_that_leads_to_the_old_host(internet: Internet) -> None:
    zone = ("@ 300 MX 1 mail", "mail A 203.0.113.7", GOOD_SPF, GOOD_DMARC)
    internet.publish(*zone, "* A 203.0.113.7")
    found = internet.look(provider=None)
    assert [problem.partition(": ")[2] for problem in found.problems("clients")] == [
        "%s.firma.example leads to the old mail host: 203.0.113.7, as every name below firma.example" % name
        for name in ("autodiscover", "autoconfig")
    ]
    # There is no record of that name to remove.
    assert not any("auto" in line for line in found.domain["switch_lines"])
    internet.publish(*zone, "* A 203.0.113.8")
    assert internet.look(provider=None).problems("clients") == []
