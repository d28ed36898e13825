"""Networks that read whole examples at sizes and values at the edge: many units and steps, few rows, large outputs."""

import numpy as np
import pytest

from charrnn.model.example_batches import batches_of
from tests.helpers.examples import ExampleCase
from tests.helpers.networks import assert_close, assert_gradients

BOTH = {"bidirectional": True}
JOINED = {**BOTH, "joined": True}
OF_STEPS = {"task": "predict", "pooling": "each"}


def hold_to_twin(case, threads=1):
    """Hold losses and gradients to the twin's."""
    case.gradients, case.state = case.learn(threads), []
    assert_close(case.window.losses.sum(dtype=np.float64) * case.scale, case.twin_loss(), "loss")
    assert_gradients(case)


@pytest.mark.parametrize(
    ("lengths", "options"), [((200, 1), {"features": 20}), ((50, 21), {"symbols": 50, **JOINED, "layers": 2})]
)
@pytest.mark.parametrize(("task", "targets"), [("classify", 40), ("tag", 2), ("predict", 1)])
def test_many_units_and_steps(task, targets, lengths, options):
    """Examples of many steps in 130 units: float32 is as close to the twin as in small networks."""
    hold_to_twin(ExampleCase(task, lengths, hidden=130, targets=targets, spare=0, **options), threads=2)


@pytest.mark.parametrize("pooling", ["last", "mean", "each"])
@pytest.mark.parametrize("head", ["linear", "logistic"])
@pytest.mark.parametrize("targets", [1, 15, 16, 17])
def test_the_padding_of_outputs_takes_no_part(head, pooling, targets):
    """Any number of targets, whole vectors or not: the gradient's padding is zero, and stays zero."""
    case = ExampleCase("predict", head=head, pooling=pooling, targets=targets, **JOINED, layers=2, rows=5)
    hold_to_twin(case)
    assert not case.window.logits[: max(case.lengths), :, targets:].any()
    whole = case.network.gradient
    named = sum(np.abs(view).sum(dtype=np.float64) for view in whole.named.values())
    assert np.abs(whole.flat).sum(dtype=np.float64) == pytest.approx(named, rel=1e-12)


@pytest.mark.parametrize("size", [20.0, 90.0, 1e4, 1e30])
def test_a_logistic_head_does_not_overflow(size):
    """At large outputs of both signs, for both values, the loss is |o| or 0, and the gradient σ(o) − y."""
    case = ExampleCase(**OF_STEPS, head="logistic", targets=4, lengths=(1,))
    case.targets = [np.array([[0.0, 1.0, 0.0, 1.0]])]
    case.network.weights.named["output.V"][...] = 0.0
    case.network.weights.named["output.c"][...] = [size, size, -size, -size]
    case.weights[:] = 1.0
    gradients = case.learn()
    assert case.window.losses[0, 0] == pytest.approx(2 * size + 4 * np.log1p(np.exp(-size)), rel=1e-6)
    np.testing.assert_allclose(gradients["output.c"], case.scale * np.array([1, 0, 0, -1]), atol=1e-8)
    case.network.weights.named["output.c"][...] = [size, -size, -size, size]
    case.targets = [np.array([[1.0, 0.0, 0.0, 1.0]])]
    case.network.pack()
    gradients = case.learn()
    assert case.window.losses[0, 0] == pytest.approx(4 * np.log1p(np.exp(-size)), abs=1e-30, rel=1e-4)
    assert np.abs(gradients["output.c"]).max() < 1e-8


def test_a_softmax_head_does_not_overflow():
    """At large outputs, the loss of a class is the difference to the largest one."""
    case = ExampleCase("classify", (1,), targets=3)
    case.network.weights.named["output.V"][...] = 0.0
    case.network.weights.named["output.c"][...] = [1e30, 0.0, -1e30]
    case.targets, case.weights[:] = [np.array(1)], 1.0
    np.testing.assert_allclose(case.learn()["output.c"], case.scale * np.array([1, -1, 0]))
    assert case.window.losses[0, 0] == np.float32(1e30)


@pytest.mark.parametrize(
    "form",
    [{}, BOTH, *({**directions, "layers": 3, "first_state": "learned"} for directions in ({}, BOTH, JOINED))],
)
@pytest.mark.parametrize("inputs", [{}, {"features": 3}, {"embedding": 4}])
@pytest.mark.parametrize("task", [{"task": "tag"}, {"task": "classify"}, {"task": "classify", "pooling": "mean"}])
def test_rows_without_examples(task, inputs, form):
    """Rows of a batch that have no example change nothing, and neither do more threads than rows."""
    case = ExampleCase(**task, lengths=(3, 1), rows=5, **inputs, **form)
    hold_to_twin(case, threads=3)
    fewer = ExampleCase(**task, lengths=(3, 1), **inputs, **form)
    for name, gradient in fewer.learn(4).items():
        np.testing.assert_allclose(gradient, case.gradients[name], rtol=1e-5, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("form", [{}, {**JOINED, "layers": 2}])
@pytest.mark.parametrize("task", [{"task": "tag"}, {"task": "classify"}, {**OF_STEPS, "head": "logistic"}])
def test_a_single_step_and_a_single_row(task, form):
    """A batch of one example of one step, and one of a longer one."""
    for lengths in ((1,), (9,), (1, 1, 1)):
        hold_to_twin(ExampleCase(**task, lengths=lengths, spare=0, **form), threads=2)


@pytest.mark.parametrize("task", ["tag", "classify", "predict"])
@pytest.mark.parametrize("form", [{}, {**JOINED, "layers": 2}])
def test_nothing_to_predict_has_no_gradient(task, form):
    """In a batch without targets, losses and gradients are exactly zero."""
    case = ExampleCase(task, **form)
    batch = case.batch()
    batch.targets[:] = -1
    gradients = case.learn(2, batch)
    assert not case.window.losses.any()
    assert not any(gradient.any() for gradient in gradients.values())


@pytest.mark.parametrize("layers", [2, 3])
@pytest.mark.parametrize("form", [{}, BOTH, JOINED])
@pytest.mark.parametrize(
    "task", [{"task": "classify"}, {"task": "classify", "pooling": "mean"}, {"task": "tag"}, {**OF_STEPS}]
)
@pytest.mark.parametrize("cell", ["gru", "lstm-projection"])
def test_dropout_in_deep_networks(cell, task, form, layers):
    """Every form of output and of both directions: gradients are those of the twin with the same masks."""
    case = ExampleCase(**task, lengths=(4, 1, 3), cell=cell, layers=layers, dropout=0.4, **form)
    hold_to_twin(case)
    masks = case.window.masks[:, :4, :, : case.architecture.outputs]
    drawn = {mask.tobytes() for mask in masks}
    assert len(drawn) == len(masks)  # each layer has its own
    assert (masks == 0.0).any()


@pytest.mark.parametrize("cell", ["clockwork", "lstm", "gru", "rnn"])
@pytest.mark.parametrize("form", [BOTH, {**JOINED, "layers": 2}])
@pytest.mark.parametrize("task", [{"task": "tag"}, {"task": "classify", "pooling": "mean"}])
def test_every_example_begins_at_its_own_beginning(cell, form, task):
    """In both directions, the initial states, and the clock of a clockwork network, are those of the example's ends."""
    learned = {"first_state": "learned"} if cell != "clockwork" else {"first_state": "learned", "hidden": 9}
    case = ExampleCase(**task, lengths=(7, 2, 5, 1), cell=cell, embedding=4, **learned, **form)
    hold_to_twin(case)
    together = case.predict()
    for k, length in enumerate(case.lengths):
        alone = ExampleCase(**task, lengths=(length,), spare=0, cell=cell, embedding=4, **learned, **form)
        alone.network, alone.inputs = case.network, [case.inputs[k]]
        np.testing.assert_array_equal(alone.predict()[0], together[k])


@pytest.mark.parametrize("form", [{}, {**JOINED, "layers": 2}])
@pytest.mark.parametrize("inputs", [{}, {"features": 3}])
@pytest.mark.parametrize("task", [{"task": "tag"}, {"task": "classify"}, {"task": "predict"}, OF_STEPS])
def test_batches_of_a_run_are_those_of_the_examples(task, inputs, form):
    """A batch from encoded examples, in any order and with rows to spare, has the gradient of the examples."""
    case = ExampleCase(**task, lengths=(3, 6, 1), **inputs, **form)
    case.weights[:] = 1.0
    expected, losses = case.learn(), case.window.losses.sum(axis=0)
    other = ExampleCase(**task, lengths=(3, 6, 1), rows=4, spare=3, **inputs, **form)
    order = np.array([2, 0, 1])
    (batch,) = batches_of(case.encoded().batches([order], case.architecture, 4))
    assert len(batch.ids) == case.architecture.directions * 6  # the window has room for more
    found = other.learn(2, batch._replace(scale=case.scale))
    np.testing.assert_allclose(other.window.losses.sum(axis=0)[:3], losses[order], rtol=1e-6)
    for name, gradient in expected.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-4, atol=1e-6, err_msg=name)
