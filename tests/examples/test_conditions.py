"""Texts to generate, each with its condition."""

import io

import numpy as np
import pytest

from charrnn.examples.readers import read_examples
from tests.helpers.errors import failure


def given_texts(given, *paths, **options):
    """Read texts to generate; return them, and what is said."""
    said = []
    examples = read_examples(list(map(str, paths)), task="generate", labels=given, say=said.append, **options)
    assert examples.given
    assert not examples.per_step
    assert examples.lengths.tolist() == list(map(len, examples.texts))
    return examples, said


def named(examples):
    """Return each text with the name of its condition."""
    return [(examples.labels[k], text) for text, k in zip(examples.texts, examples.classes.tolist(), strict=True)]


@pytest.fixture
def animals(tmp_path):
    """Return a folder with a file of names for each of two languages; one has a single name."""
    folder = tmp_path / "animals"
    folder.mkdir()
    (folder / "de.txt").write_text("Hase\n\nIgel\n")
    (folder / "it.txt").write_text("lepre\n")
    return folder


def test_a_file_can_be_a_condition(animals):
    """As it can be a class; a single text is enough."""
    one, said = given_texts("file", animals)
    assert named(one) == [("de", "Hase"), ("de", "Igel"), ("it", "lepre")]
    assert said == []
    assert one.record["columns"] == {"labels": "file"}
    again, _ = given_texts("file", animals / "it.txt", animals / "de.txt")
    assert named(again) == [("it", "lepre"), ("de", "Hase"), ("de", "Igel")]


def test_a_folder_can_be_a_condition(animals):
    """Each file in it is a text then, with line ends."""
    (animals / "de").mkdir()
    (animals / "fr").mkdir()
    (animals / "de" / "1.txt").write_text("Hase,\nIgel\n")
    (animals / "fr" / "1.txt").write_text("lapin\n")
    examples, said = given_texts("file", animals)
    assert named(examples) == [("de", "Hase,\nIgel"), ("fr", "lapin")]
    assert said == [f"{animals / 'de.txt'} and 1 more are left out, as the folders beside it are the conditions"]


LINES = "it\tlepre\n\n de \tHase\tIgel\nit\t \nit\triccio\n"


def test_lines_of_a_condition_a_tab_and_a_text(tmp_path):
    """As with labels; several files and standard input are read like one."""
    path, other = tmp_path / "animals.txt", tmp_path / "more.tsv"
    path.write_text(LINES)
    other.write_text("fr\tlapin\n")
    found = [("it", "lepre"), ("de", "Hase\tIgel"), ("it", "riccio")]
    examples, said = given_texts("label", path)
    assert named(examples) == found
    assert said == [f"line 4 of {path} is left out, as it has no text"]
    assert named(given_texts("label", "-", stdin=io.BytesIO(LINES.encode()))[0]) == found
    assert named(given_texts("label", path, other)[0]) == [*found, ("fr", "lapin")]


TABLE = 'text,animal,size,weight\n"Der Hase,\nlief.",hare,1,4.5\nDer Igel.,hedgehog,2,1\n'


@pytest.fixture
def table(tmp_path):
    """Return a table with texts and conditions."""
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def test_a_column_of_names_can_be_the_condition(table):
    """Whole numbers are names too, as they are as classes; texts can have line ends."""
    examples, _ = given_texts("animal", table, texts="text")
    assert named(examples) == [("hare", "Der Hase,\nlief."), ("hedgehog", "Der Igel.")]
    assert given_texts("size", table, texts="text")[0].labels == ("1", "2")


def test_columns_of_numbers_can_be_the_condition(table):
    """Several, or one whose numbers are not whole; a model of numbers takes whole ones as numbers."""
    examples, _ = given_texts("size, weight", table, texts="text")
    assert examples.values.tolist() == [[1, 4.5], [2, 1]]
    assert examples.names == ("size", "weight")
    assert (examples.labels, examples.classes) == ((), None)
    assert given_texts("weight", table, texts="text")[0].values.tolist() == [[4.5], [1]]
    assert given_texts("size", table, texts="text", classes=())[0].values.tolist() == [[1], [2]]
    table.write_text("0.5\tmuch\n-1\tlittle\n")
    lines, _ = given_texts("label", table)
    assert lines.values.tolist() == [[0.5], [-1]]
    assert lines.names == ()


def test_a_model_decides_about_the_conditions(animals, table):
    """Their numbers are the model's; one of them is enough to be read."""
    examples, _ = given_texts("file", animals / "it.txt", classes=("de", "fr", "it"))
    assert examples.classes.tolist() == [2]
    assert failure(given_texts, "file", animals, classes=("de", "fr")) == (
        f"{animals} has the condition it, which the model does not know; it knows de, fr"
    )
    assert failure(given_texts, "size,weight", table, texts="text", classes=("de", "fr")) == (
        f"{table} has numbers as conditions; the model knows the names de, fr"
    )
    assert given_texts("weight", table, texts="text", classes=("1", "4.5"))[0].classes.tolist() == [1, 0]
    assert failure(given_texts, "file", animals, classes=()) == (
        f"{animals} has names as conditions; those of the model are numbers"
    )
    table.write_text("text,weight\nx,1\n")
    assert given_texts("weight", table, texts="text", classes=())[0].values.tolist() == [[1]]


WITH_TABLE = {"texts": "text"}


@pytest.mark.parametrize(
    ("text", "given", "options", "said"),
    [
        ("a\nb\n", "file", {}, "{path} has only one condition, table; to train without conditions, leave out --given"),
        ("a\tb\na\tc\n", "label", {}, "{path} has only one condition, a; to train without conditions, leave out"),
        ("text,a\nx,b\n", "a", WITH_TABLE, "{path} has only one condition, b; to train without conditions, leave out"),
        ("text,a,b\nx,1,2\ny,1,2\n", "a,b", WITH_TABLE, "{path} has the same numbers for all texts; to train without"),
        ("text,a,b\nx,1,2\ny,low,2\n", "a,b", WITH_TABLE, "line 3 of {path} has 'low' in the column 'a', not a finite "
         "number; --given takes one column of names, or columns of numbers"),
        ("text,a\nx,1\ny,\n", "a", WITH_TABLE, "line 3 of {path} has nothing in the column 'a'"),
        ("text,a\nx,1\n", "b", WITH_TABLE, "{path} has no column 'b'; it has text, a"),
        ("text,a\nx,1\n", "a", {}, "--given a needs --texts, the column with the texts; with --given file, each file"),
        ("text,a\nx,1\n", None, WITH_TABLE, "--given says what the condition of each text is: with --given file,"),
        ("text,a\nx,1\n", None, {}, "--given says what the condition of each text is: with --given file,"),
        ("text,a\nx,1\n", "a", {**WITH_TABLE, "ahead": 2}, "--ahead is for a series"),
        ("Some text.\n", "label", {}, "{path} has no conditions: its lines have no tab; with --given file, each file"),
        ("a\tb\nc d\n", "label", {}, "line 2 of {path} has no tab between a condition and a text; with --given file"),
        ("a\tb\n\td\n", "label", {}, "line 2 of {path} has no condition before the tab"),
        ("\n", "label", {}, "there is no text in {path}"),
        ("\n", "file", {}, "there is no text in {path}"),
    ],
)  # fmt: skip
def test_texts_without_conditions_are_refused(table, text, given, options, said):
    """The message says where, in terms of --given, and what to type instead."""
    table.write_text(text)
    words = failure(given_texts, given, table, **options)
    assert words.startswith(said.format(path=table))
    assert "--labels" not in words


def test_files_that_are_no_conditions_are_refused(animals, table, tmp_path):
    """Standard input, tables, two files of one name, and a file without text."""
    assert failure(given_texts, "file", "-", animals) == (
        "standard input (-) has no name that could be a condition; with --given label, it has lines of a condition, a "
        "tab and a text"
    )
    assert failure(given_texts, "file", table, animals) == (
        f"{table} is a table by its name; --given and --texts name its columns"
    )
    (tmp_path / "it.txt").write_text("riccio\n")
    assert "would both be the condition it; put them" in failure(
        given_texts, "file", tmp_path / "it.txt", animals / "it.txt"
    )
    (animals / "fr.txt").write_text("\n")
    assert "has no text, so the condition fr has no examples" in failure(given_texts, "file", animals)


def test_a_condition_behind_its_text_is_noticed(table):
    """It is said, not refused: each text can have a condition of its own."""
    table.write_text("".join(f"Text {k}.\t{k % 2}\n" for k in range(20)))
    examples, said = given_texts("label", table)
    assert len(examples.labels) == 20
    assert said == [
        "20 of 20 texts have a condition of their own, such as Text 0.; a condition comes before its text in a line, "
        "and --given names its column of a table"
    ]


TEXTS = np.array(["Hase", "Igel", "lepre\nriccio"])


def arrays(path, given="y", classes=None, **named_arrays):
    """Save arrays and read them as texts with conditions."""
    np.savez(path, **named_arrays)
    return given_texts(given, path, classes=classes)[0]


def test_conditions_in_an_array(tmp_path):
    """Strings and integers are names, other numbers are numbers; texts can have line ends."""
    path = tmp_path / "animals.npz"
    examples = arrays(path, x=TEXTS, y=np.array(["de", "de", "it"]))
    assert named(examples) == [("de", "Hase"), ("de", "Igel"), ("it", "lepre\nriccio")]
    assert examples.record["columns"] == {"labels": "y"}
    assert examples.record["characters"] == 20
    assert arrays(path, x=TEXTS, y=np.array([[7], [10], [9]])).labels == ("7", "9", "10")
    assert arrays(path, x=TEXTS, y=np.array([7, 10, 9]), classes=()).values.tolist() == [[7], [10], [9]]
    assert arrays(path, x=TEXTS, y=np.array([1.5, 2, 3])).values.tolist() == [[1.5], [2], [3]]
    rows = np.arange(6).reshape(3, 2)
    assert arrays(path, x=TEXTS, y=rows).values.tolist() == rows.tolist()
    both = arrays(path, x_train=TEXTS, y_train=rows, x_test=TEXTS[:1], y_test=rows[:1])
    assert (both.test.given, both.test.values.tolist()) == (True, [[0, 1]])
    strings = arrays(path, x_train=TEXTS, y_train=TEXTS, x_test=TEXTS[:1], y_test=TEXTS[:1])
    assert strings.test.classes.tolist() == [0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"given": "label"}, "is an .npz file, whose array y has the conditions; type --given y"),
        ({"given": None}, "is an .npz file, whose array y has the conditions; type --given y"),
        ({"x": np.zeros((3, 2))}, "has x of numbers; to generate texts, save strings [N]"),
        ({"y": TEXTS[:2]}, "has y of the shape [2], but x has 3 examples of"),
        ({"y": np.zeros((3, 2, 2))}, "y must be [N], a condition for each text, or numbers [N, M]"),
        ({"y": np.zeros((3, 0))}, "y must be [N], a condition for each text, or numbers [N, M]"),
        ({"y": np.array([TEXTS, TEXTS]).T}, "y must be [N], a condition for each text, or numbers [N, M]"),
        ({"y": np.array(["de"] * 3)}, "has only one condition, de; to train without conditions, leave out --given"),
        ({"y": np.ones((3, 2))}, "has the same numbers for all texts; to train without conditions, leave out --given"),
        ({"y": np.array([1, np.nan, 2])}, "has a number in y that is NaN; the first one is at (1, 0)"),
        ({"classes": ("de",)}, "has the condition it, which the model does not know; it knows de"),
        ({"classes": ()}, "has names as conditions; those of the model are numbers"),
        ({"y": np.eye(3), "classes": ("de",)}, "has numbers as conditions; the model knows the names de"),
    ],
)  # fmt: skip
def test_arrays_without_conditions_are_refused(tmp_path, options, said):
    """The message names the file, the array and what it must be."""
    path = tmp_path / "animals.npz"
    words = failure(arrays, path, **{"x": TEXTS, "y": np.array(["de", "de", "it"]), **options})
    assert words.startswith(str(path))
    assert said in words
