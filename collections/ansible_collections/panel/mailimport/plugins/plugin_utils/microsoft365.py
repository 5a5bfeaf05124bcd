# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate of an application, read on the controller."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from .mailbox_list import found_file


def with_certificate(action: ActionBase, arguments: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the task's arguments with the content of the certificate's file in place of its path; the file may be
    encrypted with Ansible Vault.

    Raises:
        AnsibleActionFail: there are two certificates, or the file is no text.
        AnsibleError: the file cannot be opened or decrypted.
    """
    given = dict(arguments)
    src = given.pop("client_certificate_src", None)
    if not src:
        return given
    if given.get("client_certificate"):
        raise AnsibleActionFail("client_certificate and client_certificate_src are two certificates: give one of them")
    readable = action._loader.get_real_file(found_file(action, src))
    try:
        given["client_certificate"] = Path(readable).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise AnsibleActionFail("%s is no certificate with its key (PEM): it is no text" % src) from None
    finally:
        action._loader.cleanup_tmp_file(readable)
    return given
