# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The migration file: what it says, checked by its schema."""

from __future__ import annotations

import difflib
import json
import typing as t
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_domain
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError, one_line
from ansible_collections.panel.mailimport.plugins.module_utils.model.moment import read_moment

SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "migration.schema.json"
# Options of the imports that the playbooks choose themselves.
OF_THE_PLAYBOOKS = ("state", "only", "force")
# Sources that have a directory of their mailboxes.
ORGANIZATIONS = ("yandex", "google", "microsoft365")


@dataclass(frozen=True)
class Wave:
    """Mailboxes that move together. `patterns` is None for those that no other wave names. `members` are the mailboxes
    of its groups, once the directory has told them.
    """

    name: str
    patterns: tuple[str, ...] | None
    start_after: float | None = None
    complete_after: float | None = None
    groups: tuple[str, ...] = ()
    members: frozenset[str] = frozenset()

    def names(self, address: str) -> bool:
        return address.lower() in self.members or any(self.matches(address, each) for each in self.patterns or ())

    @staticmethod
    def matches(address: str, pattern: str) -> bool:
        return fnmatchcase(address.lower(), pattern.strip().lower())

    @property
    def is_named(self) -> bool:
        """Whether it says who is of it."""
        return self.patterns is not None


@dataclass(frozen=True)
class Migration:
    """What a migration file says."""

    name: str
    domains: tuple[str, ...]
    mx: tuple[str, ...]
    waves: tuple[Wave, ...]
    source: str = "csv"
    quiet_hours: float = 24.0

    def with_members(self, members: t.Mapping[str, frozenset[str]]) -> Migration:
        """The same with the mailboxes of each group, by what a wave calls it."""
        none: frozenset[str] = frozenset()
        return replace(
            self,
            waves=tuple(
                replace(wave, members=none.union(*(members.get(group, none) for group in wave.groups)))
                for wave in self.waves
            ),
        )

    def wave_of(self, address: str) -> Wave | None:
        """The first wave that names the mailbox, or the one that takes the rest."""
        rest = next((wave for wave in self.waves if wave.patterns is None), None)
        return next((wave for wave in self.waves if wave.names(address)), rest)


def migration_of(values: t.Any, options: t.Mapping[str, t.Any] | None = None) -> Migration:
    """Check what a migration file says of the migration.

    Args:
        options: what stands beside it; None is not checked.

    Raises:
        MailImportError: `invalid_row`, with one line that names the place.
    """
    if not values:
        raise MailImportError("invalid_row", "migration is missing: give the file that has it, with -e @migration.yml")
    _check(values, options)
    source = values.get("source", "csv")
    return Migration(
        name=values["name"],
        domains=tuple(_at("migration.domains", parse_domain, domain) for domain in values["domains"]),
        mx=tuple(_at("migration.mx", _mail_host, name) for name in values["mx"]),
        waves=_waves(values["waves"], source),
        source=source,
        quiet_hours=float(values.get("quiet_hours", 24)),
    )


def _waves(values: t.Sequence[t.Mapping[str, t.Any]], source: str) -> tuple[Wave, ...]:
    waves: list[Wave] = []
    for number, value in enumerate(values):
        place = "migration.waves[%d]" % number
        moments = {
            name: _at("%s.%s" % (place, name), read_moment, value[name])
            for name in ("start_after", "complete_after")
            if name in value
        }
        groups = tuple(value.get("groups", ()))
        if groups and source not in ORGANIZATIONS:
            raise _wrong(
                "%s.groups" % place, "only %s know groups, and source is %s" % (_listed(ORGANIZATIONS), source)
            )
        named = "mailboxes" in value or "groups" in value
        patterns = tuple(value.get("mailboxes", ())) if named else None
        wave = Wave(value["name"], patterns, groups=groups, **moments)
        if wave.start_after and wave.complete_after and wave.complete_after <= wave.start_after:
            raise _wrong("%s.complete_after" % place, "is not after start_after")
        if wave.name in [other.name for other in waves]:
            raise _wrong("%s.name" % place, "%r is the name of another wave too" % one_line(wave.name, 80))
        if wave.patterns is None and any(other.patterns is None for other in waves):
            raise _wrong(place, "mailboxes is missing, and another wave takes all the rest already")
        waves.append(wave)
    return tuple(waves)


def _mail_host(text: str) -> str:
    """The name of a mail host, as MX records have it."""
    name = parse_domain(text.rstrip("."))
    if name.rpartition(".")[2].isdigit():
        raise MailImportError("invalid_row", "%r is no name of a mail host, and MX records take nothing else" % name)
    return name


def _at(place: str, convert: t.Callable[[str], t.Any], value: str) -> t.Any:
    try:
        return convert(value)
    except MailImportError as error:
        raise _wrong(place, error.message) from None


def _check(values: t.Any, options: t.Mapping[str, t.Any] | None) -> None:
    import jsonschema  # noqa: PLC0415 - the caller has looked whether it is there

    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    _raise_first(jsonschema, {key: schema[key] for key in schema if key != "allOf"}, {"migration": values})
    if options is not None:
        _raise_first(
            jsonschema,
            schema,
            {**options, "migration": values},
            "migration.source is %s: " % values.get("source", "csv"),
        )


def _raise_first(
    jsonschema: t.Any, schema: t.Mapping[str, t.Any], values: t.Mapping[str, t.Any], before: str = ""
) -> None:
    error = jsonschema.exceptions.best_match(jsonschema.Draft7Validator(schema).iter_errors(values))
    if error is None:
        return
    place = ""
    for step in error.absolute_path:
        place += "[%d]" % step if isinstance(step, int) else "." * bool(place) + str(step)
    words = _words(error, schema["properties"])
    raise _wrong(place, words) if place else MailImportError("invalid_row", before + words)


def _words(error: t.Any, options: t.Mapping[str, t.Any]) -> str:
    """What is wrong, for people."""
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        name = next(name for name in error.instance if name not in known)
        alike = difflib.get_close_matches(str(name), known, n=1)
        return "there is no %s: %s" % (
            one_line(str(name), 80),
            "is %s meant?" % alike[0] if alike else "known are %s" % ", ".join(known),
        )
    if error.validator in ("required", "anyOf"):
        # Of several of which one is required, the first is named, and its description names the others.
        wanted = error.validator_value if error.validator == "required" else error.validator_value[0]["required"]
        name = next(name for name in wanted if name not in error.instance)
        meaning = options.get(name, {}).get("description") if not error.absolute_path else None
        return "%s is missing%s" % (name, ": %s" % meaning if meaning else "")
    if error.validator == "type" and error.validator_value == "string":
        # YAML takes an unquoted 22:00 for 1320, no for False, and 0123 for 83.
        return "%s is no text: put it in quotes" % one_line(repr(error.instance), 80)
    if error.validator == "type" and error.validator_value in ("number", "integer"):
        return "%s is no number: write it without quotes" % one_line(repr(error.instance), 80)
    if error.validator == "type" and error.validator_value == "array":
        return "%s is no list: put it in brackets, or each entry on a line of its own behind a dash" % one_line(
            repr(error.instance), 80
        )
    if "hint" in error.schema:
        return "%s: %s" % (one_line(error.message, 120), error.schema["hint"])
    return one_line(error.message, 200)


def _listed(names: t.Sequence[str]) -> str:
    return "%s and %s" % (", ".join(names[:-1]), names[-1])


def _wrong(place: str, words: str) -> MailImportError:
    return MailImportError("invalid_row", "%s: %s" % (place, words))
