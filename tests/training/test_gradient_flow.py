"""How far back gradients reach: the numbers, and how they are told and drawn."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.display.curve import HEIGHT, draw_logarithmic
from charrnn.errors import CharrnnError
from charrnn.model.model_file import load, save
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.text.streams import Streams
from charrnn.training.gradient_flow import WARM_UP_CHARACTERS, Probe, spectra, summary
from tests import naive
from tests.rows import KINDS, PLAIN

V, H = 5, 4
QUICK = ("--lags", 8, "--samples", 24, "--threads", 1)


def made(cell, layers=1, seed=0):
    """Draw a network with no parameter at zero, and the same parameters in float64."""
    rng = np.random.default_rng(seed)
    architecture = Architecture(cell, V, H, layers)
    parameters = initialize(architecture, seed)
    for values in parameters.values():
        values += 0.4 * rng.standard_normal(values.shape).astype(np.float32)
    return Network(architecture, parameters), {name: values.astype(np.float64) for name, values in parameters.items()}


def ids_of(size, seed=1):
    """Draw a text."""
    return np.random.default_rng(seed).integers(0, V, size).astype(np.uint8)


def measured(network, *arguments, threads=1, **more):
    """Return the norms of state gradients."""
    with Team(threads) as team:
        return Probe(network, team).state_gradients(*arguments, **more)


def twin_norm(cell, parameters, read, target, layer, lag):
    """Return ‖∂L/∂h‖ of one layer's h `lag` steps before the last of what is read, by complex steps."""
    step, layers = naive.step_of(cell), naive.layers_of(parameters)
    state, output = naive.initial_state(cell, parameters, 1), naive.states_of(cell)[0]

    def go(state, symbols, moved=None):
        for symbol in symbols:
            x = np.array([symbol])
            state = list(state)
            for k, p in enumerate(layers):
                state[k] = step(p, x, state[k])
                if moved is not None and k == layer:
                    state[k] = state[k] | {output: moved}
                x = state[k][output]
            moved = None
        return state, x

    before, _ = go(state, read[: len(read) - 1 - lag]) if len(read) - 1 - lag else (state, None)
    there, _ = go(before, read[len(read) - 1 - lag :][:1])

    def loss(arrays):
        _, top = go(before, read[len(read) - 1 - lag :], arrays["h"])
        return naive.cross_entropy(top @ parameters["output.V"] + parameters["output.c"], np.array([target]))

    return float(np.linalg.norm(naive.complex_step_gradients(loss, {"h": there[layer][output]})["h"]))


@pytest.mark.parametrize(
    ("cell", "layers"), [*((cell, 1) for cell in KINDS), *((cell, 2) for cell in (*PLAIN, "lstm-projection"))]
)
def test_norms_are_those_of_the_twin(cell, layers):
    """At each place, layer and lag the norm is that of the naive twin, which read from the stream's beginning."""
    network, parameters = made(cell, layers)
    ids, lags = ids_of(700), 6
    norms = measured(network, ids, lags, 3)
    assert norms.shape == (layers, lags + 1, 3)
    length = lags + 1
    warm = -(-WARM_UP_CHARACTERS // length)
    streams = Streams.plan(ids, 2, length)
    for place, (round_, stream) in enumerate([(0, 0), (0, 1), (1, 0)]):
        begin = int(streams.start[stream])
        end = begin + (warm + round_ + 1) * length
        for layer in range(layers):
            for lag in (0, 1, 4, lags):
                expected = twin_norm(cell, parameters, ids[begin:end], ids[end], layer, lag)
                assert norms[layer, lag, place] == pytest.approx(expected, rel=2e-4), (place, layer, lag)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_linear_network_has_powers_of_its_factor(factor):
    """Where tanh' is 1 and W = factor·I, the norm k characters before is factor^k of that at the character, exactly."""
    architecture = Architecture("rnn", V, H)
    parameters = {name: np.zeros(shape, np.float32) for name, shape in architecture.parameter_shapes().items()}
    parameters["layer0.W"] = factor * np.eye(H, dtype=np.float32)
    parameters["output.V"] = np.random.default_rng(0).standard_normal((H, V)).astype(np.float32)
    norms = measured(Network(architecture, parameters), ids_of(3000), 20, 40)[0]
    np.testing.assert_array_equal(norms / norms[0], np.broadcast_to(factor ** np.arange(21.0)[:, None], (21, 40)))
    told = summary(norms)
    assert told.factor == pytest.approx(factor)
    assert told.left == pytest.approx(factor**19)
    assert told.forgotten == (8 if factor < 1 else None)  # 2^−7 < 1 %, that is 7 characters before the last but one


def test_the_weights_stay():
    """Looking at gradients changes no weight, however often it is done, and gives the same numbers each time."""
    network, _ = made("lstm")
    before = network.weights.flat.copy()
    ids = ids_of(900)
    with Team(1) as team:
        probe = Probe(network, team)
        probe.compile()
        first = probe.state_gradients(ids, 5, 9), probe.update_norms(ids, 3, 4)
        again = probe.state_gradients(ids, 5, 9), probe.update_norms(ids, 3, 4)
    np.testing.assert_array_equal(network.weights.flat, before)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_threads_make_no_difference():
    """One thread and three find the same bits."""
    one, three = (measured(made("gru", 2)[0], ids_of(3000), 4, 50, threads=threads) for threads in (1, 3))
    np.testing.assert_array_equal(one, three)


def test_no_gradient_crosses_from_document_to_document():
    """Beyond a document's beginning there are no norms; within it they are the twin's, which begins from zero."""
    network, parameters = made("gru")
    boundary = V - 1  # begins a document; one more ends it
    rng = np.random.default_rng(2)
    documents = [[boundary, *rng.integers(0, V - 1, rng.integers(1, 9)), boundary + 1] for _ in range(150)]
    ids = np.concatenate(documents).astype(np.uint8)
    lags, samples = 6, 12
    norms = measured(network, ids, lags, samples, boundary=boundary)[0]
    length = lags + 1
    warm = -(-WARM_UP_CHARACTERS // length)
    batch = max(1, min(samples, (ids.size - 1) // (4 * length * (warm + 1))))
    streams = Streams.plan(ids, batch, length)
    for place in range(samples):
        last = int(streams.start[place % batch]) + (warm + place // batch + 1) * length - 1
        begins = last - np.flatnonzero(ids[: last + 1][::-1] == boundary)[0]
        within = 0 if ids[last] == boundary + 1 else int(last - begins) + 1
        assert np.isfinite(norms[:, place]).sum() == min(within, lags + 1)
        for lag in range(min(within, lags + 1)):
            target = min(int(ids[last + 1]), boundary)
            expected = twin_norm("gru", parameters, ids[begins : last + 1], target, 0, lag)
            assert norms[lag, place] == pytest.approx(expected, rel=2e-4)
    told = summary(norms)
    assert told.mean[0] is not None
    assert summary(np.full((4, 3), np.nan)).mean == [None] * 4


def test_norms_of_whole_gradients_are_those_of_the_twin():
    """Each is the norm of the gradient of a window's mean loss by all parameters, the state carried from the last."""
    network, parameters = made("rnn")
    ids, batch, length = ids_of(26), 2, 5
    with Team(2) as team:
        norms = Probe(network, team).update_norms(ids, batch, length)
    streams = Streams.plan(ids, batch, length)
    inputs, targets, lengths = streams.span(0, streams.windows)
    state = [{"h": np.zeros((batch, H))}]
    assert len(norms) == streams.windows == 3
    for norm, x, y, steps in zip(norms, inputs, targets, lengths, strict=True):
        x, y = x[:steps], y[:steps]
        gradients = naive.loss_gradients("rnn", parameters, x, y, state)
        whole = {name: values for name, values in gradients.items() if name in parameters}
        assert norm == pytest.approx(naive.global_norm(whole), rel=2e-4)
        state = naive.forward("rnn", parameters, x, state)[1]


def test_spectra_of_known_matrices(monkeypatch):
    """A rotation has norm and radius 1, what is nilpotent no radius, and P W stands where a state is projected."""
    turn = np.array([[0, 3], [-3, 0]], np.float32)
    shift = np.array([[0, 5], [0, 0]], np.float32)
    skew = np.array([[2, 0], [7, -4]], np.float32)
    found = spectra({"layer0.U": shift, "layer0.W": turn, "layer1.W_i": shift, "layer1.W_f": skew, "output.V": turn})
    assert [matrix.name for matrix in found] == ["layer0.W", "layer1.W_i", "layer1.W_f"]
    assert [matrix.norm for matrix in found] == pytest.approx([3.0, 5.0, np.linalg.svd(skew)[1][0]])
    assert [matrix.radius for matrix in found] == pytest.approx([3.0, 0.0, 4.0])
    down, up = np.array([[1], [2]], np.float32), np.array([[3, 4]], np.float32)  # H = 2, R = 1
    (projected,) = spectra({"layer0.W_g": up, "layer0.P": down})
    assert projected.name == "layer0.P W_g"
    assert (projected.norm, projected.radius) == pytest.approx((math.sqrt(5) * 5, 11.0))
    assert [(matrix.norm, matrix.radius) for matrix in spectra({"layer0.W": turn}, most_rows=1)] == [(None, None)]


def test_what_cannot_be_looked_at():
    """A text too short is refused, and so is a network that reads from both sides, and one whose numbers overflow."""
    network, _ = made("rnn")
    with pytest.raises(CharrnnError, match=r"has 66 characters, but to look back over 10 takes 78 at least"):
        measured(network, ids_of(66), 10, 8)
    assert measured(network, ids_of(78), 10, 8).shape == (1, 11, 1)
    both = Architecture("rnn", V, H, bidirectional=True)
    with pytest.raises(CharrnnError, match="bidirectional"):
        measured(Network(both, initialize(both, 0)), ids_of(78), 10, 8)
    for name in ("output.V", "layer0.W"):
        network, _ = made("rnn")
        network.weights.named[name][:] = 1e38
        network.pack()
        with pytest.raises(CharrnnError, match="no number"):
            measured(network, ids_of(500), 8, 8)


# ---- Curves ----------------------------------------------------------------------------------------------


def test_powers_lie_on_a_line():
    """Upwards go powers of ten: 10^−k is a straight line from corner to corner, with its numbers beside it."""
    lines = draw_logarithmic([[10.0**-k for k in range(9)]], "lag", 60, ascii_only=True)
    assert len(lines) == HEIGHT + 1
    rows = [line[7:] for line in lines[:-1]]
    assert rows[0][0] == "."
    assert rows[-1][52] == "."
    middles = [np.flatnonzero([c == "." for c in row]).mean() for row in rows]
    np.testing.assert_allclose(np.diff(middles), 53 / HEIGHT, atol=0.8)
    assert [lines[k][:5] for k in (0, HEIGHT // 2, HEIGHT - 1)] == ["1e+00", "1e-04", "1e-08"]
    assert lines[-1].split() == ["0", "lag", "8"]


def test_several_curves_have_letters():
    """Each of several curves has its letter, above what is smaller; one alone has none."""
    high, low = [1.0] * 20, [1e-3] * 20
    lines = draw_logarithmic([high, low], "lag", 60)
    assert lines[0].count("a") >= 3
    assert lines[HEIGHT - 1].count("b") >= 3
    twice = "".join(draw_logarithmic([high, high], "", 60))  # where one curve hides another, both letters are seen
    assert (twice.count("a"), twice.count("b")) == (5, 5)
    assert not re.search("[a-z]", "".join(line[7:] for line in draw_logarithmic([high], "lag", 60)[:-1]))


@pytest.mark.parametrize("width", [28, 59, 79])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_curves_fit_their_width(width, ascii_only):
    """No line is wider than asked for; in ASCII nothing else is used; 0, none and the very small are left out."""
    curves = [[2.0 * 0.3**k for k in range(65)], [1.0, None, 0.0, *[1e-30] * 62], [0.1 + k for k in range(65)]]
    lines = draw_logarithmic(curves, "characters before", width, ascii_only=ascii_only)
    assert max(map(len, lines)) <= width
    assert all(line.isascii() for line in lines) == ascii_only
    assert float(lines[HEIGHT - 1][:5]) >= 1e-12


def test_what_makes_no_curve():
    """Nothing but zeros, a single number or a narrow terminal make no lines."""
    assert draw_logarithmic([[0.0] * 9], "lag", 80) == draw_logarithmic([[1.0, None]], "lag", 80) == []
    assert draw_logarithmic([[1.0, 0.5]], "lag", 12) == draw_logarithmic([], "lag", 80) == []


# ---- The command -----------------------------------------------------------------------------------------


def figures(out, heading):
    """Return the rows of numbers beneath a heading."""
    rows = out.split(heading, 1)[1].splitlines()[2:]
    return [row.split() for row in rows[: rows.index("") if "" in rows else None]]


def test_a_model_is_told_in_words_and_tables(trained, run, folder):
    """A sentence, the norms by the lag, a curve, the matrices and the steps; the numbers are those of --json."""
    result = run("gradients", trained, "corpus.txt", *QUICK)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("model.npz ")
    assert max(map(len, result.out.splitlines())) < 80
    record = json.loads(run("gradients", trained, "corpus.txt", *QUICK, "--json").out)
    assert (record["network"], record["cell"], record["hidden"], record["places"]) == ("model.npz", "lstm", 16, 24)
    (layer,) = record["gradient"]
    rows = figures(result.out, "orm of the gradient by lag")
    assert [int(row[0]) for row in rows] == [0, 1, 2, 4, 8]
    for row in rows:
        expected = [layer[name][int(row[0])] for name in ("mean", "lower", "median", "upper")]
        assert [float(value) for value in row[1:]] == pytest.approx(expected, rel=6e-3)
        assert sorted(expected[1:]) == expected[1:]
    matrices = figures(result.out, "Matrices")
    assert [row[0] for row in matrices] == [f"layer0.W_{gate}" for gate in "ifog"]
    W = load(trained).parameters["layer0.W_f"]
    assert float(matrices[1][1]) == pytest.approx(np.linalg.svd(W)[1][0], abs=6e-4)
    assert float(matrices[1][2]) == pytest.approx(np.abs(np.linalg.eigvals(W)).max(), abs=6e-4)
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
    assert "no settings of its training that make sense" in result.err


def test_several_networks_stand_side_by_side(trained, run, folder, text):
    """Models and new networks are told together, each under its letter, read from a pipe as from a file."""
    arguments = (trained, "-", "--cell", "rnn", "--cell", "gru", "--hidden", 8, "--layers", 2, *QUICK)
    result = run("gradients", *arguments, stdin=text.encode())
    assert (result.code, result.err) == (0, "")
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
        assert [float(value) for value in row[1:]] == pytest.approx(expected, rel=6e-3)
    alone = run("gradients", trained, "corpus.txt", *QUICK, "--json")
    assert json.loads(alone.out) == records[0]
    other = run("gradients", "corpus.txt", "--cell", "rnn", "--hidden", 8, "--layers", 2, *QUICK, "--json", "--seed", 1)
    assert json.loads(other.out)["matrices"][0]["norm"] == pytest.approx(1.0)  # orthogonal
    assert json.loads(other.out)["gradient"] != records[1]["gradient"]


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
        assert (result.code, result.err) == (0, "")
        assert Path(name).read_bytes().startswith(magic)
    drawn = Path("a.svg").read_text()
    for words in ("_$x$.npz", "new rnn", "characters before", "norm of the gradient"):
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
    assert (result.code, result.err) == (0, "")
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
        (("model.npz", "corpus.txt", "--hidden", "8"), 2, "--hidden goes with --cell"),
        (("model.npz", "corpus.txt", "--lags", "1"), 2, "--lags"),
        (["--cell", "rnn"] * 27 + ["corpus.txt"], 2, "26 networks"),
        (("model.npz", "corpus.txt", "--png", "corpus.txt"), 2, "to be read"),
        (("model.npz", "corpus.txt", "--png", "a.gif"), 1, ".png, .svg or .pdf"),
        (("model.npz", "corpus.txt", "--png", "no/a.png"), 1, "no folder no"),
        (("corpus.txt", "--cell", "rmm"), 1, "there is no cell 'rmm'"),
        (("model.npz", "none.txt"), 1, "none.txt"),
        (("none.npz", "corpus.txt"), 1, "none.npz"),
        (("model.npz", "strange.txt"), 1, "~"),
        (("model.npz", "short.txt"), 1, "model.npz: the text has 20 characters"),
        (("large.npz", "corpus.txt"), 1, "large.npz: the weights are so large"),
    ],
)
def test_what_is_refused(trained, run, folder, arguments, code, words):
    """Each fault is one clear sentence, and no picture is left behind."""
    Path("model.npz").write_bytes(trained.read_bytes())
    corpus = Path("corpus.txt").read_text(encoding="utf-8")
    Path("strange.txt").write_text(corpus + "~", encoding="utf-8")
    Path("short.txt").write_text(corpus[:20], encoding="utf-8")
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
    assert "--activation goes with --cell rnn" in run("gradients", "--cell", "gru", "--activation", "relu", text).err
