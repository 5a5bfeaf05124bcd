# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documentation shows can be used as it is, and nothing that a reader looks for is missing from it."""

from __future__ import annotations

import json
import re
import textwrap
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import pytest
import yaml
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import REASONS, SKIP_REASONS
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportResult
from ansible_collections.panel.mailimport.plugins.module_utils.rows.check import check_rows
from ansible_collections.panel.mailimport.plugins.module_utils.rows.row import rows_of_list
from ansible_collections.panel.mailimport.plugins.module_utils.run.info import summarize
from support.mail import REPOSITORY
from support.run import COLLECTION, environment, run_command

GUIDES = COLLECTION / "docs" / "docsite" / "rst"
PAGES = [
    *sorted(GUIDES.glob("*.rst")),
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md", "playbooks/README.md")),
    REPOSITORY / "tests" / "engine" / "README.md",
    COLLECTION / "README.md",
    *sorted(COLLECTION.glob("roles/*/README.md")),
]
PREFIX = "panel.mailimport."


class Example(NamedTuple):
    """A YAML block of a page, by the line it begins on."""

    place: str
    text: str

    @property
    def documents(self) -> list[Any]:
        return list(yaml.safe_load_all(self.text))


def blocks(page: Path, language: str) -> Iterator[Example]:
    """The blocks of a language in a page of Markdown or reStructuredText."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        pattern = r"^(?P<indent> *)```%s\n(?P<body>.*?)^ *```$" % language
    else:
        pattern = r"^(?P<indent> *)\.\. code-block:: %s\n\n(?P<body>(?:(?P=indent)   .*\n|\n)+)" % language
    for found in re.finditer(pattern, text, re.MULTILINE | re.DOTALL if page.suffix == ".md" else re.MULTILINE):
        line = text[: found.start()].count("\n") + 1
        yield Example("%s:%d" % (page.relative_to(REPOSITORY), line), textwrap.dedent(found["body"]))


@cache
def documented() -> dict[str, dict[str, Any]]:
    """What ansible-doc says of the collection, by kind of plugin and full name."""
    returncode, output = run_command(
        ["ansible-doc", "--metadata-dump", "panel.mailimport"], cwd=REPOSITORY, env=environment()
    )
    assert returncode == 0, output
    return json.loads(output[output.index("{") :])["all"]


def examples() -> list[Example]:
    """Every YAML block of the pages, and the examples of every plugin."""
    found = [example for page in PAGES for example in blocks(page, "yaml")]
    for kind in ("module", "inventory"):
        for name, plugin in documented().get(kind, {}).items():
            found.append(Example(name, plugin["examples"]))
    return found


def is_list_of_mailboxes(document: Any) -> bool:
    return isinstance(document, list) and all("email" in entry for entry in document)


def playbooks() -> Iterator[tuple[str, list[Any]]]:
    """Plays of the examples as they are, tasks in a play of their own; each with its place."""
    for example in examples():
        for document in example.documents:
            if not isinstance(document, list) or is_list_of_mailboxes(document):
                continue
            are_plays = any("hosts" in entry or "ansible.builtin.import_playbook" in entry for entry in document)
            yield example.place, document if are_plays else [{"name": "Example", "hosts": "all", "tasks": document}]


def tasks_of(document: Any) -> Iterator[dict[str, Any]]:
    """Every task in a list of plays, blocks or tasks."""
    for entry in document:
        yield entry
        for section in ("pre_tasks", "tasks", "post_tasks", "handlers", "block", "rescue", "always"):
            yield from tasks_of(entry.get(section, []))


def problems_of_task(task: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the options that a task gives to a module of this collection; values may be templates."""
    for name, given in task.items():
        if not name.startswith(PREFIX):
            continue
        if name not in documented()["module"]:
            yield "there is no module %s" % name
            continue
        options = documented()["module"][name]["doc"].get("options", {})
        given = given or {}
        yield from ("%s has no option %s" % (name, option) for option in given.keys() - options.keys())
        for option, value in given.items():
            choices = options.get(option, {}).get("choices")
            for each in value if isinstance(value, list) else [value]:
                if choices and "{{" not in str(each) and each not in choices:
                    yield "%s: %s cannot be %s" % (name, option, each)


def test_there_are_examples() -> None:
    places = {example.place.partition(":")[0] for example in examples()}
    assert {
        "README.md",
        PREFIX + "mail_import_imap",
        str((GUIDES / "quick_start.rst").relative_to(REPOSITORY)),
    } <= places


def test_playbooks_and_tasks_of_the_examples_pass_ansibles_check(place: Path) -> None:
    files = []
    for where, plays in playbooks():
        files.append(place / ("example-%d.yml" % len(files)))
        files[-1].write_text("# %s\n%s" % (where, yaml.safe_dump(plays, sort_keys=False)))
    assert len(files) > 10
    command = ["ansible-playbook", "--syntax-check", "-i", "localhost,", *map(str, files)]
    returncode, output = run_command(command, cwd=place, env=environment())
    assert returncode == 0, output


def test_tasks_of_the_examples_give_options_that_exist() -> None:
    checked = 0
    for where, plays in playbooks():
        for task in tasks_of(plays):
            checked += 1
            assert list(problems_of_task(task)) == [], where
    assert checked > 10


def test_lists_of_mailboxes_of_the_examples_are_good() -> None:
    lists = [document for example in examples() for document in example.documents if is_list_of_mailboxes(document)]
    assert lists
    for document in lists:
        assert check_rows(rows_of_list(document))[1] == []


def test_configurations_of_inventory_plugins_give_options_that_exist() -> None:
    found = 0
    for example in examples():
        for document in example.documents:
            if isinstance(document, dict) and str(document.get("plugin", "")).startswith(PREFIX):
                found += 1
                assert document.keys() <= documented()["inventory"][document["plugin"]]["doc"]["options"].keys(), (
                    example.place
                )
    assert found


def test_python_of_the_examples_is_python() -> None:
    found = [example for page in PAGES for example in blocks(page, "python")]
    assert found
    for example in found:
        compile(example.text, example.place, "exec")


def test_action_groups_of_the_examples_exist() -> None:
    groups = yaml.safe_load((COLLECTION / "meta" / "runtime.yml").read_text())["action_groups"]
    named = {group for example in examples() for group in re.findall(r"group/panel\.mailimport\.(\w+)", example.text)}
    assert named and named <= set(groups)


def test_inventories_of_the_examples_are_inventories(place: Path) -> None:
    found = 0
    for example in examples():
        for document in example.documents:
            if isinstance(document, dict) and "mail_hosts" in document and "plugin" not in document:
                file = place / "hosts.yml"
                file.write_text(yaml.safe_dump(document))
                returncode, output = run_command(
                    ["ansible-inventory", "-i", str(file), "--list"], cwd=place, env=environment()
                )
                assert returncode == 0, output
                assert json.loads(output)["_meta"]["hostvars"], example.place
                found += 1
    assert found


def test_everything_that_is_named_exists() -> None:
    names = {name for kind in documented().values() for name in kind}
    names |= {PREFIX + path.stem for path in (COLLECTION / "playbooks").glob("*.yml")}
    names |= {
        PREFIX + group for group in yaml.safe_load((COLLECTION / "meta" / "runtime.yml").read_text())["action_groups"]
    }
    for page in PAGES:
        for name in re.findall(r"(?<![\w.])panel\.mailimport\.[a-z]\w*(?![\w.])", page.read_text(encoding="utf-8")):
            assert name in names, "%s names %s" % (page, name)


def test_everything_that_exists_is_named_in_the_readme() -> None:
    text = (COLLECTION / "README.md").read_text(encoding="utf-8")
    plugins = [
        name[len(PREFIX) :]
        for kind in ("module", "inventory", "callback", "lookup", "filter", "role")
        for name in documented().get(kind, {})
    ]
    playbooks = [path.stem for path in (COLLECTION / "playbooks").glob("*.yml")]
    assert [name for name in (*plugins, *playbooks) if not re.search(r"`(panel\.mailimport\.)?%s`" % name, text)] == []


@pytest.mark.parametrize("language", ["sh", "console"])
def test_scripts_and_files_of_the_commands_exist(language: str) -> None:
    for page in PAGES:
        for example in blocks(page, language):
            for name in re.findall(
                r"(?<=[\s])(?:scripts|benchmarks|playbooks|inventories|tests|collections)/[\w./-]*[\w/]", example.text
            ):
                assert (REPOSITORY / name).exists(), "%s: %s" % (example.place, name)


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in [page for page in PAGES if page.suffix == ".md"]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), "%s links to %s" % (page, target)


def test_files_that_the_pages_for_developers_name_exist() -> None:
    plugins = COLLECTION / "plugins"
    places = [REPOSITORY, REPOSITORY / "tests", COLLECTION, plugins, plugins / "module_utils"]
    named = set()
    for page in (REPOSITORY / "CONTRIBUTING.md", GUIDES / "architecture.rst"):
        named |= set(re.findall(r"`(\w[\w.]*/[\w./]*\.\w+)`", page.read_text(encoding="utf-8")))
    assert len(named) > 20
    assert [name for name in sorted(named) if not any((place / name).exists() for place in places)] == [
        "playbooks/import_NAME.yml"
    ]


def test_every_reason_word_has_its_section() -> None:
    text = (GUIDES / "troubleshooting.rst").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^(\w+)\n~+$", text, re.MULTILINE)) == sorted(REASONS | SKIP_REASONS)


def test_every_guide_is_in_the_table_of_contents() -> None:
    sections = yaml.safe_load((GUIDES.parent / "extra-docs.yml").read_text())["sections"]
    listed = [name for section in sections for name in section["toctree"]]
    assert sorted(listed) == sorted(path.stem for path in GUIDES.glob("*.rst"))


def test_tests_that_the_table_of_quirks_names_exist() -> None:
    files = [*(REPOSITORY / "tests").rglob("test_*.py"), *(COLLECTION / "tests" / "unit").rglob("test_*.py")]
    names = set(
        re.findall(r"^def (test_\w+)\(", "\n".join(file.read_text(encoding="utf-8") for file in files), re.MULTILINE)
    )
    known = names | {file.stem for file in files}
    page = (REPOSITORY / "tests" / "engine" / "README.md").read_text(encoding="utf-8")
    for name, rest in re.findall(r"(test_\w+)(…?)", page):
        # A name that goes on stands for every test with these words in it.
        assert any(name[len("test") :] in other for other in names) if rest else name in known, name


def test_no_result_is_called_as_one_of_ansibles_own() -> None:
    """Ansible makes a boolean of some of these, whatever they are, and lets others mean something."""
    own = {"exception", "failed", "finished", "rc", "results", "skipped", "started", "unreachable", "warnings"}
    found = {
        name: own & (plugin["return"] or {}).keys()
        for name, plugin in documented()["module"].items()
        if own & (plugin["return"] or {}).keys()
    }
    assert found == {}


def test_results_of_imports_are_documented_as_they_are() -> None:
    returned = {name[len(PREFIX) :]: plugin["return"] for name, plugin in documented()["module"].items()}
    for name in ("imap", "csv", "google", "microsoft365", "yandex"):
        assert {"msg", "imports", "estimate", "summary"} <= returned["mail_import_" + name].keys(), name
    entry = {field.name for field in fields(ImportResult)}
    assert set(returned["mail_import_imap"]["imports"]["contains"]) == entry
    for name in ("mail_import_imap", "mail_import_csv"):
        assert returned[name]["summary"]["sample"].keys() == summarize([]).keys(), name
