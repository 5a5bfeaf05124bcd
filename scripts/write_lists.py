#!/usr/bin/env python3
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the lists that follow from the modules: which options playbooks pass on, which variables `playbooks/README.md`
explains, which modules are in an action group, and what the collection's README names.

    python scripts/write_lists.py            write them
    python scripts/write_lists.py --check    fail if they are not written

A line that is there stays as it is, with a default or words of its own. What is missing gets a line, and the lines of
options that are gone are removed. A new module that imports an organization gets its playbook and its tasks, both made
of those for Yandex 360. Its head in `playbooks/`, with the variables of its own, is written by hand.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Iterable, Iterator, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.panel.mailimport.plugins.doc_fragments import (  # noqa: E402
    importing,
    provider,
    scheduling,
    source,
    target,
)
from ansible_collections.panel.mailimport.plugins.module_utils.host.backends import BACKENDS  # noqa: E402
from ansible_collections.panel.mailimport.plugins.module_utils.model.options import NOTICE  # noqa: E402
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import (  # noqa: E402
    delivery_options,
    importing_options,
    list_options,
    mailbox_options,
    scheduling_options,
    source_options,
    target_options,
)
from ansible_collections.panel.mailimport.plugins.module_utils.task.organization import (  # noqa: E402
    import_options,
    reaching_options,
)

COLLECTION = ROOT / "collections" / "ansible_collections" / "panel" / "mailimport"
SHIPPED = COLLECTION / "playbooks"
MODEL = "yandex"

# What a provider tells of each mailbox takes a call each, and a migration's plan logs in anyway.
OF_EACH_MAILBOX = {"check_mailboxes", "gmail_api_url"}


class Task(NamedTuple):
    """A file with one task of a module, and the options that it passes on."""

    file: str
    module: str
    options: Iterable[str]


@cache
def modules() -> dict[str, ModuleType]:
    """The collection's modules, by name."""
    package = "ansible_collections.panel.mailimport.plugins.modules"
    names = sorted(path.stem for path in (COLLECTION / "plugins" / "modules").glob("*.py"))
    return {name: import_module("%s.%s" % (package, name)) for name in names}


def organizations() -> dict[str, str]:
    """The modules that import an organization, by what their playbooks are called."""
    return {
        name[len("mail_import_") :]: name
        for name, module in modules().items()
        if hasattr(module, "organization_options")
    }


def documentation_of(module: str) -> dict[str, object]:
    """What a module says of itself, without what it shares with others."""
    return dict(yaml.safe_load(modules()[module].DOCUMENTATION))


def tasks() -> list[Task]:
    """All tasks that pass on a module's options."""
    found = [
        Task("tasks/import_imap.yml", "mail_import_imap", mailbox_options()),
        Task("tasks/import_csv.yml", "mail_import_csv", list_options()),
        Task("tasks/migration/prove.yml", "mail_delivery_check", delivery_options()),
    ]
    for name, module in organizations().items():
        found.append(Task("tasks/import_%s.yml" % name, module, modules()[module].organization_options()))
    for path in sorted((SHIPPED / "tasks" / "migration").glob("directory_*.yml")):
        used = re.search(r"panel\.mailimport\.(\w+):", path.read_text(encoding="utf-8"))
        if used and hasattr(modules()[used[1]], "info_options"):
            options = [name for name in modules()[used[1]].info_options() if name not in OF_EACH_MAILBOX]
            found.append(Task(str(path.relative_to(SHIPPED)), used[1], options))
    return found


def groups() -> dict[str, list[str]]:
    """The variables that several playbooks share, by the section of `playbooks/README.md` that explains them."""
    notices = [option.name for option in NOTICE]
    for_organizations = {**import_options(""), **reaching_options()}
    elsewhere = {**source_options(), **target_options(), **importing_options(), **scheduling_options()}
    return {
        "What is imported, and how": [name for name in importing_options() if name not in notices],
        "How to reach the source": [name for name in source_options() if name in for_organizations],
        "How to log in at the source": [name for name in source_options() if name not in for_organizations],
        "How many at a time": [*scheduling_options()],
        "Who hears of a run by mail": notices,
        "Organizations": [name for name in for_organizations if name not in elsewhere],
        "The mail host": [*target_options()],
    }


@cache
def documented_options() -> dict[str, dict[str, Any]]:
    """The documentation of each option that modules share."""
    texts = [
        text
        for file in (source, target, importing, scheduling, provider)
        for name, text in vars(file.ModuleDocFragment).items()
        if name.isupper()
    ]
    return {name: said for text in texts for name, said in yaml.safe_load(text).get("options", {}).items()}


@cache
def passed_on() -> dict[str, str]:
    """What playbooks pass on in place of an option's own default, by its name."""
    text = (SHIPPED / "tasks" / "import_csv.yml").read_text(encoding="utf-8")
    given = re.findall(r'^ +(\w+): "\{\{ \1 \| default\((\w+)\) \}\}"$', text, re.MULTILINE)
    return {name: default for name, default in given if default != "omit"}


def new_playbooks() -> Iterator[tuple[Path, str]]:
    """What a new provider has none of yet, made of what another one has: the files and their text."""
    title = re.compile(r"Import the mailboxes of (an? .+) organization onto a mail host")
    known = title.fullmatch(str(documentation_of(organizations()[MODEL])["short_description"]))
    assert known
    for name, module in organizations().items():
        for file in ("tasks/import_%s.yml", "import_%s.yml"):
            path = SHIPPED / (file % name)
            found = title.fullmatch(str(documentation_of(module)["short_description"]))
            assert found, "the short description of %s is not as that of others" % module
            if not path.exists():
                text = (SHIPPED / (file % MODEL)).read_text(encoding="utf-8")
                yield path, text.replace("import_" + MODEL, "import_" + name).replace(known[1], found[1])


def with_task_options(text: str, module: str, options: Iterable[str]) -> str:
    """The playbook whose task of the module passes on each of the options, if the variable of its name is there."""
    known = list(options)
    begin = re.search(r"^( +)panel\.mailimport\.%s:\n" % module, text, re.MULTILINE)
    assert begin, module
    indent = begin[1] + "  "
    block = re.compile(r"(?:%s.*\n)+" % indent).match(text, begin.end())
    assert block, module
    lines = []
    there = set()
    for line in block[0].splitlines(keepends=True):
        found = re.match(indent + r"(\w+): ", line)
        if found is None or found[1] in known:
            lines.append(line)
            there.add(found[1] if found else "")
    lines += ['%s%s: "{{ %s | default(omit) }}"\n' % (indent, name, name) for name in known if name not in there]
    return text[: begin.end()] + "".join(lines) + text[block.end() :]


def with_variables(text: str) -> str:
    """The page whose sections have a table with each of their variables."""
    for section, names in groups().items():
        table = re.compile(r"(^## %s\n(?:(?!## ).*\n)*?\| variable .*\n\|.*\n)(?:\|.*\n)*" % section, re.MULTILINE)
        found = table.search(text)
        assert found, "there is no table in a section: %s" % section
        rows = "".join("| %s |\n" % " | ".join(explained(name)) for name in names)
        text = text[: found.start()] + found[1] + rows + text[found.end() :]
    return text


def explained(name: str) -> tuple[str, str, str]:
    """A variable, what it is, and its default; of the mail host's, the kinds of hosts that know it."""
    said = documented_options().get(name)
    assert said, "no documentation in plugins/doc_fragments: %s" % name
    sentence = in_markdown(re.split(r"(?<=\.)\s", said["description"][0])[0].rstrip("."))
    values = ", ".join("`%s`" % choice for choice in said.get("choices", ()))
    last = kinds_with(name) if name in target_options() else default_of(name)
    return "`%s`" % name, sentence + " (%s)" % values if values else sentence, last


def default_of(name: str) -> str:
    default = passed_on().get(name) or documented_options()[name].get("default")
    if default in (None, [], {}):
        return ""
    return "`%s`" % (str(default).lower() if isinstance(default, bool) else default)


def kinds_with(name: str) -> str:
    """The kinds of mail hosts to which an option means something."""
    known = [kind for kind in sorted(BACKENDS) if name in BACKENDS[kind].options]
    others = [kind for kind in sorted(BACKENDS) if kind not in known]
    if len(others) == 1:
        return "any but `%s`" % others[0]
    return ", ".join("`%s`" % kind for kind in known) or "any"


def in_markdown(text: str) -> str:
    """A text of the documentation, with names and values as Markdown has them."""
    return re.sub(r"\b(?:[VCMPO]|RV)\((?:[\w.]+#\w+:)?([^)#]+)(?:#\w+)?\)", r"`\1`", text).replace("|", "\\|")


def with_groups(text: str) -> str:
    """`meta/runtime.yml` with the members that its action groups have by the modules' documentation."""
    members: dict[str, list[str]] = {}
    for module in modules():
        attributes = documentation_of(module).get("attributes")
        assert isinstance(attributes, dict), module
        for group in attributes["action_group"]["membership"]:
            members.setdefault(group.rpartition(".")[2], []).append(module)
    for group, names in members.items():
        lines = "  %s:\n%s" % (group, "".join("    - %s\n" % name for name in names))
        found = re.search(r"^  %s:\n(?:    - .*\n)*" % group, text, re.MULTILINE)
        text = text[: found.start()] + lines + text[found.end() :] if found else text + lines
    return text


def with_entries(text: str, entries: Iterable[tuple[str, str]], list_of: str) -> str:
    """A page whose list has a line for each of the entries, which are what a line has and the line.

    Args:
        list_of: the expression for lists of that kind.
    """
    for part, line in entries:
        found = re.search(list_of, text, re.MULTILINE)
        assert found, list_of
        if part not in text:
            text = text[: found.end()] + line + "\n" + text[found.end() :]
    return text


def with_contents(text: str) -> str:
    """The collection's README with all modules, playbooks and guides."""
    said = {name: str(documentation_of(name)["short_description"]) for name in modules()}
    text = with_entries(
        text,
        [("`%s`" % name, "  - `%s`: %s" % (name, words[0].lower() + words[1:])) for name, words in said.items()],
        r"^- Modules\n(?:  .*\n)+",
    )
    names = sorted(path.stem for path in SHIPPED.glob("*.yml"))
    text = with_entries(
        text,
        [("`panel.mailimport.%s`" % name, "  - `panel.mailimport.%s`: %s" % (name, play_of(name))) for name in names],
        r"^- Playbooks\n(?:  .*\n)+",
    )
    pages = {"docs/docsite/rst/%s" % path.name: path for path in guides()}
    return with_entries(
        text,
        [(page, "- [%s](%s)" % (title_of(path), page)) for page, path in pages.items()],
        r"(?:^- \[.*\]\(docs/docsite/rst/.*\n(?:  .*\n)*)+",
    )


def with_pages(text: str) -> str:
    """`extra-docs.yml` with all guides."""
    entries = [("      - %s\n" % path.stem, "      - %s" % path.stem) for path in guides()]
    return with_entries(text, entries, r"^  - title: Guides\n    toctree:\n(?:      - .*\n)+")


def guides() -> list[Path]:
    return sorted((COLLECTION / "docs" / "docsite" / "rst").glob("*.rst"))


def title_of(page: Path) -> str:
    found = re.search(r"^(.+)\n={3,}$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, page
    return found[1]


def play_of(playbook: str) -> str:
    """What a playbook's first play does."""
    name = str(yaml.safe_load((SHIPPED / (playbook + ".yml")).read_text(encoding="utf-8"))[0]["name"])
    return name[0].lower() + name[1:]


def lists() -> Iterator[tuple[Path, str]]:
    """All files with lists, and what is to be in them."""
    yield from new_playbooks()
    for task in tasks():
        path = SHIPPED / task.file
        if path.exists():  # otherwise it is new, and written by now
            yield path, with_task_options(path.read_text(encoding="utf-8"), task.module, task.options)
    for path, write in (
        (ROOT / "playbooks" / "README.md", with_variables),
        (COLLECTION / "meta" / "runtime.yml", with_groups),
        (COLLECTION / "README.md", with_contents),
        (COLLECTION / "docs" / "docsite" / "extra-docs.yml", with_pages),
    ):
        yield path, write(path.read_text(encoding="utf-8"))


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    stale = False
    for path, text in lists():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale = True
            print("%s %s" % ("not as it is written:" if check else "written:", path.relative_to(ROOT)))  # noqa: T201
            if not check:
                path.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
