"""Conditions to generate under: how they are typed, what they are to a network, and which are refused."""

import math

import numpy as np
import pytest

from charrnn.library.conditioned import condition_of, typed_condition
from tests.helpers.conditional import LABELS, MEASURED, NAMED
from tests.helpers.errors import failure


def typed(text, targets=NAMED):
    """Return the condition that is typed, as a network reads it."""
    return condition_of(typed_condition(text, targets), targets).tolist()


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        *((label, {label: 1.0}) for label in LABELS),
        ("Irish=1", {"Irish": 1.0}),
        ("Irish=0.5,Italian=0.5", {"Irish": 0.5, "Italian": 0.5}),
        (" Irish = .25 , Italian = 75e-2", {"Irish": 0.25, "Italian": 0.75}),
        ("Irish=0.5,Italian=0.5,", {"Irish": 0.5, "Italian": 0.5}),
        ("a,b=0.5=0.25,x=1=0.75", {"a,b=0.5": 0.25, "x=1": 0.75}),
        ("Irish=1,Italian=0", {"Irish": 1.0}),
        ("Irish=0.3333333,Italian=0.3333333,x=1=0.3333333", dict.fromkeys(("Irish", "Italian", "x=1"), 0.3333333)),
    ],
)
def test_names_and_mixtures_are_read_as_they_are_typed(text, shares):
    """A whole name that the model knows wins, whatever is in it; in a mixture, its share comes after the last sign."""
    assert typed(text) == [np.float32(shares.get(label, 0.0)) for label in LABELS]


def test_numbers_are_in_their_own_units():
    """They are scaled as in training."""
    assert typed("12,0.25", MEASURED) == [1.0, -1.0]
    assert typed(" 8 , 5e-1", MEASURED) == [-1.0, 0.0]
    for numbers in ([12, 0.25], (12.0, np.float32(0.25)), np.array([12, 0.25]), iter([12, 0.25])):
        assert condition_of(list(numbers), MEASURED).tolist() == [1.0, -1.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Itallian", "the model knows no condition 'Itallian'; did you mean Italian?"),
        ("IRISH", "the model knows no condition 'IRISH'; did you mean Irish?"),
        ("", "the model knows no condition ''; it knows Irish, Italian, a,b=0.5, x=1"),
        ("Zulu", "the model knows no condition 'Zulu'; it knows Irish, Italian, a,b=0.5, x=1"),
        ("x=1,Irish", "'Irish' has no share; a mixture is names with shares, such as Irish=0.5,Italian=0.5"),
        ("Irsh=0.5,Italian=0.5", "the model knows no condition 'Irsh'; did you mean Irish?"),
        ("Irish=0.5,Italian", "'Italian' has no share; a mixture is names with shares, such as Irish=0.5,Italian=0.5"),
        ("=1", "'=1' has no share; a mixture is names with shares, such as Irish=0.5,Italian=0.5"),
        ("Irish=half,Italian=0.5", "the share of Irish must be a number from 0 to 1, not 'half'"),
        ("Irish=,Italian=1", "the share of Irish must be a number from 0 to 1, not ''"),
        ("Irish=0.5,Irish=0.5", "Irish is named twice in the mixture"),
        ("Irish=1.5,Italian=-0.5", "the share of Irish must be a number from 0 to 1, not 1.5"),
        ("Irish=-0.5,Italian=1.5", "the share of Irish must be a number from 0 to 1, not -0.5"),
        ("Irish=nan,Italian=1", "the share of Irish must be a number from 0 to 1, not nan"),
        ("Irish=inf", "the share of Irish must be a number from 0 to 1, not inf"),
        ("Irish=0.5,Italian=0.4", "the shares of a mixture must sum to 1, not to 0.9"),
        ("Irish=1,Italian=1", "the shares of a mixture must sum to 1, not to 2"),
        ("Irish=0.33,Italian=0.33,x=1=0.33", "the shares of a mixture must sum to 1, not to 0.99"),
    ],
)
def test_a_name_or_a_mixture_that_makes_no_sense_is_refused(text, said):
    """One sentence says what is wrong, and names what may be meant."""
    assert failure(typed, text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1.5", "the condition of this model is 2 numbers (size, weight), not 1"),
        ("1,2,3", "the condition of this model is 2 numbers (size, weight), not 3"),
        ("", "the condition of this model is 2 numbers (size, weight), such as --given 10,0.5, not ''"),
        ("1,", "the condition of this model is 2 numbers (size, weight), such as --given 10,0.5, not '1,'"),
        ("Irish", "the condition of this model is 2 numbers (size, weight), such as --given 10,0.5, not 'Irish'"),
        ("1,nan", "a number of the condition is NaN, infinity or too large"),
        ("1e999,0", "a number of the condition is NaN, infinity or too large"),
        ("0,1e39", "a number of the condition is NaN, infinity or too large"),
        ("0,3e38", "a number is too large beside those that the network was trained on"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(text, said):
    """One sentence says how many are needed, and what they are called."""
    assert failure(typed, text, MEASURED) == said


@pytest.mark.parametrize(
    ("condition", "targets", "said"),
    [
        ({}, NAMED, "the shares of a mixture must sum to 1, not to 0"),
        ({"Irish": "half"}, NAMED, "the share of Irish must be a number from 0 to 1, not 'half'"),
        ({"Irish": True}, NAMED, "the share of Irish must be a number from 0 to 1, not True"),
        ({"Irish": None}, NAMED, "the share of Irish must be a number from 0 to 1, not None"),
        ({3: 1.0}, NAMED, "the model knows no condition 3; it knows Irish, Italian, a,b=0.5, x=1"),
        ([1.0, 0.0], NAMED, "the conditions of this model are names, not numbers: Irish, Italian, a,b=0.5, x=1"),
        (1.0, NAMED, "the conditions of this model are names, not numbers: Irish, Italian, a,b=0.5, x=1"),
        ("Irish=0.5,Italian=0.5", NAMED, "the model knows no condition 'Irish=0.5,Italian=0.5'; it"),
        ("12,0.25", MEASURED, "the condition of this model is 2 numbers (size, weight), such as --given 10,0.5, not"),
        ({"size": 1.0}, MEASURED, "the condition of this model is 2 numbers (size, weight), such as --given 10,0.5,"),
        (["a", 1], MEASURED, "the condition of this model is 2 numbers (size, weight), such as --given 10,0.5, not"),
        ([True, 1], MEASURED, "the condition of this model is 2 numbers (size, weight), such as --given 10,0.5, not"),
        ([[1, 2]], MEASURED, "the condition of this model is 2 numbers (size, weight), such as --given 10,0.5, not"),
        (3, MEASURED, "the condition of this model is 2 numbers (size, weight), not 1"),
        ([math.inf, 1], MEASURED, "a number of the condition is NaN, infinity or too large"),
    ],
)
def test_a_condition_of_the_library_that_makes_no_sense_is_refused(condition, targets, said):
    """It is no name that the model knows, no dict of shares, or other numbers."""
    assert failure(condition_of, condition, targets).startswith(said)


def test_a_message_is_short():
    """Whatever is typed, and however many names there are."""
    many = NAMED.__class__(given=tuple(f"name {k} " + "long" * 100 for k in range(1000)))
    for text in ("x" * 10_000, "name 5 " + "lon" * 1000, "=" * 5000, "x" * 5000 + "=1"):
        assert len(failure(typed, text, many)) < 700
        assert len(failure(typed, text)) < 400
