# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks a task's options on the controller, as the module would, before anything secret leaves it."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError


def validated(
    arguments: t.Mapping[str, t.Any], options: dict[str, dict[str, t.Any]], module_name: str
) -> dict[str, t.Any]:
    """Return the options with their defaults and in their types.

    Raises:
        AnsibleActionFail: with the message the module itself would give.
    """
    result = ArgumentSpecValidator(options).validate(dict(arguments))
    if result.error_messages:
        message = result.errors.msg
        if isinstance(result.errors[0], UnsupportedError):
            message = "Unsupported parameters for (%s) module: %s" % (module_name, message)
        raise AnsibleActionFail(message)
    return dict(result.validated_parameters)
