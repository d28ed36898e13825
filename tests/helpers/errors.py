"""What an error says to people: one sentence on one line."""

import re
from contextlib import contextmanager

import pytest

from charrnn.errors import CharrnnError


def one_sentence(caught):
    """Return what an error says, after a look at its form."""
    said = str(caught.value)
    assert "\n" not in said
    assert not said.endswith(".")
    said.encode()
    return said


def failure(function, *args, **kwargs):
    """Return what a call's CharrnnError says."""
    with pytest.raises(CharrnnError) as caught:
        function(*args, **kwargs)
    return one_sentence(caught)


@contextmanager
def refused(words, error=CharrnnError):
    """Hold the block to an error of the library that matches: one sentence, short, and in Python's terms."""
    with pytest.raises(error, match=words) as caught:
        yield
    said = one_sentence(caught) if isinstance(caught.value, CharrnnError) else str(caught.value)
    assert "--" not in said
    assert not re.search(r"standard input|CORPUS|charrnn (?!model)", said), said
    assert len(said) < 400
