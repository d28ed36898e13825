"""Texts with a tag for each character."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

from charrnn.errors import CharrnnError
from charrnn.examples.input_files import FileText, InputFiles

FORMS = (
    "write a line of text and below it a line of tags, one for each character, or write lines of a character (or a "
    "word), a tab and its tag, with a blank line between two texts"
)
OUTSIDE = "O"  # the tag of a space between two words
_JOINED = ("Mn", "Me", "Mc", "Cf", "Sk")  # kinds of characters that belong to the one before

Tags = list[str]


def read_tagged_lines(files: InputFiles) -> tuple[list[str], list[Tags]]:
    """Return the texts in some files, and the tags of the characters of each.

    A file has one of two forms. If no line has a tab, each text is a line, and the next line has its tags, as `tags_of`
    reads them; blank lines after that are passed over. If all lines but blank ones have a tab, each has a character and
    its tag, and a blank line ends a text (as in the files of CoNLL). If a file of this form has a word in the place of
    a character, all are words: each character of a word gets its tag, but after the first one, B- becomes I-; and words
    are joined with spaces, whose tag is O.

    Raises CharrnnError for a file of neither form, a text with more or fewer characters than tags, and as
    `InputFiles.texts` does.
    """
    texts: list[str] = []
    tags: list[Tags] = []
    for file in files.texts():
        with_tab = [("\t" in line) for line in file.text.split("\n") if line.strip() or "\t" in line]
        found = _columns(file) if all(with_tab) else _pairs(file)
        texts += found[0]
        tags += found[1]
    if not texts:
        raise files.no_examples()
    return texts, tags


def tags_of(texts: Sequence[str], lines: Sequence[str], place: Callable[[int], str]) -> list[Tags]:
    """Return the tags in lines, of which each belongs to a text.

    A line has as many characters as its text, each of them a tag, or as many tags with spaces between them. All lines
    have the same form: the one that more of them have. Raises CharrnnError with the ``place`` of the first line that
    has another number of tags.
    """
    characters = [len(line) == len(text) for text, line in zip(texts, lines, strict=True)]
    parted = [len(line.split()) == len(text) for text, line in zip(texts, lines, strict=True)]
    if sum(parted) == sum(characters):
        by_spaces = not any(parted) and all(" " in line.strip() for line in lines)
    else:
        by_spaces = sum(parted) > sum(characters)
    found: list[Tags] = [line.split() if by_spaces else list(line) for line in lines]
    fits = parted if by_spaces else characters
    if not all(fits):
        k = fits.index(False)
        raise CharrnnError(
            f"{place(k)} has {len(found[k]):,} tag{'s' * (len(found[k]) != 1)}, but its text has {len(texts[k]):,} "
            f"character{'s' * (len(texts[k]) != 1)}; {FORMS}"
        )
    return found


def _pairs(file: FileText) -> tuple[list[str], list[Tags]]:
    """Read lines of text, with lines of tags below them."""
    lines = file.text.split("\n")
    texts: list[str] = []
    below: list[str] = []
    places: list[int] = []
    k = 0
    while k < len(lines):
        if "\t" in lines[k]:
            raise CharrnnError(f"line {k + 1:,} of {file.name} has a tab, but not all lines have one; {FORMS}")
        if lines[k].strip():
            if k + 1 >= len(lines) or not lines[k + 1].strip():
                raise CharrnnError(f"line {k + 1:,} of {file.name} has no line of tags below it; {FORMS}")
            texts.append(lines[k])
            below.append(lines[k + 1])
            places.append(k + 2)
            k += 1
        k += 1
    return texts, tags_of(texts, below, lambda k: f"line {places[k]:,} of {file.name}")


def _columns(file: FileText) -> tuple[list[str], list[Tags]]:
    """Read lines of a character or a word, a tab and a tag."""
    texts: list[list[tuple[str, str]]] = [[]]
    for number, line in enumerate(file.text.split("\n"), start=1):
        if not line.strip() and "\t" not in line:
            if texts[-1]:
                texts.append([])
            continue
        field, *tags = line.split("\t")
        if len(tags) != 1 or not field or not tags[0].strip():
            raise CharrnnError(
                f"line {number:,} of {file.name} is not a character or a word, a tab and a tag, but has "
                f"{len(tags) + 1} fields{'' if field and all(tags) else ', of which one is empty'}"
            )
        texts[-1].append((field, tags[0].strip()))
    texts = [text for text in texts if text]
    words = any(_is_word(field) for text in texts for field, _ in text)
    joined = [(" " if words else "").join(field for field, _ in text) for text in texts]
    return joined, [_spread(text, words) for text in texts]


def _is_word(field: str) -> bool:
    """Return whether a field has more than one character; accents and the like belong to the one before."""
    return sum(unicodedata.category(character) not in _JOINED for character in field) > 1


def _spread(text: Sequence[tuple[str, str]], words: bool) -> Tags:
    """Return the tag of each character of a text, from those of its words or characters."""
    tags: Tags = []
    for field, tag in text:
        if words and tags:
            tags.append(OUTSIDE)
        inside = "I-" + tag[2:] if tag.startswith("B-") else tag
        tags += [tag] + [inside] * (len(field) - 1)
    return tags
