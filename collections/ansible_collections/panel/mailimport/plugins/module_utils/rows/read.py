# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads lists of mailboxes from CSV files, of ours and of others.

A row is one line, whatever the format: no value of ours holds a line break, and a quote that is not closed must not
swallow the rows behind it. Blank lines and lines that begin with `#` are left out.

- Without a header, a line is an address and a password. No address holds a separator, so the first of `,` `;` `:` and
  TAB behind it separates, and all that follows is the password as it is, separators and blanks included. A password
  that begins with a double quote is read by the rules of CSV (RFC 4180 section 2) instead.
- With a header, its first separator is that of the file, and cells are read by the rules of CSV.
- Without a header, six columns are those of imapsync: `host1;user1;password1;host2;user2;password2`. A seventh, with
  options of imapsync's, must be empty.
- A line `sep=;` at the beginning, by which spreadsheets tell each other the separator, does not count.
"""

from __future__ import annotations

import codecs
import csv
import re
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from ..model.errors import MailImportError, one_line
from .columns import CELLS, HEADER_NAMES, PASSWORDS, header_name
from .row import Row

_SEPARATORS = ",;\t:"
_ADDRESS_FIRST = re.compile(r'[ ]*(?:"([^"]*)"|([^",;\t:]*))[ ]*(?:([,;\t:])(.*))?', re.DOTALL)
_NAME_LIKE = re.compile(r"[^\W\d][\w -]*")
SAVE_AS = "save it as UTF-8 (in spreadsheets: CSV UTF-8)"

# The columns of imapsync's lists, https://imapsync.lamiral.info/examples/.
_IMAPSYNC = "host1;user1;password1;host2;user2;password2"
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_SEPARATOR_LINE = re.compile(r'"?sep=.?"?', re.IGNORECASE)

Lines = Sequence[Tuple[int, str]]


def read_rows(data: bytes) -> List[Row]:
    """Read a CSV file in any of the formats. A line that cannot be read becomes a row with a `problem`.

    Raises:
        MailImportError: `invalid_row`, when the file is no UTF-8 text or its header names unknown columns; the message
            holds no cell but those of a header.
    """
    lines = [(number, line) for number, line in enumerate(_lines(data), start=1) if line.strip()]
    if lines and _SEPARATOR_LINE.fullmatch(lines[0][1]):
        lines = lines[1:]
    header = _imapsync_header(lines)
    content = [(number, line) for number, line in lines if not line.lstrip().startswith("#")]
    if header is None and content and _is_header(content[0][1]):
        header, content = content[0], content[1:]
    if header is None and content and _is_of_imapsync(content[0][1]):
        return list(_rows_under((content[0][0], _IMAPSYNC.replace(";", _header_cells(content[0][1])[1])), content))
    if header is not None:
        return list(_rows_under(header, content))
    if content and _is_header_of_something_else(content[0][1]):
        raise MailImportError(
            "invalid_row",
            "line %d is neither an address and a password nor a header: a header names a column email" % content[0][0],
        )
    rows = [_address_and_password(number, line) for number, line in content]
    _refuse_a_header_further_down(content, rows)
    _refuse_trailing_separators(content, rows)
    return rows


def _lines(data: bytes) -> List[str]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise MailImportError("invalid_row", "the file is UTF-16: %s" % SAVE_AS)
    if data.startswith(b"$ANSIBLE_VAULT;"):
        raise MailImportError(
            "invalid_row",
            "the file is encrypted with Ansible Vault, which only the controller can open: leave out remote_src",
        )
    if b"\0" in data:
        raise MailImportError(
            "invalid_row",
            "the file holds NUL bytes (line %d) and is no UTF-8 text: %s"
            % (_line_at(data, data.index(b"\0")), SAVE_AS),
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MailImportError(
            "invalid_row", "the file is not UTF-8 (line %d): %s" % (_line_at(data, error.start), SAVE_AS)
        ) from None
    # Not str.splitlines(), which also splits at characters that a password may hold.
    return re.split("\r\n|\n|\r", text)


def _line_at(data: bytes, position: int) -> int:
    return len(re.split(b"\r\n|\n|\r", data[:position]))


def _cells(line: str, separator: str) -> List[str]:
    return next(csv.reader([line], delimiter=separator, strict=True))


def _header_cells(line: str) -> Tuple[List[str], str]:
    """The cells of a line, if it were a header, and its separator."""
    separator = next((char for char in line if char in _SEPARATORS), ",")
    try:
        return _cells(line, separator), separator
    except csv.Error:
        return [], separator


def _is_header(line: str) -> bool:
    cells, _separator = _header_cells(line)
    names = {HEADER_NAMES.get(header_name(cell)) for cell in cells}
    # An address and the password "email" are no header.
    return not any("@" in cell for cell in cells) and ("email" in names or "user1" in map(header_name, cells))


def _is_header_of_something_else(line: str) -> bool:
    cells, _separator = _header_cells(line)
    return len(cells) > 1 and all(_NAME_LIKE.fullmatch(cell.strip()) for cell in cells)


def _refuse_a_header_further_down(content: Lines, rows: Sequence[Row]) -> None:
    """Below it, what was taken for passwords is something else: nobody should try to log in with that."""
    for (number, line), row in zip(content, rows):
        if row.problem and _is_header(line):
            raise MailImportError(
                "invalid_row", "line %d is a header, and must be the first line but for comments" % number
            )


def _refuse_trailing_separators(content: Lines, rows: Sequence[Row]) -> None:
    """What spreadsheets write for an empty column would become the end of every password."""
    ends = {str(row.values.get("password", ""))[-1:] for row in rows}
    if len(rows) < 2 or len(ends) > 1:
        return
    end = ends.pop()
    if end and {_separator_of(line) for _number, line in content} == {end}:
        message = (
            "every line ends with %r, which would be part of every password: remove it, or begin with a header such as "
            "email%spassword"
        )
        raise MailImportError("invalid_row", message % (end, end))


def _separator_of(line: str) -> Optional[str]:
    found = _ADDRESS_FIRST.fullmatch(line)
    return found.group(3) if found else None


def _is_of_imapsync(line: str) -> bool:
    """Whether a line is one of imapsync's lists, which need no header: hosts, logins and passwords of both sides."""
    cells = [cell.strip() for cell in _header_cells(line)[0]]
    return (
        len(cells) >= _IMAPSYNC.count(";") + 1
        and bool(_HOST.fullmatch(cells[0]))
        # The mail host is not named there, or is the one that the task runs on.
        and (not cells[3] or bool(_HOST.fullmatch(cells[3])))
        and any("@" in cells[place] for place in (1, 4))
    )


def _imapsync_header(lines: Lines) -> Optional[Tuple[int, str]]:
    """The header in a comment above the first row, as imapsync's lists have it."""
    for number, line in lines:
        bare = line.lstrip("# ")
        if not line.lstrip().startswith("#"):
            return None
        if {"user1", "password1"} <= set(map(header_name, _header_cells(bare)[0])):
            return number, bare
    return None


def _rows_under(header: Tuple[int, str], content: Lines) -> Iterator[Row]:
    names, separator = _column_names(*header)
    # The login stands for the mailbox where imapsync's user2 is left out.
    login_is_mailbox = "user1" in map(header_name, _header_cells(header[1])[0])
    for number, line in content:
        try:
            cells = _cells(line, separator)
        except csv.Error:
            yield Row(
                "line %d" % number, {}, "its double quotes do not match: a quote inside a quoted cell is written twice"
            )
            continue
        values = _values(names, cells)
        if login_is_mailbox and "source_user" in values:
            values.setdefault("email", values["source_user"])
        if any(cell.strip() for cell in _cells_without_column(names, cells)):
            problem = "has more cells than the header has columns: quote a value that holds the separator"
            if login_is_mailbox and len(names) == _IMAPSYNC.count(";") + 1:
                problem = (
                    "has more than imapsync's six columns: its options mean nothing here, so leave them out, and "
                    "quote a value that holds the separator"
                )
            yield Row("line %d" % number, values, problem)
        elif any(cell.strip() for cell in cells):
            yield Row("line %d" % number, values)


def _column_names(number: int, line: str) -> Tuple[List[Optional[str]], str]:
    """Names of our columns in the order of a header's, IGNORED or None where there is none of ours; and the
    separator."""
    cells, separator = _header_cells(line)
    unknown = [cell for cell in cells if cell.strip() and header_name(cell) not in HEADER_NAMES]
    if unknown:
        raise MailImportError(
            "invalid_row",
            "line %d: unknown columns: %s: rename or remove them. Known are %s"
            % (number, one_line(", ".join(unknown), 100), ", ".join(CELLS)),
        )
    names = [HEADER_NAMES[header_name(cell)] if cell.strip() else None for cell in cells]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise MailImportError("invalid_row", "line %d: two columns for %s" % (number, ", ".join(twice)))
    return names, separator


def _values(names: Sequence[Optional[str]], cells: Sequence[str]) -> Dict[str, str]:
    values: Dict[str, str] = {}
    for name, cell in zip(names, cells):
        text = cell if name in PASSWORDS else cell.strip()
        if name and text:
            values[name] = text
    return values


def _cells_without_column(names: Sequence[Optional[str]], cells: Sequence[str]) -> List[str]:
    return [cell for name, cell in zip(names, cells) if name is None] + list(cells[len(names) :])


def _address_and_password(number: int, line: str) -> Row:
    found = _ADDRESS_FIRST.fullmatch(line)
    address = (found.group(1) or found.group(2) or "").strip() if found else ""
    if found is None or "@" not in address:
        return Row("line %d" % number, {}, "does not begin with a mailbox address and one of , ; : TAB")
    separator, password = found.group(3) or ",", found.group(4) or ""
    values = {"email": address}
    if password.startswith('"'):
        try:
            password, *more = _cells(password, separator)
        except csv.Error:
            return Row(
                "line %d" % number,
                values,
                "its double quotes do not match: a quote inside a quoted password is written twice",
            )
        if any(more):
            return Row(
                "line %d" % number, values, "has more than an address and a password: a header names the columns"
            )
    if password:
        values["password"] = password
    return Row("line %d" % number, values)
