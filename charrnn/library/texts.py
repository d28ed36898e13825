"""The corpus of a run, as the library takes it: a text, a path, or a list of paths."""

import os
from collections.abc import Iterable
from typing import Any, TypeAlias

from charrnn.errors import CharrnnError
from charrnn.library.preparation import Texts
from charrnn.library.signatures import is_rather_a_text, names_a_file, path_of
from charrnn.library.terms import quoted
from charrnn.text.decoding import UTF_8
from charrnn.text.sources import Known

CorpusOf: TypeAlias = str | bytes | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def texts_of(corpus: CorpusOf) -> Texts:
    """Return what a corpus stands for: a text, a path, or a list of paths.

    Raises CharrnnError for an empty text or list, for texts in a list, and for a path where there is no file.
    """
    if isinstance(corpus, str | bytes):
        if not corpus:
            raise CharrnnError("the text is empty")
        return Texts(("-",), corpus) if isinstance(corpus, bytes) else _text_or_path(corpus)
    if isinstance(corpus, os.PathLike):
        return Texts((path_of(corpus),))
    paths = tuple(map(_listed_path, corpus))
    if not paths:
        raise CharrnnError("give at least one path")
    return Texts(paths)


def _text_or_path(corpus: str) -> Texts:
    """Return what a string stands for."""
    if names_a_file(corpus):
        return Texts((corpus,))
    if not is_rather_a_text(corpus):
        raise CharrnnError(f"there is no file {quoted(corpus)}, and this string is too short to train on")
    try:
        return Texts(("-",), corpus.encode(), known=Known(encoding=UTF_8))
    except UnicodeEncodeError:
        raise CharrnnError("the text has a lone surrogate, which is not a Unicode character") from None


def _listed_path(path: Any) -> str:
    """Return a path of a list."""
    how = 'a list holds paths of files; to train on texts, join them: "\\n".join(texts)'
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{how}; {quoted(path)} is not a path")
    found = os.fspath(path)
    if isinstance(path, str) and not names_a_file(found):
        raise CharrnnError(how if is_rather_a_text(found) else f"there is no file {quoted(found)}; {how}")
    return found
