"""Encoders and decoders beside their naive twins: what is handed over, attention, and what they reduce to."""

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.table import CELLS
from charrnn.errors import CharrnnError
from charrnn.model.network import Network
from charrnn.model.window import Window
from tests.helpers.networks import assert_close, assert_gradients
from tests.helpers.pairs import PairCase

FORMS = {
    "one direction": {},
    "deep": {"layers": 2},
    "both": {"bidirectional": True},
    "deep, apart": {"layers": 2, "bidirectional": True},
    "deep, joined": {"layers": 3, "bidirectional": True, "joined": True},
    "learned state": {"bidirectional": True, "first_state": "learned"},
    "embedding": {"bidirectional": True, "embedding": 4},
}


def hold_to_twin(case, threads=1):
    """Hold outputs, losses and gradients to the twin's."""
    if not case.keys.size:
        for ours, twin in zip(case.predict(), case.twin_outputs(), strict=True):
            assert_close(ours, twin, "outputs")
    case.gradients, case.state = case.learn(threads), []
    assert set(case.gradients) == set(case.parameters)
    assert_close(case.window.losses.sum(dtype=np.float64) * case.scale, case.twin_loss(), "loss")
    assert_gradients(case)


@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_gradients_of_pairs_are_those_of_the_twin(form, attention):
    """In every form, with and without attention, of sources and targets of unequal length, one of them empty."""
    hold_to_twin(PairCase((4, 1, 3, 2), (2, 5, 0, 3), attention=attention, **FORMS[form]))


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_reads_pairs(cell):
    """Gradients of every cell, deep, in both joined directions, with attention and learned initial states."""
    options = {"layers": 2, "bidirectional": True, "joined": True, "first_state": "learned", "attention": True}
    if cell == "lstm-projection":
        options["projection"] = 6
    if cell == "clockwork":
        options["periods"] = (1, 2, 5)
    hold_to_twin(PairCase(cell=cell, **options))


@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_dropout_of_pairs(form, attention):
    """With dropout, gradients are those of the twin with the same masks, of both networks."""
    hold_to_twin(PairCase(dropout=0.4, attention=attention, **FORMS[form]))


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_change_the_bits(threads):
    """The gradient has the same bits with any number of threads."""
    sizes = {"hidden": 40, "layers": 2, "bidirectional": True, "joined": True, "embedding": 20, "attention": True}
    one, more = (PairCase((9, 2, 7, 5, 1), (3, 8, 0, 2, 6), **sizes) for _ in range(2))
    for name, gradient in one.learn(1).items():
        assert gradient.tobytes() == more.learn(threads)[name].tobytes(), name


def test_a_pair_predicts_the_same_alone():
    """Padding of the source and of the target changes no bit."""
    sizes = {"layers": 2, "bidirectional": True, "joined": True, "attention": True}
    together = PairCase((5, 1, 3), (2, 6, 0), **sizes)
    found = together.predict()
    for k, (n, s) in enumerate(zip(together.lengths, together.sources, strict=True)):
        alone = PairCase((n,), (s,), **sizes)
        alone.network, alone.inputs, alone.read = together.network, [together.inputs[k]], [together.read[k]]
        np.testing.assert_array_equal(alone.predict()[0], found[k])


@pytest.mark.parametrize("cell", CELLS)
def test_a_pair_with_an_empty_source_is_a_generator(cell):
    """Without a source, the decoder predicts what a network of its own weights predicts of a text."""
    options = {"projection": 6} if cell == "lstm-projection" else {"periods": (1, 2)} if cell == "clockwork" else {}
    case = PairCase((5, 2), (0, 0), cell=cell, layers=2, **options)
    plain = Architecture(cell, 7, 12, 2, **options)
    network = Network(plain, {name: case.network.weights.named[name] for name in plain.parameter_shapes()})
    for text, outputs in zip(case.inputs, case.predict(), strict=True):
        window = Window(plain, 1, len(text))
        window.ids[:, 0] = text
        network.forward(window, 0, 1, len(text))
        np.testing.assert_array_equal(window.logits[:, 0, :7], outputs)


def test_attention_to_one_state_is_that_state():
    """Of a source of one symbol, the context at each step is the encoder's only output, bit for bit."""
    case = PairCase((4, 2), (1, 1), bidirectional=True, attention=True)
    case.predict()
    attention = case.window.attention
    for b, n in enumerate(case.lengths):
        np.testing.assert_array_equal(attention.weights[:n, b, 0], 1.0)
        for t in range(n):
            np.testing.assert_array_equal(attention.context[t + 1, b], attention.memory[0, b])


def test_attention_without_a_context_is_a_layer_on_the_decoder():
    """With W_context = 0, what an encoder has put out makes no difference, only what it hands over."""
    case = PairCase((4, 2), (3, 5), attention=True)
    case.network.weights.named["attention.W_context"][...] = 0.0
    case.network.pack()
    found = case.predict()
    window = case.window
    h = window.states[0, -1, 1 : 4 + 1, 0, :12]
    named = case.network.weights.named
    expected = np.tanh(h @ named["attention.W_state"]) @ named["output.V"] + named["output.c"]
    np.testing.assert_allclose(found[0], expected, rtol=1e-5, atol=1e-6)


def test_a_decoder_that_reads_on_predicts_as_at_once():
    """Reading a source, then the target symbol by symbol, gives the bits of reading both at once."""
    case = PairCase((4, 4), (3, 5), layers=2, bidirectional=True, attention=True, cell="lstm")
    whole = np.array(case.predict())
    batch = case.batch()
    case.network.read_sources(case.window, batch, 0, 2)
    for t in range(4):
        case.network.read_on(case.window, batch._replace(ids=batch.ids[t : t + 1], length=1), 0, 2)
        np.testing.assert_array_equal(case.window.logits[0, :, :7], whole[:, t])


def test_an_odd_size_cannot_be_halved():
    """In both directions, an encoder has half of the units in each."""
    with pytest.raises(CharrnnError, match="even"):
        Architecture("lstm", 5, 7, task="translate", targets=3, bidirectional=True)
    with pytest.raises(CharrnnError, match="even"):
        Architecture("lstm-projection", 5, 8, task="translate", targets=3, bidirectional=True, projection=3)
