"""Texts with what is to be predicted for each, as rows of tables or as lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from charrnn.errors import CharrnnError
from charrnn.examples.columns import as_numbers, names_of, numbers_of, read_table
from charrnn.examples.dataset import Floats
from charrnn.examples.input_files import FileText, InputFiles, Request

THREE_WAYS = (
    "give a file or a folder for each class, lines of a label, a tab and a text, or a table with a header, of which "
    "--labels and --texts name columns"
)


@dataclass
class Rows:
    """N texts, the fields with what is to be predicted for each, and where they are."""

    texts: list[str] = field(default_factory=list)  # N
    fields: dict[str, list[str]] = field(default_factory=dict)  # N in each column
    places: list[tuple[str, int]] = field(default_factory=list)  # N: file and line
    empty: list[str] = field(default_factory=list)  # the places of rows without a text, which are left out

    def place(self, row: int) -> str:
        """Return where a row is, for a message."""
        name, line = self.places[row]
        return f"line {line:,} of {name}"

    def labels(self) -> list[str]:
        """Return the fields of the only column, without spaces around them."""
        (fields,) = self.fields.values()
        return [label.strip() for label in fields]

    def values(self) -> Floats:
        """Return the fields as numbers [N, M]."""
        return numbers_of(self.fields, self.place)

    def told(self, files: InputFiles) -> Rows:
        """Say which rows are left out; raise CharrnnError if there are no others."""
        files.say_left_out(self.empty, "as it has no text")
        if not self.texts:
            raise files.no_examples()
        return self


def read_columns(files: InputFiles, request: Request) -> Rows:
    """Return the texts and the labels in the columns of tables.

    Rows without a text are passed over, which ``say`` hears. Raises CharrnnError for a row without a label or, of
    texts to translate, without a text, and as `read_table` does.
    """
    assert request.texts is not None
    assert request.labels is not None
    rows = Rows()
    for file in files.texts():
        table = read_table(file, [request.texts, request.labels, *names_of(request.labels)], files.say)
        names = table.named(request.labels)
        if list(rows.fields) not in ([], names):
            raise CharrnnError(f"{file.name} has other columns than the file before it")
        if len(names) > 1 and request.task not in ("predict", "generate"):
            raise CharrnnError(f"--labels names {len(names)} columns; only --task predict has more than one")
        for k, text in enumerate(table.require(request.texts)):
            if not text.strip() and request.task == "translate":
                raise CharrnnError(f"{table.place(k)} has nothing in the column {request.texts!r}")
            if not text.strip():
                rows.empty.append(table.place(k))
                continue
            rows.texts.append(text)
            rows.places.append((file.name, table.lines[k]))
            for name in names:
                label = table.columns[name][k]
                if not label.strip() and request.task != "tag":
                    raise CharrnnError(f"{table.place(k)} has nothing in the column {name!r}")
                rows.fields.setdefault(name, []).append(label)
    return rows.told(files)


def labelled_lines(
    files: InputFiles, opened: Iterable[FileText], *, what: str = "label", ways: str = THREE_WAYS
) -> Rows:
    """Return the texts in the lines of files, and the label of each; messages call it ``what``, and list the ``ways``.

    A line is a label, a tab, and the text, in which there can be more tabs. Blank lines are passed over, as are lines
    without a text, which ``say`` hears. Spaces around a label are not part of it. Raises CharrnnError for a line
    without a tab or a label, and as `InputFiles.texts` does.
    """
    rows = Rows()
    for file in opened:
        tabs = "\t" in file.text
        for number, line in enumerate(file.text.split("\n"), start=1):
            if not line.strip():
                continue
            label, tab, text = line.partition("\t")
            place = f"line {number:,} of {file.name}"
            if not tabs:
                raise CharrnnError(f"{file.name} has no {what}s: its lines have no tab; {ways}")
            if not tab:
                raise CharrnnError(f"{place} has no tab between a {what} and a text; {ways}")
            if not label.strip():
                raise CharrnnError(f"{place} has no {what} before the tab")
            if not text.strip():
                rows.empty.append(place)
                continue
            rows.texts.append(text)
            rows.fields.setdefault("", []).append(label)
            rows.places.append((file.name, number))
    return rows.told(files)


def has_numbers_and_texts(file: FileText) -> bool:
    """Return whether the first line of a file is a number, a tab, and a text that is not a number."""
    first = next((line for line in file.text.split("\n") if line.strip()), "")
    number, tab, text = first.partition("\t")
    return bool(tab) and as_numbers([number]) is not None and as_numbers(text.split("\t")) is None
