# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The migration file: what it says, checked by its schema."""

from __future__ import annotations

import difflib
import json
import typing as t
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_domain
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError, one_line
from ansible_collections.panel.mailimport.plugins.module_utils.model.moment import read_moment

SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "migration.schema.json"
# Options of the imports that the playbooks choose themselves.
OF_THE_PLAYBOOKS = ("state", "only", "force")


@dataclass(frozen=True)
class Wave:
    """Mailboxes that move together. `patterns` is None for those that no other wave names."""

    name: str
    patterns: tuple[str, ...] | None
    start_after: float | None = None
    complete_after: float | None = None

    def names(self, address: str) -> bool:
        return any(fnmatchcase(address.lower(), pattern.lower()) for pattern in self.patterns or ())


@dataclass(frozen=True)
class Migration:
    """What a migration file says."""

    name: str
    domains: tuple[str, ...]
    mx: tuple[str, ...]
    waves: tuple[Wave, ...]
    source: str = "csv"
    quiet_hours: float = 24.0

    def wave_of(self, address: str) -> Wave | None:
        """The first wave that names the mailbox, or the one that takes the rest."""
        rest = next((wave for wave in self.waves if wave.patterns is None), None)
        return next((wave for wave in self.waves if wave.names(address)), rest)


def migration_of(values: t.Any) -> Migration:
    """Check what a migration file says of the migration.

    Raises:
        MailImportError: `invalid_row`, with one line that names the place.
    """
    _check(values)
    return Migration(
        name=values["name"],
        domains=tuple(_at("migration.domains", parse_domain, domain) for domain in values["domains"]),
        mx=tuple(name.rstrip(".").lower() for name in values["mx"]),
        waves=_waves(values["waves"]),
        source=values.get("source", "csv"),
        quiet_hours=float(values.get("quiet_hours", 24)),
    )


def _waves(values: t.Sequence[t.Mapping[str, t.Any]]) -> tuple[Wave, ...]:
    waves: list[Wave] = []
    for number, value in enumerate(values):
        place = "migration.waves[%d]" % number
        moments = {
            name: _at("%s.%s" % (place, name), read_moment, value[name])
            for name in ("start_after", "complete_after")
            if name in value
        }
        wave = Wave(value["name"], tuple(value["mailboxes"]) if "mailboxes" in value else None, **moments)
        if wave.start_after and wave.complete_after and wave.complete_after <= wave.start_after:
            raise _wrong("%s.complete_after" % place, "is not after start_after")
        if wave.name in [other.name for other in waves]:
            raise _wrong("%s.name" % place, "%r is the name of another wave too" % one_line(wave.name, 80))
        if wave.patterns is None and any(other.patterns is None for other in waves):
            raise _wrong(place, "mailboxes is missing, and another wave takes all the rest already")
        waves.append(wave)
    return tuple(waves)


def _at(place: str, convert: t.Callable[[str], t.Any], value: str) -> t.Any:
    try:
        return convert(value)
    except MailImportError as error:
        raise _wrong(place, error.message) from None


def _check(values: t.Any) -> None:
    import jsonschema  # noqa: PLC0415 - the caller has looked whether it is there

    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    error = jsonschema.exceptions.best_match(jsonschema.Draft7Validator(schema).iter_errors({"migration": values}))
    if error is None:
        return
    place = ""
    for step in error.absolute_path:
        place += "[%d]" % step if isinstance(step, int) else "." * bool(place) + str(step)
    raise _wrong(place, _words(error))


def _words(error: t.Any) -> str:
    """What is wrong, for people."""
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        name = next(name for name in error.instance if name not in known)
        alike = difflib.get_close_matches(str(name), known, n=1)
        return "there is no %s: %s" % (
            one_line(str(name), 80),
            "is %s meant?" % alike[0] if alike else "known are %s" % ", ".join(known),
        )
    if error.validator == "required":
        return "%s is missing" % next(name for name in error.validator_value if name not in error.instance)
    return one_line(error.message, 200)


def _wrong(place: str, words: str) -> MailImportError:
    return MailImportError("invalid_row", "%s: %s" % (place, words))
