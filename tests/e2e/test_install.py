# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection installs from every form of its address, and what is installed works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.mail import REPOSITORY
from support.run import COLLECTION, environment, run_command, run_playbook
from support.scene import Scene, difference

INSIDE = COLLECTION.relative_to(REPOSITORY)

PLAYBOOK = """\
- name: Import with the installed collection
  ansible.builtin.import_playbook: panel.mailimport.import_imap
"""


@pytest.fixture(scope="module")
def checkout(shelf: Path) -> Path:
    """What is committed, as another repository: neither unfinished work nor another user's ownership comes in."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout: there is no URL to install from")
    directory = shelf / "repository"
    trusted = ["git", "-c", "safe.directory=*"]
    archive = subprocess.run([*trusted, "-C", str(REPOSITORY), "archive", "HEAD"], capture_output=True, check=True)
    directory.mkdir()
    subprocess.run(["tar", "-x", "-C", str(directory)], input=archive.stdout, check=True)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for command in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["commit", "--quiet", "--no-gpg-sign", "--message", "As committed"],
    ):
        subprocess.run(["git", *identity, *command], cwd=directory, check=True)
    return directory


def install(name: str, into: Path, env: dict[str, str]) -> None:
    """Install with ansible-galaxy, which needs no network for it."""
    command = ["ansible-galaxy", "collection", "install", "--offline", "-p", str(into), name]
    returncode, output = run_command(command, cwd=into, env=env)
    assert returncode == 0, output
    assert "WARNING" not in output.replace("collections_path", ""), output


def address(kind: str, checkout: Path, place: Path, env: dict[str, str]) -> str:
    """What to tell ansible-galaxy."""
    if kind == "plain URL":
        return "git+file://%s" % checkout
    if kind == "URL with folder":
        return "git+file://%s#/%s" % (checkout, INSIDE)
    source = checkout / INSIDE if kind == "tarball" else checkout
    returncode, output = run_command(
        ["ansible-galaxy", "collection", "build", "--output-path", str(place)], cwd=source, env=env
    )
    assert returncode == 0, output
    (tarball,) = place.glob("panel-mailimport-*.tar.gz")
    return str(tarball)


@pytest.mark.parametrize("kind", ["plain URL", "URL with folder", "tarball", "tarball from the root"])
def test_installed_collection_imports(small_scene: Scene, checkout: Path, kind: str) -> None:
    collections = small_scene.directory / "collections"
    collections.mkdir()
    env = environment(collections)
    install(address(kind, checkout, small_scene.directory, env), collections, env)

    returncode, documentation = run_command(
        ["ansible-doc", "panel.mailimport.mail_import_imap"], cwd=collections, env=env
    )
    assert returncode == 0, documentation
    assert "source_host" in documentation

    for shipped in sorted((COLLECTION / "playbooks").glob("*.yml")):
        # By its name alone, as anybody calls it who has installed the collection.
        name = "panel.mailimport.%s" % shipped.stem
        returncode, output = run_command(["ansible-playbook", "--syntax-check", name], cwd=collections, env=env)
        assert returncode == 0, output

    playbook = small_scene.directory / "site.yml"
    playbook.write_text(PLAYBOOK)
    variables = {**small_scene.arguments(), "import_hosts": "localhost", "import_setup": False}
    runs = [
        run_playbook(
            playbook,
            inventory=str(REPOSITORY / "inventories" / "demo"),
            variables=variables,
            directory=small_scene.directory,
            env=env,
        )
        for _ in range(2)
    ]
    assert [run.returncode for run in runs] == [0, 0], runs[0].output
    assert [run.recap["localhost"]["changed"] for run in runs] == [1, 0]
    assert difference(small_scene.source_account(), small_scene.host_account()) == []


def test_the_way_of_the_readme(small_scene: Scene, checkout: Path) -> None:
    """An inventory, a list, and the playbook by its name, in a directory that knows nothing of this checkout."""
    place = small_scene.directory
    collections = place / "collections"
    collections.mkdir()
    env = {
        name: value for name, value in environment(collections).items() if name not in ("ANSIBLE_CONFIG", "PYTHONPATH")
    }
    install(address("tarball", checkout, place, env), collections, env)
    variables = {name: value for name, value in small_scene.arguments().items() if name not in ("email", "password")}
    machine = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "import_setup": False}
    (place / "hosts.yml").write_text(
        yaml.safe_dump({"mail_hosts": {"hosts": {"localhost": machine}, "vars": variables}})
    )
    (place / "company.csv").write_text(
        "%s,%s\nnobody@source.example,wrong\n" % (small_scene.address, small_scene.password)
    )

    command = [
        "ansible-playbook",
        "-i",
        "hosts.yml",
        "panel.mailimport.import_csv",
        "-e",
        "src=company.csv",
        "--forks",
        "2",
    ]
    returncode, output = run_command(command, cwd=place, env=env)

    assert returncode == 2 and "line 2: " in output and "(auth_failed)" in output, output
    assert difference(small_scene.source_account(), small_scene.host_account()) == []


def test_tarball_ships_no_tests_and_no_caches(checkout: Path, place: Path) -> None:
    tarball = address("tarball", checkout, place, environment())
    listing = subprocess.run(["tar", "-tzf", tarball], capture_output=True, text=True, check=True).stdout.split()
    assert "plugins/modules/mail_import_imap.py" in listing
    assert [
        name for name in listing if name.startswith(("tests/", ".")) or "cache" in name or name.endswith(".pyc")
    ] == []
