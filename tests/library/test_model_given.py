"""A model with conditions from Python: under a condition, it does what a plain model does."""

import pickle

import numpy as np
import pytest

import charrnn
from tests.helpers.conditional import MEASURED, NAMED, untrained_given
from tests.helpers.errors import refused

SEEDED = {"length": 30, "seed": 3}
METHODS = {  # and what each of them returns, to be compared
    "sample": lambda model, **given: [model.sample("ab", length=30, seed=seed, **given) for seed in range(9)],
    "samples": lambda model, **given: model.samples(3, **SEEDED, **given),
    "stream": lambda model, **given: [[*model.stream("ab", length=30, seed=seed, **given)] for seed in range(9)],
    "next_characters": lambda model, **given: model.next_characters("ab", **given),
    "states": lambda model, **given: {k: v.tobytes() for k, v in model.states("ab", **given).items()},
    "score": lambda model, **given: model.score("abc", **given),
    "score_lines": lambda model, **given: model.score_lines(["abc", "d"], **given),
    "per_character": lambda model, **given: model.per_character("abc", **given),
}


@pytest.fixture(scope="module", params=["every", "first"])
def model(request, tmp_path_factory):
    """Return a model that knows four conditions."""
    return charrnn.load(untrained_given(tmp_path_factory.mktemp("given") / "names.npz", given_at=request.param))


@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_given_a_condition(method, model):
    """A keyword has the effect of the model under the condition, and each condition another one."""
    found = [METHODS[method](model, given=given) for given in ("Irish", "Italian", {"Irish": 0.5, "Italian": 0.5})]
    assert found[0] == METHODS[method](model.given("Irish")) == METHODS[method](model, given={"Irish": 1})
    assert found[2] == METHODS[method](model.given({"Irish": 0.5, "Italian": 0.5}))
    assert all(one != other for one, other in [found[:2], found[1:], found[::2]])


@pytest.mark.parametrize("method", METHODS)
def test_no_method_does_without_a_condition(method, model, trained):
    """Nor takes one that the model does not know, nor one of a model without conditions."""
    call = METHODS[method]
    with refused("generates under a condition, such as given='Irish'; it knows Irish, Italian"):
        call(model)
    with refused("knows no condition 'Irisch'; did you mean Irish?"):
        call(model, given="Irisch")
    with refused("shares of a mixture must sum to 1, not to 0.5"):
        call(model, given={"Irish": 0.5})
    with refused("this model has no conditions, .*; leave out given"):
        call(charrnn.load(trained), given="Irish")
    with refused(r"takes (given|condition) as a string or a number or a dict", TypeError):
        call(model, given=object())


@pytest.mark.parametrize("method", ["fill", "completions"])
def test_a_model_with_conditions_fills_no_gaps(method, model):
    """With or without one."""
    for one in (model, model.given("Irish")):
        with refused("reads only from left to right"):
            getattr(one, method)("a_b")


def test_numbers_are_a_condition(tmp_path):
    """As a list, a tuple or an array, in their own units."""
    model = charrnn.load(untrained_given(tmp_path / "sizes.npz", MEASURED))
    text = model.sample(given=[12, 0.25], **SEEDED)
    assert text == model.sample(given=np.array([12, 0.25]), **SEEDED) == model.given((12.0, 0.25)).sample(**SEEDED)
    assert text != model.sample(given=[12, 0.5], **SEEDED)
    assert model.given(iter([12, 0.25])).info["given"] == [12.0, 0.25]
    with refused(r"such as given=\[10,0.5\]; a condition is 2 numbers \(size, weight\)"):
        model.sample()
    with refused(r"such as given=\[10,0.5\], not 'Irish'"):
        model.sample(given="Irish")


def test_a_model_under_a_condition_says_so(model, tmp_path):
    """It tells what the whole model is, can be pickled and given another condition, and cannot be saved."""
    irish = model.given("Irish")
    assert repr(model).startswith("<charrnn.Model: lstm, 1 layer of 12, a condition of 4")
    assert "generate, 4 conditions" in repr(model)
    assert model.info["targets"]["given"] == list(NAMED.given)
    assert irish.info == {**model.info, "given": "Irish"}
    assert (irish.path, irish.vocabulary) == (model.path, model.vocabulary)
    assert "given.W_i" not in irish.parameters
    again = pickle.loads(pickle.dumps(irish))
    assert again.sample(**SEEDED) == irish.sample(**SEEDED)
    assert again.info == irish.info
    assert irish.given("Italian").sample(**SEEDED) == irish.sample(given="Italian", **SEEDED) != irish.sample(**SEEDED)
    with refused("a model under a condition cannot be saved"):
        irish.save(tmp_path / "irish.npz")
    assert not (tmp_path / "irish.npz").exists()
    model.save(tmp_path / "copy.npz")
    assert charrnn.load(tmp_path / "copy.npz").sample(given="Irish", **SEEDED) == irish.sample(**SEEDED)


def test_many_texts_under_a_condition_are_documents(model):
    """A text ends where the model ends it."""
    for sample in model.samples(20, given="Italian", seed=1):
        assert sample.ended == "end"
        assert "\n" not in sample.text
