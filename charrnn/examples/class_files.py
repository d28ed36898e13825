"""Examples in files or folders of a class each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from charrnn.errors import CharrnnError
from charrnn.examples.input_files import FileText, InputFiles
from charrnn.storage.files import shown
from charrnn.text.passes import no_text
from charrnn.text.sources import MOST_NAMED, readable

CALLED = {  # the options that name the columns of a table, and how standard input has labels
    "class": ("--labels and --texts", "give it by itself, with lines of a label, a tab and a text"),
    "condition": ("--given and --texts", "with --given label, it has lines of a condition, a tab and a text"),
}
_TABLES = {".csv", ".tsv"}
_PACKED = {".gz", ".bz2", ".xz", ".zst"}


def read_class_files(files: InputFiles, what: str = "class") -> tuple[list[str], list[str]]:
    """Return the texts of some files, and the class of each, which messages call ``what``.

    Of a file, each line that is not blank is a text, and the name of the file, without its ending, is the class. Of a
    folder, each file in it and in its subfolders is a text, without the line feeds at its end, and the name of the
    folder is the class. One folder by itself holds the classes: its files, or if it has folders, these, and ``say``
    hears which files beside them are left out. Blank files are passed over, which ``say`` hears.

    Raises CharrnnError if two files or folders would be the same class, if a class has no text, and as
    `InputFiles.texts` does.
    """
    names, instead = CALLED[what]
    if "-" in files.paths:
        raise CharrnnError(f"standard input (-) has no name that could be a {what}; {instead}")
    if len(files.paths) > MOST_NAMED:
        raise CharrnnError(f"the examples have more than {MOST_NAMED:,} names; put the files in a folder and name that")
    for path in files.paths:
        if Path(path).suffix.lower() in _TABLES and len(files.paths) > 1:
            raise CharrnnError(f"{shown(path)} is a table by its name; {names} name its columns")
    one = Path(files.paths[0]) if len(files.paths) == 1 and Path(files.paths[0]).is_dir() else None
    folders = one is not None and _has_folders(one)
    texts: list[str] = []
    labels: list[str] = []
    origins: dict[str, str] = {}  # the file or folder of each class
    blank, beside = [], []

    def wanted(_: str, path: Path) -> bool:
        if folders and one is not None and path.parent == one:
            beside.append(shown(path))
            return False
        return True

    for file in files.texts(wanted):
        origin, by_line = _origin(file, one)
        name = class_of(origin, by_line=by_line)
        if origins.setdefault(name, str(origin)) != str(origin):
            raise CharrnnError(
                f"{shown(origins[name])} and {shown(origin)} would both be the {what} {shown(name)}; put them in one "
                "folder, or rename one"
            )
        found = _lines(file.text) if by_line else [file.text.rstrip("\n")]
        found = [text for text in found if text.strip()]
        texts += found
        labels += [name] * len(found)
        if not found:
            blank.append((file.name, name))
    _require_texts(files, blank, labels, origins, what)
    plural = "classes" if what == "class" else f"{what}s"
    files.say_left_out(beside, f"as the folders beside it are the {plural}")
    files.say_left_out([name for name, _ in blank], "without text")
    return texts, labels


def class_of(path: Path, *, by_line: bool) -> str:
    """Return the class that a file or a folder stands for: its name, without the endings of a file."""
    name = path.name or path.resolve().name
    if not by_line:
        return name if name not in (".", "..") else path.resolve().name
    pure = PurePath(name)
    return PurePath(pure.stem).stem if pure.suffix.lower() in _PACKED else pure.stem


def _origin(file: FileText, one: Path | None) -> tuple[Path, bool]:
    """Return the file or folder that is the class of a file, and whether each line of it is an example."""
    if one is None:
        return Path(file.given), file.path == Path(file.given)
    below = file.path.relative_to(one).parts
    return one / below[0], len(below) == 1


def _has_folders(folder: Path) -> bool:
    with readable(str(folder)):
        return any(path.is_dir() and not path.name.startswith(".") for path in folder.iterdir())


def _lines(text: str) -> list[str]:
    return text.split("\n")  # not splitlines, which also parts at U+2028 and the like


def _require_texts(
    files: InputFiles, blank: Sequence[tuple[str, str]], labels: Sequence[str], origins: Mapping[str, str], what: str
) -> None:
    """Raise CharrnnError if there are no examples, or none of a class."""
    if not labels:
        raise files.no_examples()
    with_text = set(labels)
    for name, label in blank:
        if label not in with_text:
            raise CharrnnError(f"{name} has no text, so the {what} {shown(label)} has no examples")
    if len(files.paths) > 1:
        for path in files.paths:
            if str(Path(path)) not in origins.values():
                raise no_text([path], files.left_out)
