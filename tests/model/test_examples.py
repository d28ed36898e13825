"""Networks that read whole examples, with each task, head and form of both directions, beside their naive twins."""

import numpy as np
import pytest

from charrnn.cells.table import CELLS
from tests.helpers.examples import ExampleCase
from tests.helpers.networks import assert_close, assert_gradients

TASKS = {
    "class": {"task": "classify"},
    "class of the mean": {"task": "classify", "pooling": "mean"},
    "tags": {"task": "tag"},
    "numbers": {"task": "predict", "targets": 2},
    "numbers each step": {"task": "predict", "pooling": "each", "targets": 17},
    "binary": {"task": "predict", "head": "logistic", "targets": 2},
    "binary each step": {"task": "predict", "head": "logistic", "pooling": "each", "targets": 1},
}
FORMS = {
    "one direction": {},
    "deep": {"layers": 2},
    "both": {"bidirectional": True},
    "deep, apart": {"layers": 2, "bidirectional": True},
    "deep, joined": {"layers": 3, "bidirectional": True, "joined": True, "hidden": 5},
}
INPUTS = {"symbols": {}, "numbers": {"features": 3}, "embedding": {"embedding": 4}}


def hold_to_twin(case, threads=1):
    """Hold outputs, losses and gradients to the twin's."""
    if not case.keys.size:
        for ours, twin in zip(case.predict(), case.twin_outputs(), strict=True):
            assert_close(ours, twin, "outputs")
    case.gradients, case.state = case.learn(threads), []
    assert_close(case.window.losses.sum(dtype=np.float64) * case.scale, case.twin_loss(), "loss")
    assert_gradients(case)


@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("task", TASKS)
def test_gradients_of_each_task_are_those_of_its_twin(task, form, inputs):
    """Every head, in every form, with every kind of input: outputs, losses and all gradients."""
    case = ExampleCase(**{**TASKS[task], **FORMS[form], **INPUTS[inputs]})
    hold_to_twin(case)


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_reads_whole_examples(cell):
    """Gradients of every cell, in deep joined directions with learned initial states, of examples of unequal length."""
    case = ExampleCase(
        "classify", (3, 1, 5), cell=cell, layers=2, bidirectional=True, joined=True, first_state="learned", features=2
    )
    hold_to_twin(case)


@pytest.mark.parametrize("form", FORMS)
def test_dropout_of_whole_examples(form):
    """With dropout, gradients are those of the twin with the same masks."""
    hold_to_twin(ExampleCase("tag", (4, 2, 3), dropout=0.4, **FORMS[form]))


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_change_the_bits(threads):
    """The gradient has the same bits with any number of threads."""
    options = {"layers": 2, "bidirectional": True, "joined": True, "embedding": 20, "hidden": 40}
    one = ExampleCase("tag", (9, 2, 7, 5, 1), **options)
    more = ExampleCase("tag", (9, 2, 7, 5, 1), **options)
    for name, gradient in one.learn(1).items():
        assert gradient.tobytes() == more.learn(threads)[name].tobytes(), name


def test_padding_changes_nothing():
    """An example predicts the same alone, and in a batch with longer ones."""
    options = {"layers": 2, "bidirectional": True, "joined": True, "task": "tag"}
    together = ExampleCase(lengths=(5, 1, 3), **options)
    found = together.predict()
    for k, n in enumerate(together.lengths):
        alone = ExampleCase(lengths=(n,), spare=0, **options)
        alone.network, alone.inputs = together.network, [together.inputs[k]]
        np.testing.assert_array_equal(alone.predict()[0], found[k])


def test_a_tag_at_the_last_step_only_is_a_class():
    """With one direction, losses and gradients of a tag at the last step are those of a class."""
    tags, classes = ExampleCase("tag", (4, 2, 3)), ExampleCase("classify", (4, 2, 3))
    tags.inputs, tags.weights = classes.inputs, classes.weights
    for target, label in zip(tags.targets, classes.targets, strict=True):
        target[:-1], target[-1] = -1, label
    one, other = tags.learn(), classes.learn()
    for name, gradient in one.items():
        np.testing.assert_allclose(gradient, other[name], rtol=1e-5, atol=1e-7, err_msg=name)


def test_the_mean_of_one_step_is_the_last_state():
    """With T = 1, the mean and the last states predict the same."""
    last, mean = ExampleCase("classify", (1, 1)), ExampleCase("classify", (1, 1), pooling="mean")
    np.testing.assert_array_equal(last.predict(), mean.predict())
