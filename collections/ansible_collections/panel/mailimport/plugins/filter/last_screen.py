# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run over several hosts came to, in lines for people."""

from __future__ import annotations

DOCUMENTATION = r"""
name: last_screen
short_description: What a run over several hosts came to
version_added: 0.3.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Makes lines for people of the results of several hosts, as the playbooks of this collection show them at their end.
  - They are a headline, a line for each mailbox that failed, was skipped or was moved aside, and how to run it again
    for the failed ones; in check mode, what the imports are going to take.
options:
  _input:
    description:
      - Results of M(panel.mailimport.mail_import_imap), M(panel.mailimport.mail_import_csv) or
        M(panel.mailimport.mail_import_yandex), by host. A host without a result has not come to it.
    type: dict
    required: true
  again:
    description:
      - The option that picks mailboxes of the list, such as V(only). Default is that C(--limit) picks the hosts.
    type: str
"""

EXAMPLES = r"""
- name: Import two lists
  panel.mailimport.mail_import_csv:
    src: "{{ inventory_hostname }}.csv"
    source_host: imap.old-provider.example
    owner: customer1
  register: mail_import

- name: Say what came of it
  ansible.builtin.debug:
    msg: "{{ dict(ansible_play_hosts_all | zip(results)) | panel.mailimport.last_screen(again='only') }}"
  vars:
    results: "{{ ansible_play_hosts_all | map('extract', hostvars) | map(attribute='mail_import', default={}) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.panel.mailimport.plugins.module_utils.model import last_screen as words
from ansible_collections.panel.mailimport.plugins.module_utils.model.estimate import estimate_lines, lines_of_many


def last_screen(results: t.Mapping[str, t.Mapping[str, t.Any]], again: str | None = None) -> list[str]:
    """The lines for the results of several hosts."""
    if not isinstance(results, t.Mapping):
        raise AnsibleFilterError("last_screen needs results by host, a dictionary")
    entries = [entry for result in results.values() for entry in result.get("imports", ())]
    failed = {host: result for host, result in results.items() if _has_failed(result)}
    # Without entries it did not come to an import: no connection, or an option that is wrong.
    told = [
        "%s: %s" % (host, str(result.get("msg", "failed")).partition("\n")[0])
        for host, result in failed.items()
        if "imports" not in result
    ]
    looks = {host: result["estimate"] for host, result in results.items() if result.get("estimate")}
    if again is None and len(looks) > 1:
        told += lines_of_many(list(looks.values()))
    else:
        for host, estimate in looks.items():
            told += [line if len(results) == 1 else "%s: %s" % (host, line) for line in estimate_lines(estimate)]
    if again is not None:
        lines = words.how_to_go_on(entries, again)
    else:
        lines = words.how_to_go_on_with_hosts(list(failed) if len(failed) < len(results) else [])
    # Where no host has come to its imports, a count of none would only hide why.
    return [*(_screen(list(results.values()), entries) if entries or not told else ()), *told, *lines]


def _has_failed(result: t.Mapping[str, t.Any]) -> bool:
    """Whether a host has to do it again, be it that its task failed or not."""
    entries = result.get("imports", ())
    return bool(
        result.get("failed") or result.get("unreachable") or any(entry["state"] == "failed" for entry in entries)
    )


def _screen(results: t.Sequence[t.Mapping[str, t.Any]], entries: t.Sequence[t.Mapping[str, t.Any]]) -> list[str]:
    headline, *problems = words.last_screen(entries)
    # Of a mailbox that is not done, the module says no more than its line among the problems does.
    is_one_problem = len(entries) == 1 and entries[0]["state"] != "completed"
    if len(results) == 1 and "imports" in results[0] and not is_one_problem:
        # How long it took, or why there was nothing to do, only the module knows.
        headline = results[0]["msg"].partition("\n")[0]
    return [headline, *problems]


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"last_screen": last_screen}
