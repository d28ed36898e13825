"""The table of cells: its rows' parameters, how they begin, what they have in common, and what a new row takes."""

import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import heard, initialize
from charrnn.cells.table import CELLS, lstm_row
from charrnn.errors import CharrnnError
from charrnn.model.model_file import load, save
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.model.window import Window
from charrnn.text.streams import Streams
from charrnn.training.settings import Settings, periods_of
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests import naive
from tests.helpers.commands import misused
from tests.helpers.networks import Case, assert_close
from tests.helpers.runs import resumed_run
from tests.helpers.texts import corpus_of, rhyme
from tests.rows import NAMES, ROWS, fitted

# Names and shapes in the first layer: V = 5, H = 6, R = 4. A model file holds them so; to change them is to break it.
GOLDEN = {
    "rnn": "U 5×6, W 6×6, b 6",
    "irnn": "U 5×6, W 6×6, b 6",
    "clockwork": "U 5×6, W 6×6, b 6",
    "lstm": "U_i U_f U_o U_g 5×6, W_i W_f W_o W_g 6×6, b_i b_f b_o b_g 6",
    "lstm-peephole": "U_i U_f U_o U_g 5×6, W_i W_f W_o W_g 6×6, b_i b_f b_o b_g 6, p_i p_f p_o 6",
    "lstm-peephole-full": "U_i U_f U_o U_g 5×6, W_i W_f W_o W_g 6×6, C_i 6×6, C_f 6×6, C_o 6×6, b_i b_f b_o b_g 6",
    "lstm-coupled": "U_f U_o U_g 5×6, W_f W_o W_g 6×6, b_f b_o b_g 6",
    "lstm-coupled-peephole": "U_f U_o U_g 5×6, W_f W_o W_g 6×6, b_f b_o b_g 6, p_f p_o 6",
    "lstm-nig": "U_f U_o U_g 5×6, W_f W_o W_g 6×6, b_f b_o b_g 6, p_f p_o 6",
    "lstm-nfg": "U_i U_o U_g 5×6, W_i W_o W_g 6×6, b_i b_o b_g 6, p_i p_o 6",
    "lstm-nog": "U_i U_f U_g 5×6, W_i W_f W_g 6×6, b_i b_f b_g 6, p_i p_f 6",
    "lstm-niaf": "U_i U_f U_o U_g 5×6, W_i W_f W_o W_g 6×6, b_i b_f b_o b_g 6, p_i p_f p_o 6",
    "lstm-noaf": "U_i U_f U_o U_g 5×6, W_i W_f W_o W_g 6×6, b_i b_f b_o b_g 6, p_i p_f p_o 6",
    "lstm-fgr": (
        "U_i U_f U_o U_g 5×6, W_i W_f W_o W_g 6×6, R_ii R_if R_io R_fi R_ff R_fo R_oi R_of R_oo 6×6, "
        "b_i b_f b_o b_g 6, p_i p_f p_o 6"
    ),
    "lstm-projection": "U_i U_f U_o U_g 5×6, W_i W_f W_o W_g 4×6, P 6×4, b_i b_f b_o b_g 6",
    "gru": "U_n U_r U_z 5×6, W_r W_z W_n 6×6, b_n b_r b_z b_hn 6",
    "gru-reset-before": "U_n U_r U_z 5×6, W_r W_z 6×6, W_n 6×6, b_n b_r b_z 6",
    "mingru": "U_n U_z 5×6, b_n b_z 6",
    "minlstm": "U_i U_f U_g 5×6, b_i b_f b_g 6",
}
STATES = {
    "rnn": "h",
    "irnn": "h",
    "clockwork": "h clock",
    "lstm-fgr": "h c i f o",
    "lstm-projection": "r c",
    "gru": "h",
    "gru-reset-before": "h",
    "mingru": "h",
    "minlstm": "h",
}
OPTIONS = {"clockwork": {"periods": (1, 2, 5)}, "lstm-projection": {"projection": 4}}


def unfolded(row):
    """Return names and shapes from a line of GOLDEN."""
    shapes = {}
    for group_ in row.split(", "):
        *names, shape = group_.split(" ")
        shapes |= {name: tuple(map(int, shape.split("×"))) for name in names}
    return shapes


def test_every_row_has_its_golden_names_and_shapes():
    """Parameters and states of each row, in the first layer and the second, are what model files hold."""
    assert set(GOLDEN) == set(CELLS)
    for cell, row in GOLDEN.items():
        architecture = Architecture(cell, 5, 6, 2, **OPTIONS.get(cell, {}))
        expected = {f"layer0.{name}": shape for name, shape in unfolded(row).items()}
        inner = 4 if cell == "lstm-projection" else 6
        for name, shape in unfolded(row).items():
            expected[f"layer1.{name}"] = (inner, 6) if name.startswith("U") else shape
        expected |= {"output.V": (inner, 5), "output.c": (5,)}
        shapes = architecture.parameter_shapes()
        assert shapes == expected, cell
        assert list(shapes) == list(expected), cell
        assert " ".join(architecture.row.states) == STATES.get(cell, "h c"), cell


def test_names_and_shapes_of_options():
    """A learned first state has a vector for each state; from both sides, all is there twice, and a gap is read."""
    learned = Architecture("lstm-projection", 5, 6, projection=4, first_state="learned").parameter_shapes()
    assert {name: shape for name, shape in learned.items() if (name.endswith("0") and "." in name[7:]) or "0." in name}
    assert (learned["layer0.r0"], learned["layer0.c0"]) == ((4,), (6,))
    assert "layer0.clock0" not in Architecture("clockwork", 5, 8, first_state="learned").parameter_shapes()
    plain = Architecture("gru", 5, 6, 2).parameter_shapes()
    both = Architecture("gru", 5, 6, 2, bidirectional=True).parameter_shapes()
    assert {name: both[name] for name in plain} == plain
    for name, shape in plain.items():
        if name.startswith("layer"):
            assert both[f"reverse.{name}"] == ((6, 6) if name.startswith("layer0.U") else shape)
    assert both["output.V_reverse"] == (6, 5)
    assert len(both) == 2 * len(plain) - 1


def test_the_command_line_lists_the_options_of_the_table():
    """``train`` has an option for whatever a cell may have."""
    assert {option for cell in CELLS.values() for option in cell.options} == {"activation", "projection", "periods"}


# ---- What cannot be ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "hidden", "options", "sentence"),
    [
        ("clockwork", 10, {}, "must be a multiple of the number of periods: 10 units cannot be divided into 4 equal"),
        ("clockwork", 8, {"periods": (1, 4, 2, 8)}, "each larger than the one before, not '1,4,2,8'"),
        ("clockwork", 8, {"periods": (1, 1)}, "each larger than the one before"),
        ("clockwork", 8, {"periods": (0, 1)}, "whole numbers from 1"),
        ("clockwork", 8, {"periods": ()}, "whole numbers from 1"),
        ("clockwork", 8, {"periods": (1, 2**20 + 1)}, "to 1,048,576"),
        ("lstm-projection", 8, {"projection": 9}, "the projection must be from 1 to the hidden size, 8, not 9"),
        ("lstm-projection", 8, {"projection": 0}, "from 1 to the hidden size"),
        ("lstm", 8, {"projection": 4}, "the cell lstm has no projection; use lstm-projection"),
        ("gru", 8, {"periods": (1, 2)}, "the cell gru has no periods; use clockwork"),
        ("irnn", 8, {"activation": "tanh"}, "the cell irnn has no activation; use rnn, clockwork"),
        ("rnn", 8, {"activation": "softplus"}, "unknown activation 'softplus'; choose from tanh, relu, sigmoid"),
        ("elman", 8, {}, "unknown cell 'elman'; choose from rnn"),
    ],
)
def test_what_makes_no_network_is_refused(cell, hidden, options, sentence):
    """Sizes and options that do not fit, or do not belong to the cell, are errors that say so."""
    with pytest.raises(CharrnnError, match=sentence.replace("(", r"\(")):
        Architecture(cell, 5, hidden, **options)


def test_a_row_that_contradicts_itself_is_refused():
    """Gates cannot be coupled and absent, and there is one kind of extra matrices, and of peepholes."""
    contradictions = ("cifg", "nfg"), ("cifg", "nig"), ("fgr", "projection"), ("peepholes", "full peepholes")
    for flags in contradictions:
        with pytest.raises(ValueError, match=r"coupled gates need both|only one kind|vectors or matrices"):
            lstm_row("contradiction", "", "", *flags)


def test_periods_are_read():
    """What --periods gives are whole numbers with commas; anything else is refused."""
    assert periods_of("1,2, 8") == (1, 2, 8)
    for wrong in ("", "1,,2", "1;2", "a", "1.5"):
        with pytest.raises(CharrnnError, match="such as 1,2,4,8"):
            periods_of(wrong)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--cell", "gru", "--periods", "1,2"), "--periods is an option of clockwork, not of gru"),
        (("--activation", "relu"), "--activation is an option of rnn, clockwork, not of lstm"),
        (("--cell", "irnn", "--projection", "4"), "--projection is an option of lstm-projection, not of irnn"),
        (("--bidirectional", "--documents", "lines"), "a bidirectional network reads a text as one"),
        (("--cell", "lstm-nothing"), "is not one of"),
    ],
)
def test_options_of_other_cells_are_wrong_usage(tmp_path, run, arguments, sentence):
    """An option that does not belong to the cell is refused before anything is read or written."""
    text = tmp_path / "text.txt"
    text.write_text("no matter")
    misused(run("train", text, *arguments, "-o", tmp_path / "model.npz"), sentence)
    assert list(tmp_path.iterdir()) == [text]


# ---- How parameters begin ---------------------------------------------------------------------------------


def test_first_values():
    """An IRNN begins with the identity, a clockwork network without what it cannot hear, R and P orthogonal."""
    assert np.array_equal(initialize(Architecture("irnn", 5, 6), 0)["layer0.W"], np.eye(6))
    clockwork = Architecture("clockwork", 5, 6, periods=(1, 3))
    W = initialize(clockwork, 0)["layer0.W"]
    assert np.array_equal(W != 0.0, np.kron([[1, 0], [1, 1]], np.ones((3, 3))).astype(bool))
    projected = initialize(Architecture("lstm-projection", 5, 6, projection=4), 0)
    np.testing.assert_allclose(projected["layer0.P"].T @ projected["layer0.P"], np.eye(4), atol=1e-6)
    np.testing.assert_allclose(projected["layer0.W_i"] @ projected["layer0.W_i"].T, np.eye(4), atol=1e-6)
    gates = initialize(Architecture("lstm-fgr", 5, 6, first_state="learned"), 0)
    np.testing.assert_allclose(gates["layer0.R_of"] @ gates["layer0.R_of"].T, np.eye(6), atol=1e-6)
    assert not any(gates[f"layer0.{name}"].any() for name in ("p_i", "p_f", "p_o", "h0", "c0", "i0", "b_i"))
    full = initialize(Architecture("lstm-peephole-full", 5, 6), 0)
    assert not any(full[f"layer0.{name}"].any() for name in ("C_i", "C_f", "C_o"))
    assert (gates["layer0.b_f"] == 1.0).all()
    assert not initialize(Architecture("lstm-nfg", 5, 6), 0)["layer0.b_o"].any()


@pytest.mark.parametrize(("cell", "options"), ROWS, ids=NAMES)
def test_random_first_states(cell, options):
    """Each number is from −1 to 1; the weights are those of a network that begins from zeros; seeds differ."""
    plain = Architecture(cell, 7, 60, 2, bidirectional=True, **fitted(60, options))
    architecture = replace(plain, first_state="random")
    values, weights, others = initialize(architecture, 3), initialize(plain, 3), initialize(architecture, 4)
    assert all(values[name].tobytes() == weights[name].tobytes() for name in weights)
    states = {name: values[name] for name in values if name not in weights}
    assert len(states) == 4 * len(architecture.row.learnable_states)
    for name, state in states.items():
        assert -1.0 <= state.min() < -0.5 < 0.5 < state.max() <= 1.0, name
        assert not np.array_equal(state, others[name])
    assert len({state.tobytes() for state in states.values()}) == len(states)
    assert architecture.parameter_count() == plain.parameter_count()
    assert architecture.stored_count() == plain.stored_count() + sum(state.size for state in states.values())
    assert architecture.description == f"{plain.description}, random initial state"


# ---- Reductions: a variant collapses to its parent --------------------------------------------------------


def logits(architecture, parameters, state):
    """Read a text from a state; return the logits."""
    network = Network(architecture, parameters)
    window = Window(architecture, 3, 9)
    window.ids[:] = np.random.default_rng(1).integers(0, architecture.vocabulary, window.ids.shape)
    window.assign_carried(state)
    network.forward(window, 0, 3, 9)
    return window.logits[:, :, : architecture.vocabulary].copy()


def reduced(cell, parent, change, *, options=None, parents=None, states=None):
    """Return the logits of a cell and of its parent, from the same weights as far as both have them, and one state.

    `change` gets the cell's parameters and the parent's, and makes them fit; `states` picks the parent's states.
    """
    variant, plain = Architecture(cell, 7, 6, 2, **(options or {})), Architecture(parent, 7, 6, 2, **(parents or {}))
    ours, theirs = initialize(variant, 3), initialize(plain, 3)
    rng = np.random.default_rng(2)
    for name, values in theirs.items():
        if values.ndim == 1:
            values += rng.standard_normal(values.shape).astype(np.float32)
        if name in ours and ours[name].shape == values.shape:
            ours[name] = values.copy()
    change(ours, theirs)
    state = (0.5 * rng.standard_normal((2, len(variant.row.states), 3, 6))).astype(np.float32)
    if "clock" in variant.row.states:
        state[:, 1] = 0.0
    return logits(variant, ours, state), logits(plain, theirs, state[:, : len(plain.row.states)])


def each_layer(function):
    """Do something to the parameters of each layer."""

    def change(ours, theirs):
        for layer in ("layer0.", "layer1."):
            function(ours, theirs, layer)

    return change


def zero(*letters):
    """Set parameters to zero whose names begin so."""

    def change(ours, theirs, layer):
        for name in ours:
            if name.startswith(tuple(layer + letter for letter in letters)):
                ours[name][:] = 0.0

    return each_layer(change)


def open_gate(gate, *, also=()):
    """Hold a gate of the parent open: its weights and peephole are zero, its bias is large."""

    def change(ours, theirs, layer):
        for letter in ("U", "W", "p"):
            if f"{layer}{letter}_{gate}" in theirs:
                theirs[f"{layer}{letter}_{gate}"][:] = 0.0
        theirs[f"{layer}b_{gate}"][:] = 40.0

    return each_layer(change)


def couple(ours, theirs, layer):
    """Make the parent's input gate 1 − f: σ(−a) = 1 − σ(a)."""
    for letter in ("U", "W", "b", "p"):
        if f"{layer}{letter}_f" in theirs:
            theirs[f"{layer}{letter}_i"] = -theirs[f"{layer}{letter}_f"]


def see_themselves(ours, theirs, layer):
    """Let each unit's gates see its own cell only."""
    for gate in ("i", "f", "o"):
        ours[f"{layer}C_{gate}"] = np.diag(theirs[f"{layer}p_{gate}"])


def project_by_identity(ours, theirs, layer):
    """Make the projection one that changes nothing."""
    ours[f"{layer}P"] = np.eye(6, dtype=np.float32)


def reset_nothing(ours, theirs, layer):
    """Hold the reset gate open on both sides, where the parent's second bias is zero."""
    theirs[f"{layer}b_hn"][:] = 0.0
    for side in (ours, theirs):
        side[f"{layer}U_r"][:] = side[f"{layer}W_r"][:] = 0.0
        side[f"{layer}b_r"][:] = 40.0


def open_both_ways(ours, theirs, layer):
    """Make the input gate 1 − f, so that both gates have a sum of 1, as those of the parent."""
    for letter in "Ub":
        ours[f"{layer}{letter}_i"] = -ours[f"{layer}{letter}_f"]
        theirs[f"{layer}{letter}_z"] = ours[f"{layer}{letter}_f"]
        theirs[f"{layer}{letter}_n"] = ours[f"{layer}{letter}_g"]


def hear_nothing(ours, theirs, layer):
    """Leave the parent no product with the state, and values so small that tanh hardly bends them."""
    for name in theirs:
        if name.startswith((f"{layer}W", f"{layer}b_hn")):
            theirs[name][:] = 0.0
    for side in (ours, theirs):
        for name in ("U_n", "b_n"):
            side[layer + name] = np.float32(0.01) * side[layer + name]


def same(ours, theirs):
    """Change nothing."""


@pytest.mark.parametrize(
    ("cell", "parent", "change", "options", "exact"),
    [
        ("lstm-peephole", "lstm", zero("p_"), {}, True),
        ("lstm-fgr", "lstm-peephole", zero("R_"), {}, True),
        ("lstm-projection", "lstm", each_layer(project_by_identity), {"projection": 6}, True),
        ("lstm-peephole-full", "lstm-peephole", each_layer(see_themselves), {}, False),
        ("lstm-peephole-full", "lstm", zero("C_"), {}, True),
        ("lstm-coupled", "lstm", each_layer(couple), {}, False),
        ("lstm-coupled-peephole", "lstm-coupled", zero("p_"), {}, True),
        ("lstm-coupled-peephole", "lstm-peephole", each_layer(couple), {}, False),
        ("lstm-nig", "lstm-peephole", open_gate("i"), {}, False),
        ("lstm-nfg", "lstm-peephole", open_gate("f"), {}, False),
        ("lstm-nog", "lstm-peephole", open_gate("o"), {}, False),
        ("clockwork", "rnn", same, {"periods": (1,)}, True),
        ("gru-reset-before", "gru", each_layer(reset_nothing), {}, False),
        ("irnn", "rnn", same, {}, True),
        ("minlstm", "mingru", each_layer(open_both_ways), {}, False),
        ("mingru", "gru", each_layer(hear_nothing), {}, False),
    ],
)
def test_a_variant_collapses_to_its_parent(cell, parent, change, options, exact):
    """With what it adds undone, a variant is its parent: to the bit where the arithmetic is the same."""
    parents = {"activation": "relu"} if cell == "irnn" else {}
    ours, theirs = reduced(cell, parent, change, options=options, parents=parents)
    if exact:
        assert ours.tobytes() == theirs.tobytes()
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["gru", "gru-reset-before", "mingru"])
def test_z_and_1_minus_z_are_the_same_network(monkeypatch, cell):
    """Written the other way round, with z for what is new, it is the same network with the weights of z negated."""
    step = naive.STEPS[cell]

    def other_way_round(p, x, state):
        h = state["h"]
        z = naive.logistic(naive.times_input(x, p["U_z"]) + (h @ p["W_z"] if "W_z" in p else 0.0) + p["b_z"])
        new = step(p | {"b_z": p["b_z"] - 1e4}, x, state)["h"]  # that of a network which keeps nothing
        return {"h": (1 - z) * h + z * new}

    case = Case(cell, 5, 6, 2, 3, 7).run()
    monkeypatch.setitem(naive.STEPS, cell, other_way_round)
    negated = {name: -a if name.endswith("_z") else a for name, a in case.parameters.items()}
    assert_close(case.logits, naive.forward(cell, negated, case.window.ids, case.state)[0], "logits")
    same = naive.forward(cell, case.parameters, case.window.ids, case.state)[0]
    assert np.abs(case.logits - same).max() > 0.01


@pytest.mark.parametrize(("cell", "options"), ROWS, ids=NAMES)
def test_a_learned_first_state_of_zeros_is_none(cell, options):
    """A network whose first state is learnt, and is still zero, is the one that begins from zeros."""
    architecture = Architecture(cell, 7, 9, 2, **fitted(9, options))
    learned = replace(architecture, first_state="learned")
    parameters = initialize(architecture, 3)
    firsts = {name: np.zeros(shape, np.float32) for name, shape in learned.parameter_shapes().items()}
    state = np.zeros((2, len(architecture.row.states), 3, 9), np.float32)
    assert logits(learned, firsts | parameters, state).tobytes() == logits(architecture, parameters, state).tobytes()


@pytest.mark.parametrize(("cell", "options"), ROWS, ids=NAMES)
def test_a_random_first_state_is_read_as_a_learned_one(cell, options):
    """A network that begins from some numbers computes the same, however they came about."""
    random = Architecture(cell, 7, 9, 2, first_state="random", **fitted(9, options))
    learned, parameters = replace(random, first_state="learned"), initialize(random, 3)
    found = []
    for architecture in (random, learned):
        network, window = Network(architecture, parameters), Window(architecture, 3, 9)
        window.ids[:] = np.random.default_rng(1).integers(0, 7, window.ids.shape)
        network.begin(window, 0, 3)
        assert window.carried()[:, 0].any()
        network.forward(window, 0, 3, 9)
        found.append(window.logits.tobytes())
    assert found[0] == found[1]
    with pytest.raises(CharrnnError, match="unknown first state 'one'; choose from zero, learned, random"):
        replace(random, first_state="one")


# ---- A learned first state --------------------------------------------------------------------------------


@pytest.mark.parametrize(("cell", "options"), ROWS, ids=NAMES)
def test_first_states_are_learnt_wherever_a_text_begins(cell, options):
    """Their gradient is the twin's: from streams that begin anew, and from documents that begin within a window."""
    case = Case(cell, 4, 3, 2, 3, 6, first_state="learned", **fitted(3, options))
    architecture, network, window = case.architecture, case.network, case.window
    rng = np.random.default_rng(4)
    for name, view in network.weights.named.items():
        if name.rpartition(".")[2] in {f"{state}0" for state in architecture.row.states}:
            view[:] = rng.standard_normal(view.shape)
            case.parameters[name] = view.astype(np.float64)
    window.ids[2, 0] = window.ids[3, 1] = window.ids[4, 1] = window.ids[5, 2] = -1
    window.targets[window.ids < 0] = -1
    fresh = np.array([True, False, True])
    network.prepare_training(1)
    network.begin(window, 0, 1)
    network.begin(window, 2, 3)
    network.forward_backward(window, 0, 3, 6, 1.0 / np.count_nonzero(window.targets >= 0), (), fresh)
    with Team(1) as team:
        network.add_gradients(window, team, 0, 6)
    # A row that goes on from a carried state is, for the twin, a batch of its own.
    expected = dict.fromkeys(network.gradient.named, 0.0)
    counted = np.count_nonzero(window.targets >= 0)
    for rows, state in ((fresh, None), (~fresh, [{n: a[~fresh] for n, a in layer.items()} for layer in case.state])):
        ids, targets = window.ids[:, rows], window.targets[:, rows]
        gradients = naive.loss_gradients(cell, case.parameters, ids, targets, state, **case.options)
        share = np.count_nonzero(targets >= 0) / counted
        expected = {name: expected[name] + share * gradients[name] for name in expected}
    for name, gradient in network.gradient.named.items():
        assert_close(gradient, expected[name], name)
    firsts = [name for name in expected if name.endswith("0") and name.startswith("layer0.")]
    assert firsts
    assert all(np.abs(expected[name]).max() > 1e-4 for name in firsts) or "relu" in options.values()


def test_a_learned_first_state_is_learnt_and_read(tmp_path):
    """Trained on documents it is no longer zero, comes back from the file, and scoring and sampling begin there."""
    from charrnn.reading.scoring import score
    from charrnn.writing.sampler import Sampler

    text = corpus_of(rhyme(800), "\n")
    settings = Settings(
        hidden=8, seq_length=8, batch_size=4, epochs=4.0, dropout=0.0, first_state="learned", patience=0
    )
    with Team(1) as team:
        trainer = Trainer(TextData(settings, text), team)
        list(trainer.run())
        save(tmp_path / "model.npz", trainer.checkpoint())
        model = load(tmp_path / "model.npz")
        assert np.abs(model.parameters["layer0.h0"]).max() > 0.01
        network = Network(model.architecture, model.parameters)
        without = Network(model.architecture, model.parameters | {"layer0.h0": np.zeros(8, np.float32)})
        ids = text.ids[:40]
        boundary = text.vocabulary.boundary
        scored = [score(one, ids, team, boundary=boundary).nats for one in (network, without)]
    twin = {name: values.astype(np.float64) for name, values in model.parameters.items()}
    streams = Streams.plan(ids, 1, 39, boundary)
    inputs, targets, _ = streams.span(0, 1)
    expected = naive.loss("lstm", twin, inputs[0], targets[0], None) * np.count_nonzero(targets >= 0)
    assert scored[0] == pytest.approx(expected, rel=1e-5)
    assert scored[1] != pytest.approx(expected, rel=2e-5)
    sampler = Sampler(network)
    sampler.read(ids[:1])
    first = naive.forward("lstm", twin, ids[:1, np.newaxis].astype(np.int32), None)[0]
    logits = sampler._reader.window.logits[0, 0, : len(text.vocabulary)]
    np.testing.assert_allclose(logits, first[0, 0], rtol=1e-4, atol=1e-5)


# ---- The clock --------------------------------------------------------------------------------------------


def test_a_clockwork_network_never_hears_faster_groups(tmp_path):
    """Training leaves zero what a slower unit would hear of faster ones; a file that says otherwise is not heeded."""
    text = corpus_of(rhyme(600))
    settings = Settings(cell="clockwork", hidden=8, seq_length=8, batch_size=4, epochs=1.0, dropout=0.0, patience=0)
    with Team(2) as team:
        trainer = Trainer(TextData(settings, text), team)
        list(trainer.run())
    W = trainer.network.weights.named["layer0.W"]
    hears = heard(trainer.architecture)
    assert not W[~hears].any()
    assert np.count_nonzero(W[hears]) == np.count_nonzero(hears)
    parameters = {name: view.copy() for name, view in trainer.network.weights.named.items()}
    state = np.zeros((1, 2, 3, 8), np.float32)
    before = logits(trainer.architecture, parameters, state)
    parameters["layer0.W"][~hears] = 5.0
    assert logits(trainer.architecture, parameters, state).tobytes() == before.tobytes()


def test_the_clock_runs_on_from_window_to_window():
    """In windows whose length is no multiple of the periods, each unit still moves only when it is due."""
    architecture = Architecture("clockwork", 7, 8, periods=(1, 3, 4, 10))
    network, window = Network(architecture, initialize(architecture, 0)), Window(architecture, 2, 7)
    network.begin(window, 0, 2)
    rng = np.random.default_rng(0)
    values = [np.zeros((2, 8))]
    for _ in range(4):
        window.ids[:] = rng.integers(0, 7, window.ids.shape)
        network.forward(window, 0, 2, 7)
        values += list(window.states[0, 0, 1:, :, :8].copy())
        window.carry(0, 2, 7)
    for step, (before, after) in enumerate(pairwise(values)):
        due = np.repeat([step % period == 0 for period in (1, 3, 4, 10)], 2)
        assert ((before != after) == due).all(), step


# ---- A row of one's own -----------------------------------------------------------------------------------


def made_up_step(p, x, state):
    """One step of a cell that no paper has: coupled gates with peepholes, and no activation of the output."""
    h, c = state["h"], state["c"]
    f = naive.logistic(naive.times_input(x, p["U_f"]) + h @ p["W_f"] + p["b_f"] + c * p["p_f"])
    g = np.tanh(naive.times_input(x, p["U_g"]) + h @ p["W_g"] + p["b_g"])
    c = f * c + (1 - f) * g
    o = naive.logistic(naive.times_input(x, p["U_o"]) + h @ p["W_o"] + p["b_o"] + c * p["p_o"])
    return {"h": o * c, "c": c}


def test_a_new_variant_is_a_new_row(monkeypatch, tmp_path):
    """A row of the table and its twin are all: it computes, trains, is stored, and goes on, right to the bit."""
    row = lstm_row(
        "lstm-made-up", "c_t = f ⊙ c_{t-1} + (1 − f) ⊙ g ; h_t = o ⊙ c_t", "nobody", "cifg", "noaf", "peepholes"
    )
    monkeypatch.setitem(CELLS, row.name, row)
    monkeypatch.setitem(naive.STEPS, row.name, made_up_step)
    case = Case(row.name, 5, 6, 2, 3, 4).run()
    ids, targets = case.window.ids, case.window.targets
    assert_close(case.logits, naive.forward(row.name, case.parameters, ids, case.state)[0], "logits")
    expected = naive.loss_gradients(row.name, case.parameters, ids, targets, case.state)
    for name, gradient in case.gradients.items():
        assert_close(gradient, expected.pop(name), name)
    assert not expected
    text = corpus_of(rhyme(600))
    settings = Settings(cell=row.name, hidden=8, seq_length=8, batch_size=4, epochs=2.0, dropout=0.0, patience=0)
    with Team(2) as team:
        whole = Trainer(TextData(settings, text), team)
        losses = [record.loss for record in whole.run()]
        assert losses[-1] < losses[0]
        part = Trainer(TextData(settings, text), team)
        part.advance(5)
        save(tmp_path / "model.npz", part.checkpoint())
        rest = resumed_run(load(tmp_path / "model.npz", resume=True), text, team)
        list(rest.run())
    assert rest.network.weights.flat.tobytes() == whole.network.weights.flat.tobytes()


# Rows with no more arithmetic than their family's plain one, and rows with more, for comparison.
NO_DEARER = {
    "lstm": ("lstm-coupled", "lstm-nig", "lstm-nfg", "lstm-nog", "lstm-niaf", "lstm-noaf", "lstm-projection"),
    "gru": ("gru-reset-before", "mingru", "minlstm"),
    "rnn": ("relu", "sigmoid", "irnn"),
}
DEARER = {"lstm": ("lstm-peephole", "lstm-peephole-full", "lstm-coupled-peephole", "lstm-fgr"), "rnn": ("clockwork",)}


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [128, 256])
@pytest.mark.parametrize("family", NO_DEARER)
def test_a_variant_costs_no_more_than_its_familys_plain_row(family, hidden):
    """A flag costs nothing: where there is no more arithmetic, a step takes at most 15 % longer, measured in turns."""
    text = corpus_of(rhyme(200_000))
    names = (family, *NO_DEARER[family], *DEARER.get(family, ()))
    times = {name: [] for name in names}
    with Team(2) as team:
        trainers = {}
        for name in names:
            own = {"cell": name} if name in CELLS else {"cell": "rnn", "activation": name}
            settings = Settings(hidden=hidden, dropout=0.0, epochs=1000.0, patience=0, **own)
            trainers[name] = Trainer(TextData(settings, text), team)
            trainers[name].advance(3)
        for _ in range(15):
            for name in names:
                began = time.perf_counter()
                trainers[name].advance(40 * 128 // hidden)
                times[name].append(time.perf_counter() - began)
                trainers[name].state.step = 0
    ratios = {name: float(np.median(times[name]) / np.median(times[family])) for name in names[1:]}
    print(f"\ntime of a step, {hidden} units, over that of {family}: {ratios}")  # noqa: T201
    for name in NO_DEARER[family]:
        assert ratios[name] < 1.15, name
