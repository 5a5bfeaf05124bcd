# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options by which an action plugin and its module talk to each other."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  secrets_file:
    description:
      - Internal, do not set it. The action plugin names the file with the secrets here.
    type: path
"""

    PROGRESS = r"""
options:
  progress_file:
    description:
      - Internal, do not set it. The module writes its progress to this file, and the action plugin shows it.
    type: path
"""
