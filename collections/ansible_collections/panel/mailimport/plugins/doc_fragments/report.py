# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that tell how the imports of a list are."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  accept_not_imported:
    description:
      - What may be missing, after somebody has looked at it. Keep it with your playbooks.
      - A failed mailbox of which everything that is missing is accepted counts as done. It stays in the report, as
        failed and accepted, with its grade.
      - Each entry needs O(accept_not_imported[].folder), O(accept_not_imported[].message_id) or
        O(accept_not_imported[].reason), and accepts what fits all that it gives. There is a warning for an entry that
        fits nothing.
    type: list
    elements: dict
    default: []
    suboptions:
      email:
        description: The mailbox on the mail host.
        type: str
        required: true
      folder:
        description: The folder at the source.
        type: str
      uid:
        description: The UID of the message in O(accept_not_imported[].folder).
        type: int
      message_id:
        description: The Message-ID, with its angle brackets.
        type: str
      reason:
        description: The reason word, such as V(message_refused).
        type: str
      note:
        description: Words for the report, such as who has looked at it.
        type: str
"""
