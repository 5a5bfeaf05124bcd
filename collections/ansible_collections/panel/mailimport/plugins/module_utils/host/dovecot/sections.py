# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The output of `doveconf` as a tree of blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Callable, Dict, List

_BLOCK = re.compile(r"(\w+)(?: (.*?))? \{")


@dataclass
class Section:
    """A block of settings: `values` by key, and the blocks in it."""

    kind: str
    name: str = ""
    values: Dict[str, str] = field(default_factory=dict)
    sections: List[Section] = field(default_factory=list)

    def get(self, key: str) -> str:
        return self.values.get(key, "")

    def all(self, kind: str) -> List[Section]:
        """The blocks of one kind, in order."""
        return [section for section in self.sections if section.kind == kind]


def strip_quotes(text: str) -> str:
    """Dovecot 2.3 puts quotes around names, and escapes nothing in them."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def unquote(text: str) -> str:
    """Dovecot 2.4 puts quotes around names, keys and values, and a backslash before what means something in them."""
    stripped = strip_quotes(text)
    return text if stripped == text else re.sub(r"\\(.)", r"\1", stripped)


def parse_sections(text: str, read: Callable[[str], str]) -> Section:
    """Parse the output of doveconf; `read` takes the quotes off names, keys and values."""
    stack = [Section("dovecot")]
    for line in map(str.strip, text.splitlines()):
        block = _BLOCK.fullmatch(line)
        key, equals, value = line.partition(" =")
        if block:
            section = Section(block.group(1), " ".join(map(read, _words(block.group(2) or ""))))
            stack[-1].sections.append(section)
            stack.append(section)
        elif line == "}":
            stack.pop()
        elif equals and not line.startswith("#"):
            stack[-1].values[read(key)] = read(value.strip())
    return stack[0]


def _words(name: str) -> List[str]:
    return [name] if name.startswith('"') else name.split(" ")
