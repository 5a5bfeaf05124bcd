# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules can do, in the words Ansible has for it."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff
      mode.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates
      no change.
  async:
    description: Supports being used with the C(async) keyword.
  platform:
    description: Target systems the module works on.
    platforms: linux
  action_group:
    description: Use C(group/GROUP) in C(module_defaults) to set defaults for this module.
"""

    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module does not modify anything.
  diff_mode:
    support: N/A
    details:
      - This module does not modify anything.
  idempotent:
    support: full
    details:
      - This module does not modify anything.
"""

    IMPORT_MODULE = r"""
options: {}
attributes:
  diff_mode:
    support: full
    details:
      - Shows the domain, the mailbox and the number of messages in each folder, before and after, where something
        changes.
  idempotent:
    support: partial
    details:
      - With O(force=true) every run begins again.
      - With O(state=latest) a second run changes something when a source has changed in between.
  async:
    support: full
    details:
      - The import continues on the mail host when the controller is gone.
      - Not together with C(become) to a user without privileges, who could not remove the file with the secrets.
  platform:
    support: full
"""
