"""A survey of the files of a text: how each one is read, and which ones are left out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, groupby, repeat
from typing import Any, BinaryIO, NamedTuple

from charrnn.errors import CharrnnError, TextWarning
from charrnn.text.decoding import UTF_8, decoded, shown_encoding
from charrnn.text.detection import DAMAGED, Finding, examine
from charrnn.text.formats import decompressed
from charrnn.text.vocabulary import TEXT_BLOCK

BYTES = ""  # the encoding of a text that is read as bytes
UNKNOWN = "?"  # what is known about the encoding of a file that is not in a record
LEFT_OUT = ""  # in a record, instead of an encoding
LISTED = 10  # files that are named, of those that are left out

Say = Callable[[str], None]  # prints a note for the user


class Skipped(NamedTuple):
    """A file that is left out of a text, and why."""

    path: str
    reason: str


@dataclass
class Survey:
    """How the files of a text are to be read, and what is found about them.

    ``encoding`` is the one that the user names. It is for files that have no byte order mark and are not UTF-8, or only
    ASCII: texts can be in several encodings. A run that is resumed has ``recorded`` the encoding of each file, with
    None for one that is left out; without a record, it has read only UTF-8.
    """

    byte_level: bool = False
    encoding: str = ""
    recorded: Iterator[str | None] | None = None
    skipped: list[Skipped] = field(default_factory=list)
    markup: list[Skipped] = field(default_factory=list)  # texts with formatting
    found: list[tuple[str, str | None]] = field(default_factory=list)  # each file's name and encoding; None: left out
    _told: set[str] = field(default_factory=set)  # notes

    def __post_init__(self) -> None:
        if self.byte_level and self.encoding not in ("", UTF_8):
            raise CharrnnError("a text that is read as bytes has no encoding; leave out --encoding")

    def encoding_of(self, file: BinaryIO, name: str, *, in_folder: bool) -> str | None:
        """Return the encoding to read a file with, or None if it is left out; then go back to its beginning.

        Raises CharrnnError if a file that is named itself cannot be read as text.
        """
        if self.byte_level:
            return BYTES
        try:
            encoding = self._decided(file, name, in_folder)
        except CharrnnError as error:
            if not in_folder:
                raise
            self.skipped.append(Skipped(name, str(error).removeprefix(f"{name} is ")))
            encoding = None
        file.seek(0)
        self.found.append((name, encoding))
        return encoding

    def beginning(self, blocks: Iterator[bytes], name: str) -> tuple[str, Iterator[bytes]]:
        """Return the encoding of a file that can be read only once, and its content.

        The first block decides.
        """
        if self.byte_level:
            return BYTES, blocks
        blocks = decompressed(blocks, name)
        first = next(blocks, b"")
        encoding = self._of_one(examine([first], name, whole=False), name)
        self.found.append((name, encoding))
        return encoding, chain([first], blocks) if first else blocks

    def _decided(self, file: BinaryIO, name: str, in_folder: bool) -> str | None:
        """Return the encoding of a file, or None and note why."""
        recorded = UNKNOWN if self.recorded is None else next(self.recorded, UNKNOWN if in_folder else UTF_8)
        if recorded not in (UNKNOWN, None):
            return recorded
        finding = examine(_content(file, name), name)
        if not in_folder:
            finding = replace(finding, encoding=self._of_one(finding, name))
        elif self.recorded is not None and (recorded is None or finding.encoding != UTF_8):
            finding = Finding(UTF_8, finding.reason or "not as it was when the run began")
        elif self.encoding and finding.guessed:
            return self.encoding
        elif finding.encoding != UTF_8 and not finding.reason:
            finding = _verified(file, name, finding)
        if in_folder and finding.reason:
            self.skipped.append(Skipped(name, finding.reason))
            return None
        if finding.markup:
            self.markup.append(Skipped(name, finding.markup))
        return finding.encoding

    def _of_one(self, finding: Finding, name: str) -> str:
        """Return the encoding of a file that is named itself; raise CharrnnError if it cannot be read as text."""
        if not finding.encoding:
            raise CharrnnError(f"{name} is {finding.reason}")
        return self.encoding if self.encoding and (finding.guessed or finding.reason) else finding.encoding

    def pass_over(self) -> None:
        """Take the next file as one that is not read."""
        if self.recorded is not None:
            next(self.recorded, None)

    @property
    def record(self) -> dict[str, Any]:
        """What a model file says about the files.

        ``encodings`` are those of the files one after another, each with the number of files, `LEFT_OUT` for some of
        them; they are missing if all are UTF-8. ``skipped`` has the number of files that were left out, and examples.
        """
        encodings = [LEFT_OUT if encoding is None else encoding for _, encoding in self.found]
        record: dict[str, Any] = {}
        if not set(encodings) <= {UTF_8, LEFT_OUT}:
            record["encodings"] = [[encoding, len(list(group))] for encoding, group in groupby(encodings)]
        if self.skipped:
            record["skipped"] = {"files": len(self.skipped), "examples": [*map(list, self.skipped[:LISTED])]}
        return record

    def tell(self, say: Say) -> None:
        """Say what is found since the last time: encodings other than UTF-8, and files that are left out."""
        for sentence in self._notes():
            if sentence not in self._told:
                say(sentence)
        self._told.update(self._notes())

    def _notes(self) -> Iterator[str]:
        if self.recorded is None:
            others: dict[str, list[str]] = {}
            for name, encoding in self.found:
                if encoding not in (None, self.encoding or UTF_8):
                    others.setdefault(encoding, []).append(name)
            for encoding, names in others.items():
                these = f"{len(names):,} files, such as {names[0]}, are" if len(names) > 1 else f"{names[0]} is"
                yield f"{these} read as {shown_encoding(encoding)}"
        for path, reason in self.skipped[:LISTED]:
            yield f"{path} is left out: it is {reason}"
        more = len(self.skipped) - LISTED
        if more > 0:
            yield f"{more:,} more file{'s are' if more > 1 else ' is'} left out"


def every(record: Mapping[str, Any]) -> Iterator[str | None]:
    """Yield the encoding of each file of a text from a survey's record."""
    runs = record.get("encodings", [])
    return chain.from_iterable(repeat(None if encoding == LEFT_OUT else encoding, count) for encoding, count in runs)


def told(sentence: str) -> None:
    """Warn of how a text is read."""
    warnings.warn(sentence, TextWarning, stacklevel=1)


def _content(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield what is in a file from its beginning."""
    file.seek(0)
    return decompressed(iter(lambda: file.read(TEXT_BLOCK), b""), name)


def _verified(file: BinaryIO, name: str, finding: Finding) -> Finding:
    """Return a finding, with a reason to leave out the file if not all of it is in the encoding."""
    try:
        for _ in decoded(_content(file, name), name, finding.encoding):
            pass
    except CharrnnError:
        return Finding(UTF_8, DAMAGED.replace("UTF-8", shown_encoding(finding.encoding)))
    return finding
