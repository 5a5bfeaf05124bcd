# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The key of a service account, read on the controller."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from .mailbox_list import found_file


def with_key(action: ActionBase, arguments: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the task's arguments with the content of the key's file in place of its path; the file may be encrypted
    with Ansible Vault.

    Raises:
        AnsibleActionFail: there are two keys, or the file is no text.
        AnsibleError: the file cannot be opened or decrypted.
    """
    given = dict(arguments)
    src = given.pop("service_account_src", None)
    if not src:
        return given
    if given.get("service_account"):
        raise AnsibleActionFail("service_account and service_account_src are two keys: give one of them")
    readable = action._loader.get_real_file(found_file(action, src))
    try:
        given["service_account"] = Path(readable).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise AnsibleActionFail("%s is no key of a service account: it is no text" % src) from None
    finally:
        action._loader.cleanup_tmp_file(readable)
    return given
