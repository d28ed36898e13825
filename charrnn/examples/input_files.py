"""The files of examples: what to read as examples, the texts in the files, and a record of both."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from charrnn.errors import CharrnnError
from charrnn.storage.archive import UnfitError
from charrnn.storage.json_record import of_kind
from charrnn.text.decoding import decoded
from charrnn.text.encoded_corpus import AnotherTextError
from charrnn.text.passes import no_text
from charrnn.text.sources import NOTHING, Known, Source, listed, names_within, sources
from charrnn.text.survey import Say, Skipped, Survey, every, told
from charrnn.text.text_record import check_text

TASKS = ("classify", "tag", "predict", "translate", "generate")
MOST = 1 << 30  # characters of all examples together: they are kept in memory
COLUMNS = ("labels", "texts", "inputs")


@dataclass(frozen=True)
class Request:
    """What to read as examples, and how: the same request reads the same examples again."""

    paths: tuple[str, ...]
    task: str
    labels: str | None = (
        None  # the column, or columns with commas between them, to predict; of translations; or `given`
    )
    texts: str | None = None  # the column of the texts
    inputs: str | None = None  # columns of a series that are read, but not predicted
    ahead: int = 1  # steps of a series that are predicted
    divides: bool = True  # a series or pairs have to be enough to hold out a part; not if a model reads them

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"task must be one of {', '.join(TASKS)}, not {self.task!r}")
        if not self.paths:
            raise CharrnnError("name the files with the examples")
        if self.ahead < 1:
            raise CharrnnError(f"--ahead must be at least 1, not {self.ahead}")
        if self.paths.count("-") > 1:
            raise CharrnnError("standard input (-) can be read only once")

    @property
    def record(self) -> dict[str, Any]:
        """What a model file says about it, beside the paths and the task."""
        columns = {name: value for name in COLUMNS if (value := getattr(self, name)) is not None}
        return {**({"columns": columns} if columns else {}), **({"ahead": self.ahead} if self.ahead > 1 else {})}

    @classmethod
    def of_record(cls, record: Mapping[str, Any], task: str, paths: Sequence[str] = ()) -> Request:
        """Return the request that a record describes, by default with the paths in it."""
        return cls(tuple(paths or record["sources"]), task, **record.get("columns", {}), ahead=record.get("ahead", 1))


def check_record(where: str, record: dict[str, Any]) -> None:
    """Raise UnfitError if the record of some examples is not one."""
    check_text(where, {**record, "characters": record.get("characters", record.get("steps"))})
    for name in ("examples", "ahead"):
        if name in record and of_kind(where, record, name, int) < 1:
            raise UnfitError(f"is not a charrnn model: {name!r} in its entry {where!r} is below 1")
    of_kind(where, record, "examples", int)
    columns = of_kind(where, record, "columns", dict) if "columns" in record else {}
    if not all(name in COLUMNS and type(value) is str for name, value in columns.items()):
        raise UnfitError(f"is not a charrnn model: the columns in its entry {where!r} are not names")


class FileText(NamedTuple):
    """The text of a file."""

    given: str  # the path under which it was found
    name: str  # in messages
    path: Path
    text: str  # with LF at the ends of lines, without a byte order mark


@dataclass
class InputFiles:
    """Files, folders and standard input, each read once.

    They are read as `text.ingest.read_corpus` reads them: their encoding is detected, what is compressed is unpacked,
    and files of folders that are not text are left out, which ``say`` hears.
    """

    paths: tuple[str, ...]
    known: Known = NOTHING
    stdin: BinaryIO | None = None
    say: Say = told
    size: int = 0  # bytes read
    _survey: Survey = field(init=False)
    _digest: Any = field(init=False, default_factory=hashlib.sha256)

    def __post_init__(self) -> None:
        recorded = None if self.known.files_read is None else every(self.known.files_read)
        self._survey = Survey(encoding=self.known.encoding, recorded=recorded)

    @property
    def shown(self) -> str:
        """Their names for a message."""
        return listed(self.paths)

    @property
    def left_out(self) -> Sequence[Skipped]:
        """The files of folders that are left out."""
        return self._survey.skipped

    def texts(self, wanted: Callable[[str, Path], bool] | None = None) -> Iterator[FileText]:
        """Yield the text of each file; ``wanted`` can pass over one by its given path and its own.

        Raises CharrnnError if a file cannot be read or is not text, and if all files together are too large.
        """
        left = MOST
        for path in self.paths:
            for source in sources(path, self._survey, self.stdin, known=self.known):
                try:
                    if wanted is None or wanted(source.given, source.path):
                        text = self._read(source, left)
                        left -= len(text)
                        yield FileText(source.given, source.name, source.path, text)
                finally:
                    source.close()
        self._survey.tell(self.say)
        self._require_known()

    def _read(self, source: Source, most: int) -> str:
        """Return the text of a source."""
        parts: list[str] = []
        size = 0
        for part in decoded(source.read(self._digest), source.name, source.encoding, newlines=True):
            size += len(part)
            if size > most:
                raise CharrnnError(f"{self.shown} is too long: at most {MOST:,} characters can be kept in memory")
            parts.append(part)
        self.size += source.size or 0
        return "".join(parts)

    def _require_known(self) -> None:
        """Raise AnotherTextError if the files are not those that a run has read before."""
        require_same(self.shown, self.known, self.size, self._digest.hexdigest())

    def say_left_out(self, names: Sequence[str], why: str) -> None:
        """Say that some things with these names are left out, if there are any."""
        if names:
            more = f" and {len(names) - 1:,} more are" if len(names) > 1 else " is"
            self.say(f"{names[0]}{more} left out, {why}")

    def no_examples(self) -> CharrnnError:
        """Return the error for files without examples."""
        return no_text(self.paths, self.left_out)

    def record(self, request: Request, **counts: int) -> dict[str, Any]:
        """Return what a model file says about them, and about the examples in them."""
        found = self._survey.record if self.known.files_read is None else self.known.files_read
        return record_of(request, self._digest.hexdigest(), self.size, self.known.outputs) | dict(found) | counts


def require_same(shown: str, known: Known, size: int, sha256: str) -> None:
    """Raise AnotherTextError if files are not the ``known`` ones."""
    if known.size not in (None, size):
        raise AnotherTextError(f"{shown} is not the expected text: its size differs")
    if known.sha256 not in (None, sha256):
        raise AnotherTextError(f"{shown} is not the expected text: its SHA-256 differs")


def record_of(request: Request, sha256: str, size: int, outputs: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what a model file says about files; ``outputs`` are those of the run in their folders."""
    folders = {path: names_within(path, outputs) for path in request.paths if path != "-" and Path(path).is_dir()}
    written = {path: names for path, names in folders.items() if names}
    own = {"sources": list(request.paths), "sha256": sha256, "bytes": size}
    return own | ({"outputs": written} if written else {}) | request.record
