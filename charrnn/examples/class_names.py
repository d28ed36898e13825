"""The names of classes and tags: their order, and their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.examples.dataset import Classes
from charrnn.storage.files import shown

LISTED = 10  # names that a message lists
LONGEST = 40  # characters of a name that a message shows
LEAST = 2  # classes, and examples of each: one learns, one validates
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Return distinct names in order: by their value if all are whole numbers, else by code point."""
    distinct = sorted(set(names))
    if all_whole(distinct):
        distinct.sort(key=int)
    return tuple(distinct)


def all_whole(names: Iterable[str]) -> bool:
    """Return whether all names are whole numbers."""
    return all(map(_WHOLE.fullmatch, names))


def listing(names: Sequence[str]) -> str:
    """Return names for a message; only the first ones, if there are many."""
    more = len(names) - LISTED
    cut = [name if len(name) <= LONGEST else name[:LONGEST] + "…" for name in names[:LISTED]]
    return ", ".join(map(shown, cut)) + (f" and {more:,} more" if more > 0 else "")


def numbered(
    found: Sequence[str], where: str, known: tuple[str, ...] | None = None, *, what: str = "class"
) -> tuple[tuple[str, ...], Classes]:
    """Return the names of all classes, and the number of each name that is found [N].

    They are the ``known`` ones, in their order, if a model has some. Raises CharrnnError that names those that it does
    not know.
    """
    names = ordered(found) if known is None else known
    numbers = {name: number for number, name in enumerate(names)}
    strange = ordered(name for name in set(found) if name not in numbers)
    if strange:
        plural = f"{what}es" if what == "class" else f"{what}s"
        these = f"the {what if len(strange) == 1 else plural} {listing(strange)}"
        raise CharrnnError(f"{where} has {these}, which the model does not know; it knows {listing(names)}")
    return names, np.fromiter((numbers[name] for name in found), np.int32, len(found))


def require_learnable(labels: tuple[str, ...], classes: Classes, where: str, *, what: str = "class") -> None:
    """Raise CharrnnError if there is nothing to tell apart, or a class has too few examples to learn and validate."""
    if len(labels) < LEAST:
        plural = "classes" if what == "class" else f"{what}s"
        instead = f"at least {LEAST} {plural} are needed"
        if what == "condition":
            instead = "to train without conditions, leave out --given"
        raise CharrnnError(f"{where} has only one {what}, {listing(labels)}; {instead}")
    if what != "class":
        return
    single = np.flatnonzero(np.bincount(classes, minlength=len(labels)) < LEAST)
    if single.size > LISTED and 2 * single.size > classes.size:
        own = f"{single.size:,} of {classes.size:,} examples have a class of their own, such as"
        order = "in a line, the label comes before the text; of a table, --labels names the column of the labels"
        raise CharrnnError(f"{where}: {own} {listing([labels[single[0]]])}; {order}")
    if single.size:
        names = [labels[k] for k in single.tolist()]
        these = f"the class {listing(names)} has" if len(names) == 1 else f"each of the classes {listing(names)} has"
        needed = f"at least {LEAST} are needed, one to learn from and one that validates"
        header = "; if it is a header, name its columns with --labels and --texts" if [*single] == [classes[0]] else ""
        raise CharrnnError(f"{where}: {these} only one example; {needed}{header}")
