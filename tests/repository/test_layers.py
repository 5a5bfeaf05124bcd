# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine's layers import in one direction only, and know nothing of Ansible."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from support.run import COLLECTION

LAYERS = ("model", "rows", "source", "store", "host", "state", "transfer", "queue", "provider", "run")
ENGINE = COLLECTION / "plugins" / "module_utils"


def imported_names(file: Path) -> list[str]:
    """Absolute names of everything a file imports; names within the engine begin with a dot and the layer."""
    package = file.relative_to(ENGINE).parts[:-1]
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.append(node.module or "")
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            for alias in node.names:
                names.append("." + ".".join([*base, *([node.module] if node.module else []), alias.name]))
    return names


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_layers_before_it(layer: str) -> None:
    files = sorted((ENGINE / layer).rglob("*.py"))
    assert len(files) > 1, "layer %s is empty" % layer
    allowed = LAYERS[: LAYERS.index(layer) + 1]
    for file in files:
        for name in imported_names(file):
            if name.startswith("."):
                assert name.split(".")[1] in allowed, "%s imports %s" % (file, name)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_knows_nothing_of_ansible(layer: str) -> None:
    for file in sorted((ENGINE / layer).rglob("*.py")):
        for name in imported_names(file):
            assert not name.startswith("ansible"), "%s imports %s" % (file, name)


def test_there_is_no_other_layer() -> None:
    packages = {path.name for path in ENGINE.iterdir() if (path / "__init__.py").exists()}
    assert packages == set(LAYERS)


def test_the_architecture_page_shows_the_layers() -> None:
    page = (COLLECTION / "docs" / "docsite" / "rst" / "architecture.rst").read_text(encoding="utf-8")
    assert re.findall(r"^ +│ (\w+) +│", page, re.MULTILINE) == list(reversed(LAYERS))
