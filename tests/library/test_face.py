"""What ``import charrnn`` offers, and what it costs."""

import importlib.util
import pydoc
import subprocess
import sys

import pytest

import charrnn
from tests.helpers import ROOT

TYPED = ROOT / "tests" / "library" / "typed_use.py"


def test_importing_is_cheap():
    """Nothing is loaded but two small files, until something is used; then what is used."""
    script = (
        "import sys; before = set(sys.modules); import charrnn; print(sorted(set(sys.modules) - before));"
        "charrnn.CharrnnError; print('numpy' in sys.modules); charrnn.Model; print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines() == ["['charrnn', 'charrnn.version']", "False", "True"]


def test_every_public_name_is_there():
    """Each has a docstring, and is listed; another name is an AttributeError that says what there is."""
    for name in charrnn.__all__:
        value = getattr(charrnn, name)
        assert value.__doc__, name
    assert dir(charrnn) == sorted(charrnn.__all__)
    with pytest.raises(AttributeError, match=r"has no attribute 'lode'; it has .*load"):
        charrnn.lode  # noqa: B018


def test_public_functions_say_what_they_raise():
    """Every public method of what is offered has a docstring."""
    for of in (charrnn.Model, charrnn.Run, charrnn.Layer):
        for name, value in vars(of).items():
            if not name.startswith("_"):
                assert (value.__doc__ or "").strip(), f"{of.__name__}.{name}"


def test_all_of_it_is_typed():
    """A file that uses all of the library passes mypy strict."""
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is one of the development extras")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"), str(TYPED)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout
    text = TYPED.read_text(encoding="utf-8")
    for of in (charrnn.Model, charrnn.Run, charrnn.Layer):
        names = [name for name in vars(of) if not name.startswith("_")]
        assert [name for name in names if f".{name}" not in text] == []


def test_what_is_shown_is_public():
    """An object's own attributes are private, so that completion offers what the page tells of; help is short."""
    layer = charrnn.Layer("rnn", inputs=2, hidden=3)
    assert [name for name in vars(layer) if not name.startswith("_")] == []
    text = pydoc.plain(pydoc.render_doc(charrnn.Layer))
    assert max(map(len, text.splitlines())) < 300
    assert "ArrayLike" in text
