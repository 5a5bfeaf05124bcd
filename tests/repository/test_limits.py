# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No file, class or function grows beyond what one reads at a time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.mail import REPOSITORY
from support.run import COLLECTION

PLUGINS = COLLECTION / "plugins"
# Files have about 400 lines; tests, which are read one at a time, may have some more.
LONGEST_FILE, LONGEST_FILE_OF_TESTS = 420, 480
LONGEST_CLASS, LONGEST_FUNCTION = 250, 40

# What is longer, and why. Docstrings do not count.
LONGER = {
    "module_utils/store/imap/writer.py ImapWriter": "a folder's writer has all ways in which a message may be there",
    "module_utils/store/imap/writer.py ImapWriter.__init__": "what it begins with",
}


def python_files(*places: Path) -> Iterator[Path]:
    for place in places:
        yield from (path for path in sorted(place.rglob("*.py")) if "output" not in path.parts)


def lines_of(node: ast.AST, docstring: str | None) -> int:
    """How many lines a definition has, without its docstring."""
    assert isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno is not None
    without = 0
    if docstring is not None:
        first = node.body[0]
        without = (first.end_lineno or 0) - first.lineno + 1
    return node.end_lineno - node.lineno + 1 - without


def longer_ones(tree: ast.AST, inside: str = "") -> Iterator[str]:
    """Names of classes and functions that are longer than they may be."""
    for node in ast.iter_child_nodes(tree):
        name = inside
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            name = inside + "." * bool(inside) + node.name
            longest = LONGEST_CLASS if isinstance(node, ast.ClassDef) else LONGEST_FUNCTION
            if lines_of(node, ast.get_docstring(node)) > longest:
                yield name
        yield from longer_ones(node, name)


@pytest.mark.parametrize(
    ("longest", "places"),
    [
        (LONGEST_FILE, (PLUGINS, REPOSITORY / "scripts", REPOSITORY / "benchmarks")),
        (LONGEST_FILE_OF_TESTS, (REPOSITORY / "tests", COLLECTION / "tests")),
    ],
)
def test_no_file_is_too_long(longest: int, places: tuple[Path, ...]) -> None:
    files = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in python_files(*places)}
    assert files
    assert {str(path): length for path, length in files.items() if length > longest} == {}


def test_no_class_or_function_is_too_long_but_those_with_a_reason() -> None:
    found = {
        "%s %s" % (path.relative_to(PLUGINS), name)
        for path in python_files(PLUGINS)
        # A fragment is a class with one text.
        if path.parent.name != "doc_fragments"
        for name in longer_ones(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert sorted(found - set(LONGER)) == []
    assert sorted(set(LONGER) - found) == [], "no exception any more"


def test_lines_are_counted_without_docstrings() -> None:
    body = "    x = 1\n" * LONGEST_FUNCTION
    text = 'def f():\n    """%s"""\n%s' % ("\n" * 9, body)
    assert list(longer_ones(ast.parse("class A:\n    pass\n" + text))) == ["f"]
    assert list(longer_ones(ast.parse(text.replace("    x = 1\n", "", 1)))) == []
