"""Tables with a header: CSV and TSV files."""

from __future__ import annotations

import csv
import difflib
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.examples.class_names import listing
from charrnn.examples.dataset import Floats
from charrnn.examples.input_files import FileText
from charrnn.text.survey import Say

DELIMITERS = ",\t;"
LONGEST_QUOTED = 30  # characters of a field that a message repeats


@dataclass(frozen=True, eq=False)
class Table:
    """A table of R rows: its columns by name, and the line in which each row begins."""

    name: str  # of its file, in messages
    columns: dict[str, list[str]]  # R fields each
    lines: list[int]  # R

    def place(self, row: int) -> str:
        """Return where a row is, for a message."""
        return f"line {self.lines[row]:,} of {self.name}"

    def require(self, column: str) -> list[str]:
        """Return the fields of a column; raise CharrnnError that names those that there are."""
        if column not in self.columns:
            raise CharrnnError(no_column(self.name, column, list(self.columns)))
        return self.columns[column]

    def named(self, columns: str) -> list[str]:
        """Return the columns that an option names: one, or several with commas between them."""
        names = [columns] if columns in self.columns else names_of(columns)
        for name in names:
            self.require(name)
        return names


def numbers_of(columns: Mapping[str, Sequence[str]], place: Callable[[int], str]) -> Floats:
    """Return columns of R fields as numbers [R, columns]; raise CharrnnError that names a field that is no number."""
    found = []
    for name, fields in columns.items():
        numbers = as_numbers(fields)
        if numbers is None:
            row = next(row for row, field in enumerate(fields) if as_numbers([field]) is None)
            where = f" in the column {name!r}" if name else ""
            raise CharrnnError(f"{place(row)} has {_said(fields[row], where)}")
        found.append(numbers)
    return np.stack(found, axis=1)


def read_table(file: FileText, wanted: Sequence[str] = (), say: Say | None = None) -> Table:
    """Return the table in a CSV or TSV file.

    The first line that is not blank is the header. It decides what parts the fields: a comma, a tab or a semicolon,
    whichever gives the ``wanted`` columns, or the most. A field in quotation marks can have these in it, and line
    feeds; two quotation marks in it stand for one. A file with tabs in which quotation marks do not work like this is
    read without them, which ``say`` hears. If the file has only one column, of numbers without a header, it is
    named "".

    Raises CharrnnError for a row with more or fewer fields than the header, for a quotation mark without its second,
    and if there is no header, or no row.
    """
    delimiter = _delimiter(file, wanted)
    try:
        rows = _rows(file, delimiter, csv.QUOTE_MINIMAL)
    except CharrnnError:
        if delimiter != "\t" or '"' not in file.text:
            raise
        rows = _rows(file, delimiter, csv.QUOTE_NONE)
        if say is not None:
            say(f"quotation marks in {file.name} are read as part of the text, as they do not enclose whole fields")
    if not rows:
        raise CharrnnError(f"there is no text in {file.name}")
    header = [name.strip() for name in rows[0][1]]
    if as_numbers(header) is not None:
        if len(header) > 1:
            raise CharrnnError(f"{file.name} has no header; put the names of its columns in the first line")
        header = [""]
    else:
        del rows[0]
    if not rows:
        raise CharrnnError(f"{file.name} has a header, but no rows below it")
    twice = [name for name in header if name in wanted and header.count(name) > 1]
    if twice:
        raise CharrnnError(f"{file.name} has more than one column {twice[0]!r}; rename one")
    columns = {name: [row[k] for _, row in rows] for k, name in enumerate(header)}
    return Table(file.name, columns, [line for line, _ in rows])


def as_numbers(fields: Sequence[str]) -> Floats | None:
    """Return fields as finite numbers [R], or None if one of them is not."""
    try:
        with np.errstate(over="ignore"):
            found = np.fromiter(map(float, fields), np.float64, len(fields)).astype(np.float32)
    except ValueError:
        return None
    return found if np.isfinite(found).all() and not any("_" in field for field in fields) else None


def names_of(columns: str | None) -> list[str]:
    """Return the names that an option gives with commas between them, each once."""
    return list(dict.fromkeys(name.strip() for name in columns.split(","))) if columns else []


def no_column(where: str, name: str, columns: Sequence[str]) -> str:
    """Return the sentence for a column that a table does not have."""
    lower = {column.lower(): column for column in columns}
    near = difflib.get_close_matches(name.lower(), lower, 1)
    meant = f"; did you mean {lower[near[0]]!r}?" if near else ""
    return f"{where} has no column {name!r}; it has {listing(columns)}{meant}"


def _said(field: str, where: str) -> str:
    """Describe a field that is not a number, and what to write instead of a decimal comma."""
    if not field.strip():
        return f"no number{where}"
    shown = repr(field if len(field) <= LONGEST_QUOTED else field[:LONGEST_QUOTED] + "…")
    pointed = field.strip().replace(",", ".")
    instead = f"; write {pointed}" if pointed.count(".") == 1 and as_numbers([pointed]) is not None else ""
    return f"{shown}{where}, not a finite number{instead}"


def _delimiter(file: FileText, wanted: Sequence[str]) -> str:
    """Return what parts the fields of the header."""
    head = next((line for line in file.text.split("\n") if line.strip()), "")
    headers = {}
    for delimiter in DELIMITERS:
        try:
            headers[delimiter] = [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
        except csv.Error:
            headers[delimiter] = head.split(delimiter)
    return max(DELIMITERS, key=lambda d: (sum(name in headers[d] for name in wanted), len(headers[d])))


def _rows(file: FileText, delimiter: str, quoting: int) -> list[tuple[int, list[str]]]:
    """Return the line in which each row begins, and its fields; all have as many as the first one."""
    rows: list[tuple[int, list[str]]] = []
    with _any_length():
        reader = csv.reader(io.StringIO(file.text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)  # type: ignore[arg-type]
        line = 1
        try:
            for row in reader:
                if len(row) > 1 or any(field.strip() for field in row):
                    rows.append((line, row))
                    _require_width(file, line, rows[0][1], row, delimiter)
                line = reader.line_num + 1
        except csv.Error:
            raise CharrnnError(
                f"line {line:,} of {file.name} has a quotation mark that does not enclose a whole field; write two "
                "of them for one in a text, and enclose that text in quotation marks"
            ) from None
    return rows


def _require_width(file: FileText, line: int, header: Sequence[str], row: Sequence[str], delimiter: str) -> None:
    if len(row) == len(header):
        return
    mark = {"\t": "a tab", ",": "a comma", ";": "a semicolon"}[delimiter]
    more = f"; enclose a text that has {mark} in it in quotation marks" if len(row) > len(header) else ""
    fields = f"{len(row):,} field{'s' * (len(row) != 1)}"
    raise CharrnnError(f"line {line:,} of {file.name} has {fields}, but its header has {len(header):,}{more}")


@contextmanager
def _any_length() -> Iterator[None]:
    """Let the fields of a table be as long as they are during the block."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)
