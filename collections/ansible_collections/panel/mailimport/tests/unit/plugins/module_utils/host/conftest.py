# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Dovecot of the tests' own: no port, everything under one directory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Optional

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.backends import open_backend
from ansible_collections.panel.mailimport.plugins.module_utils.host.mail_host import MailHost
from ansible_collections.panel.mailimport.plugins.module_utils.process.alive import start_time

_CONFIG = """{beginning}
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
protocols =
ssl = no
auth_failure_delay = 0
auth_cache_size = 1M
first_valid_uid = 5000
namespace inbox {{
  inbox = yes
  separator = /
  prefix = INBOX/
  mailbox Junk {{
    special_use = \\Junk
  }}
  mailbox "Sent Messages" {{
    special_use = \\Sent
  }}
  mailbox Sent {{
    special_use = \\Sent
  }}
}}
"""

# The rest in the language of Dovecot 2.3, and in that of 2.4.
_OLD = """
mail_plugins = quota
mail_location = maildir:~/Maildir:INDEX={root}/index/%d/%n
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {root}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {root}/users
  default_fields = uid=5000 gid=5000 home={root}/vmail/%d/%n
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=10M
}}
"""
_NEW = """
mail_plugins = quota
mail_driver = maildir
mail_path = ~/Maildir
mail_index_path = {root}/index/%{{user | domain}}/%{{user | username}}
passdb passwd-file {{
  passwd_file_path = {root}/users
  default_password_scheme = PLAIN
  auth_username_format = %{{user}}
}}
userdb passwd-file {{
  passwd_file_path = {root}/users
  auth_username_format = %{{user}}
  fields {{
    uid:default = 5000
    gid:default = 5000
    home:default = {root}/vmail/%{{user | domain}}/%{{user | username}}
  }}
}}
quota "User quota" {{
  driver = count
}}
quota_storage_size = 10M
"""


@dataclass(frozen=True)
class Server:
    """Its files; `speaks_new` when its configuration is in the language of Dovecot 2.4, not of 2.3."""

    root: Path
    speaks_new: bool

    @property
    def config(self) -> str:
        return str(self.root / "dovecot.conf")

    @property
    def users(self) -> Path:
        return self.root / "users"

    def configure(self, old: str, new: str) -> None:
        """Append settings, in the language of Dovecot 2.3 and in that of 2.4."""
        with open(self.config, "a", encoding="utf-8") as config:
            config.write(new if self.speaks_new else old)


def write_instance(root: Path) -> Server:
    """The files of an instance that is not running."""
    root.chmod(0o755)  # Dovecot's auth process reads the users file as another user
    version = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=True).stdout
    server = Server(root, not version.startswith("2.3."))
    number = version.split()[0].partition("-")[0]
    beginning = "dovecot_config_version = %s\ndovecot_storage_version = %s" % (number, number)
    template = _CONFIG + (_NEW if server.speaks_new else _OLD)
    Path(server.config).write_text(template.format(root=root, beginning=beginning if server.speaks_new else ""))
    server.users.write_bytes(b"# the first line\n")
    shutil.chown(server.users, "root", "dovecot")
    server.users.chmod(0o640)
    for name in ("vmail", "index"):
        (root / name).mkdir()
        os.chown(root / name, 5000, 5000)
    return server


def open_host(config: Optional[str], **options: Any) -> MailHost:
    """The mail host that such an instance and its users file are."""
    domains_file = os.path.join(os.path.dirname(config or ""), "domains")
    return open_backend("dovecot", {"dovecot_config": config, **options}, domains_file)


@pytest.fixture
def instance() -> Iterator[Server]:
    if shutil.which("dovecot", path="/usr/sbin:/usr/bin") is None or os.geteuid() != 0:
        pytest.skip("needs Dovecot installed, and root")
    root = Path(tempfile.mkdtemp(prefix="mailhost-"))
    yield write_instance(root)
    shutil.rmtree(root)


@contextmanager
def running(instance: Server) -> Iterator[None]:
    """Start an instance, and stop it at the end."""
    process = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", instance.config], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 20
    try:
        while not all((instance.root / "run" / name).exists() for name in ("auth-userdb", "auth-client")):
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline, (instance.root / "log").read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)
        shutil.rmtree(instance.root / "run", ignore_errors=True)  # its sockets would tell the next that it runs


@pytest.fixture
def server(instance: Server) -> Iterator[Server]:
    with running(instance):
        yield instance


def kill_the_process_that_runs(command, told):
    """Run a command in a process that is killed, as a run does with a worker that does not stop, when the command has
    told its process id in a file; return when the command has ended.
    """
    runner = os.fork()
    if runner == 0:
        try:
            command()
        finally:
            os._exit(1)
    while not told.exists():
        assert start_time(runner) is not None
        time.sleep(0.01)
    os.kill(runner, signal.SIGKILL)
    os.waitpid(runner, 0)
    pid = int(told.read_text())
    while start_time(pid) is not None:
        time.sleep(0.01)
