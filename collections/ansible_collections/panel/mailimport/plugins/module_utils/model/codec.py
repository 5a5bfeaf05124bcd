# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages from one process to another: a dataclass a kind, a line of JSON each on the way.

Whoever reads them takes nothing on trust: what is decoded is of a known kind, with values of the right types and within
bounds.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Callable, Dict, Iterable, Tuple, Union, get_args, get_origin, get_type_hints

from .errors import REASONS

_HIGHEST = 2**63 - 1
_LONGEST_TEXT = 1 << 20


class Codec:
    """Makes lines of messages, and messages of lines.

    Args:
        tag: the name under which a line has the message's kind.
        kinds: the classes that messages may be of.
        reasons: words that a field called `reason` may have, besides none.
    """

    def __init__(self, tag: str, kinds: Iterable[type], reasons: Iterable[str] = REASONS) -> None:
        self._tag = tag
        self._kinds: Dict[str, type] = {kind.__name__: kind for kind in kinds}
        self._reasons = frozenset(reasons)

    def encode(self, message: Any) -> bytes:
        """Return a message as a line."""
        return json.dumps({self._tag: type(message).__name__, **_plain(message)}).encode("ascii") + b"\n"

    def decode(self, line: Union[bytes, str]) -> Any:
        """Return what a line says.

        Raises:
            ValueError: it is none of these messages.
        """
        try:
            values = json.loads(line)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if not isinstance(values, dict):
            raise ValueError("no object")
        kind = self._kinds.get(str(values.pop(self._tag, None)))
        if kind is None:
            raise ValueError("an unknown kind")
        return self._built(kind, values)

    def _built(self, kind: type, values: Any) -> Any:
        """Make a value of a class out of an object that has its fields and no others."""
        types = _types_of(kind)
        if not isinstance(values, dict) or values.keys() != types.keys():
            raise ValueError("other fields than those of %s" % kind.__name__)
        built = kind(**{name: self._checked(types[name], value) for name, value in values.items()})
        reason = getattr(built, "reason", None)
        if reason is not None and reason not in self._reasons:
            raise ValueError("an unknown reason word")
        return built

    def _checked(self, kind: Any, value: Any) -> Any:
        """Return a value of that type, made of plain ones."""
        plain = _PLAIN.get(kind)
        if plain:
            return plain(value)
        origin, arguments = _parts_of(kind)
        if origin is Union:  # Optional
            return None if value is None else self._checked(arguments[0], value)
        if origin is dict:  # names, which are text, and values
            if not isinstance(value, dict):
                raise ValueError("no object")
            return {name: self._checked(arguments[1], each) for name, each in value.items()}
        if origin is not None:  # a sequence
            if not isinstance(value, list):
                raise ValueError("no list")
            entries = [self._checked(arguments[0], each) for each in value]
            return entries if origin is list else tuple(entries)
        return self._built(kind, value)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value]


@cache
def _parts_of(kind: Any) -> Tuple[Any, Tuple[Any, ...]]:
    """What a type is made of: `list` and `str` of List[str]."""
    return get_origin(kind), get_args(kind)


@cache
def _types_of(kind: type) -> Dict[str, Any]:
    return get_type_hints(kind)


def _a_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _HIGHEST:
        raise ValueError("no number in range")
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < _HIGHEST:
        raise ValueError("no time")
    return float(value)


def _a_truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def _a_text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise ValueError("no text, or a very long one")
    return value


def _some_bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(_a_text_of_any_length(value), validate=True)
    except binascii.Error:
        raise ValueError("no bytes") from None


def _a_text_of_any_length(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value


_PLAIN: Dict[type, Callable[[Any], Any]] = {
    int: _a_number,
    float: _seconds,
    bool: _a_truth,
    str: _a_text,
    bytes: _some_bytes,
}
