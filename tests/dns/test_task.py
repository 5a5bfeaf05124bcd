# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mail_dns_info as a task of a play."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.run import run_task

from .conftest import DOMAIN, NEW_HOST, SWITCHED, Internet


def test_a_task_tells_what_is_and_changes_nothing(internet: Internet, tmp_path: Path) -> None:
    internet.publish(*SWITCHED, servers=(internet.first, internet.second))
    arguments = {
        "domains": [DOMAIN],
        "mail_host": [NEW_HOST],
        "old_provider": "google",
        "phase": "switched",
        "nameservers": [internet.resolver.address],
        "resolvers": ["%s:53" % internet.first.address, internet.resolver.address],
        "changed_at": "2026-12-04T22:00+01:00",
        "old_ttl": 3600,
    }
    result = run_task(arguments, tmp_path, "--check", module="mail_dns_info").result
    assert not result["changed"]
    assert (result["switched"], result["ready"]) == ("yes", True)
    assert result["ttl_ends_at"] == "2026-12-04T22:00:00Z"
    assert result["domains"][0]["switched_for"] == 0.5
    assert result["lines"][0] == "firma.example: switched: yes, MX: 10 mail.neu.example (new), TTL: 300"
    assert result["lines"][1].startswith("info: firma.example: spread: 1 of 2 resolvers still have the old MX records")
    assert result["msg"] == "\n".join(result["lines"])


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"changed_at": "2026-12-04T22:00", "old_ttl": 60}, "is no time with its zone"),
        ({"old_ttl": 60}, "changed_at and old_ttl go together"),
        ({"resolvers": ["dns.example"]}, "resolvers: 'dns.example' is no address of a name server"),
        ({"mail_host_addresses": ["mail"]}, "mail_host_addresses: 'mail' is no address"),
        ({"domains": []}, "domains must not be empty"),
        ({"mail_host": ["mail..neu"]}, "'mail..neu' is no domain name"),
        ({"timeout": 0}, "timeout must be more than 0"),
    ],
)
def test_what_has_no_meaning_is_refused(option: dict[str, object], words: str) -> None:
    from ansible_collections.panel.mailimport.plugins.action.mail_dns_info import MODULE, OPTIONS, _survey
    from ansible_collections.panel.mailimport.plugins.plugin_utils.options import validated

    arguments = {"domains": [DOMAIN], "mail_host": [NEW_HOST], "mail_host_addresses": ["192.0.2.10"], **option}
    with pytest.raises(ValueError, match="^") as caught:
        _survey(validated(arguments, OPTIONS, MODULE))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
