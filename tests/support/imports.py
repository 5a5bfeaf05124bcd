# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which files of a package import which, read from their text."""

from __future__ import annotations

import ast
from pathlib import Path


def imported_modules(root: Path) -> dict[str, set[str]]:
    """For each module below `root`, by its dotted name from there, the modules below `root` that it imports, anywhere
    in the file.
    """
    files = {
        ".".join(path.relative_to(root).with_suffix("").parts): path
        for path in root.rglob("*.py")
        if path.name != "__init__.py"
    }
    return {module: _imports(module, path, set(files)) for module, path in files.items()}


def _imports(module: str, path: Path, known: set[str]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = module.split(".")[: -node.level] + (node.module.split(".") if node.module else [])
            # `from .package import module` names a module, `from .module import name` does not.
            named = {".".join([*base, alias.name]) for alias in node.names} & known
            found |= named or {".".join(base)}
    return found


def circles(imported: dict[str, set[str]]) -> list[list[str]]:
    """The sets of modules that import each other in a circle, each sorted."""
    reached = {module: _reachable(module, imported) for module in imported}
    together = {
        frozenset(other for other in reached[module] if module in reached.get(other, ()))
        for module in imported
        if module in reached[module]
    }
    return sorted(sorted(group) for group in together)


def _reachable(module: str, imported: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(imported.get(module, ()))
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += imported.get(name, ())
    return seen
