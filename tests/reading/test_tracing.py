"""What units do while a network reads: the numbers, what they are compared with, and how they are shown."""

import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.display.color import BLUE_WHITE_RED, LEVELS, YELLOW_RED, ColoredText, Scale, ink
from charrnn.display.words import harmless
from charrnn.errors import CharrnnError
from charrnn.model.network import Network
from charrnn.model.reader import SYMBOLS_AT_ONCE
from charrnn.reading.features import FEATURES, Characters
from charrnn.reading.tracing import Unit, activations, follow, kinds, scale_of, unit_named
from charrnn.text.vocabulary import Vocabulary
from tests.helpers.commands import enter, on_a_terminal, refused
from tests.rows import PLAIN

CODES = re.compile(r"\x1b\[[0-9;]*m")
COLUMNS = ["feature", "unit", "correlation", "first_half", "help"]

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


def capital_network(vocabulary, *, layers=1):
    """Make a vanilla network of 4 units without memory, of which in each layer the third knows a capital letter."""
    architecture = Architecture("rnn", len(vocabulary), 4, layers)
    parameters = {name: np.zeros(shape, np.float32) for name, shape in architecture.parameter_shapes().items()}
    parameters["layer0.U"][:, 2] = [2.0 if c.isupper() else -2.0 for c in vocabulary.characters]
    parameters["layer0.U"][:, 1] = np.random.default_rng(0).standard_normal(len(vocabulary))
    return Network(architecture, parameters)


@pytest.fixture
def traced(trained, folder, monkeypatch):
    """Work in a folder with a model and two texts."""
    Path("model.npz").write_bytes(trained.read_bytes())
    return folder


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
    with pytest.raises(CharrnnError, match="no number"):
        follow(network, np.arange(200) % 7, "aBc. d " * 28 + "aBc.")


def test_scales():
    """What is always from 0 to 1 has these as its ends; anything else is centred on 0."""
    assert scale_of(np.float32([0.2, 0.9])) == (0.0, 1.0)
    assert scale_of(np.float32([-0.5, 0.25])) == (-0.5, 0.5)
    assert scale_of(np.float32([0.5, 4.0])) == (-4.0, 4.0)
    assert scale_of(np.zeros(0, np.float32)) == (0.0, 1.0)


# Colors


def test_levels_of_a_scale():
    """The ends and the middle of a scale are its colors; what is beyond has those of the ends, and nan the lowest."""
    scale = Scale(-2.0, 2.0)
    assert scale.levels([-9.0, -2.0, 0.0, 2.0, np.inf, np.nan]).tolist() == [
        0,
        0,
        LEVELS // 2,
        LEVELS - 1,
        LEVELS - 1,
        0,
    ]
    shades = scale.shades()
    assert (shades[0], shades[LEVELS // 2], shades[-1]) == BLUE_WHITE_RED
    assert Scale(1.0, 1.0).levels([1.0, 2.0]).tolist() == [0, LEVELS - 1]
    assert [ink(shades[k]) for k in (0, LEVELS // 2, -1)] == [(255, 255, 255), (0, 0, 0), (255, 255, 255)]


def test_harmless():
    """What could command a terminal is replaced, character by character; a text stays as long as it is."""
    text = "a\n\tä\x1b[2J\x00\x9b\u202e\ud801\u00a0漢"
    assert harmless(text) == "a\n\tä�[2J���� 漢"
    assert len(harmless(text)) == len(text)


@pytest.mark.parametrize("system", ["truecolor", "256", "16"])
def test_colored_text(monkeypatch, system):
    """On a terminal each character has its value's color, piece by piece; without the codes it is the text."""
    terms = {"truecolor": {"COLORTERM": "truecolor"}, "256": {}, "16": {"TERM": "xterm"}}
    screen = on_a_terminal(monkeypatch, **terms[system])
    writer = ColoredText(Scale(0.0, 1.0))
    assert writer.colored
    writer.write("ab", [0.0, 0.0])
    writer.write("c", [1.0])
    writer.write("", [])
    written = screen.getvalue()
    assert CODES.sub("", written) == "abc"
    blue, red = re.fullmatch(r"(\x1b\[[0-9;]+m)ab\x1b\[0m(\x1b\[[0-9;]+m)c\x1b\[0m", written).groups()
    assert blue != red
    if system == "truecolor":
        assert "48;2;33;102;172" in blue
        assert "48;2;178;24;43" in red


def test_a_color_ends_with_its_line(monkeypatch):
    """No color is on when a line ends, as it would run on to the screen's edge; a line feed's color is a space's."""
    screen = on_a_terminal(monkeypatch)
    ColoredText(Scale(0.0, 1.0)).write("a\n\nb", [1.0, 1.0, 0.0, 0.0])
    lines = screen.getvalue().split("\n")
    assert [CODES.sub("", line) for line in lines] == ["a ", " ", "b"]
    for line in lines[:-1]:
        assert line.endswith("\x1b[0m")


def test_the_lowest_shade_may_be_none(monkeypatch):
    """With ``bare`` what has the lowest shade is written as it is."""
    screen = on_a_terminal(monkeypatch)
    ColoredText(Scale(0.0, 8.0, YELLOW_RED, bare=True)).write("ab\nc", [0.0, 8.0, 0.0, 0.1])
    assert re.fullmatch(r"a\x1b\[[0-9;]+mb\x1b\[0m\nc", screen.getvalue())


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colors_where_none_are_wanted(monkeypatch, environment):
    """NO_COLOR and TERM=dumb leave plain text, in which nothing commands the terminal."""
    screen = on_a_terminal(monkeypatch, **environment)
    writer = ColoredText(Scale(0.0, 1.0))
    writer.write("a\x1bb\n", [0.0, 0.5, 1.0, 1.0])
    assert not writer.colored
    assert screen.getvalue() == "a�b\n"


def test_a_pipe_gets_the_text_as_it_is(monkeypatch):
    """Where stdout is no terminal not a character is changed."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    ColoredText(Scale(0.0, 1.0)).write("a\x1bb\n", [0.0, 0.5, 1.0, 1.0])
    assert sys.stdout.getvalue() == "a\x1bb\n"


# The command


def test_a_line_for_each_feature(traced, run):
    """--tsv is tab-separated with a header, and says the same as --json; what is left out is said on stderr."""
    result = run("trace", "model.npz", "corpus.txt", "--tsv")
    assert result.code == 0
    header, *lines = (line.split("\t") for line in result.out.splitlines())
    assert header == COLUMNS
    names = [line[0] for line in lines]
    left_out = result.err.strip().partition(": left out, as the text has too little of it: ")[2].split(", ")
    assert sorted([*names, *left_out]) == sorted(SEEN)
    assert {"capital", "space", "line position"} <= set(names)
    assert "digit" in left_out
    objects = [json.loads(line) for line in run("trace", "model.npz", "corpus.txt", "--json").out.splitlines()]
    for row, line in zip(objects, lines, strict=True):
        numbers = [float(line[2]), float(line[3])]
        assert list(row.values()) == [line[0], line[1], *numbers, line[4]]
    assert [list(row) for row in objects] == [COLUMNS] * len(lines)
    for row in objects:
        assert -1.0 <= row["correlation"] <= 1.0


def test_standard_input_and_length(traced, run, text):
    """A text may come from standard input; of either as much is read as --length says, and all with 0."""
    whole = run("trace", "model.npz", "corpus.txt", "--length", 0).out
    assert run("trace", "model.npz", "-", stdin=text.encode()).out == whole
    part = run("trace", "model.npz", "-", "--length", 1000, stdin=text.encode()).out
    assert part == run("trace", "model.npz", "-", stdin=text[:1000].encode()).out
    assert part != whole


def test_no_more_is_read_than_is_asked_for(traced, monkeypatch, capsys, text):
    """Of a text without end no more is read than --length takes, and with 0 all of one that ends."""
    asked, ends_after = 0, 5

    def read(_size):
        nonlocal asked
        asked += 1
        return text.encode() if asked <= ends_after else b""

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=SimpleNamespace(read=read)))
    outputs = []
    for length, expected in ((10, 1), (len(text), 1), (len(text) + 1, 2), (0, ends_after + 1)):
        asked = 0
        assert enter("trace", "model.npz", "-", "--unit", "h1", "--length", length, "--show", 99999) == 0
        assert asked == expected
        outputs.append(capsys.readouterr().out.count("\n") - 1)
    assert outputs == [10, len(text), len(text) + 1, 5 * len(text)]


def test_length_counts_what_is_read(traced, run, text):
    """Characters that are left out do not count as read."""
    with_unknown = "".join(f"漢{c}" for c in text).encode()
    expected = run("trace", "model.npz", "-", "--length", 1000, stdin=text.encode())
    result = run("trace", "model.npz", "-", "--length", 1000, "--unknown", "skip", stdin=with_unknown)
    assert result == expected


def test_a_unit_in_a_pipe(traced, run, text):
    """--unit lists index, character and value, with nothing in a line that could break it; so does --json."""
    result = run("trace", "model.npz", "corpus.txt", "--unit", "c3", "--show", 90, "--tsv")
    assert result.code == 0
    assert re.fullmatch(r"charrnn: c3: Correlation with “.+”: [+-]\d\.\d\d on the second half .*chosen\.\n", result.err)
    header, *rows = (line.split("\t") for line in result.out.split("\n")[:-1])
    assert header == ["index", "character", "value"]
    assert [int(row[0]) for row in rows] == list(range(1, 91))
    assert [row[1] for row in rows] == [c.replace("\n", "\\n") for c in text[:90]]
    assert "\\n" in [row[1] for row in rows]
    result = run("trace", "model.npz", "corpus.txt", "--unit", "c3", "--show", 90, "--json")
    objects = [json.loads(line) for line in result.out.splitlines()]
    assert "".join(row["character"] for row in objects) == text[:90]
    assert [row["value"] for row in objects] == [float(row[2]) for row in rows]
    plain = run("trace", "model.npz", "corpus.txt", "--unit", "c3", "--show", 3).out.splitlines()
    assert [line.split()[0] for line in plain] == ["index", "1", "2", "3"]


def test_a_unit_without_colors_on_a_terminal(traced, monkeypatch, capsys):
    """NO_COLOR, --json and --tsv each turn the colors off, as the help says of the two; the correlation is told."""
    command = ("trace", "model.npz", "corpus.txt", "--unit", "h2")
    for environment, options in (({"NO_COLOR": "1"}, ()), ({}, ("--json",)), ({}, ("--tsv",))):
        screen = on_a_terminal(monkeypatch, **environment)
        assert enter(*command, *options) == 0
        assert "\x1b" not in screen.getvalue()
        assert "h2: Correlation with “" in capsys.readouterr().err
    screen = on_a_terminal(monkeypatch)
    assert enter("trace", "--help") == 0
    assert "and with --json or --tsv, it lists the characters" in " ".join(screen.getvalue().split())


def test_a_unit_on_a_terminal(traced, monkeypatch, text):
    """On a terminal --unit writes the text itself in colors, and a line that says what they mean."""
    screen = on_a_terminal(monkeypatch)
    assert enter("trace", "model.npz", "corpus.txt", "--unit", "h2", "--show", 200) == 0
    written = CODES.sub("", screen.getvalue())
    assert written.replace(" \n", "\n").startswith(text[:200])
    assert "h2:" in written
    assert "is blue" in written
    assert "second half" in written
    assert len(set(CODES.findall(screen.getvalue()))) > 5


def test_the_table_on_a_terminal(traced, monkeypatch):
    """On a terminal the table is one to read, and stderr says how its units were chosen."""
    screen = on_a_terminal(monkeypatch, COLUMNS="90")
    assert enter("trace", "model.npz", "corpus.txt") == 0
    assert "\t" not in screen.getvalue()
    assert re.search(r"capital +[a-z]+\d+ +[+-]\d\.\d\d +[+-]\d\.\d\d  a capital letter", screen.getvalue())


class Page(HTMLParser):
    """What a browser would make of a page: its tags, and the texts of its blocks."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.headings, self.blocks, self.values = [], [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        """Note a tag; a block begins, or a character."""
        self.tags.append(tag)
        if dict(attrs).get("class") == "text":
            self.blocks.append("")
        elif tag == "i":
            self.values.append(float(dict(attrs)["title"]))

    def handle_endtag(self, tag):
        """Note the end of a block."""
        self.tags += ["/div"] * (tag == "div")

    def handle_data(self, data):
        """Add to the block that has begun, or to a heading."""
        if self.tags[-1:] == ["i"]:
            self.blocks[-1] += data
        elif self.tags[-1:] == ["h2"]:
            self.headings.append(data.strip()) if data.strip() else None


def test_a_page(traced, run, text):
    """--html writes a block for each unit of the table, with the text in it, and a value at each character."""
    table = run("trace", "model.npz", "corpus.txt", "--tsv").out
    result = run("trace", "model.npz", "corpus.txt", "--html", "units.html", "--show", 70, "--tsv")
    assert (result.code, result.out) == (0, table)
    source = Path("units.html").read_text(encoding="utf-8")
    page = Page(source)
    rows = [line.split("\t") for line in table.splitlines()[1:]]
    assert page.headings == [f"{row[1]}: {row[4]}" for row in rows]
    assert [block.replace("↵\n", "\n") for block in page.blocks] == [text[:70]] * len(rows)
    assert len(page.values) == 70 * len(rows)
    assert "script" not in page.tags
    assert "http" not in source
    assert f"{float(rows[0][2]):+.2f} on the second half" in source


def test_a_page_of_one_unit(traced, run):
    """With --unit the page has that unit alone, even of a text too short to compare it with anything."""
    assert run("trace", "model.npz", "-", "--unit", "f1", "--html", "unit.html", stdin=b"der").code == 0
    page = Page(Path("unit.html").read_text(encoding="utf-8"))
    assert (page.headings, page.blocks) == (["f1"], ["der"])


def test_nothing_in_a_text_is_html(tmp_path, monkeypatch, run):
    """A text of tags, entities, quotation marks and control characters is shown and does nothing."""
    from charrnn.model.model_file import Checkpoint, save

    monkeypatch.chdir(tmp_path)
    hostile = '<script>alert("1")</script>&amp;\'</i></div>\x00\x1b[2J\u202e$a$ $\\x$'
    vocabulary = Vocabulary.of(hostile)
    network = capital_network(vocabulary)
    save("<b>&.npz", Checkpoint(network.architecture, vocabulary, network.weights.named, {}, [], {}))
    Path("<i>.txt").write_text(hostile, encoding="utf-8")
    result = run("trace", "<b>&.npz", "<i>.txt", "--unit", "h3", "--html", "units.html")
    assert result.code == 0
    assert "\x1b" not in result.out
    source = Path("units.html").read_text(encoding="utf-8")
    page = Page(source)
    assert page.blocks == [harmless(hostile)]
    assert {"script", "b"}.isdisjoint(page.tags)
    assert "<title>&lt;b&gt;&amp;.npz reads &lt;i&gt;.txt</title>" in source


@pytest.mark.parametrize("show", [40, 400])
def test_a_picture(traced, run, show):
    """--png draws units as a picture, of the kind that its name says, and nothing else is left beside it."""
    pytest.importorskip("matplotlib")
    before = {path.name for path in traced.iterdir()}
    for name, magic in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.PDF", b"%PDF")):
        result = run("trace", "model.npz", "corpus.txt", "--png", name, "--show", show)
        assert result.code == 0
        assert Path(name).read_bytes().startswith(magic)
    assert {path.name for path in traced.iterdir()} == before | {"a.png", "a.svg", "a.PDF"}


def test_a_picture_of_odd_characters(tmp_path, monkeypatch, run):
    """Characters that no font has, or that matplotlib would take for formulas, are drawn as they are."""
    pytest.importorskip("matplotlib")
    from charrnn.model.model_file import Checkpoint, save

    monkeypatch.chdir(tmp_path)
    text = "$\\frac$ $$ _^{ 漢\U0001f600\x01\t\n"
    vocabulary = Vocabulary.of(text)
    network = capital_network(vocabulary)
    save("$x$_.npz", Checkpoint(network.architecture, vocabulary, network.weights.named, {}, [], {}))
    result = run("trace", "$x$_.npz", "-", "--unit", "h3", "--png", "a.svg", stdin=text.encode())
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--unit", "x1"), ("no unit 'x1'", "h1 to h16", "g1 to g16")),
        (("--html", "no/units.html"), ("no/units.html", "no folder no")),
        (("--png", "units.gif"), ("units.gif", ".png, .svg or .pdf")),
        (("--png", "png"), ("png", ".png, .svg or .pdf")),
        (("--png", "folder.png"), ("folder.png", "is a folder")),
    ],
)
def test_what_cannot_be_done_is_said(traced, run, options, words):
    """Each mistake is one sentence, and no file is there that was not before."""
    Path("folder.png").mkdir()
    before = sorted(traced.iterdir())
    refused(run("trace", "model.npz", "corpus.txt", *options), *words)
    assert sorted(traced.iterdir()) == before


def test_texts_that_cannot_be_read(traced, run):
    """An empty text, one that is not there, one too short to compare, and an unknown character are a sentence each."""
    refused(run("trace", "model.npz", "-"), "standard input")
    refused(run("trace", "model.npz", "none.txt"), "none.txt")
    refused(run("trace", "model.npz", "-", stdin=b"der das"), "too short")
    refused(run("trace", "model.npz", "-", stdin="der 漢".encode()), "漢", "--unknown skip")
    refused(run("trace", "model.npz", "-", "--unknown", "skip", stdin="漢漢".encode()), "none", "standard input")
    out = run("trace", "model.npz", "-", "--unknown", "skip", "--unit", "h1", "--tsv", stdin="d漢er".encode()).out
    assert [line.split("\t")[1] for line in out.splitlines()[1:]] == ["d", "e", "r"]


def test_odd_names_of_files(traced, run):
    """A name that is not UTF-8, or has a line feed, fits into a title, and into one line of an error."""
    pytest.importorskip("matplotlib")
    text = Path("corpus.txt").read_bytes()
    for name in ("b\udcffd.txt", "e\nm.txt"):
        Path(name).write_bytes(text)
        Path(f"{name}.npz").write_bytes(Path("model.npz").read_bytes())
        result = run("trace", f"{name}.npz", name, "--png", "a.svg", "--html", "a.html")
        assert (result.code, result.err.count("\n")) == (0, 2)
        title = re.search(r"<title>(.*)</title>", Path("a.html").read_text(encoding="utf-8"))[1]
        assert title == "{0}.npz&#x27; reads {0}&#x27;".format("&#x27;" + repr(name)[1:-1])
    Path("e\nm").write_text("")
    refused(run("trace", "model.npz", "e\nm"), r"'e\nm'")
    Path("e\nm").write_text("der das")
    refused(run("trace", "model.npz", "e\nm"), r"'e\nm' is too short")
    for name in ("e\nm.txt", "e\nm.html"):
        Path(name).write_bytes(text)
        result = run("trace", "model.npz", name, "--html", name)
        assert (result.code, result.err.splitlines()[-1].startswith("Error: ")) == (2, True)
        assert repr(name) in result.err
    assert repr("e\nm.txt") in run("trace", "model.npz", "corpus.txt", "--html", "e\nm.txt").err.splitlines()[-1]


@pytest.mark.parametrize("option", ["--html", "--png"])
def test_nothing_is_written_over_the_model(traced, run, option):
    """A page or picture does not replace the model, whatever that is called."""
    name = f"model.{option[2:]}"
    before = Path("model.npz").read_bytes()
    Path(name).write_bytes(before)
    Path(f"link.{option[2:]}").symlink_to(name)
    for target in (name, f"link.{option[2:]}"):
        result = run("trace", name, "corpus.txt", option, target)
        assert (result.code, f"{target} is the model to be read" in result.err) == (2, True)
    assert Path(name).read_bytes() == before


@pytest.mark.parametrize("name", ["corpus.txt", "page", ""])
def test_a_page_is_not_written_over_a_text(traced, run, name):
    """A page's name must say that it is one, and the text to be read is not replaced."""
    before = Path("corpus.txt").read_bytes()
    result = run("trace", "model.npz", "corpus.txt", "--html", name)
    assert (result.code, result.stdout) == (2, b"")
    Path("text.html").write_bytes(before)
    Path("link.html").symlink_to("text.html")
    result = run("trace", "model.npz", "link.html", "--html", "text.html")
    assert (result.code, "is the text to be read" in result.err) == (2, True)
    assert Path("text.html").read_bytes() == before


def test_a_disk_that_fails_leaves_the_old_page(traced, run, monkeypatch):
    """Where writing fails the page that was there stays, and nothing is left beside it."""
    Path("units.html").write_text("old")
    before = sorted(traced.iterdir())

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    refused(run("trace", "model.npz", "corpus.txt", "--html", "units.html"), "units.html", "no space left")
    assert Path("units.html").read_text() == "old"
    assert sorted(traced.iterdir()) == before


def test_bytes(folder, run):
    """A model of bytes is traced byte by byte, whatever they are; those beyond ASCII count as small letters."""
    Path("binary").write_bytes(bytes(range(256)) * 8)
    options = ("--bytes", "--hidden", 4, "--epochs", 1, "--threads", 1, "--quiet")
    assert run("train", "binary", *options).code == 0
    result = run("trace", "model.npz", "binary", "--unit", "h1", "--show", 256, "--json")
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert [row["character"] for row in rows[:128]] == list(map(chr, range(128)))
    assert [row["character"] for row in rows[128:]] == [rf"\x{byte:x}" for byte in range(128, 256)]
    scored = run("eval", "model.npz", "binary", "--per-char", "--json").out.splitlines()
    assert [json.loads(line)["character"] for line in scored[:256]] == [row["character"] for row in rows]
    Path("umlauts").write_text("ÄÖÜ äöü " * 40, encoding="utf-8")
    result = run("trace", "model.npz", "umlauts")
    assert "capital," in result.err
    assert "word length" in result.out


def test_documents(folder, run):
    """The end of a document is called by what separates them, as eval calls it, and where one begins is nothing."""
    Path("names").write_text("der--das--" * 30)
    options = ("--documents", "--", "--hidden", 4, "--epochs", 1, "--threads", 1, "--quiet")
    assert run("train", "names", *options).code == 0
    rows = run("trace", "model.npz", "names", "--unit", "h1", "--tsv", "--show", 11).out.splitlines()[1:]
    assert [row.split("\t")[1] for row in rows] == ["", *"der", "--", "", *"das", "--", ""]
    scored = run("eval", "model.npz", "names", "--per-char", "--tsv").out.splitlines()[1:9]
    assert [row.split("\t")[3] for row in scored] == [*"der", "--", *"das", "--"]


def test_what_is_not_read_may_hold_anything(traced, run, text):
    """A character that the model does not know, but after --length, is nothing to complain of."""
    stdin = f"{text[:1000]}漢".encode()
    result = run("trace", "model.npz", "-", "--length", 1000, stdin=stdin)
    assert result == run("trace", "model.npz", "-", stdin=text[:1000].encode())
    refused(run("trace", "model.npz", "-", "--length", 1001, stdin=stdin), "漢")
