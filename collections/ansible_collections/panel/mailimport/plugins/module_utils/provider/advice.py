# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to do about a service's refusal, told behind what the service says."""

from __future__ import annotations

from typing import Sequence, Tuple

from .http import ServiceError

# HTTP status, a part of what the service says (lower case), and the advice. The first that fits.
AdviceTable = Sequence[Tuple[int, str, str]]


def advice_in(table: AdviceTable, status: int, said: str, **values: str) -> str:
    """Return the advice of a table, empty when it has none; `values` are named in its texts."""
    return next((text for known, part, text in table if known == status and part in said.lower()), "").format(**values)


def with_advice(error: ServiceError, advice: str) -> ServiceError:
    """The same error, with what to do about it, if that is known."""
    message = "%s: %s" % (error.message, advice) if advice else error.message
    return ServiceError(error.reason, message, error.status, error.word, error.said)
