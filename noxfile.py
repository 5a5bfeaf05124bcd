# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that is checked, under every supported ansible-core and Python; scripts/test.sh does one column of it.

`nox` runs all of it, `nox --list` names the sessions, `nox -s "sanity(2.21)"` runs one. Root is needed where real
servers are started. A session whose Python is not on this machine is skipped, and says so.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Iterator

import nox

REPOSITORY = Path(__file__).parent
COLLECTION = REPOSITORY / "collections" / "ansible_collections" / "panel" / "mailimport"
STATE = REPOSITORY / ".nox"

# ansible-core on the controller, and the Python it runs under. The last one is a look-out for what comes.
CORES = {"2.18": "3.11", "2.19": "3.11", "2.21": "3.13", "2.22": "3.13"}
CONTROLLERS = nox.parametrize(["python", "core"], [(python, core) for core, python in CORES.items()], ids=list(CORES))
# The Pythons of mail hosts: all of them under the newest release, the controller's own under the others.
TARGETS = {"2.21": ["3.9", "3.10", "3.11", "3.12", "3.13"]}
# The oldest libraries that meta/ee-requirements.txt admits.
OLDEST = ["dnspython==2.3.0", "imapclient==3.0.0", "jsonschema==4.0.0", "requests==2.28.0"]

# How a test starts a program of Ansible's.
STARTS_ANSIBLE = re.compile(r"run_playbook|run_task|run_command|ansible_playbook\(|\.task\(")

PYTEST = ["-p", "no:cacheprovider", "--numprocesses", "2", "--dist", "loadfile"]

nox.needs_version = ">=2024.4.15"
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "virtualenv"


def _find_interpreters() -> None:
    """Put Pythons that really run before launchers of those that do not, such as pyenv's, into PATH."""
    places = []
    for version in TARGETS["2.21"]:
        name = "python%s" % version
        found = shutil.which(name)
        if found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
            continue
        places += [
            str(path.parent) for path in sorted(Path.home().glob(".pyenv/versions/%s.*/bin/%s" % (version, name)))[-1:]
        ]
    os.environ["PATH"] = os.pathsep.join([*places, os.environ["PATH"]])


_find_interpreters()


def _install_core(session: nox.Session, core: str) -> None:
    """Install an ansible-core of that line, a release candidate where there is no more."""
    session.install("--pre", "ansible-core==%s.*" % core) if core == "2.22" else session.install(
        "ansible-core==%s.*" % core
    )


@contextmanager
def _collection_copy() -> Iterator[Path]:
    """A copy of the collection where Ansible looks for one, outside this checkout.

    ansible-test leaves files behind where it works, and takes no files that git ignores.
    """
    with TemporaryDirectory(prefix="mailimport-nox-") as root:
        copy = Path(root) / "ansible_collections" / "panel" / "mailimport"
        shutil.copytree(COLLECTION, copy, ignore=shutil.ignore_patterns("__pycache__", ".*cache", "output", "*.tar.gz"))
        yield copy


def _ansible_test(session: nox.Session, *arguments: str) -> None:
    """Run ansible-test in a copy of the collection, with a home of its own that has what it cannot download
    everywhere."""
    home = STATE / "home"
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in ("24_2", "25_2"):
        shutil.copy(REPOSITORY / "tests" / "ci" / "get_pip_stand_in.py", cache / ("get_pip_%s.py" % version))
    with _collection_copy() as copy, session.chdir(copy):
        session.run("ansible-test", *arguments, "--color", "no", *session.posargs, env={"HOME": str(home)})


def _environment() -> dict[str, str]:
    return {"ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections"), "LC_ALL": "C.UTF-8"}


@nox.session
def lint(session: nox.Session) -> None:
    """Style and types of everything that is written by hand."""
    session.install("-r", "tests/requirements.txt", "nox")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy", str(COLLECTION / "plugins"))
    session.run(
        "mypy",
        "tests/support",
        "tests/conftest.py",
        "scripts/demo.py",
        "noxfile.py",
        env={"MYPYPATH": "collections:tests"},
    )
    session.run("yamllint", "--strict", ".")
    session.run("ansible-lint", "--offline", "--profile", "production", env=_environment())
    with session.chdir(COLLECTION):
        session.run("antsibull-changelog", "lint")


@nox.session
@CONTROLLERS
def sanity(session: nox.Session, core: str) -> None:
    """ansible-test sanity."""
    _install_core(session, core)
    # The look-out's pylint wants a package from a git host.
    options = ["--skip-test", "pylint"] if core == "2.22" else []
    _ansible_test(session, "sanity", "--local", "--python", CORES[core], *options)


@nox.session
@CONTROLLERS
def units(session: nox.Session, core: str) -> None:
    """Unit tests by ansible-test, under the Pythons of mail hosts."""
    _install_core(session, core)
    for target in TARGETS.get(core, [CORES[core]]):
        if shutil.which("python%s" % target):
            _ansible_test(session, "units", "--venv", "--python", target)
        else:
            session.warn("Not run under Python %s: it is not on this machine" % target)


@nox.session(python="3.11")
def oldest(session: nox.Session) -> None:
    """Unit tests and imports between real servers with the oldest ansible-core and libraries."""
    session.install("-r", "tests/requirements-tests.txt", "ansible-core==2.18.*", *OLDEST)
    paths = session.posargs or ["tests/engine", "tests/e2e", str(COLLECTION / "tests" / "unit")]
    session.run("pytest", *PYTEST, *paths)


@nox.session
@CONTROLLERS
def integration(session: nox.Session, core: str) -> None:
    """ansible-test integration: the role prepares this machine, and a mailbox goes from one real server to another."""
    _install_core(session, core)
    _ansible_test(session, "integration", "--local", "--python", CORES[core], "--allow-root")


@nox.session
@CONTROLLERS
def playbooks(session: nox.Session, core: str) -> None:
    """The end-to-end tests that go through Ansible's own programs; what the modules do by themselves does not depend on
    them.
    """
    session.install("-r", "tests/requirements-tests.txt", "imapclient", "jsonschema", "requests")
    _install_core(session, core)
    places = [
        path
        for folder in ("e2e", "google", "microsoft365", "yandex360")
        for path in sorted(Path("tests", folder).glob("test_*.py"))
    ]
    paths = [str(path) for path in places if STARTS_ANSIBLE.search(path.read_text())]
    session.run("pytest", *PYTEST, *(session.posargs or paths))


@nox.session(python=False)
def other_dovecot(session: nox.Session) -> None:
    """All tests of this machine's Dovecot on the other one, in a tree of the other Debian."""
    session.run("bash", "scripts/other_debian.sh", "--setup", external=True)
    session.run("bash", "scripts/other_debian.sh", "pytest", *PYTEST, *session.posargs, external=True)


@nox.session(python="3.13")
def docs(session: nox.Session) -> None:
    """The documentation is well-formed, and its site builds into .nox/site."""
    session.install("antsibull-docs", "sphinx", "ansible-core==2.21.*")
    site = STATE / "site"
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(mode=0o700)
    with _collection_copy() as copy:
        environment = {"ANSIBLE_COLLECTIONS_PATH": str(copy.parents[2])}
        with session.chdir(copy):
            checks = ["--plugin-docs", "--validate-collection-refs", "all", "--check-extra-docs-refs"]
            session.run("antsibull-docs", "lint-collection-docs", *checks, ".", env=environment)
        options = ["--use-current", "--squash-hierarchy", "--lenient", "--fail-on-error", "--dest-dir", str(site)]
        session.run("antsibull-docs", "sphinx-init", *options, "panel.mailimport", env=environment)
        session.install("-r", str(site / "requirements.txt"))
        with session.chdir(site):
            session.run("bash", "build.sh", env=environment, external=True)
    session.log("The site is %s", site / "build" / "html" / "index.html")


@nox.session(python="3.13")
def packaging(session: nox.Session) -> None:
    """Galaxy would take the tarball, and has nothing to remark."""
    session.install("galaxy-importer", "ansible-core==2.21.*")
    with _collection_copy() as copy:
        place = copy.parents[2]
        with session.chdir(copy):
            session.run("ansible-galaxy", "collection", "build", "--output-path", str(place))
        (tarball,) = place.glob("panel-mailimport-*.tar.gz")
        with session.chdir(place):
            environment = {"GALAXY_IMPORTER_CHECK_REQUIRED_TAGS": "true"}
            output = str(
                session.run("python", "-m", "galaxy_importer.main", tarball.name, env=environment, silent=True)
            )
    remarks = [line for line in output.splitlines() if line.startswith(("WARNING", "ERROR"))]
    if remarks or "Importer processing completed successfully" not in output:
        session.error("galaxy-importer: %s" % ("\n".join(remarks) or output))
