"""The learning curve, in the terminal and as a picture."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from charrnn.display.curve import HEIGHT, draw
from charrnn.model.model_file import load, save
from tests.helpers.commands import enter, on_a_terminal

FALLING = [(1.0, 3.0, 3.2), (2.0, 2.0, 2.4), (3.0, 1.5, 2.0), (5.0, 1.0, 2.0)]


def drawing(lines):
    """Return the part of a curve's lines that is beside its axis, as rows of cells."""
    assert len(lines) == HEIGHT + 2
    return [line[7:] for line in lines[1:-1]]


def dots(rows):
    """Return the (x, y) of all dots of Braille characters, counted as terminals show them."""
    places = {0: (0, 0), 1: (0, 1), 2: (0, 2), 6: (0, 3), 3: (1, 0), 4: (1, 1), 5: (1, 2), 7: (1, 3)}
    return {
        (2 * x + places[bit][0], 4 * y + places[bit][1])
        for y, row in enumerate(rows)
        for x, cell in enumerate(row)
        for bit in range(8)
        if ord(cell) > 0x2800 and (ord(cell) - 0x2800) >> bit & 1
    }


@pytest.fixture
def untrained(trained, folder):
    """Put a model without a history into the folder."""
    checkpoint = load(trained)
    checkpoint.history = []
    save("model.npz", checkpoint)
    return folder


def test_a_line_and_its_validations():
    """The loss runs from the first point to the last, as far down as it fell; each validation is in its place."""
    lines = draw([(epoch, loss, None) for epoch, loss, _ in FALLING], 60)
    there = dots(drawing(lines))
    assert (min(there), max(there)) == ((0, 0), (2 * 53 - 1, 4 * HEIGHT - 1))
    assert {x for x, _ in there} == set(range(2 * 53))
    assert [line[:5].strip() for line in lines[1:-1]] == ["3.00", "", "", "", "2.00", "", "", "", "1.00"]
    assert lines[-1].split() == ["1", "epochs", "5"]
    assert "validation" not in lines[0]
    lines = draw(FALLING, 60)
    marks = [(x, y) for y, row in enumerate(drawing(lines)) for x, cell in enumerate(row) if cell == "o"]
    assert sorted(marks) == [(0, 0), (13, 3), (26, 4), (52, 4)]
    assert "validation" in lines[0]


@pytest.mark.parametrize("width", [28, 39, 79])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_curve_fits_its_width(width, ascii_only):
    """No line is wider than asked for; in ASCII nothing else is used."""
    lines = draw(FALLING, width, ascii_only=ascii_only)
    assert max(map(len, lines)) <= width
    assert all(line.isascii() for line in lines) == ascii_only
    assert "o" in "".join(drawing(lines))


def test_what_makes_no_curve():
    """One point, none, or a terminal too narrow for one make no lines; equal numbers make a flat one."""
    assert draw([], 80) == draw(FALLING[:1], 80) == draw(FALLING, 12) == []
    assert drawing(draw([(1.0, 2.0, 2.0)] * 3, 80))
    assert drawing(draw([(1.0, 2.0, None), (2.0, 2.0, None)], 80))[-1].startswith("⣀")


def test_info_draws_the_curve(trained, run):
    """In a pipe the curve stands beneath a short list of validations, 80 columns wide."""
    out = run("info", trained).out
    lines = out.splitlines()
    begin = lines.index("       ⠒ loss   o validation")
    assert max(map(len, lines[begin:])) <= 80
    assert max(map(len, lines[begin:])) > 70
    listed = lines[lines.index("epoch  time        loss    validation") + 1 : begin - 1]
    assert len(listed) <= 12
    history = load(trained).history
    assert any("best" in line for line in listed)
    assert listed[0].startswith(f"{history[0]['epoch']:.2f}")
    assert listed[-1].startswith(f"{history[-1]['epoch']:.2f}")


def test_info_on_a_narrow_terminal(trained, run, monkeypatch):
    """In 40 columns both the list and the curve fit."""
    monkeypatch.setenv("COLUMNS", "40")
    lines = run("info", trained).out.splitlines()
    begin = next(k for k, line in enumerate(lines) if line.startswith("epoch"))
    assert any("o" in line[8:] for line in lines[begin + 3 :])
    assert max(map(len, lines[begin:])) <= 40


def test_info_on_a_dumb_terminal(trained, monkeypatch):
    """A terminal that says it is dumb gets ASCII."""
    for term, ascii_only in (("dumb", True), ("xterm", False)):
        screen = on_a_terminal(monkeypatch, TERM=term)
        assert enter("info", trained) == 0
        curve = screen.getvalue().splitlines()[-HEIGHT - 2 :]
        assert [line for line in curve if " loss " in line] == curve[:1]
        assert all(line.isascii() for line in curve) == ascii_only


def test_info_in_a_c_locale(trained):
    """Whatever the locale, what is written is UTF-8."""
    environment = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "charrnn", "info", str(trained)]
    done = subprocess.run(command, env=environment, capture_output=True, cwd=Path(__file__).parents[2], check=True)
    assert "⠒ loss" in done.stdout.decode("utf-8")


def test_a_model_without_history(untrained, run):
    """What never was validated has no curve: the rest is told, and a picture is refused in one sentence."""
    result = run("info", "model.npz")
    assert result.code == 0
    assert "epoch " not in result.out
    before = sorted(untrained.iterdir())
    result = run("info", "model.npz", "--plot", "curve.png")
    assert (result.code, result.stdout, result.err.count("\n")) == (1, b"", 1)
    assert "matplotlib" in result.err or "no history" in result.err
    assert sorted(untrained.iterdir()) == before


def test_a_picture_of_the_curve(trained, run, tmp_path, monkeypatch):
    """--plot writes a picture of the kind its name says, the same bytes each time; what info prints is as ever."""
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    printed = run("info", trained).out
    for name, magic in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")):
        written = []
        for _ in range(2):
            result = run("info", trained, "--plot", name)
            assert (result.code, result.out, result.err) == (0, printed, "")
            written.append(Path(name).read_bytes())
        assert written[0].startswith(magic)
        assert written[0] == written[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "a.png", "a.svg"]
    result = run("info", trained, "--plot", "a.png", "--json")
    assert json.loads(result.out)["history"] == load(trained).history


def test_a_picture_without_validations(trained, folder, run):
    """A run that held nothing out has a curve of its loss alone; a name that looks like a formula is a name."""
    pytest.importorskip("matplotlib")
    checkpoint = load(trained)
    checkpoint.history = [entry | {"val_loss": None} for entry in checkpoint.history]
    save("$x^$.npz", checkpoint)
    assert run("info", "$x^$.npz", "--plot", "curve.svg").code == 0
    assert "o validation" not in run("info", "$x^$.npz").out


def test_a_picture_of_a_model_with_an_odd_name(trained, folder, run):
    """A title is one line that can be drawn, even if the model's name has line feeds or is not UTF-8."""
    pytest.importorskip("matplotlib")
    for name in ("m\udcff.npz", "m\n$n.npz"):
        shutil.copy(trained, name)
        result = run("info", name, "--plot", "curve.svg")
        assert (result.code, result.err) == (0, "")
        assert result.out.splitlines()[1].startswith("model:")
        assert "\udcff" not in result.out


@pytest.mark.parametrize("history", [[], [{}]])
def test_errors_name_an_odd_model_in_one_line(trained, folder, run, history):
    """A model without history, or with one that makes no sense, is named in one line, whatever its name is."""
    pytest.importorskip("matplotlib")
    checkpoint = load(trained)
    checkpoint.history = history
    save("m\nn.npz", checkpoint)
    result = run("info", "m\nn.npz", "--plot", "curve.png")
    assert (result.code, result.stdout, result.err.count("\n")) == (1, b"", 1)
    assert r"m\nn.npz" in result.err


def test_a_picture_is_not_drawn_over_the_model(trained, folder, run):
    """The model to be read is not replaced by its curve, whatever it is called."""
    shutil.copy(trained, "model.png")
    Path("link.png").symlink_to("model.png")
    for model, target in (("model.png", "model.png"), ("model.png", "link.png"), ("link.png", "./model.png")):
        result = run("info", model, "--plot", target)
        assert (result.code, result.stdout) == (2, b"")
        assert f"{target} is the model to be read" in result.err
    assert Path("model.png").read_bytes() == trained.read_bytes()


def test_info_is_harmless(trained, folder, run):
    """Nothing in a model's name or history breaks a line or commands the terminal; a space is one."""
    name = "m\t\n\x1b[2J\u00a0.npz"
    shutil.copy(trained, name)
    assert run("info", name).out.splitlines()[0].startswith("file:        m\\t\\n\N{REPLACEMENT CHARACTER}[2J .npz, ")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("curve.jpg", ".png, .svg or .pdf"),
        ("curve", ".png, .svg or .pdf"),
        (".png", ".png, .svg or .pdf"),
        ("", ".png, .svg or .pdf"),
        ("no/curve.png", "there is no folder no"),
        ("here.png", "is a folder"),
    ],
)
def test_a_picture_that_cannot_be_written(trained, folder, run, name, words):
    """An unknown ending, or a folder that is not there, is one sentence, and nothing is written."""
    pytest.importorskip("matplotlib")
    Path("here.png").mkdir()
    before = sorted(folder.iterdir())
    result = run("info", trained, "--plot", name)
    assert (result.code, result.stdout, result.err.count("\n")) == (1, b"", 1)
    assert words in result.err
    assert sorted(folder.iterdir()) == before


def test_matplotlib_is_not_there(trained, folder, run, monkeypatch):
    """Without matplotlib one sentence says how to install it, and everything else works."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("info", trained, "--plot", "curve.png")
    assert (result.code, result.stdout, result.err.count("\n")) == (1, b"", 1)
    assert "pip install '.[plot]' in a clone of charrnn" in result.err
    assert not Path("curve.png").exists()
    assert run("info", trained).code == 0


def test_a_picture_that_fails_leaves_the_old_one(trained, folder, run, monkeypatch):
    """Where drawing or writing fails the picture that was there stays, and nothing is left beside it."""
    figure = pytest.importorskip("matplotlib.figure")
    Path("curve.png").write_text("old")
    before = sorted(folder.iterdir())

    def fail(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    for target, name in ((figure.Figure, "savefig"), (Path, "replace")):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, fail)
            result = run("info", trained, "--plot", "curve.png")
        assert (result.code, result.stdout) == (1, b"")
        assert Path("curve.png").read_text() == "old"
        assert sorted(folder.iterdir()) == before


def test_the_users_own_settings_change_nothing(trained, folder, run, monkeypatch):
    """A picture does not depend on the user's settings of matplotlib, nor changes them."""
    mpl = pytest.importorskip("matplotlib")
    assert run("info", trained, "--plot", "one.png").code == 0
    with mpl.rc_context({"text.usetex": True, "font.size": 40.0}):
        assert run("info", trained, "--plot", "two.png").code == 0
        assert mpl.rcParams["font.size"] == 40.0
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()


@pytest.mark.parametrize("history", [[{}], [{"epoch": "x", "loss": 1, "val_loss": 1}], [{"epoch": 10**400}]])
def test_crafted_histories_are_not_drawn(trained, folder, run, history):
    """A history that was tampered with is refused in one line, and no picture is written."""
    pytest.importorskip("matplotlib")
    shutil.copy(trained, "model.npz")
    checkpoint = load("model.npz")
    checkpoint.history = history
    save("model.npz", checkpoint)
    result = run("info", "model.npz", "--plot", "curve.png")
    assert (result.code, result.stdout, result.err.count("\n")) == (1, b"", 1)
    assert "makes no sense" in result.err
    assert not Path("curve.png").exists()
