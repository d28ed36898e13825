"""Records of texts and vocabularies in files, checked as they are read."""

import sys
from typing import Any

from charrnn.storage.archive import UnfitError
from charrnn.storage.json_record import check, of_kind
from charrnn.text.decoding import is_encoding
from charrnn.text.sources import MOST_NAMED

LONGEST_SEPARATOR = 4096  # characters: the time to search for a separator grows with the square of its length
VOCABULARY = {"byte_level": bool, "characters": str, "separator": str}
VOCABULARY_OPTIONS = {"seen": str, "rare": int}  # which a file has only if they are set
_TEXT = {"sources": list, "sha256": str, "characters": int}
_TEXT_OPTIONS = {"bytes": int, "outputs": dict, "unknown": int, "near": bool}


def check_vocabulary(where: str, record: dict[str, Any]) -> None:
    """Raise UnfitError if the record of a vocabulary is not one."""
    options = {name: kind for name, kind in VOCABULARY_OPTIONS.items() if name in record}
    check(where, record, VOCABULARY | options)
    for name, most in (("characters", sys.maxunicode), ("separator", LONGEST_SEPARATOR), ("seen", 256)):
        if len(record.get(name, "")) > most:
            raise UnfitError(f"is not a charrnn model: {name!r} in its entry {where!r} is too long")


def check_text(where: str, record: dict[str, Any]) -> None:
    """Raise UnfitError if the record of a text is not one."""
    for name, kind in (_TEXT | _TEXT_OPTIONS).items():
        if name in _TEXT or name in record:
            of_kind(where, record, name, kind)
    sources, outputs = record["sources"], record.get("outputs", {})
    names = [sources, *outputs.values()]
    if not all(type(part) is list and all(type(name) is str for name in part) for part in names):
        raise UnfitError(f"is not a charrnn model: the files in its entry {where!r} are not names")
    if len(sources) > MOST_NAMED:
        raise UnfitError(f"is not a charrnn model: its entry {where!r} has more than {MOST_NAMED:,} sources")
    if min(record["characters"], record.get("bytes", 0), record.get("unknown", 0)) < 0:
        raise UnfitError(f"is not a charrnn model: a size in its entry {where!r} is below 0")
    _check_files_read(where, record)


def _check_files_read(where: str, record: dict[str, Any]) -> None:
    """Raise UnfitError if what a text's record says about its files has another form."""
    runs, skipped = record.get("encodings", []), record.get("skipped", {"files": 0, "examples": []})
    pairs = isinstance(runs, list) and all(isinstance(run, list) and list(map(type, run)) == [str, int] for run in runs)
    if not (pairs and all(count > 0 and (not encoding or is_encoding(encoding)) for encoding, count in runs)):
        raise UnfitError(f"is not a charrnn model: the encodings in its entry {where!r} are not names and counts")
    if not isinstance(skipped, dict):
        raise UnfitError(f"is not a charrnn model: 'skipped' in its entry {where!r} has the wrong type")
    check(f"{where}: skipped", skipped, {"files": int, "examples": list})
    examples = skipped["examples"]
    if len(examples) > skipped["files"] or not all(
        isinstance(example, list) and list(map(type, example)) == [str, str] for example in examples
    ):
        raise UnfitError(f"is not a charrnn model: 'examples' in its entry {where!r} are not files and reasons")
