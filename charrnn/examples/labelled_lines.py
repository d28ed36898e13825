"""Examples in lines of a label, a tab and a text."""

from __future__ import annotations

from charrnn.errors import CharrnnError
from charrnn.examples.input_files import InputFiles

THREE_WAYS = (
    "give a file or a folder for each class, lines of a label, a tab and a text, or a table with a header, of which "
    "--labels and --texts name columns"
)


def read_labelled_lines(files: InputFiles) -> tuple[list[str], list[str]]:
    """Return the texts in the lines of a file, and the label of each.

    A line is a label, a tab, and the text, in which there can be more tabs. Blank lines are passed over, as are lines
    without a text, which ``say`` hears. Spaces around a label are not part of it. Raises CharrnnError for a line
    without a tab or a label, and as `InputFiles.texts` does.
    """
    texts: list[str] = []
    labels: list[str] = []
    empty: list[int] = []
    for file in files.texts():
        tabs = "\t" in file.text
        for number, line in enumerate(file.text.split("\n"), start=1):
            if not line.strip():
                continue
            if not tabs:
                raise CharrnnError(f"{file.name} has no labels: its lines have no tab; {THREE_WAYS}")
            label, tab, text = line.partition("\t")
            if not tab:
                raise CharrnnError(
                    f"line {number:,} of {file.name} has no tab between a label and a text; {THREE_WAYS}"
                )
            if not label.strip():
                raise CharrnnError(f"line {number:,} of {file.name} has no label before the tab")
            if not text.strip():
                empty.append(number)
                continue
            texts.append(text)
            labels.append(label.strip())
        files.say_left_out([f"line {number:,} of {file.name}" for number in empty], "as it has no text")
    if not texts:
        raise files.no_examples()
    return texts, labels
