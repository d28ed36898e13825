"""``charrnn gradients``: what is told and drawn of how far back gradients reach, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from charrnn.model.model_file import load, save

QUICK = ("--lags", 8, "--samples", 24, "--threads", 1)


def figures(out, heading):
    """Return the rows of numbers beneath a heading."""
    rows = out.split(heading, 1)[1].splitlines()[2:]
    return [row.split() for row in rows[: rows.index("") if "" in rows else None]]


def test_a_model_is_told_in_words_and_tables(trained, run, folder):
    """A sentence, the norms by the lag, a curve, the matrices and the steps; the numbers are those of --json."""
    result = run("gradients", trained, "corpus.txt", *QUICK)
    assert (result.code, result.said) == (0, "")
    assert result.out.startswith("model.npz ")
    assert max(map(len, result.out.splitlines())) < 80
    record = json.loads(run("gradients", trained, "corpus.txt", *QUICK, "--json").out)
    assert (record["network"], record["cell"], record["hidden"], record["places"]) == ("model.npz", "lstm", 16, 24)
    (layer,) = record["gradient"]
    rows = figures(result.out, "orm of the gradient by lag")
    assert [int(row[0]) for row in rows] == [0, 1, 2, 4, 8]
    for row in rows:
        expected = [layer[name][int(row[0])] for name in ("mean", "lower", "median", "upper")]
        of_cells = record["cells"][0]["mean"][int(row[0])]
        assert [float(value) for value in row[1:]] == pytest.approx([*expected, of_cells], rel=6e-3)
        assert sorted(expected[1:]) == expected[1:]
    (gates,) = figures(result.out, "Means over the text")
    (paths,) = record["paths"]
    assert [float(value) for value in gates] == pytest.approx(list(paths["means"].values()), abs=6e-4)
    assert list(paths["means"]) == ["i", "f", "o", "kept", "mostly"]
    assert paths["jacobians"] == []
    matrices = figures(result.out, "Matrices")
    assert [row[0] for row in matrices] == [f"layer0.W_{gate}" for gate in "ifog"]
    W = load(trained).parameters["layer0.W_f"]
    assert float(matrices[1][1]) == pytest.approx(np.linalg.svd(W)[1][0], abs=6e-4)
    assert float(matrices[1][2]) == pytest.approx(np.abs(np.linalg.eigvals(W)).max(), abs=6e-4)
    singular = np.linalg.svd(W)[1]
    assert [float(value) for value in matrices[1][3:]] == pytest.approx([np.median(singular), singular[-1]], abs=6e-4)
    assert record["matrices"][1]["singular"] == pytest.approx(singular, rel=1e-5)
    ((steps, median, largest, clip, clipped),) = figures(result.out, "Steps of training")
    norms = record["training"]["norms"]
    assert int(steps) == len(norms)
    assert float(median) == pytest.approx(np.median(norms), rel=6e-3)
    assert float(largest) == pytest.approx(max(norms), rel=6e-3)
    assert (clip, clipped) == ("1", f"{np.mean(np.array(norms) > 1.0):.1%}")
    assert "⠉" in result.out or "⠒" in result.out


def test_the_share_of_clipped_steps(trained, run, folder):
    """It is that of steps above the clip that the model was trained with; without a clip there is none."""
    norms = json.loads(run("gradients", trained, "corpus.txt", *QUICK, "--json").out)["training"]["norms"]
    checkpoint = load(trained)
    for clip, share in ((float(np.quantile(norms, 0.25)), 0.75), (1e6, 0.0), (1e-9, 1.0), (None, None)):
        checkpoint.training["clip"] = clip
        save("model.npz", checkpoint)
        told = json.loads(run("gradients", "model.npz", "corpus.txt", *QUICK, "--json").out)["training"]
        assert told["clip"] == clip
        assert told["clipped"] == (None if share is None else pytest.approx(share, abs=1 / len(norms)))
    assert figures(run("gradients", "model.npz", "corpus.txt", *QUICK).out, "Steps of training")[0][3:] == []
    checkpoint.training["clip"] = "much"
    save("model.npz", checkpoint)
    result = run("gradients", "model.npz", "corpus.txt", *QUICK)
    assert result.code == 0
    assert "no valid training settings" in result.err


def test_several_networks_stand_side_by_side(trained, run, folder, text):
    """Models and new networks are told together, each under its letter, read from a pipe as from a file."""
    arguments = (trained, "-", "--cell", "rnn", "--cell", "gru", "--hidden", 8, "--layers", 2, *QUICK)
    result = run("gradients", *arguments, stdin=text.encode())
    assert (result.code, result.said) == (0, "")
    assert [line[:12] for line in result.out.splitlines()[:3]] == ["a  model.npz", "b  new rnn s", "c  new gru s"]
    lines = run("gradients", *arguments, "--json", stdin=text.encode()).out.splitlines()
    records = [json.loads(line) for line in lines]
    assert [(r["network"], r["cell"], r["layers"]) for r in records] == [
        ("model.npz", "lstm", 1),
        ("new rnn", "rnn", 2),
        ("new gru", "gru", 2),
    ]
    assert [len(r["gradient"]) for r in records] == [1, 2, 2]
    for row in figures(result.out, "orm of the gradient by lag"):
        expected = [r["gradient"][0]["mean"][int(row[0])] for r in records]
        expected.append(records[0]["cells"][0]["mean"][int(row[0])])
        assert [float(value) for value in row[1:]] == pytest.approx(expected, rel=6e-3)
    products = figures(result.out, "b: norm of ∂h_t/∂h_{t-k}, and its bound η^k with η = 1.000")
    assert [int(row[0]) for row in products] == [1, 2, 4, 8]
    for row, each in zip(products, records[1]["paths"][0]["jacobians"], strict=True):
        assert [float(value) for value in row] == pytest.approx([each["lag"], each["norm"], each["bound"]], rel=6e-3)
    assert [[paths["jacobians"] == [] for paths in r["paths"]] for r in records] == [[True], [False] * 2, [True] * 2]
    alone = run("gradients", trained, "corpus.txt", *QUICK, "--json")
    assert json.loads(alone.out) == records[0]
    other = run("gradients", "corpus.txt", "--cell", "rnn", "--hidden", 8, "--layers", 2, *QUICK, "--json", "--seed", 1)
    assert json.loads(other.out)["matrices"][0]["norm"] == pytest.approx(1.0)  # orthogonal
    assert json.loads(other.out)["gradient"] != records[1]["gradient"]


def test_norms_as_tab_separated_values(trained, run, folder):
    """A line for each network, layer and lag, with the numbers of --json; both forms at once are refused."""
    arguments = ("gradients", trained, "corpus.txt", "--cell", "rnn", "--hidden", 8, "--layers", 2, *QUICK)
    head, *lines = run(*arguments, "--tsv").out.splitlines()
    names = "network", "layer", "lag", "mean", "lower", "median", "upper", "c_mean", "jacobian", "bound"
    assert head.split("\t") == list(names)
    rows = [line.split("\t") for line in lines]
    places = [("model.npz", 0), ("new rnn", 0), ("new rnn", 1)]
    assert [row[:3] for row in rows] == [[name, str(layer), str(k)] for name, layer in places for k in range(9)]
    lstm, rnn = (json.loads(line) for line in run(*arguments, "--json").out.splitlines())
    assert [float(row[7]) for row in rows[:9]] == lstm["cells"][0]["mean"]
    assert [float(row[3]) for row in rows[18:]] == rnn["gradient"][1]["mean"]
    assert [float(row[8]) for row in rows[18:] if row[8]] == [each["norm"] for each in rnn["paths"][1]["jacobians"]]
    assert run(*arguments, "--tsv", "--json").code == 2


def test_models_of_one_name_are_told_by_their_paths(trained, run, folder):
    """Two files of one name are called by where they are."""
    Path("other").mkdir()
    Path("other/model.npz").write_bytes(trained.read_bytes())
    out = run("gradients", trained, "other/model.npz", "corpus.txt", *QUICK).out.splitlines()
    assert out[0].startswith(f"a  {trained} ")
    assert out[1].startswith("b  other/model.npz ")


def test_a_picture(trained, run, folder):
    """--png draws the curves, of the kind that its name says; a name that looks like a formula is a name."""
    Path("_$x$.npz").write_bytes(trained.read_bytes())
    for name, magic in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.PDF", b"%PDF")):
        result = run("gradients", "_$x$.npz", "corpus.txt", "--cell", "rnn", "--hidden", 8, *QUICK, "--png", name)
        assert (result.code, result.said) == (0, "")
        assert Path(name).read_bytes().startswith(magic)
    drawn = Path("a.svg").read_text()
    for words in ("_$x$.npz", "_$x$.npz: c", "new rnn", "new rnn: ηᵏ", "characters back", "norm of the gradient"):
        assert f"<!-- {words} -->" in drawn


def zeroed(trained):
    """Make a model whose output does not see the state."""
    checkpoint = load(trained)
    checkpoint.parameters["output.V"][:] = 0.0
    save("zero.npz", checkpoint)


def test_what_has_no_gradient(trained, run, folder):
    """Where nothing depends on the state that is said, and there is no curve; a picture has nothing in it."""
    zeroed(trained)
    result = run("gradients", "zero.npz", "corpus.txt", *QUICK, "--png", "a.png")
    assert (result.code, result.said) == (0, "")
    assert result.out.startswith("zero.npz has no gradient")
    assert "│" not in result.out
    checkpoint = load(trained)
    for name in checkpoint.parameters:
        if ".W" in name:
            checkpoint.parameters[name][:] = 0.0
    save("zero.npz", checkpoint)
    assert run("gradients", "zero.npz", "corpus.txt", *QUICK).out.startswith("zero.npz forgets at once")


def test_documents_too_short_to_look_back(trained, run, folder):
    """A model of documents is told as far back as they go; of some that go nowhere that is said."""
    Path("d.txt").write_text("ab\nbca\n" * 400, encoding="utf-8")
    train = ("--documents", "lines", "--hidden", 4, "--epochs", 1, "--threads", 1, "--quiet")
    assert run("train", "d.txt", *train, "-o", "d.npz").code == 0
    record = json.loads(run("gradients", "d.npz", "d.txt", *QUICK, "--json").out)
    there = [value is not None for value in record["gradient"][0]["mean"]]
    assert there == [True] * 4 + [False] * 5
    assert run("gradients", "d.npz", "d.txt", *QUICK).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("corpus.txt",), 2, "Give a model and then a text, or --cell NAME and a text"),
        (("model.npz", "corpus.txt", "--hidden", "8"), 2, "--hidden needs --cell"),
        (("model.npz", "corpus.txt", "--lags", "1"), 2, "--lags"),
        (["--cell", "rnn"] * 27 + ["corpus.txt"], 2, "26 networks"),
        (("model.npz", "corpus.txt", "--png", "corpus.txt"), 1, "corpus.txt is the text that is read"),
        (("model.npz", "books", "--png", "books/one.svg"), 1, "books/one.svg is in books, the text that is read"),
        (("model.npz", "corpus.txt", "--png", "a.gif"), 1, ".png, .svg or .pdf"),
        (("model.npz", "corpus.txt", "--png", "no/a.png"), 1, "the folder no does not exist"),
        (("corpus.txt", "--cell", "rmm"), 1, "unknown cell 'rmm'"),
        (("model.npz", "none.txt"), 1, "none.txt"),
        (("none.npz", "corpus.txt"), 1, "none.npz"),
        (("model.npz", "strange.txt"), 1, "~"),
        (("model.npz", "short.txt"), 1, "model.npz: the text has 20 characters"),
        (("large.npz", "corpus.txt"), 1, "large.npz: the gradient is NaN or infinity"),
    ],
)
def test_what_is_refused(trained, run, folder, arguments, code, words):
    """Each fault is one clear sentence, and no picture is left behind."""
    Path("model.npz").write_bytes(trained.read_bytes())
    corpus = Path("corpus.txt").read_text(encoding="utf-8")
    Path("strange.txt").write_text(corpus + "~", encoding="utf-8")
    Path("short.txt").write_text(corpus[:20], encoding="utf-8")
    Path("books").mkdir()
    Path("books/one.svg").write_text(corpus, encoding="utf-8")
    checkpoint = load(trained)
    checkpoint.parameters["output.V"][:] = 3e38
    save("large.npz", checkpoint)
    before = {path.name for path in folder.iterdir()}
    result = run("gradients", *arguments)
    assert result.code == code
    assert words in result.err
    assert result.out == ""
    assert "Traceback" not in result.err
    assert {path.name for path in folder.iterdir()} == before


def test_unknown_characters_are_left_out_where_that_is_asked(trained, run, folder):
    """--unknown has the same rule as everywhere."""
    Path("strange.txt").write_text("~" + Path("corpus.txt").read_text(encoding="utf-8"), encoding="utf-8")
    skipped = run("gradients", trained, "strange.txt", "--unknown", "skip", *QUICK, "--json")
    assert skipped.out == run("gradients", trained, "corpus.txt", *QUICK, "--json").out
    assert "characters of strange.txt is unknown to the model and was skipped\n" in skipped.err


def test_a_new_network_may_have_an_activation(run, folder):
    """A sigmoid's slope is a quarter at most, so that a new rnn forgets at once; the option is the rnn's alone."""
    text = folder / "text.txt"
    text.write_text("some text to be read, and read on. " * 30)
    cells = ("--cell", "rnn", "--cell", "gru", "--hidden", 8)
    result = run("gradients", *cells, "--activation", "sigmoid", text, "--json")
    rnn, gru = map(json.loads, result.out.splitlines())
    assert (rnn["network"], gru["network"]) == ("new rnn (sigmoid)", "new gru")
    norms = rnn["gradient"][0]["mean"]
    assert norms[8] < 1e-3 * norms[0]
    assert "--activation needs --cell rnn" in run("gradients", "--cell", "gru", "--activation", "relu", text).err


def test_a_cell_without_recurrent_matrices_has_no_table_of_them(run, folder):
    """What is told of a minimal network has curves and steps, and no matrices; beside another, those of the other."""
    alone = run("gradients", "--cell", "mingru", "--hidden", 8, "corpus.txt", *QUICK)
    assert (alone.code, alone.said) == (0, "")
    assert "Matrices" not in alone.out
    assert "Steps of training" in alone.out
    both = run("gradients", "--cell", "mingru", "--cell", "rnn", "--hidden", 8, "corpus.txt", *QUICK)
    assert [row[:2] for row in figures(both.out, "Matrices")] == [["b", "layer0.W"]]
