"""Messages in Python's terms: the rooms below name options as the command line spells them."""

import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from charrnn.errors import CharrnnError

T = TypeVar("T")

MOST_QUOTED = 60  # characters of a value that a message repeats
FLAGS = (
    "allow_unknown",
    "bidirectional",
    "bytes",
    "force",
    "held_out",
    "nesterov",
    "no_prime",
    "remap",
)  # options that are True or False
WORDS = "skip|replace|forms|rtrl|bptt|lines|paragraphs|files"
VALUE = rf"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[0-9.]++(?:[smhd]|e[+-]?[0-9]+)?|{WORDS}"""

Replacement = str | Callable[[re.Match[str]], str]


def _option(found: re.Match[str]) -> str:
    """Spell an option, with its value if one follows it."""
    name, value = found[1].replace("-", "_"), found[2]
    if value is not None:
        return f'{name}="{value}"' if value[-1].isalpha() else f"{name}={value}"
    return f"{name}=True" if name in FLAGS else name


RULES: tuple[tuple[str, Replacement], ...] = (
    (
        r"^(.+) was trained on standard input; give .* as CORPUS$",
        r"\1 was trained on a text in memory; give it again: train(text, resume=…)",
    ),
    (r"\bcharrnn train .+ --init-from (.+) -o new\.npz$", lambda found: f"train(corpus, init_from={found[1]!r})"),
    (r"--init-from (.+) -o new\.npz$", lambda found: f"init_from={found[1]!r}"),
    (r"\bcharrnn train CORPUS --resume (.+)$", lambda found: f"train(corpus, resume={found[1]!r})"),
    (r"\bas CORPUS$", "first: train(corpus, resume=…)"),
    (r"\bcharrnn train --bidirectional", "train(bidirectional=True)"),
    (r"--cell (\S+?:\w+)", r'cell="\1"'),
    (r"\bcharrnn (sample|fill|classify|tag|predict)\b", r"\1()"),
    (r"--given (-?[0-9.]+(?:e[+-]?[0-9]+)?(?:,[-+e0-9.]+)+)", r"given=[\1]"),
    (r"--mark\b", "mark=…"),
    (r"--no-shuffle\b", "shuffle=False"),
    (rf"(?<![\w'\"-])--([a-z]+(?:-[a-z]+)*)(?: ({VALUE})(?!\w))?", _option),
)


def in_python(sentence: str, *, in_memory: bool = False) -> str:
    """Return a message with the options that it names as Python spells them.

    A piped command stays as it is. A text that is ``in_memory`` counts as standard input in the rooms below.
    """
    sentence, pipe, command = sentence.partition("… | charrnn ")
    for pattern, replacement in RULES:
        sentence = re.sub(pattern, replacement, sentence)
    if in_memory:
        sentence = sentence.replace(" in standard input", "").replace("standard input", "the text")
    return sentence + pipe + command


@contextmanager
def python_terms(*, in_memory: bool = False) -> Iterator[None]:
    """Put the errors of a block, or of a function that this decorates, in Python's terms."""
    try:
        yield
    except CharrnnError as error:
        error.args = (in_python(str(error), in_memory=in_memory),)
        raise


def in_terms(items: Iterable[T]) -> Iterator[T]:
    """Yield items; put the errors of making them in Python's terms."""
    with python_terms():
        yield from items


def warn(sentence: str, category: type[UserWarning] = UserWarning) -> None:
    """Warn the user of the library, at the line that called it."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(("charrnn.", "contextlib")):
        level, frame = level + 1, frame.f_back
    warnings.warn(in_python(sentence), category, stacklevel=level)


def quoted(value: object) -> str:
    """Return a value as a message repeats it: not more than its beginning."""
    shown = repr(value[: MOST_QUOTED + 1] if isinstance(value, str | bytes) else value)
    return shown if len(shown) <= MOST_QUOTED + 2 else f"{shown[:MOST_QUOTED]}…"
