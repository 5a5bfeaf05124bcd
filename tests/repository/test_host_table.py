# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide's table of Dovecot's settings and plugins is the code's."""

from __future__ import annotations

from typing import Iterator

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.obstacles import PLUGINS, SETTINGS, Rule
from support.run import COLLECTION

GUIDE = COLLECTION / "docs" / "docsite" / "rst" / "mail_host_guide.rst"


def rows(name: str, rule: Rule) -> Iterator[str]:
    """What the guide says of a setting or plugin: a row for each way of writing."""
    if rule.obstacle:
        shown = "``%s``, %s" % (name, rule.condition) if rule.condition else "``%s``" % name
        yield "   * - %s\n     - the host's IMAP\n     - %s\n" % (shown, rule.obstacle)
    if rule.harmless:
        shown = "``%s``, otherwise" % name if rule.obstacle else "``%s``" % name
        yield "   * - %s\n     - files\n     - %s\n" % (shown, rule.harmless)


@pytest.mark.parametrize("rules", [SETTINGS, PLUGINS], ids=["settings", "plugins"])
def test_the_guide_has_the_rows_of_the_code_in_their_order(rules: dict[str, Rule]) -> None:
    text = "".join(row for name, rule in rules.items() for row in rows(name, rule))
    assert text in GUIDE.read_text(encoding="utf-8"), "the table should be:\n%s" % text


def test_the_guide_has_no_other_rows() -> None:
    expected = sum(len(list(rows(name, rule))) for name, rule in [*SETTINGS.items(), *PLUGINS.items()])
    guide = GUIDE.read_text(encoding="utf-8")
    assert guide.count("     - the host's IMAP\n") + guide.count("     - files\n") == expected
