"""The learning curve, in the terminal and as a picture."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from charrnn.display.curve import HEIGHT
from charrnn.model.model_file import load, save
from tests.helpers import ROOT
from tests.helpers.commands import ERROR, UNEXPECTED, enter, on_a_terminal, refused, strict_json
from tests.helpers.model_files import arrays_of, meta_of, rewrite


@pytest.fixture
def untrained(trained, folder):
    """Put a model without a history into the folder."""
    checkpoint = load(trained)
    checkpoint.history = []
    save("model.npz", checkpoint)
    return folder


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


def test_a_long_history_lists_its_best_validation(trained, folder, run):
    """Of thirty validations a dozen lines are listed, the best among them wherever it stands."""
    checkpoint = load(trained)
    first = checkpoint.history[0]
    checkpoint.history = [first | {"epoch": float(k), "val_loss": 2.0 + (k - 17) ** 2} for k in range(30)]
    save("long.npz", checkpoint)
    lines = run("info", "long.npz").out.splitlines()
    assert [line.split()[0] for line in lines if line.endswith("best")] == ["17.00"]


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
    done = subprocess.run(command, env=environment, capture_output=True, cwd=ROOT, check=True)
    assert "⠒ loss" in done.stdout.decode("utf-8")


def test_a_model_without_history(untrained, run):
    """What never was validated has no curve: the rest is told, and a picture is refused in one sentence."""
    result = run("info", "model.npz")
    assert result.code == 0
    assert "epoch " not in result.out
    before = sorted(untrained.iterdir())
    result = run("info", "model.npz", "--plot", "curve.png")
    assert (result.code, result.stdout, result.err.count("\n")) == (1, b"", 1)
    assert "matplotlib" in result.err or "no training history" in result.err
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
        refused(result, f"{target} is the model that is read; name another file with --plot")
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
        ("no/curve.png", "the folder no does not exist"),
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
    assert "in a clone of charrnn with: pip install '.[plot]'" in result.err
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
    assert "invalid training history" in result.err
    assert not Path("curve.png").exists()


# Info
def test_info_tells_all_there_is(trained, run, text):
    """``info`` tells cell, sizes, vocabulary, text, settings and history, as text and as JSON."""
    result = run("info", trained)
    assert (result.code, result.err) == (0, "")
    digest = meta_of(trained)["corpus"]["sha256"]
    for part in ("lstm, 1 layer of 16", "parameters", "corpus.txt", digest, "epochs 20", "best", f"{len(text):,}"):
        assert part in result.out
    result = run("info", trained, "--json")
    assert (result.code, result.err, result.out.count("\n")) == (0, "", 1)
    facts = strict_json(result.out)
    vocabulary = {"byte_level": False, "characters": "".join(sorted(set(text))), "separator": ""}
    assert facts["vocabulary"] == vocabulary | {"seen": "", "rare": 0}
    assert (facts["cell"], facts["hidden"], facts["layers"]) == ("lstm", 16, 1)
    assert facts["bytes"] == trained.stat().st_size
    arrays = arrays_of(trained)
    assert facts["parameters"] == sum(a.size for name, a in arrays.items() if name.startswith("param/"))
    assert facts["history"] == meta_of(trained)["history"]
    assert facts["training"]["seed"] == 0
    assert facts["corpus"]["sha256"] == digest


@pytest.mark.parametrize("history", [[{}], [{"epoch": "x"}], [{"epoch": 1, "seconds": None, "loss": [1]}]])
def test_crafted_histories(trained, folder, run, history):
    """``info`` tells what there is of a history that was tampered with, or refuses the file in one plain line."""
    rewrite(trained, "model.npz", lambda meta, arrays: meta.update(history=history))
    result = run("info", "model.npz")
    assert result.code == 0 or result.err.startswith(f"{ERROR}model.npz ")
    assert UNEXPECTED not in result.err


def test_crafted_models_cannot_write_on_the_terminal(trained, folder, run):
    """Control characters in a model file are never shown as they are: they could command the terminal."""

    def tamper(meta, arrays):
        meta["corpus"].update(sources=["\x1b]0;title\x07\x9b31m"], sha256="\x08\x08")
        meta["training"].update(optimizer="\x07\x1b[2J")

    rewrite(trained, "model.npz", tamper)
    result = run("info", "model.npz")
    shown = result.out + result.err
    assert all(c.isprintable() or c == "\n" for c in shown)
