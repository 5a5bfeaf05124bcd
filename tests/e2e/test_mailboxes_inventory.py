# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A list of mailboxes as an inventory, seen by ansible-inventory and the host patterns of Ansible."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.mail import REPOSITORY
from support.run import environment, run_command

SECRET = "geh31m"

HOSTS = """\
mail_hosts:
  hosts:
    mail1.example.net:
      ansible_host: 192.0.2.1
      ansible_port: 2222
    mail2.example.net:
"""
GROUP_VARS = {
    "all.yml": "ansible_user: of-all\nof: all\nowner: customer1\n",
    "mail_hosts.yml": "ansible_user: '{{ admin }}'\nadmin: of-the-group\nansible_port: 22\nbeside: '{{ inventory_dir "
    "}}/key'\n",
}


@dataclass
class Company:
    """An inventory of mail hosts, and beside it a list of mailboxes with the configuration of the plugin."""

    directory: Path
    settings: dict[str, Any] = field(default_factory=lambda: {"mail_host": "mail1.example.net"})

    def write(self, rows: str, name: str = "list.csv") -> None:
        """Write the list and what makes an inventory of it."""
        (self.directory / name).write_text(rows, encoding="utf-8")
        config = {"plugin": "panel.mailimport.mailboxes", "src": name, **self.settings}
        (self.directory / "company.mailboxes.yml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def run(self, *command: str, inventories: tuple[str, ...] = ("hosts", "company.mailboxes.yml")) -> tuple[int, str]:
        """Run a program of Ansible with the two inventories, or others; return its exit code and what it printed."""
        options = [option for name in inventories for option in ("-i", str(self.directory / name))]
        return run_command([command[0], *options, *command[1:]], cwd=REPOSITORY, env=environment())

    def listed(self, *options: str) -> dict[str, Any]:
        """The whole inventory; fails when any source of it did."""
        returncode, output = self.run("ansible-inventory", "--list", *options)
        assert returncode == 0, output
        # What must not be taken for a template is marked.
        return json.loads(output, object_hook=lambda values: values.get("__ansible_unsafe", values))

    def variables(self) -> dict[str, dict[str, Any]]:
        """Variables of every host."""
        return self.listed()["_meta"]["hostvars"]

    def refusal(self, **more: Any) -> str:
        """What is printed instead of an inventory."""
        returncode, output = self.run("ansible-inventory", "--list", **more)
        assert returncode != 0, output
        assert SECRET not in output
        return " ".join(output.split())


@pytest.fixture
def company(place: Path) -> Company:
    hosts = place / "hosts"
    (hosts / "group_vars").mkdir(parents=True)
    (hosts / "hosts.yml").write_text(HOSTS)
    for name, text in GROUP_VARS.items():
        (hosts / "group_vars" / name).write_text(text)
    return Company(place)


def test_ten_thousand_rows_are_ten_thousand_hosts_without_a_password(company: Company) -> None:
    rows = [
        "user%d@domain%d.example,%s%d,%s" % (n, n % 10, SECRET, n, "mail2.example.net" if n % 4 else "")
        for n in range(10_000)
    ]
    company.write("email,password,mail_host\n" + "\n".join(rows))
    inventory = company.listed()
    assert len(inventory["_meta"]["hostvars"]) == 10_002
    assert sorted(inventory["mailboxes"]["children"]) == sorted(
        ["domain_domain%d_example" % n for n in range(10)]
        + ["mail_host_mail1_example_net", "mail_host_mail2_example_net"]
    )
    assert len(inventory["domain_domain3_example"]["hosts"]) == 1000
    assert [len(inventory["mail_host_mail%d_example_net" % n]["hosts"]) for n in (1, 2)] == [2500, 7500]
    assert SECRET not in json.dumps(inventory)


def test_a_mailbox_has_the_variables_of_its_mail_host(company: Company) -> None:
    company.write("email,password,mail_host\nAnna@example.org,x,\nben@example.org,x,mail2.example.net\n")
    variables = company.variables()
    common = {
        "ansible_user": "{{ admin }}",
        "admin": "of-the-group",
        "beside": "{{ inventory_dir }}/key",
        "of": "all",
        "owner": "customer1",
        "mailimport_src": str(company.directory / "list.csv"),
    }
    assert variables["anna@example.org"] == {
        **common,
        "ansible_host": "192.0.2.1",
        "ansible_port": 2222,
        "mailimport_only": ["anna@example.org"],
        "mailimport_mail_host": "mail1.example.net",
    }
    assert variables["ben@example.org"] == {
        **common,
        "ansible_host": "mail2.example.net",
        "ansible_port": 22,
        "mailimport_only": ["ben@example.org"],
        "mailimport_mail_host": "mail2.example.net",
    }


def test_templates_of_the_mail_host_are_evaluated_and_those_of_the_list_are_not(company: Company) -> None:
    company.write("{{1+1}}@example.org,x\n")
    values = {
        "ansible_user": "of-the-group",
        "beside": str(company.directory / "hosts" / "key"),
        "mailimport_only[0]": "{{1+1}}@example.org",
    }
    for variable, value in values.items():
        returncode, output = company.run(
            "ansible", "mailboxes", "-m", "ansible.builtin.debug", "-a", "var=%s" % variable
        )
        assert returncode == 0 and value in output, output


def test_the_mailbox_is_the_one_on_the_mail_host_and_its_domain_says_which(company: Company) -> None:
    company.settings = {"mail_host": "mail1.example.net", "mail_hosts": {"Example.COM": "mail2.example.net"}}
    company.write("email,target_email\nanna@old.example,anna@example.com\nben@example.org,\n")
    variables = company.variables()
    assert {name: variables[name]["mailimport_mail_host"] for name in variables if "@" in name} == {
        "anna@example.com": "mail2.example.net",
        "ben@example.org": "mail1.example.net",
    }


def test_two_sources_of_one_mailbox_are_one_host(company: Company) -> None:
    company.write("email,password,source_host\nanna@example.org,x,a.example\nanna@example.org,x,b.example\n")
    assert [name for name in company.variables() if "@" in name] == ["anna@example.org"]


def test_batches_are_of_one_domain_and_one_mail_host(company: Company) -> None:
    company.settings["batch_size"] = 2
    rows = ["user%d@example.org,x," % n for n in range(3)] + ["a@example.com,x,", "b@example.org,x,mail2.example.net"]
    company.write("email,password,mail_host\n" + "\n".join(rows))
    inventory = company.listed()
    variables = inventory["_meta"]["hostvars"]
    assert {name: variables[name]["mailimport_only"] for name in variables if "mailimport_only" in variables[name]} == {
        "example.org-mail1.example.net-0001": ["user0@example.org", "user1@example.org"],
        "example.org-mail1.example.net-0002": ["user2@example.org"],
        "example.com-mail1.example.net-0001": ["a@example.com"],
        "example.org-mail2.example.net-0001": ["b@example.org"],
    }
    assert inventory["domain_example_com"]["hosts"] == ["example.com-mail1.example.net-0001"]


def test_every_host_can_be_named_with_limit(company: Company) -> None:
    odd = [
        "&anna",
        "!anna",
        "~anna",
        "o'brien",
        "o`brien",
        "a{b}",
        "a?b",
        "a|b",
        "-anna",
        "анна",
        "a+b",
        "a=b",
        "#a",
        "a$b^c",
    ]
    company.write("\n".join('"%s@example.org",x' % local_part for local_part in odd))
    names = [name for name in company.variables() if "@" in name]
    assert len(names) == len(odd)
    for name in names:
        returncode, output = company.run("ansible", "mailboxes", "--list-hosts", "--limit=%s" % name)
        assert returncode == 0 and output.split()[-1] == name and "hosts (1)" in output, output


def test_a_list_in_a_vault(company: Company) -> None:
    company.write("anna@example.org,%s\n" % SECRET)
    password = company.directory / "vault-password"
    password.write_text("swordfish")
    vault = ["--vault-password-file", str(password)]
    subprocess.run(
        ["ansible-vault", "encrypt", *vault, str(company.directory / "list.csv")],
        env=environment(),
        check=True,
        capture_output=True,
    )
    assert "anna@example.org" in company.listed(*vault)["_meta"]["hostvars"]
    assert "vault" in company.refusal()


def test_a_list_in_yaml_with_passwords_in_a_vault(company: Company) -> None:
    password = company.directory / "vault-password"
    password.write_text("swordfish")
    vault = ["--vault-password-file", str(password)]
    encrypted = subprocess.run(
        ["ansible-vault", "encrypt_string", *vault, "--name", "  password", SECRET],
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    company.write(
        "- email: anna@example.org\n%s\n- email: ben@example.org\n  source_port: 143\n" % encrypted, "list.yml"
    )
    inventory = company.listed(*vault)
    assert {"anna@example.org", "ben@example.org"} < set(inventory["_meta"]["hostvars"])
    assert SECRET not in json.dumps(inventory)


def test_all_bad_rows_are_named_and_no_password(company: Company) -> None:
    company.write(
        "email,password,source_port\nanna@example.org,%s,993\nben@example.org,%s,x\n%s,carl@example.org,993\n"
        % ((SECRET,) * 3)
    )
    refusal = company.refusal()
    assert "2 rows of %s cannot be used" % (company.directory / "list.csv") in refusal
    assert "line 3 (ben@example.org): source_port must be a port from 1 to 65535" in refusal
    assert "line 4: email must be a mailbox address" in refusal


def test_rows_without_a_mail_host_that_is_known_are_named(company: Company) -> None:
    company.settings = {"mail_hosts": {"example.com": "mail3.example.net"}}
    company.write("anna@example.org,%s\nben@example.com,%s\n" % (SECRET, SECRET))
    refusal = company.refusal()
    assert "line 1 (anna@example.org): no mail host is named for it" in refusal
    assert "line 2 (ben@example.com): mail host mail3.example.net is in no inventory before this one" in refusal


def test_the_mail_hosts_come_first(company: Company) -> None:
    company.write("anna@example.org,%s\n" % SECRET)
    assert "mail host mail1.example.net is in no inventory before this one" in company.refusal(
        inventories=("company.mailboxes.yml", "hosts")
    )


def test_this_machine_can_be_the_mail_host(company: Company) -> None:
    company.settings["mail_host"] = "localhost"
    company.write("anna@example.org,x\n")
    assert company.variables()["anna@example.org"]["ansible_connection"] == "local"


@pytest.mark.parametrize(
    ("rows", "name", "words"),
    [
        ("email,pasword\nanna@example.org,%s" % SECRET, "list.csv", "unknown columns: pasword"),
        ("email: anna@example.org", "list.yml", "is not a list of mailboxes"),
    ],
)
def test_what_is_no_list_is_said(company: Company, rows: str, name: str, words: str) -> None:
    company.write(rows, name)
    assert words in company.refusal()


def test_a_list_that_is_not_there(company: Company) -> None:
    company.write("")
    (company.directory / "list.csv").unlink()
    assert "list.csv" in company.refusal()
