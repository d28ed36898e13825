"""The network's forward and backward passes against the naive twins."""

from dataclasses import replace

import numpy as np
import pytest

from charrnn.kernels.forward_pass import ROWS_AT_ONCE
from charrnn.model.team import Team
from charrnn.text.ingest import Corpus
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.pace import Pace
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests import naive
from tests.helpers.networks import Case, assert_close, assert_gradients, assert_last_states, assert_same_bits
from tests.rows import CLOCK_NAMES, CLOCKS, KINDS, NAMES, PLAIN, ROWS, fitted, settings_of

# Of each kind of state one: a row that carries none from window to window too.
STEPPED = [
    row for row in ROWS if row[0] in (*KINDS, "clockwork", "lstm-projection") and "sigmoid" not in row[1].values()
]

# Hidden size, vocabulary, streams, layers and dropout: any two values meet somewhere, and any three of the last three.
RAGGED = [
    (1, 2, 17, 2, 0.0),
    (1, 65, 17, 1, 0.3),
    (1, 300, 3, 1, 0.3),
    (1, 5000, 1, 1, 0.3),
    (7, 2, 1, 2, 0.3),
    (7, 65, 1, 1, 0.3),
    (7, 300, 17, 1, 0.0),
    (7, 5000, 3, 1, 0.3),
    (33, 2, 17, 1, 0.3),
    (33, 65, 3, 2, 0.0),
    (33, 300, 1, 2, 0.0),
    (33, 5000, 1, 1, 0.0),
    (100, 2, 3, 2, 0.3),
    (100, 65, 1, 1, 0.0),
    (100, 300, 3, 1, 0.0),
    (100, 5000, 17, 2, 0.3),
]
STEPS = {1: 67, 3: 23, 17: 5}  # by the number of streams, so that there is a long stretch of steps and a short one


@pytest.mark.parametrize(("cell", "options"), [*ROWS, *CLOCKS], ids=[*NAMES, *CLOCK_NAMES])
@pytest.mark.parametrize(
    ("hidden", "batch", "steps", "layers"),
    [(1, 1, 1, 1), (7, 3, 5, 2), (33, 17, 3, 1), (16, 9, 4, 3), (50, 1, 17, 1)],
)
def test_forward_equals_the_naive_twin(cell, options, hidden, batch, steps, layers):
    """Logits, losses and last states are the twin's, from a non-zero state, at ragged sizes."""
    case = Case(cell, 5 + hidden, hidden, layers, batch, steps, **fitted(hidden, options)).run()
    ids, targets = case.window.ids[:steps], case.window.targets[:steps]
    logits, final, _ = naive.forward(cell, case.parameters, ids, case.state, **case.options)
    assert_close(case.logits, logits, "logits")
    loss = naive.cross_entropy(logits, targets)
    assert case.window.losses[:steps].sum() / case.counted == pytest.approx(loss, rel=1e-5)
    assert_last_states(case, final)


@pytest.mark.parametrize(("cell", "options"), [*ROWS, *CLOCKS], ids=[*NAMES, *CLOCK_NAMES])
@pytest.mark.parametrize(("layers", "dropout"), [(1, 0.0), (2, 0.4)])
def test_every_gradient_equals_the_complex_step_derivative(cell, options, layers, dropout):
    """Each weight's, input's and carried state's gradient is the twin's derivative, from a non-zero state."""
    steps = 4
    case = Case(cell, 3, 3, layers, 2, steps, dropout=dropout, capacity=steps + 2, **fitted(3, options)).run()
    window = case.window
    one_hot = np.eye(3)[window.ids[:steps]]
    arguments = one_hot, window.targets[:steps], case.state, case.masks
    expected = naive.loss_gradients(cell, case.parameters, *arguments, **case.options)
    for name, gradient in case.gradients.items():
        assert_close(gradient, expected.pop(name), name)
    U = case.network.weights.blocks.first_U[0]
    assert_close(window.z[0][:steps, :, : U.shape[1]] @ U.T, expected.pop("x"), "x")
    assert not expected


@pytest.mark.parametrize(("cell", "options"), [row for row in ROWS if row[0] != "lstm-projection"])
def test_slopes_of_saturated_gates_are_right_to_the_last_bit_of_1(cell, options):
    """Where gates are anything from 0 to 1, the gradients of biases are the twin's, each for a unit by itself."""
    case = Case(cell, 2, 240, 1, 1, 1, **fitted(240, options))
    rng = np.random.default_rng(1)
    for name, values in case.parameters.items():
        values[...] = 0.0  # so that no unit depends on another
        if name == "output.V":
            values[...] = 2.0**-10, -(2.0**-10)
        elif name.startswith("layer0.b"):  # hn, and g without activation, are factors of gradients
            linear = ("lstm-niaf", "b_g"), ("mingru", "b_n"), ("minlstm", "b_g")
            size = 1.0 if name.endswith("hn") or (cell, name.removeprefix("layer0.")) in linear else 10.0
            values[...] = rng.uniform(-size, size, values.shape).astype(np.float32)
        case.network.weights.named[name][...] = values
    case.run()
    likelier, other = case.window.logits[0, 0, :2].astype(np.float64)  # the gradient of the logits
    d_h = (likelier - other) * 2.0**-10
    for name, values in case.parameters.items():
        if name.startswith("layer0.b"):
            moved = case.parameters | {name: values + 1e-30j}
            _, (final,), _ = naive.forward(cell, moved, case.window.ids, case.state, **case.options)
            slopes = final["h"][0].imag / 1e-30
            np.testing.assert_allclose(case.gradients[name] / d_h, slopes, rtol=1e-6, atol=1.1 * 2.0**-23, err_msg=name)


def _spread(rows, count):
    """Return pairs of a row and a size of RAGGED: every one with those of PLAIN, and some with each other row."""
    pairs = [((cell, {}), sizes) for cell in PLAIN for sizes in RAGGED]
    others = [row for row in rows if row[1] or row[0] not in PLAIN]
    for k, row in enumerate(others):
        pairs += [(row, RAGGED[(3 * k + j) % len(RAGGED)]) for j in range(count)]
    return pairs


def _name(value):
    return (
        " ".join([value[0], *map(str, value[1].values())]) if isinstance(value[0], str) else "-".join(map(str, value))
    )


@pytest.mark.parametrize(("row", "sizes"), _spread(ROWS, 1), ids=_name)
def test_ragged_sizes_equal_the_naive_twin(row, sizes):
    """Logits, losses, last states and every gradient are the twin's where layers are computed in several stretches."""
    (cell, options), (hidden, vocabulary, batch, layers, dropout) = row, sizes
    steps = STEPS[batch]
    assert ROWS_AT_ONCE < batch * steps < 2 * ROWS_AT_ONCE
    options = fitted(hidden, options)
    case = Case(cell, vocabulary, hidden, layers, batch, steps, dropout=dropout, capacity=steps + 1, **options).run()
    window = case.window
    ids, targets = window.ids[:steps], window.targets[:steps]
    logits, final, _ = naive.forward(cell, case.parameters, ids, case.state, case.masks, **case.options)
    losses = -np.take_along_axis(naive.log_softmax(logits), np.maximum(targets, 0)[..., np.newaxis], 2)[..., 0]
    losses[targets < 0] = 0.0
    assert_close(window.losses[:steps], losses, "losses")
    if not dropout:
        assert_close(case.logits, logits, "logits")
        assert case.read_losses.tobytes() == window.losses[:steps].tobytes()
    else:
        assert set(np.unique(window.masks[:, :steps])) <= {np.float32(0.0), np.float32(1.0 / (1.0 - dropout))}
    assert_gradients(case)
    unread = np.setdiff1d(np.arange(vocabulary), ids)
    assert not case.network.gradient.blocks.first_U[0][unread].any()
    assert_last_states(case, final)


@pytest.mark.parametrize(("cell", "options"), ROWS, ids=NAMES)
@pytest.mark.parametrize("batch", [5, 25])
def test_any_number_of_threads_gives_the_same_bits(cell, options, batch):
    """Gradients, losses and states do not depend on how rows and columns are shared out."""
    options = fitted(60, options)
    runs = [Case(cell, 70, 60, 2, batch, 6, threads=threads, dropout=0.3, **options).run() for threads in (1, 2, 3, 7)]
    for other in runs[1:]:
        assert_same_bits(runs[0], other)


@pytest.mark.parametrize("cell", PLAIN)
@pytest.mark.parametrize(("hidden", "vocabulary", "batch", "layers", "dropout"), RAGGED)
def test_threads_do_not_change_a_bit_at_ragged_sizes(cell, hidden, vocabulary, batch, layers, dropout):
    """One, two and three threads, whose stretches of steps differ in length, leave the same in every buffer."""
    sizes = (cell, vocabulary, hidden, layers, batch, STEPS[batch])
    runs = [Case(*sizes, threads=threads, dropout=dropout).run() for threads in (1, 2, 3)]
    for other in runs[1:]:
        assert_same_bits(runs[0], other)


def _corpus(vocabulary, characters):
    """Make a text of random characters."""
    symbols = "".join(chr(0x4E00 + k) for k in range(vocabulary))
    text = "".join(symbols[k] for k in np.random.default_rng(vocabulary).integers(0, vocabulary, characters))
    vocabulary = Vocabulary.of(symbols)
    return Corpus(vocabulary.encode(text), vocabulary, ("a text",), "0" * 64)


@pytest.mark.parametrize("cell", PLAIN)
@pytest.mark.parametrize(
    ("hidden", "vocabulary", "batch", "length", "layers", "dropout", "optimizer"),
    [
        (1, 2, 17, 5, 1, 0.0, "adam"),
        (33, 65, 5, 7, 2, 0.3, "adam"),
        (7, 300, 3, 23, 2, 0.0, "rmsprop"),
        (100, 65, 1, 67, 1, 0.3, "sgd"),
        (50, 5000, 17, 5, 1, 0.2, "adagrad"),
    ],
)
def test_training_steps_give_the_same_bits_for_any_number_of_threads(
    cell, hidden, vocabulary, batch, length, layers, dropout, optimizer
):
    """Weights, moments, states and losses are the same, over epochs' ends and however steps are grouped."""
    pace = Pace(fresh_share=0.2)  # so that some streams begin anew
    settings = Settings(cell=cell, hidden=hidden, layers=layers, dropout=dropout, epochs=3.0, val_fraction=0.0, seed=11)
    settings = replace(settings, seq_length=length, batch_size=batch, optimizer=optimizer, clip_value=0.05)
    characters = 2 * batch * length + batch + batch // 2 + 1  # windows of full length, then two steps, or one for some
    text = _corpus(vocabulary, characters)
    runs = []
    for threads, groups in ((1, [2, 1, 3, 1]), (2, [2, 1, 3, 1]), (3, [2, 1, 3, 1]), (2, [1] * 7)):
        with Team(threads) as team:
            trainer = Trainer(TextData(settings, text, pace), team)
            assert (trainer.settings.batch_size, trainer.settings.seq_length) == (batch, length)
            assert trainer.steps.per_epoch == 3
            told = [trainer.advance(steps) for steps in groups]
        arrays = [trainer.network.weights, trainer.network.gradient, *trainer.learner.optimizer.moments]
        bits = [array.flat.tobytes() for array in arrays] + [trainer.learner.window.carried().tobytes()]
        runs.append((bits, told[-1].loss, told[-1].grad_norm))
        assert all(np.isfinite(array.flat).all() for array in arrays)
        assert told[-1].loss > 0.0
    assert runs[0] == runs[1] == runs[2] == runs[3]


@pytest.mark.parametrize(("cell", "options"), STEPPED, ids=[" ".join(map(str, row)) for row in STEPPED])
def test_training_steps_are_the_twins(cell, options):
    """Two epochs of steps lead to the twin's losses, weights and states; some streams end one step before others."""
    if cell == "lstm-projection":
        options = {"projection": 2}
    twins = {name: value for name, value in options.items() if name != "projection"}
    settings = Settings(
        cell=cell, hidden=3, layers=1, dropout=0.0, seq_length=3, batch_size=3, epochs=2.0, **settings_of(options)
    )
    settings = replace(settings, optimizer="sgd", lr=0.2, schedule="constant", warmup=0.0, clip=0.0, val_fraction=0.0)
    with Team(2) as team:
        text = _corpus(4, 3 * 7 + 2 + 1)  # windows of 3, 3 and 2 steps, or 1 for a stream
        trainer = Trainer(TextData(settings, text, Pace(fresh_share=0.0)), team)
        names, width = trainer.architecture.row.states, trainer.architecture.width
        twin = {name: values.astype(np.float64) for name, values in trainer.network.weights.named.items()}
        memory = {name: {} for name in twin}
        state = {name: np.zeros((3, width(name))) for name in names}
        ids, targets = np.zeros((3, 3), np.int32), np.zeros((3, 3), np.int32)
        for step in range(6):
            if step == 3:  # each stream goes on where the one before it ended
                state = {name: np.concatenate([0.0 * values[:1], values[:-1]]) for name, values in state.items()}
            if not trainer.architecture.carries:
                state = {name: 0.0 * values for name, values in state.items()}
            steps = trainer.data.streams.window(step % 3, ids, targets)
            arguments = ids[:steps], targets[:steps], [state]
            assert trainer.advance(1).loss == pytest.approx(naive.loss(cell, twin, *arguments, **twins), rel=1e-5)
            gradients = naive.loss_gradients(cell, twin, *arguments, **twins)
            _, (long,), _ = naive.forward(cell, twin, ids[:steps], [state], **twins)
            _, (short,), _ = naive.forward(cell, twin, ids[: steps - 1], [state], **twins)
            ended = (targets[steps - 1] < 0)[:, np.newaxis]
            assert ended.any() == (step % 3 == 2)
            state = {name: np.where(ended, short[name], long[name]) for name in names}
            for name, values in twin.items():
                twin[name], memory[name] = naive.sgd(values, gradients[name], memory[name], lr=0.2, momentum=0.9)
        for k, name in enumerate(names):
            assert_close(trainer.learner.window.carried()[0, k, :, : width(name)], state[name], name)
        for name, values in trainer.network.weights.named.items():
            assert_close(values, twin[name], name)


@pytest.mark.parametrize(("cell", "options"), ROWS, ids=NAMES)
def test_one_window_equals_two_with_the_state_carried(cell, options):
    """A text read in one window or in two gives the same losses to the bit."""
    whole, parts = (Case(cell, 9, 21, 2, 4, 8, capacity=8, **options) for _ in range(2))
    whole.network.forward(whole.window, 0, 4, 8)
    whole.network.losses(whole.window, 0, 4, 8)
    ids, targets = parts.window.ids.copy(), parts.window.targets.copy()
    losses = []
    for begin, end in ((0, 5), (5, 8)):
        steps = end - begin
        parts.window.ids[:steps], parts.window.targets[:steps] = ids[begin:end], targets[begin:end]
        parts.network.forward(parts.window, 0, 4, steps)
        parts.network.losses(parts.window, 0, 4, steps)
        losses.append(parts.window.losses[:steps].copy())
        parts.window.carry(0, 4, steps)
    assert np.concatenate(losses).tobytes() == whole.window.losses.tobytes()


@pytest.mark.parametrize(("cell", "options"), ROWS, ids=NAMES)
def test_padding_stays_zero(cell, options):
    """Nothing flows into the padding of the blocks, so that the flat vector's norm is the parameters' norm."""
    case = Case(cell, 21, 21, 2, 3, 5, first_state="learned", **options).run()
    gradient = case.network.gradient
    named = sum(float((view.astype(np.float64) ** 2).sum()) for view in gradient.named.values())
    assert float((gradient.flat.astype(np.float64) ** 2).sum()) == pytest.approx(named, rel=1e-12)


def test_dropout_keeps_its_share_and_changes_with_the_key():
    """A mask keeps about the given share, scaled to keep the mean, and another step's key draws another mask."""
    case = Case("rnn", 5, 64, 1, 16, 32, dropout=0.25).run()
    mask = case.window.masks[0]
    assert set(np.unique(mask)) == {np.float32(0), np.float32(1 / 0.75)}
    assert (mask > 0).mean() == pytest.approx(0.75, abs=0.01)
    before = mask.copy()
    case.network.forward_backward(case.window, 0, 16, 32, 1.0, (99,))
    assert (case.window.masks[0] != before).mean() > 0.3


def test_concatenated_parameters_come_back():
    """The unpadded flat form of the parameters holds them all."""
    case = Case("gru", 11, 13, 2, 1, 1)
    weights = case.network.weights
    flat = weights.concatenated()
    assert flat.size == case.architecture.parameter_count()
    before = weights.flat.copy()
    weights.flat[:] = 0
    weights.assign_concatenated(flat)
    assert weights.flat.tobytes() == before.tobytes()
