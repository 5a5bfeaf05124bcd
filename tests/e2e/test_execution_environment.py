# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An execution environment gets what the collection needs, and ansible-runner reports on an import as AWX shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from support.run import COLLECTION, environment, run_command
from support.scene import Scene

DEFINITION = {
    "version": 3,
    "images": {"base_image": {"name": "registry.example.com/ee-minimal:latest"}},
    "dependencies": {"galaxy": {"collections": [{"name": str(COLLECTION), "type": "dir"}]}},
}

PLAYBOOK = """\
- name: Import with ansible-runner
  hosts: mail_hosts
  gather_facts: false
  tasks:
    - name: Import the mailboxes of the list
      panel.mailimport.mail_import_csv: "{{ options }}"
"""


def test_builder_finds_the_requirements(place: Path) -> None:
    returncode, output = run_command(
        ["ansible-builder", "introspect", "--sanitize", str(COLLECTION.parents[2])], cwd=place, env=environment()
    )
    assert returncode == 0, output
    found = yaml.safe_load(output)
    assert [line.partition(" #")[0].split()[0] for line in found["python"]] == [
        "dnspython",
        "imapclient",
        "jsonschema",
        "requests",
    ]
    assert [line.partition(" #")[0].strip() for line in found["system"]] == [
        "openssh-client [platform:dpkg]",
        "openssh-clients [platform:rpm]",
    ]


def test_builder_makes_a_context(place: Path) -> None:
    (place / "execution-environment.yml").write_text(yaml.dump(DEFINITION))
    command = ["ansible-builder", "create", "--context", str(place / "context"), "--output-filename", "Containerfile"]
    returncode, output = run_command(command, cwd=place, env=environment())
    assert returncode == 0, output
    steps = (place / "context" / "Containerfile").read_text()
    assert "ansible-galaxy collection install" in steps
    assert "introspect" in steps and "--write-bindep" in steps and "--write-pip" in steps
    assert str(COLLECTION) in (place / "context" / "_build" / "requirements.yml").read_text()


def events(directory: Path) -> list[dict[str, Any]]:
    """The events of the one run that ansible-runner has kept in its directory, in order."""
    files = directory.glob("artifacts/*/job_events/*.json")
    return sorted((json.loads(file.read_text()) for file in files), key=lambda event: event["counter"])


def test_runner_reports_the_import(small_scene: Scene) -> None:
    """A line for the mailbox comes while the task runs, as AWX shows it live; and the result is there at the end."""
    data = small_scene.directory / "runner"
    for name in ("project/files", "inventory", "env"):
        (data / name).mkdir(parents=True)
    (data / "project" / "site.yml").write_text(PLAYBOOK)
    (data / "project" / "files" / "list.csv").write_text("%s,%s\n" % (small_scene.address, small_scene.password))
    (data / "inventory" / "hosts.yml").write_text("mail_hosts: {hosts: {localhost: {ansible_connection: local}}}\n")
    options = {"src": "list.csv", **small_scene.arguments(email=None, password=None)}
    (data / "env" / "extravars").write_text(
        json.dumps({"options": options, "ansible_python_interpreter": "{{ ansible_playbook_python }}"})
    )

    returncode, output = run_command(
        ["ansible-runner", "run", str(data), "--playbook", "site.yml"], cwd=small_scene.directory, env=environment()
    )

    assert returncode == 0, output
    told = events(data)
    (ended,) = [event for event in told if event["event"] == "runner_on_ok"]
    (entry,) = ended["event_data"]["res"]["imports"]
    assert (entry["email"], entry["state"]) == (small_scene.address, "completed")
    assert entry["messages_copied"] == entry["messages_total"] > 0
    line = "[localhost] %s: Import completed successfully, %d messages copied" % (
        small_scene.address,
        entry["messages_copied"],
    )
    (progress,) = [event for event in told if line in event["stdout"]]
    assert (progress["event"], progress["counter"] < ended["counter"]) == ("verbose", True)
    assert not any(small_scene.password in json.dumps(event) for event in told)
