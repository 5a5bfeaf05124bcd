# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests' servers say in the language of their Dovecot's version: 2.3 (https://doc.dovecot.org/2.3/) or 2.4
(https://doc.dovecot.org/latest/)."""

from __future__ import annotations

import functools
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Optional

from .tls import Certificate


@dataclass(frozen=True)
class Words:
    """The templates of one language.

    Attributes:
        beginning: settings that have to stand first.
        accounts: the databases of the servers' users.
        location: where mail is, for a driver and a path.
        location_options: the settings for what 2.3 writes behind the path, such as `ALT=`; none where it stays there.
        quota, tls, oauth2: settings for these; `oauth2_file` goes into a file of its own.
        imap_plugin: adds a plugin to those of IMAP sessions.
        compression: offers COMPRESS to IMAP clients.
        fast_imapc: lets dsync ask an IMAP source for little.
        no_memory_limit: lets processes use the memory they like.
        domain, local_part: variables for the parts of a user's address.
    """

    version: str
    beginning: str
    accounts: str
    location: str
    location_options: Optional[Mapping[str, str]]
    quota: str
    tls: str
    oauth2: str
    oauth2_file: str
    imap_plugin: str
    compression: str
    fast_imapc: str
    no_memory_limit: str
    domain: str
    local_part: str

    def mail_location(self, location: str) -> str:
        """Settings for a location as 2.3 writes it: `mdbox:~/mdbox:ALT=~/alt`."""
        if self.location_options is None:
            return self.location.format(location=location)
        driver, path, *options = location.split(":")
        settings = [self.location.format(driver=driver, path=path)]
        for name, value in (option.split("=") for option in options):
            settings.append("%s = %s" % (self.location_options[name], value))
        return "\n".join(settings)

    def quota_settings(self, storage: str, largest_message: str = "1G") -> str:
        """A quota of so much mail in a mailbox, none of it larger than that."""
        return self.quota.format(storage=storage, largest_message=largest_message)

    def tls_settings(self, certificate: Optional[Certificate]) -> str:
        """A server's certificate, or no TLS."""
        return "ssl = no" if certificate is None else "ssl = yes\n" + self.tls.format(*certificate)

    def oauth2_settings(self, tokeninfo: str, file: Path) -> str:
        """Logins with tokens, which are shown at an address; writes a file for it."""
        file.write_text(self.oauth2_file.format(tokeninfo=tokeninfo))
        return self.oauth2.format(file=file)

    def imap_plugin_settings(self, name: str) -> str:
        """A plugin in IMAP sessions, besides those that are there."""
        return self.imap_plugin.format(name=name)


OLD = Words(
    version="2.3",
    beginning="disable_plaintext_auth = no",
    accounts="""\
passdb {{
  driver = passwd-file
  args = {masters}
  master = yes
  result_success = continue
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {users_file}
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {users_file}
  default_fields = uid={uid} gid={gid} home={mail}/%d/%n
}}
""",
    location="mail_location = {location}",
    location_options=None,
    quota="""\
mail_plugins = $mail_plugins quota
protocol imap {{
  mail_plugins = $mail_plugins quota imap_quota
}}
plugin {{
  quota = count:Mailbox
  quota_vsizes = yes
  quota_rule = *:storage={storage}
  quota_max_mail_size = {largest_message}
}}
""",
    tls="ssl_cert = <{0}\nssl_key = <{1}",
    oauth2="""\
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {file}
}}
""",
    oauth2_file="tokeninfo_url = {tokeninfo}\nusername_attribute = email\nusername_format = %u\n",
    imap_plugin="protocol imap {{\n  mail_plugins = $mail_plugins {name}\n}}\n",
    compression="protocol imap {\n  mail_plugins = $mail_plugins imap_zlib\n}\n",
    fast_imapc="imapc_features = rfc822.size fetch-headers\n",
    no_memory_limit="default_vsz_limit = 0\n",
    domain="%d",
    local_part="%n",
)

NEW = Words(
    version="2.4",
    beginning="dovecot_config_version = {0}\ndovecot_storage_version = {0}\nauth_allow_cleartext = yes",
    accounts="""\
passdb masters {{
  driver = passwd-file
  passwd_file_path = {masters}
  master = yes
  result_success = continue
}}
passdb passwd-file {{
  passwd_file_path = {users_file}
  auth_username_format = %{{user}}
}}
userdb passwd-file {{
  passwd_file_path = {users_file}
  auth_username_format = %{{user}}
  fields {{
    uid:default = {uid}
    gid:default = {gid}
    home:default = {mail}/%{{user | domain}}/%{{user | username}}
  }}
}}
""",
    location="mail_driver = {driver}\nmail_path = {path}",
    location_options={
        "ALT": "mail_alt_path",
        "CONTROL": "mail_control_path",
        "INBOX": "mail_inbox_path",
        "INDEX": "mail_index_path",
        "LAYOUT": "mailbox_list_layout",
    },
    quota="""\
mail_plugins {{
  quota = yes
}}
protocol imap {{
  mail_plugins {{
    imap_quota = yes
  }}
}}
quota "Mailbox" {{
  driver = count
  storage_size = {storage}
}}
quota_storage_grace = 0
quota_mail_size = {largest_message}
""",
    tls="ssl_server_cert_file = {0}\nssl_server_key_file = {1}",
    oauth2="""\
oauth2 {{
  !include {file}
}}
passdb oauth2 {{
  mechanisms_filter = xoauth2 oauthbearer
}}
""",
    oauth2_file="""\
tokeninfo_url = {tokeninfo}
introspection_mode = auth
username_attribute = email
username_validation_format = %{{user}}
""",
    imap_plugin="protocol imap {{\n  mail_plugins {{\n    {name} = yes\n  }}\n}}\n",
    compression="",
    fast_imapc="",  # it does without being told
    no_memory_limit="default_vsz_limit = unlimited\n",
    domain="%{user | domain}",
    local_part="%{user | username}",
)


@functools.cache
def version_of(enter: tuple[str, ...] = ()) -> str:
    """The version of Dovecot, here or where a command runs another one."""
    said = subprocess.run([*enter, "dovecot", "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[0].partition("-")[0]


def words(enter: tuple[str, ...] = ()) -> Words:
    """The language of the Dovecot that is here, or where a command runs another one."""
    return OLD if version_of(enter).startswith("2.3.") else NEW
