#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at the DNS of mail domains. It is done by the action plugin of this name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_dns_info
short_description: Look at the DNS of mail domains before and after their MX records change
version_added: 0.3.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Says whether the mail of domains may move to another mail host, whether it has moved, and until when some mail still
    comes to the old one. Each problem comes with what to do, and with the lines for the zone.
  - Asks the name servers of the zone itself, all of them, so that no cache is in the way. Names in other zones are
    looked up as everybody does.
  - It never changes DNS. A problem does not fail the task either. RV(ready) is for that.
  - Runs on the controller alone. It opens connections to name servers, to the web server of an MTA-STS policy, and to
    port 25 of the new mail host when TLSA records or such a policy are about its certificate.
requirements:
  - dnspython >= 2.3 on the controller, with C(idna) for domains that have other letters than those of ASCII, and with
    C(dnspython[dnssec]) for the signatures of zones. Without that these are not looked at, which is told.
options:
  domains:
    description:
      - The mail domains. An IDN may be written in either form.
    type: list
    elements: str
    required: true
  mail_host:
    description:
      - Names of the new mail host, as the MX records are to have them. The first is the one to be preferred.
      - An MX record with another name is the new mail host's too, when that name has none but its addresses.
    type: list
    elements: str
    required: true
  mail_host_addresses:
    description:
      - Addresses of the new mail host. By default they are those that O(mail_host) has in DNS. Give them to find out
        whether these are right.
    type: list
    elements: str
    default: []
  phase:
    description:
      - V(before) the MX records change, everything has to be prepared.
      - When they are V(switched), they have to name the new mail host, and nothing may lead mail programs to the old
        one.
      - At the V(finish), what is left of the old mail host is reported too.
    type: str
    choices: [before, switched, finish]
    default: before
  old_provider:
    description:
      - Where the mail comes from. It is known then which MX records, SPF terms, DKIM keys and other records are of the
        old mail host.
      - Without it and O(old_hosts), an MX record that is not the new mail host's is the old one's.
    type: str
    choices: [google, microsoft365, yandex]
  old_hosts:
    description:
      - Globs of the names of the old mail host's servers, such as V(*.old-provider.example).
    type: list
    elements: str
    default: []
  spf_terms:
    description:
      - Terms that the SPF record has to have, such as V(include:_spf.relay.example), where mail leaves by another host.
      - Without them, mail from each address of the mail host has to pass.
    type: list
    elements: str
    default: []
  dkim_selectors:
    description:
      - Selectors that the new mail host signs with.
    type: list
    elements: str
    default: []
  max_ttl:
    description:
      - The longest TTL in seconds that the MX records may have at the switch, and that of the lines for the zone.
    type: int
    default: 3600
  changed_at:
    description:
      - When the MX records were changed, in ISO 8601 with the time zone, such as V(2026-12-04T22:00+01:00).
      - Together with O(old_ttl). RV(ttl_ends_at) is then of that change.
    type: str
  old_ttl:
    description:
      - The TTL in seconds that the MX records had before O(changed_at).
    type: int
  resolvers:
    description:
      - Resolvers of other people, by their addresses, such as V(9.9.9.9). Each is asked for the MX records that it has.
      - Nobody is asked without it.
    type: list
    elements: str
    default: []
  nameservers:
    description:
      - Addresses of the name servers that look names up, with C(:PORT) if it is not 53. By default they are those of
        the controller.
    type: list
    elements: str
    default: []
  timeout:
    description:
      - Seconds to wait for an answer.
    type: float
    default: 5.0
  skip_checks:
    description:
      - Checks that are left out. The guide describes them.
    type: list
    elements: str
    choices:
      [nameservers, delegation, dnssec, mx, mx_target, ttl, spf, dkim, dmarc, mta_sts, tlsa, clients, ptr, spread]
    default: []
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.attributes.info_module
attributes:
  async:
    support: none
  platform:
    support: full
  action_group:
    support: none
    membership: []
seealso:
  - module: panel.mailimport.mail_recipients_check
  - ref: ansible_collections.panel.mailimport.docsite.dns_guide
    description: What is checked, and why.
"""

EXAMPLES = r"""
- name: See whether the mail of a domain may move
  panel.mailimport.mail_dns_info:
    domains:
      - example.org
    mail_host:
      - mail1.example.net
    mail_host_addresses:
      - 192.0.2.10
    old_provider: google
    dkim_selectors:
      - mail2026
  delegate_to: localhost
  run_once: true
  register: dns

- name: Stop here unless everything is prepared
  ansible.builtin.assert:
    that: dns.ready
    fail_msg: "{{ dns.lines }}"
    quiet: true

- name: See how far the switch has come
  panel.mailimport.mail_dns_info:
    domains:
      - example.org
    mail_host:
      - mail1.example.net
    old_provider: google
    phase: switched
    changed_at: "2026-12-04T22:00+01:00"
    old_ttl: 300
    resolvers:
      - 9.9.9.9
      - 1.1.1.1
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
ready:
  description: Whether no problem is an error.
  type: bool
  returned: success
switched:
  description:
    - Whether the MX records of all domains name the new mail host, on every name server of their zones. V(yes), V(no)
      or V(mixed).
    - V(unknown) when nobody answers for a domain.
  type: str
  returned: success
  sample: "yes"
ttl_ends_at:
  description:
    - When the MX records before a change are in no cache any more, of all domains. Of a change that is made now, unless
      O(changed_at) is given. V(null) when it is not known of each domain.
  type: str
  returned: success
  sample: "2026-12-04T22:00:00Z"
problems:
  description: What is wrong, or to know. The worst come first.
  type: list
  elements: dict
  returned: success
  contains:
    domain:
      description: The domain, as O(domains) has it.
      type: str
      returned: always
    check:
      description: The check, one of the choices of O(skip_checks).
      type: str
      returned: always
    severity:
      description: V(error) stops mail, or a switch. V(warning) may. V(info) is to know.
      type: str
      returned: always
    message:
      description: What is.
      type: str
      returned: always
    advice:
      description: What to do.
      type: str
      returned: always
zone_lines:
  description:
    - Lines in the form of a zone file that are to be in the zones now. They take the place of records of the same name
      and type. A comment names what is to go.
  type: list
  elements: str
  returned: success
  sample: ['example.org. 3600 IN TXT "v=spf1 include:_spf.google.com ip4:192.0.2.10 ~all"']
switch_lines:
  description: The same, of what changes at the switch. Empty when O(phase) is not V(before).
  type: list
  elements: str
  returned: success
  sample:
    - example.org. 3600 IN MX 10 mail1.example.net.
    - "; instead of: example.org. 3600 IN MX 1 aspmx.l.google.com."
lines:
  description: What people read of it, a line for each domain and one for each problem.
  type: list
  elements: str
  returned: success
domains:
  description: What the name servers say.
  type: list
  elements: dict
  returned: success
  contains:
    domain:
      description: The domain, as O(domains) has it.
      type: str
      returned: always
    name:
      description: The domain as DNS has it.
      type: str
      returned: always
    zone:
      description: The zone that it is in.
      type: str
      returned: always
    mx:
      description: Its MX records, each with C(host), C(preference) and C(place). The place is V(new), V(old), V(other)
        or V(none).
      type: list
      elements: dict
      returned: always
    ttl:
      description: Seconds that somebody may keep the MX records.
      type: int
      returned: always
    negative_ttl:
      description: Seconds that somebody may keep that a name has no such record.
      type: int
      returned: always
    ttl_ends_at:
      description: The same as RV(ttl_ends_at), of this domain.
      type: str
      returned: always
    authoritative:
      description:
        - The name servers of the zone, by itself and by the zone above, each with C(name), C(address), C(serial),
          C(mx), C(ttl) and C(failure).
      type: list
      elements: dict
      returned: always
    switched:
      description: The same as RV(switched), of this domain.
      type: str
      returned: always
    resolvers:
      description: What each of O(resolvers) has, V(yes), V(no), V(mixed), or V(unknown) when it does not answer.
      type: dict
      returned: always
    switched_for:
      description: The share of O(resolvers) that have the new MX records only, from 0 to 1.
      type: float
      returned: always
    records:
      description: The other records that were looked at, such as C(spf), C(mta_sts) and C(dnssec).
      type: dict
      returned: always
    zone_lines:
      description: The same as RV(zone_lines), of this domain.
      type: list
      elements: str
      returned: always
    switch_lines:
      description: The same as RV(switch_lines), of this domain.
      type: list
      elements: str
      returned: always
"""
