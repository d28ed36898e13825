"""A bidirectional network against its naive twin: what it predicts from both sides, what it learns, and how it runs."""

import json
from pathlib import Path

import numpy as np
import pytest

from charrnn.model.bidirectional import LONGEST_GAP, MEAN_GAP, made_gaps, read_both
from charrnn.model.model_file import Checkpoint, load, save
from charrnn.model.team import Team
from charrnn.text.ingest import Corpus
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests import naive
from tests.helpers.model_files import assert_same_bits, steps_of
from tests.helpers.networks import Both, H, V, assert_close, bidirectional, wide
from tests.helpers.runs import set_pace
from tests.rows import KINDS


@pytest.mark.parametrize("cell", KINDS)
@pytest.mark.parametrize(("layers", "batch", "steps"), [(1, 1, 1), (1, 17, 5), (3, 3, 40)])
def test_logits_equal_the_naive_twin(cell, layers, batch, steps):
    """Each position is predicted from both sides, with gaps and learned first states, in one step and in many."""
    case = Both(cell, layers, batch, steps)
    twin = naive.fill_logits(cell, wide(case.network), case.ids, case.seen, **case.options)
    assert_close(case.predict(), twin, "logits")


@pytest.mark.parametrize(
    ("cell", "layers", "dropout"),
    [
        ("clockwork", 1, 0.0),
        ("lstm-projection", 1, 0.0),
        ("rnn", 2, 0.4),
        ("lstm", 1, 0.0),
        ("lstm", 2, 0.4),
        ("gru", 2, 0.4),
    ],
)
def test_every_gradient_equals_the_complex_step_derivative(cell, layers, dropout):
    """The gradient of each weight of both stacks and of each learned first state is the twin's; so is the loss."""
    case = Both(cell, layers, 2, 4, dropout=dropout, hidden=3, vocabulary=3)
    found = case.learn()
    arguments = cell, wide(case.network), case.ids, case.seen, case.targets, case.masks
    expected = naive.fill_gradients(*arguments, **case.options)
    assert set(found) == set(expected)
    for name, gradient in found.items():
        assert_close(gradient, expected[name], name)
    if cell == "lstm":
        assert np.abs(found["reverse.layer0.U_i"][3]).max() > 0.0  # the gap's row
    loss = naive.fill_loss(*arguments, **case.options)
    assert case.window.losses[: case.steps].sum() / case.counted == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_any_number_of_threads_gives_the_same_bits(cell, layers):
    """Losses and gradients do not depend on who computed what."""
    found = []
    for threads in (1, 2, 3):
        case = Both(cell, layers, 5, 33, dropout=0.3, hidden=20, vocabulary=30)
        gradients = case.learn(threads)
        found.append((case.window.losses[:33].tobytes(), {name: g.tobytes() for name, g in gradients.items()}))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", KINDS)
def test_no_position_sees_itself(cell, layers):
    """Another character at t leaves what is predicted there the same to the bit, and changes it everywhere else."""
    case = Both(cell, layers, batch=2, steps=6)
    inputs = np.zeros((8, 2), np.int32)
    inputs[:6] = case.ids
    case.window.ids[:] = read_both(inputs, 6, V)
    before = case.predict()
    for t in range(6):
        other = inputs.copy()
        other[t] = (other[t] + 1) % V
        case.window.ids[:] = read_both(other, 6, V)
        differs = (case.predict() != before).any(axis=2)
        assert not differs[t].any()
        assert np.delete(differs, t, axis=0).all()


def test_gaps_are_made_of_random_bits_alone():
    """They are the same for the same bits, of all lengths up to the longest, and differ from stream to stream."""
    length, batch = 400, 200
    bits = np.random.Philox(key=3).random_raw((length + 1) * batch)
    hidden = made_gaps(bits, length, batch)
    assert hidden.shape == (length, batch)
    np.testing.assert_array_equal(hidden, made_gaps(bits.copy(), length, batch))
    shares = hidden.mean(axis=0)
    assert shares.min() < 0.02
    assert 0.1 < shares.mean() < shares.max() < 0.9
    lengths = []
    for stream in hidden.T:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], stream.astype(int), [0]])))
        lengths += (edges[1::2] - edges[::2]).tolist()
    assert MEAN_GAP <= np.mean(lengths) < 3.0 * MEAN_GAP  # some begin within others
    assert min(lengths) == 1
    none = made_gaps(np.zeros(3 * 2, np.uint64), 2, 2)
    assert not none.any()  # a share of none
    longest = np.full((LONGEST_GAP + 9, 1), np.uint64(2**64 - 1))
    longest[1] = 0  # begins, and is as long as can be
    assert made_gaps(longest.ravel(), LONGEST_GAP + 8, 1)[:, 0].tolist() == [True] * LONGEST_GAP + [False] * 8


def test_what_both_stacks_read():
    """The right stack reads a window from its end, which may come before the buffer's, with gaps where it has any."""
    inputs = np.array([[0, 1], [2, 3], [4, 5], [9, 9]], np.int32)
    hidden = np.zeros((4, 2), np.bool_)
    hidden[1, 0] = True
    both = read_both(inputs, 3, 7, hidden)
    assert both[:4].tolist() == inputs.tolist()
    assert both[4:].tolist() == [[4, 5], [7, 3], [0, 1], [0, 0]]
    assert read_both(inputs, 3, 7)[4:7].tolist() == inputs[2::-1].tolist()


@pytest.mark.parametrize("layers", [1, 2])
def test_every_step_of_a_run_learns_from_both_sides(layers):
    """Each window is a text of its own, of which every character is predicted, where there is one: as the twin does."""
    ids = np.random.default_rng(4).integers(0, V, 150)
    text = Corpus(ids.astype(np.uint8), Vocabulary("abcd"), ("a text",), "0" * 64)
    settings = Settings(
        hidden=H,
        layers=layers,
        seq_length=8,
        batch_size=3,
        epochs=2.0,
        dropout=0.0,
        bidirectional=True,
        first_state="learned",
    )
    with Team(2) as team:
        trainer = Trainer(TextData(settings, text), team)
        start, gaps, missing = trainer.data.streams.start, 0, 0
        for step in range(trainer.steps.total):
            before = wide(trainer.network)
            both, _, (steps,) = trainer.steps.windows(step, 1)
            at = start[:-1] + step % trainer.steps.per_epoch * 8 + np.arange(steps)[:, np.newaxis]
            there = at < start[1:]
            expected, seen = ids[np.minimum(at, 149)], both[0, 8 : 8 + steps][::-1]
            assert (both[0, :steps] == expected)[there].all()
            assert (seen == expected)[there & (seen < V)].all()
            assert (seen == V)[~there].all()
            gaps, missing = gaps + (seen == V)[there].sum(), missing + (~there).sum()
            twin = naive.fill_loss("lstm", before, np.where(there, expected, 0), seen, np.where(there, expected, -1))
            assert trainer.advance(1).loss == pytest.approx(twin, rel=1e-5)
        assert gaps
        assert missing


@pytest.fixture
def model(tmp_path):
    """Save a bidirectional model that was not trained."""
    vocabulary = Vocabulary.of("abcd\n")
    network, _ = bidirectional("lstm", layers=2, vocabulary=len(vocabulary), hidden=8)
    parameters = {name: values.copy() for name, values in network.weights.named.items()}
    path = tmp_path / "both.npz"
    save(path, Checkpoint(network.architecture, vocabulary, parameters, {}, [], {}))
    return path


@pytest.mark.parametrize("length", [2, 9, 255, 257, 700])
def test_eval_tells_the_bits_given_both_sides(model, run, length):
    """Each character but the first costs what the twin says, given all around it: far away makes no difference."""
    ids = np.random.default_rng(length).integers(0, 5, length)
    checkpoint = load(model)
    text = checkpoint.vocabulary.decode(ids)
    parameters = {name: values.astype(np.float64) for name, values in checkpoint.parameters.items()}
    logits = naive.fill_logits("lstm", parameters, ids[:, np.newaxis], ids[:, np.newaxis])[:, 0]
    bits = -naive.log_softmax(logits)[np.arange(length), ids][1:] / np.log(2.0)
    result = run("eval", model, "-", "--json", stdin=text.encode())
    assert result.code == 0
    assert json.loads(result.out)["bits_per_char"] == pytest.approx(bits.mean(), rel=3e-5)
    result = run("eval", model, "-", "--per-char", "--json", "--threads", 2, stdin=text.encode())
    told = [json.loads(line)["bits"] for line in result.out.splitlines()]
    np.testing.assert_allclose(told[1:], bits, rtol=2e-4)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("sample",), "from left to right; use charrnn fill to fill the gaps of a text"),
        (("sample", "--count", "3", "--json"), "use charrnn fill to fill the gaps of a text"),
        (("play",), "use charrnn fill to fill the gaps of a text"),
        (("trace",), "this model is bidirectional"),
    ],
)
def test_what_reads_from_left_to_right_alone_is_refused(model, folder, run, command, sentence):
    """Nothing is written, and one sentence says why."""
    text = ("corpus.txt",) if command == ("trace",) else ()
    Path("corpus.txt").write_text("abcd\n" * 300)
    result = run(command[0], model, *text, *command[1:], stdin=b"abc\n")
    assert (result.code, result.out) == (1, "")
    assert sentence in result.err.splitlines()[-1]


def test_documents_are_refused(folder, run):
    """A bidirectional network reads a text as one."""
    result = run("train", "corpus.txt", "--bidirectional", "--documents", "lines", "-o", "both.npz")
    assert result.code == 2
    assert "reads a text as one" in result.err
    assert not Path("both.npz").exists()


def test_a_run_goes_on_to_the_same_bytes(folder, run, monkeypatch):
    """Stopped after each session of some steps, and taken up with other numbers of threads, the file is the same."""
    set_pace(monkeypatch, shortest_interval=1, longest_interval=2000, chunk_seconds=0.0)
    options = ("--bidirectional", "--layers", 2, "--hidden", 8, "--seq-length", 16, "--epochs", 12, "--quiet")
    assert run("train", "corpus.txt", *options, "-o", "whole.npz", "--threads", 1).code == 0
    begin, threads, pauses = ("corpus.txt", *options), 1, 0
    while begin:
        result = run("train", *begin, "--time", "0.02s", "-o", "model.npz", "--threads", threads)
        assert result.code == 0
        state = load("model.npz", resume=True).resume.progress
        begin = ("--resume", "model.npz", "--quiet") if state["step"] < steps_of("whole.npz") else ()
        threads, pauses = 1 + pauses % 3, pauses + 1
    assert pauses > 2
    assert_same_bits("model.npz", "whole.npz")
