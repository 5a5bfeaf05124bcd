# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a service says in its answers: the words of an error, how long to wait, and whether they have their shape."""

from __future__ import annotations

import email.utils
import json
import re
import time
from functools import lru_cache
from typing import Any, Mapping, Optional, Sequence, Tuple

from ..model.errors import one_line
from ..model.secret import hide_secrets

try:
    import jsonschema
except ImportError:  # most imports do without
    jsonschema = None

# What Google says with a 403 that another attempt gets over, in words or in a text of its load balancers.
_RATE_WORDS = frozenset(("quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded", "RESOURCE_EXHAUSTED"))
_RATE_TEXT = re.compile(r"request rate higher than|quota exceeded for|rate limit exceeded", re.IGNORECASE)
_MARKUP = re.compile(rb"\s*<")
# So much of a page is searched for it.
_BEGINNING = 1 << 16


def can_check() -> bool:
    """Whether the library is there that compares answers with their schemas."""
    return jsonschema is not None


def parsed(data: bytes) -> Any:
    """Return the value of an answer in JSON. Returns None if it is something else."""
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def error_words(answer: Any, data: bytes, secrets: Sequence[str]) -> Tuple[str, str]:
    """Return the word and the words of an error, without secrets.

    They are `error` and `error_description` (RFC 6749 section 5.2), or `message`, or `description`; or an object
    `error` with a `message`, whose word is the `reason` of the first of its `errors`, or its `code`, or its `status`. A
    text that is neither JSON nor a page is words, too.
    """
    if not isinstance(answer, dict):
        is_text = answer is None and not _MARKUP.match(data)
        return "", _clean(data.decode("utf-8", "replace"), secrets) if is_text else ""
    error = answer.get("error")
    if isinstance(error, dict):
        return _clean(_word_of(error), secrets), _clean(error.get("message"), secrets)
    said = answer.get("error_description") or answer.get("message") or answer.get("description")
    return _clean(error, secrets), _clean(said, secrets)


def _word_of(error: Mapping[str, Any]) -> Any:
    errors = error.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code = error.get("code")
    return first.get("reason") or (code if isinstance(code, str) else None) or error.get("status")


def is_rate_limit(word: str, said: str, data: bytes) -> bool:
    """Whether a refusal is for calling too often."""
    page = data[:_BEGINNING].decode("utf-8", "replace") if _MARKUP.match(data) else ""
    return word in _RATE_WORDS or bool(_RATE_TEXT.search(said) or _RATE_TEXT.search(page))


def _clean(text: Any, secrets: Sequence[str]) -> str:
    if not isinstance(text, str):
        return ""
    return one_line(hide_secrets(text, secrets), 200)


def in_words(status: int, word: str, said: str) -> str:
    """A refusal for people."""
    return "HTTP %d%s" % (status, "".join(", %s" % text for text in (word, said) if text))


def retry_after(headers: Mapping[str, str]) -> Optional[float]:
    """Seconds to wait (RFC 9110 section 10.2.3: a number of seconds, or a date), None when it says nothing of use."""
    value = headers.get("Retry-After", "")
    # Microsoft Graph gives fractions; a proxy joins what it is told twice.
    number = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*(?:,.*)?", value)
    if number:
        return float(number[1])
    moment = _moment(value)
    if moment is None:
        return None
    # By the clock of the service, whatever that of this host says.
    now = _moment(headers.get("Date", ""))
    return max(0.0, moment - (time.time() if now is None else now))


def _moment(text: str) -> Optional[float]:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def mismatch(schema: Mapping[str, Any], answer: Any) -> Optional[str]:
    """Where an answer is not what its schema says, by names alone: its values are nobody's business."""
    error = next(_validator(json.dumps(schema)).iter_errors(answer), None)
    if error is None:
        return None
    place = ".".join(str(step) for step in error.absolute_path) or "the answer"
    return one_line("%s (%s)" % (place, error.validator), 120)


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    return jsonschema.Draft7Validator(json.loads(schema))
