"""What an error says to people: one sentence on one line."""

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
