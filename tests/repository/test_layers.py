# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine's layers import in one direction only, and only `task` knows Ansible."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from support.imports import circles, imported_modules
from support.run import COLLECTION

ENGINE = COLLECTION / "plugins" / "module_utils"

# What each layer may import besides itself, in the order of the architecture page, from below.
LAYERS: dict[str, set[str]] = {
    "model": set(),
    "process": {"model"},
    "files": {"model"},
    "imap": {"model"},
    "rows": {"model"},
    "state": {"model", "process", "files"},
    "source": {"model", "imap"},
    "store": {"model", "files", "imap"},
    "host": {"model", "process", "files", "imap"},
    "transfer": {"model", "process", "files", "imap", "state", "source", "store", "host"},
    "queue": {"model", "process", "state"},
    "provider": {"model", "process", "files"},
    "run": {
        "model",
        "process",
        "files",
        "imap",
        "rows",
        "state",
        "source",
        "store",
        "host",
        "transfer",
        "queue",
        "provider",
    },
    "task": {"model", "process", "files", "imap", "rows", "host", "provider", "run"},
}


def layer_of(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_what_the_table_allows(layer: str) -> None:
    modules = {module: names for module, names in imported_modules(ENGINE).items() if layer_of(module) == layer}
    assert modules, "layer %s is empty" % layer
    for module, imported in modules.items():
        for name in imported:
            assert layer_of(name) in LAYERS[layer] | {layer}, "%s imports %s" % (module, name)


def test_the_table_itself_has_one_direction() -> None:
    below: set[str] = set()
    for layer, allowed in LAYERS.items():
        assert allowed <= below
        below.add(layer)


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles(imported_modules(ENGINE)) == []


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if layer != "task"])
def test_a_layer_knows_nothing_of_ansible(layer: str) -> None:
    for file in sorted((ENGINE / layer).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not any(name.startswith("ansible") for name in names), "%s imports %s" % (file, names)


def test_there_is_no_other_layer_and_no_file_outside_of_them() -> None:
    assert {path.name for path in ENGINE.iterdir() if path.name not in ("__init__.py", "__pycache__")} == set(LAYERS)


def test_the_architecture_page_shows_the_layers() -> None:
    page = (COLLECTION / "docs" / "docsite" / "rst" / "architecture.rst").read_text(encoding="utf-8")
    assert re.findall(r"^ +│ (\w+) +│", page, re.MULTILINE) == list(reversed(LAYERS))


def write_engine(place: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    return place


def test_imports_are_found_wherever_they_stand(tmp_path: Path) -> None:
    text = "from ...imap.flags import a\n\ndef late():\n    from . import http\n"
    engine = write_engine(
        tmp_path, {"provider/http.py": "", "provider/y/base.py": text, "provider/y/http.py": "", "imap/flags.py": ""}
    )
    assert imported_modules(engine)["provider.y.base"] == {"imap.flags", "provider.y.http"}


def test_a_circle_is_found(tmp_path: Path) -> None:
    engine = write_engine(
        tmp_path,
        {"a/one.py": "from .two import x", "a/two.py": "from ..b import three", "b/three.py": "from ..a.one import y"},
    )
    assert circles(imported_modules(engine)) == [["a.one", "a.two", "b.three"]]
