"""Records on stdout: as aligned text, tab-separated values, or JSON."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import click

from charrnn.errors import CharrnnError

BATCH_SIZE = 4096  # records to write at once
BATCH_SECONDS = 0.1  # longest wait of a record for others
CACHED_STRINGS = 256  # strings of a column: characters repeat
ESCAPES = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})
BREAKS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"  # where other programs, and str.splitlines, also end a line
TSV_ESCAPES = ESCAPES | {ord("\\"): "\\\\"} | {ord(c): c.encode("unicode_escape").decode() for c in BREAKS}

WRITE_NOW = ()  # instead of a record: the next one may take long, so write those before it

Written: TypeAlias = Callable[[Any], str]  # turns a value into a string
Cell: TypeAlias = tuple[Written, str]  # and the string for None


@dataclass(frozen=True)
class Column:
    """A field of a record: its `name`, and its `width` in aligned text.

    A column of numbers has a `form` for aligned text, such as ".4f", and is aligned to the right. Without a form, its
    values are strings, or booleans, which are shown as the name or nothing. `exact` is the form of numbers in JSON and
    TSV; by default, they have all digits.
    """

    name: str
    width: int = 0
    form: str = ""
    exact: str = ""


def fitting(name: str, strings: Iterable[str]) -> Column:
    """Return a column as wide as its widest string."""
    from charrnn.display.words import cells

    return Column(name, max(cells(_aligned(string)) for string in strings))


def format_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json and --tsv."""
    for name, what in (
        ("tsv", "tab-separated values, after a line of column names"),
        ("json", "JSON, one object per line"),
    ):
        function = click.option(f"--{name}", f"as_{name}", is_flag=True, help=f"Print {what}.")(function)
    return function


def chosen(as_json: bool, as_tsv: bool) -> str:
    """Return the form that --json and --tsv select.

    Raises click.UsageError for both.
    """
    if as_json and as_tsv:
        raise click.UsageError("Give --json or --tsv, not both.")
    return "json" if as_json else "tsv" if as_tsv else "text"


def write(records: Iterable[Sequence[Any]], columns: Sequence[Column], form: str) -> None:
    """Write records in a ``form``: "text", "tsv" or "json".

    A record has one value per column; None is no value. Text and TSV begin with the columns' names. In TSV, a tab, line
    feed, carriage return or backslash in a string becomes \\t, \\n, \\r or \\\\, and any other character that can end a
    line its escape in Python, such as \\x0c or \\u2028. In text, the first three do, and other control characters are
    replaced. Records are written in batches as they come, and not kept; `WRITE_NOW` ends a batch.
    """
    if form == "json":
        fields = (json.dumps(column.name).replace("%", "%%") + ": %s" for column in columns)
        _write(records, "", [(_json(column), "null") for column in columns], ("{" + ", ".join(fields) + "}").__mod__)
    elif form == "tsv":
        head = "\t".join(column.name.translate(TSV_ESCAPES) for column in columns) + "\n"
        _write(records, head, [(_tsv(column), "") for column in columns], "\t".join)
    else:
        head = _spaced(map(_title, columns)) + "\n"
        _write(records, head, [(_text(column), " " * column.width) for column in columns], _spaced)


def _write(records: Iterable[Sequence[Any]], head: str, cells: Sequence[Cell], line: Callable[[Any], str]) -> None:
    """Write a head and records.

    The head waits for the first records. ``line`` makes a line from a record's strings.
    """
    batch: list[Sequence[Any]] = []
    written = time.monotonic()
    try:
        for record in records:
            if record:
                batch.append(record)
            if batch and (not record or len(batch) == BATCH_SIZE or time.monotonic() - written > BATCH_SECONDS):
                _put(head + _lines(batch, cells, line))
                head, written = "", time.monotonic()
                batch.clear()
    except CharrnnError:
        if batch:  # records before an error are written
            _put(head + _lines(batch, cells, line))
        raise
    if head or batch:
        _put(head + _lines(batch, cells, line))


def _lines(batch: Sequence[Sequence[Any]], cells: Sequence[Cell], line: Callable[[Any], str]) -> str:
    columns = zip(cells, zip(*batch, strict=True), strict=bool(batch))
    strings = ([nothing if value is None else cell(value) for value in values] for (cell, nothing), values in columns)
    return "".join(text + "\n" for text in map(line, zip(*strings, strict=True)))


def _put(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _spaced(values: Iterable[str]) -> str:
    return "  ".join(values).rstrip()


def _title(column: Column) -> str:
    words = _aligned(column.name).replace("_per_", "/").replace("_", " ")
    return f"{words:{'>' if column.form else '<'}{column.width}}"


def _exact(column: Column) -> Written:
    return f"{{:{column.exact}}}".format if column.exact else str


def _json(column: Column) -> Written:
    return _exact(column) if column.form else lru_cache(CACHED_STRINGS)(json.dumps)


def _tsv(column: Column) -> Written:
    if column.form:
        return _exact(column)
    return lru_cache(CACHED_STRINGS)(lambda value: _string(value, column).translate(TSV_ESCAPES))


def _text(column: Column) -> Written:
    from charrnn.display.words import padded

    if column.form:
        sign = "+" * column.form.startswith("+")  # the sign comes before the width
        return f"{{:>{sign}{column.width}{column.form.removeprefix('+')}}}".format
    return lru_cache(CACHED_STRINGS)(lambda value: padded(_aligned(_string(value, column)), column.width))


def _aligned(text: str) -> str:
    """Return a string as it is in aligned text, without padding."""
    from charrnn.display.words import harmless

    return harmless(text.translate(ESCAPES))


def _string(value: str | bool, column: Column) -> str:
    return value if isinstance(value, str) else column.name * value
