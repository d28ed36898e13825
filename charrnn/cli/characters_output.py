"""Output of ``charrnn vocabulary``: the list of characters, and a summary."""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from charrnn.cli.info import files_read
from charrnn.cli.records import ESCAPES, Column, fitting, write
from charrnn.display.words import harmless
from charrnn.text.character_names import KINDS, kind_of, name_of_character, script_of
from charrnn.text.sources import listed as listed_paths

if TYPE_CHECKING:
    from charrnn.text.census import Census

RARE = (2, 3, 5, 10, 100)  # numbers for --rare that the summary shows
KINDS_TOLD = 12
DOTTED = "\N{DOTTED CIRCLE}"  # carries a mark that would else be drawn on what is before it


class Row(NamedTuple):
    """A character, or a byte, in the list."""

    character: str  # of a byte beyond ASCII, its number, such as \\xc3
    code_point: int
    times: int  # that it occurs
    share: float  # of the text, in percent
    kind: str
    name: str


def listed(census: "Census", sort: str) -> list[Row]:
    """Return a row for each character of a text, by its count or its code point."""
    import numpy as np

    codes = np.flatnonzero(census.counts).tolist()
    if sort == "count":
        codes.sort(key=lambda code: (-int(census.counts[code]), code))
    rows = []
    for code in codes:
        count, character = int(census.counts[code]), chr(code)
        what = (character, kind_of(character), name_of_character(character))
        if census.byte_level and code > 127:
            what = (f"\\x{code:02x}", "byte", f"BYTE {code:02X}")
        rows.append(Row(what[0], code, count, 100 * count / census.characters, *what[1:]))
    return rows


def write_list(rows: Sequence[Row], form: str) -> None:
    """Print the list."""
    shown = [row._replace(character=_visible(row.character)) for row in rows] if form == "text" else rows
    columns = (
        fitting("character", [row.character for row in shown] + ["character"]),
        fitting("code_point", [_code(row) for row in shown] + ["code_point"]),
        Column("count", max(5, *(len(f"{row.times:,}") for row in shown)), "," if form == "text" else "d"),
        Column("percent", 8, ".4g", ".6g"),
        fitting("kind", [row.kind for row in shown] + ["kind"]),
        Column("name"),
    )
    write(((row.character, _code(row), *row[2:]) for row in shown), columns, form)


def as_object(census: "Census", rows: Sequence[Row], rare: int | None) -> None:
    """Print all as one JSON object."""
    from charrnn.text.findings import findings

    characters = [
        {
            "character": row.character,
            "code_point": row.code_point,
            "name": row.name,
            "kind": row.kind,
            "script": None if row.kind == "byte" else script_of(chr(row.code_point)) or None,
            "count": row.times,
            "percent": row.share,
        }
        for row in rows
    ]
    line_ends = {name: census.writing.line_ends[name] for name in ("LF", "CRLF", "CR")}
    record = {
        "text": census.record,
        "distinct": int((census.counts > 0).sum()),
        "documents": census.writing.documents if census.separator else None,
        "line_ends": None if census.byte_level or census.given else line_ends,
        "rare": [
            dict(zip(("rare", "characters", "count", "symbols"), row, strict=True)) for row in _rare(census, rare)
        ],
        "findings": [{"kind": kind, "count": times, "sentence": told} for kind, times, told in findings(census)],
        "left_out": [{"file": path, "reason": reason} for path, reason in census.survey.skipped],
        "markup": [{"file": path, "reason": reason} for path, reason in census.survey.markup],
        "training": _training(census, rare or 0),
        "characters": characters,
    }
    click.echo(json.dumps(record))


def summary(census: "Census", more: int, rare: int | None) -> None:
    """Print what follows the list, of which ``more`` characters are not shown."""
    if more > 0:
        click.echo(f"… and {more:,} more; --all lists them")
    click.echo()
    for line in _summary(census, rare):
        click.echo(harmless(line.translate(ESCAPES)))


def _summary(census: "Census", rare: int | None) -> Iterator[str]:
    from charrnn.text.findings import findings

    distinct = int((census.counts > 0).sum())
    what = "bytes" if census.byte_level else "characters"
    yield f"text:        {listed_paths(census.sources)}: {census.characters:,} {what}, {distinct:,} distinct"
    if census.separator:
        yield f"documents:   {census.writing.documents:,}, separated by {census.separator!r}"
    yield from files_read(census.record)
    yield from _labeled("kinds", _kinds(census))
    yield from _labeled("rare", map(_told_rare, _rare(census, rare)))
    if not census.byte_level:
        found = [finding.sentence for finding in findings(census)]
        found += [f"{path} has formatting: it is {reason}" for path, reason in census.survey.markup]
        yield from _labeled("look at", found)
    chosen = _training(census, rare or 0)
    large = f", embedding of {chosen['embedding']}" if chosen["embedding"] else ""
    if chosen["sampled_softmax"]:
        large += f", sampled softmax of {chosen['sampled_softmax']}"
    yield (
        f"train:       {chosen['symbols']:,} symbols, {chosen['parameters']:,} parameters with the default sizes, "
        f"{chosen['epochs']:.4g} epochs{large}"
    )


def _labeled(label: str, sentences: Iterator[str] | Sequence[str]) -> Iterator[str]:
    for number, sentence in enumerate(sentences):
        yield f"{f'{label}:' * (not number):<13}{sentence}"


def _kinds(census: "Census") -> Iterator[str]:
    """Yield the kinds of characters, the most frequent ones first."""
    counts, kinds = Counter[str](), Counter[str]()
    for row in listed(census, "code"):
        counts[row.kind] += row.times
        kinds[row.kind] += 1
    for kind, count in counts.most_common(KINDS_TOLD):
        yield f"{kinds[kind]:,} × {kind}, {100 * count / census.characters:.3g} % of the text"
    if len(counts) > KINDS_TOLD:
        yield f"and {len(counts) - KINDS_TOLD:,} more kinds"


def _rare(census: "Census", rare: int | None) -> Iterator[tuple[int, int, int, int]]:
    """Yield numbers for --rare, how many characters each makes unknown, how often they occur, and what it leaves."""
    if not census.byte_level and census.given is None:  # what is encoded already stays as it is
        for number in sorted({*RARE, rare or RARE[0]}):
            yield number, *census.rare(number), len(census.vocabulary(number))


def _told_rare(row: tuple[int, int, int, int]) -> str:
    number, characters, count, symbols = row
    few = f"{characters:,} character{'s occur' if characters != 1 else ' occurs'} fewer than {number:,} times"
    return f"{few} ({count:,} in all); --rare {number} leaves {symbols:,} symbol{'s' * (symbols != 1)}"


def _training(census: "Census", rare: int) -> dict[str, Any]:
    """Return what ``charrnn train`` chooses for a text."""
    from charrnn.library.preparation import settings_of

    symbols = len(census.vocabulary(rare))
    settings = settings_of({}, census.characters + 2 * census.writing.documents, symbols)
    return {
        "symbols": symbols,
        "parameters": settings.architecture(symbols).parameter_count(),
        "epochs": settings.epochs,
        "embedding": settings.embedding,
        "sampled_softmax": settings.sampled_softmax,
    }


def _code(row: Row) -> str:
    return f"0x{row.code_point:02X}" if row.kind == "byte" else f"U+{row.code_point:04X}"


def _visible(character: str) -> str:
    """Return a character as a table shows it."""
    if character == " ":
        return "␣"
    if len(character) == 1 and KINDS[unicodedata.category(character)] == "mark":
        return DOTTED + character
    return character if character.isprintable() else repr(character)[1:-1]
