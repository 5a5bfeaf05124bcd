# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks a task's options on the controller, as the module would, before anything secret leaves it."""

from __future__ import annotations

import difflib
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError


def validated(
    arguments: t.Mapping[str, t.Any], options: dict[str, dict[str, t.Any]], module_name: str
) -> dict[str, t.Any]:
    """Return the options with their defaults and in their types.

    Raises:
        AnsibleActionFail: with the message the module itself would give, but for the names of all options: there are
            dozens, and those that may be meant are told.
    """
    result = ArgumentSpecValidator(options).validate(dict(arguments))
    if result.error_messages:
        message = result.errors.msg
        if isinstance(result.errors[0], UnsupportedError):
            names = message.partition(". Supported parameters include")[0]
            message = "Unsupported parameters for (%s) module: %s" % (module_name, names)
            message += _what_there_is(names, options, module_name)
        raise AnsibleActionFail(message)
    return dict(result.validated_parameters)


def _what_there_is(names: str, options: t.Iterable[str], module_name: str) -> str:
    alike = difflib.get_close_matches(names, options, n=3)
    meant = "; is %s meant?" % " or ".join(alike) if alike else ""
    return "%s (ansible-doc %s has all of them)" % (meant, module_name)
