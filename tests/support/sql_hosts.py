# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail hosts whose mailboxes are in a database: what their Dovecot asks it, as the guides of each schema have it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .databases import Database
from .dovecot import MAIL_GID, MAIL_UID
from .dovecot_words import OLD, Words


class _Queries(NamedTuple):
    """Parts of Dovecot's queries. `home` and `enabled` are expressions; `{mail}` is the directory of all mail."""

    table: str
    user: str
    home: tuple[str, ...]
    enabled: str
    password: str = "password"  # noqa: S105 - a column


_QUERIES = {
    "postfixadmin": _Queries("mailbox", "username", ("'{mail}/'", "maildir"), "active = {yes}"),
    "iredmail": _Queries(
        "mailbox",
        "username",
        ("storagebasedirectory", "'/'", "storagenode", "'/'", "maildir"),
        "active = 1 AND enableimap = 1 AND enabledoveadm = 1",
    ),
    "ispmail": _Queries("virtual_users", "email", ("'{mail}/{domain}/{local_part}'",), "1 = 1"),
    "custom": _Queries("people", "email", ("'{mail}/{domain}/{local_part}'",), "1 = 1", "hash"),
}


def accounts_settings(database: Database, schema: str, directory: Path, words: Words) -> str:
    """Settings of a Dovecot in `directory` that finds its users in a database; writes the file that 2.3 wants."""
    values = {
        "mail": directory / "mail",
        "domain": words.domain,
        "local_part": words.local_part,
        "yes": "TRUE" if database.engine == "postgresql" else "1",
    }
    queries = _QUERIES[schema]
    parts = [part.format(**values) for part in queries.home]
    home = "CONCAT(%s)" % ", ".join(parts) if database.engine == "mysql" else " || ".join(parts)
    name = "%u" if words is OLD else "%{user}"
    where = "FROM %s WHERE %s = '%s' AND %s" % (queries.table, queries.user, name, queries.enabled.format(**values))
    columns = (queries.user, _quoted("user", database), queries.password)
    password_query = "SELECT %s AS %s, %s AS password %s" % (*columns, where)
    user_query = "SELECT %s AS home, %d AS uid, %d AS gid %s" % (home, MAIL_UID, MAIL_GID, where)
    iterate_query = "SELECT %s AS %s FROM %s" % (queries.user, _quoted("user", database), queries.table)
    if words is OLD:
        file = directory / "sql.conf"
        directory.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        lines = ("driver = %s" % database.dovecot, "connect = %s" % database.connect, "default_pass_scheme = CRYPT")
        asked = (
            "password_query = %s" % password_query,
            "user_query = %s" % user_query,
            "iterate_query = %s" % iterate_query,
        )
        file.write_text("\n".join((*lines, *asked)) + "\n")
        block = "%s {\n  driver = sql\n  args = %s\n}\n"
        return block % ("passdb", file) + block % ("userdb", file)
    return (
        "sql_driver = %s\n%s\npassdb sql {\n  query = %s\n}\nuserdb sql {\n  query = %s\n  iterate_query = %s\n}\n"
        % (
            database.dovecot,
            database.connect_24,
            password_query,
            user_query,
            iterate_query,
        )
    )


def _quoted(name: str, database: Database) -> str:
    """`user` is a word of PostgreSQL's own."""
    return '"%s"' % name if database.engine == "postgresql" else name
