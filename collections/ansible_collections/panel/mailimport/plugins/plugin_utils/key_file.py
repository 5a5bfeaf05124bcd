# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys and certificates that a task names as files, read on the controller."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from .mailbox_list import found_file


class KeyFile(t.NamedTuple):
    """An option that is a secret text, and has a twin `OPTION_src` that names a file with it; what it is, for people,
    and what two of them are called.
    """

    option: str
    what: str
    several: str


def with_key(action: ActionBase, arguments: t.Mapping[str, t.Any], key: KeyFile) -> dict[str, t.Any]:
    """Return the task's arguments with the content of the file in place of its path; the file may be encrypted with
    Ansible Vault.

    Raises:
        AnsibleActionFail: both are given, or the file is no text.
        AnsibleError: the file cannot be opened or decrypted.
    """
    given = dict(arguments)
    src = given.pop(key.option + "_src", None)
    if not src:
        return given
    if given.get(key.option):
        message = "%s and %s_src are two %s: give one of them"
        raise AnsibleActionFail(message % (key.option, key.option, key.several))
    readable = action._loader.get_real_file(found_file(action, src))
    try:
        given[key.option] = Path(readable).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise AnsibleActionFail("%s is no %s: it is no text" % (src, key.what)) from None
    finally:
        action._loader.cleanup_tmp_file(readable)
    return given


SERVICE_ACCOUNT = KeyFile("service_account", "key of a service account", "keys")
CLIENT_CERTIFICATE = KeyFile("client_certificate", "certificate with its key (PEM)", "certificates")
