# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of `mail_notice`, and the notice that they describe."""

from __future__ import annotations

from typing import Any, Mapping

from ..model.address import parse_address
from ..run.notices import DEFAULT_BODY, DEFAULT_SUBJECT, Notice, Text
from .options import Options, target_options


def notice_options() -> Options:
    """Every option a task of `mail_notice` may give."""
    text = dict(subject=dict(type="str", required=True), body=dict(type="str", required=True))
    return dict(
        state_dir=target_options()["state_dir"],
        addresses=dict(type="list", elements="str", default=[]),
        domains=dict(type="list", elements="str", default=[]),
        to=dict(type="list", elements="str", default=[]),
        kind=dict(type="str", default="moved"),
        sender=dict(type="str", required=True),
        subject=dict(type="str", default=DEFAULT_SUBJECT),
        body=dict(type="str", default=DEFAULT_BODY),
        translations=dict(
            type="list", elements="dict", default=[], options=dict(text, language=dict(type="str", required=True))
        ),
        languages=dict(type="dict", default={}),
        values=dict(type="dict", default={}),
        server=dict(type="str", default="localhost"),
        port=dict(type="int", default=25),
        protocol=dict(type="str", choices=["smtp", "lmtp"], default="smtp"),
    )


def notice(params: Mapping[str, Any]) -> Notice:
    """Collect the options of `mail_notice` that say what is sent.

    Raises:
        MailImportError: `invalid_row`, when something in `languages` or `to` is no address.
    """
    return Notice(
        kind=params["kind"],
        sender=params["sender"],
        text=Text(params["subject"], params["body"]),
        languages={str(parse_address(str(address))): str(name) for address, name in params["languages"].items()},
        translations={each["language"]: Text(each["subject"], each["body"]) for each in params["translations"]},
        values=params["values"],
        to=tuple(str(parse_address(address)) for address in params["to"]),
    )
