"""What units do while a network reads: the numbers, what they are compared with, and how they are shown."""

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.errors import CharrnnError
from charrnn.model.network import Network
from charrnn.model.reader import SYMBOLS_AT_ONCE
from charrnn.reading.features import FEATURES, Characters
from charrnn.reading.tracing import Unit, activations, follow, kinds, scale_of, unit_named
from charrnn.text.vocabulary import Vocabulary
from tests.helpers.networks import capital_network
from tests.rows import PLAIN

# A text, and for each of its characters what the feature is there.
SEEN = {
    "quotation": [
        ('a "b c" d', "001111000"),
        ('“a” „b“ «c"', "11001100110"),
        ('"a\n\nb', "11110"),
        ('b," c "d" e', "00111111000"),
    ],
    "bracket": [
        ("a (b [c] d) e", "0011111111000"),
        ("(a\n\nb", "11110"),
        (") a (b) c", "000011000"),
        ("(\n\n1) (a)\n\n)(", "1110001100001"),
    ],
    "capital": [("aB cÄ1", "010010")],
    "capitals": [("ABC A aB AB1 Ab", "011000000010000")],
    "digit": [("a1 23", "01011")],
    "vowel": [("aBÉ xy", "101000")],
    "punctuation": [("a, b. –", "0100101")],
    "word start": [("ab cd\ne", "1001001")],
    "word length": [("ab cde", "120123"), ("ab\nc", "1201")],
    "space": [("a b\n\tc", "010110")],
    "space next": [("ab c\nd", "010100")],
    "line end next": [("ab\nc d\n", "0100010"), ("a\ud801\ud800", "110")],
    "line position": [("ab\n\nc", "01200"), ("ab\ud801\ud800c", "01200")],
    "indentation": [("  a b\n c\n\nd", "12222211100")],
    "sentence": [("a. b? c", "1012012")],
    "first line": [("a\nb\n\nc\nd", "11000110")],
    "position": [("abc", "012")],
}


def all_units(architecture):
    """Name every unit of a network."""
    layers, numbers = range(1, architecture.layers + 1), range(1, architecture.hidden + 1)
    return [Unit(layer, kind, k) for layer in layers for kind in kinds(architecture) for k in numbers]


def random_network(cell, *, hidden=5, layers=2, vocabulary=7):
    """Make a network whose biases are not zero, so that each is seen."""
    architecture = Architecture(cell, vocabulary, hidden, layers)
    rng, parameters = np.random.default_rng(3), initialize(Architecture(cell, vocabulary, hidden, layers), 3)
    for values in parameters.values():
        values += (0.3 * rng.standard_normal(values.shape)).astype(np.float32)
    return Network(architecture, parameters), parameters


# What a reader sees


def test_every_feature_has_an_example():
    """The examples here are for the features that there are, each with a name of its own."""
    assert [feature.name for feature in FEATURES] == list(SEEN)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_features(feature):
    """Each feature is what its examples say."""
    for text, expected in SEEN[feature.name]:
        values = feature.of(Characters(text))
        assert "".join(str(int(value)) for value in values) == expected, text


@pytest.mark.parametrize("text", ["", "a", "\n", "\ud800", '("A1 \n\n'])
def test_features_of_the_shortest_texts(text):
    """A feature has a value for each character, also where there is none or one."""
    for feature in FEATURES:
        assert feature.of(Characters(text)).shape == (len(text),), feature.name


# What units do


def sigmoid(x):
    """Squash to 0 to 1."""
    return 1.0 / (1.0 + np.exp(-x))


@pytest.mark.parametrize("cell", PLAIN)
def test_units_are_what_their_names_say(cell):
    """States and gates, in both layers and across windows, are those of the cell's equations."""
    network, parameters = random_network(cell)
    architecture = network.architecture
    ids = np.random.default_rng(1).integers(0, 7, 2 * SYMBOLS_AT_ONCE + 5)
    values = activations(network, ids, all_units(architecture)).astype(np.float64)
    values = values.reshape(len(ids), 2, len(kinds(architecture)), 5)
    x = np.eye(7)[ids]
    for layer in range(2):
        of = {kind: values[:, layer, k] for k, kind in enumerate(kinds(architecture))}
        p = {name.partition(".")[2]: v for name, v in parameters.items() if name.startswith(f"layer{layer}.")}
        previous = {kind: np.vstack([np.zeros(5), v[:-1]]) for kind, v in of.items()}
        h = previous["h"]
        if cell == "lstm":
            for gate in "ifog":
                entering = x @ p[f"U_{gate}"] + h @ p[f"W_{gate}"] + p[f"b_{gate}"]
                expected = np.tanh(entering) if gate == "g" else sigmoid(entering)
                np.testing.assert_allclose(of[gate], expected, atol=2e-5)
            np.testing.assert_allclose(of["c"], of["f"] * previous["c"] + of["i"] * of["g"], atol=2e-5)
            np.testing.assert_allclose(of["h"], of["o"] * np.tanh(of["c"]), atol=2e-5)
        elif cell == "gru":
            for gate in "rz":
                expected = sigmoid(x @ p[f"U_{gate}"] + h @ p[f"W_{gate}"] + p[f"b_{gate}"])
                np.testing.assert_allclose(of[gate], expected, atol=2e-5)
            np.testing.assert_allclose(of["hn"], h @ p["W_n"] + p["b_hn"], atol=2e-5)
            np.testing.assert_allclose(of["n"], np.tanh(x @ p["U_n"] + p["b_n"] + of["r"] * of["hn"]), atol=2e-5)
            np.testing.assert_allclose(of["h"], of["z"] * h + (1 - of["z"]) * of["n"], atol=2e-5)
        else:
            np.testing.assert_allclose(of["h"], np.tanh(x @ p["U"] + h @ p["W"] + p["b"]), atol=2e-5)
        x = of["h"]


def test_a_document_is_read_from_the_zero_state():
    """After the end of a document a network begins anew, and the end itself is nothing that it reads."""
    vocabulary = Vocabulary.of_blocks(["ab|ba|abba"], "|")
    network, _ = random_network("lstm", vocabulary=len(vocabulary))
    ids = vocabulary.encode("abba|abba")
    assert ids.max() == len(vocabulary)
    values = activations(network, ids, [Unit(1, "h", 1), Unit(2, "c", 3)])
    assert len(values) == 12
    np.testing.assert_array_equal(values[:5], values[6:11])
    assert not values[5].any()


def test_the_ends_of_documents_do_not_count():
    """A correlation is that of the symbols that are read, and of no gate at the end of a document."""
    vocabulary = Vocabulary.of_blocks(["ab Ab bA|"], "|")
    network, _ = random_network("gru", layers=1, vocabulary=len(vocabulary))
    ids = vocabulary.encode("|".join("abAAb bab"[k % 3 :] for k in range(60)))
    unit = Unit(1, "r", 2)
    (found,), _ = follow(network, ids, vocabulary.spell(ids), unit)
    values, there = activations(network, ids, [unit])[:, 0], ids < len(vocabulary)
    feature = found.feature.of(Characters(vocabulary.spell(ids)))
    half = ids.size // 2
    for part, told in ((slice(half), found.chosen), (slice(half, None), found.correlation)):
        kept = there[part]
        assert told == pytest.approx(np.corrcoef(feature[part][kept], values[part][kept])[0, 1], abs=1e-4)
        assert told != pytest.approx(np.corrcoef(feature[part], values[part])[0, 1], abs=1e-3)


def test_names_of_units():
    """A unit's name is understood as it is written, in each layer."""
    architecture = Architecture("gru", 7, 12, 11)
    for unit in all_units(architecture):
        assert unit_named(architecture, unit.name) == unit
    assert unit_named(architecture, "1.h1").name == "h1"
    assert Unit(2, "hn", 12).name == "2.hn12"


@pytest.mark.parametrize(
    "name", ["", "h", "h0", "h01", "h13", "c1", "12.h1", "0.h1", "H1", "h1 ", "h-1", "h" + "9" * 9]
)
def test_a_unit_that_is_not_there(name):
    """A name that no unit has is an error that says what there is."""
    with pytest.raises(CharrnnError, match=r"h1 to h12, n1 to n12, .* up to 11, as in 11.h1"):
        unit_named(Architecture("gru", 7, 12, 11), name)


# What follows what


@pytest.mark.parametrize("cell", PLAIN)
def test_correlations(cell):
    """The unit has the greatest correlation of all in the first half; both halves' are those that NumPy computes."""
    text = "".join(np.random.default_rng(5).choice(list("abcDE. \n1("), 5 * SYMBOLS_AT_ONCE + 13))
    vocabulary = Vocabulary.of(text)
    network, _ = random_network(cell, vocabulary=len(vocabulary))
    ids, half = vocabulary.encode(text), len(text) // 2
    found, left_out = follow(network, ids, text)
    names = [feature.name for feature in left_out]
    assert sorted([*names, *(following.feature.name for following in found)]) == sorted(SEEN)
    assert "quotation" in names
    assert "capital" not in names
    units = all_units(network.architecture)
    values = activations(network, ids, units).astype(np.float64)
    for following in found:
        seen = following.feature.of(Characters(text)).astype(np.float64)
        first = [np.corrcoef(seen[:half], values[:half, k])[0, 1] for k in range(len(units))]
        best = int(np.abs(first).argmax())
        assert following.unit == units[best]
        assert following.chosen == pytest.approx(first[best], abs=1e-6)
        assert following.correlation == pytest.approx(np.corrcoef(seen[half:], values[half:, best])[0, 1], abs=1e-6)


def test_a_unit_that_was_put_there_is_found(text):
    """Of four units, the one made to know capital letters is found, and this is what it is said to follow best."""
    vocabulary = Vocabulary.of(text)
    network, ids = capital_network(vocabulary), vocabulary.encode(text)
    (capital,) = (f for f in follow(network, ids, text)[0] if f.feature.name == "capital")
    assert capital.unit == Unit(1, "h", 3)
    assert capital.correlation == pytest.approx(1.0, abs=1e-6)
    ((of_unit,), _) = follow(network, ids, text, Unit(1, "h", 3))
    assert of_unit == capital


def test_a_unit_that_never_moves_follows_nothing(text):
    """A correlation with what does not change, or by no more than rounding, is 0."""
    vocabulary = Vocabulary.of(text)
    network, ids = capital_network(vocabulary), vocabulary.encode(text)
    for size in (0.0, 1e-7):
        network.weights.named["layer0.U"][:, 3] = [size * c.isupper() for c in vocabulary.characters]
        found, _ = follow(network, ids, text, Unit(1, "h", 4))
        assert [following.correlation for following in found] == [0.0]


def test_what_is_chosen_is_not_what_is_told(text):
    """The correlation told is of the half that had no say: a unit that follows in the first half alone is found out."""
    vocabulary = Vocabulary.of("aAbBcC xX")
    first = "aA bB aB bA " * 10
    second = "cC xX cX xC " * 10
    network = capital_network(vocabulary)
    network.weights.named["layer0.U"][:, 2] = [2.0 * (c in "AB") - 2.0 * (c in "cx") for c in vocabulary.characters]
    (capital,) = (
        f for f in follow(network, vocabulary.encode(first + second), first + second)[0] if f.feature.name == "capital"
    )
    assert capital.chosen > 0.9
    honest = activations(network, vocabulary.encode(first + second), [capital.unit])[len(first) :, 0]
    seen = [c.isupper() for c in second]
    assert capital.correlation == pytest.approx(np.corrcoef(seen, honest)[0, 1], abs=1e-6)
    assert capital.correlation < 0.8


def test_weights_too_large_are_an_error():
    """Units that are no numbers are said to be none."""
    network, _ = random_network("gru", layers=1)
    network.weights.named["layer0.b_n"][:] = 5.0  # all states are near 1
    network.weights.named["layer0.W_n"][:] = 3e38
    with pytest.raises(CharrnnError, match="not finite"):
        follow(network, np.arange(200) % 7, "aBc. d " * 28 + "aBc.")


def test_scales():
    """What is always from 0 to 1 has these as its ends; anything else is centred on 0."""
    assert scale_of(np.float32([0.2, 0.9])) == (0.0, 1.0)
    assert scale_of(np.float32([-0.5, 0.25])) == (-0.5, 0.5)
    assert scale_of(np.float32([0.5, 4.0])) == (-4.0, 4.0)
    assert scale_of(np.zeros(0, np.float32)) == (0.0, 1.0)
