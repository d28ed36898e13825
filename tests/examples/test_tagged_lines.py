"""Texts with a tag for each character."""

import pytest

from charrnn.examples.readers import read_examples
from tests.helpers.errors import failure


@pytest.fixture
def write(tmp_path):
    """Return what writes a file and returns its name."""

    def writing(text, name="tags.txt"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return writing


def tagged(*paths, **options):
    """Return the texts in files, and their tags, one after another."""
    examples = read_examples(paths, task="tag", **options)
    assert examples.per_step
    return examples.texts, [examples.labels[k] for k in examples.classes.tolist()]


def test_a_line_of_text_and_a_line_of_tags(write):
    """A character a tag; blank lines between pairs are optional; spaces can be tags."""
    texts, tags = tagged(write("the cat\nDDD NNN\n\na dog\nD NNN\nit\nPP\n"))
    assert texts == ("the cat", "a dog", "it")
    assert "".join(tags) == "DDD NNND NNNPP"


def test_tags_with_spaces_between_them(write):
    """Then tags can be longer than a character."""
    texts, tags = tagged(write("hállo\n0 1 0 0 10\nabc\nx y z\n"))
    assert texts == ("hállo", "abc")
    assert tags == ["0", "1", "0", "0", "10", "x", "y", "z"]


def test_lines_of_a_character_and_a_tag(write):
    """A blank line ends a text; a space, and an accent of its own, are characters like others."""
    texts, tags = tagged(write("a\tV\n \tO\nn\tC\n\n\ne\u0301\tB-V\no\tV\n"))
    assert texts == ("a n", "e\u0301o")
    assert tags == ["V", "O", "C", "B-V", "I-V", "V"]


def test_lines_of_a_word_and_a_tag(write):
    """As in the files of CoNLL: a name begins once, and spaces are outside."""
    texts, tags = tagged(write("New\tB-LOC\nYork\tI-LOC\nis\tO\n.\tO\n\nOslo\tB-LOC\n"))
    assert texts == ("New York is .", "Oslo")
    assert tags[:4] == ["B-LOC", "I-LOC", "I-LOC", "O"]
    assert tags[4:8] == ["I-LOC"] * 4
    assert tags[8:13] == ["O"] * 5
    assert tags[13:] == ["B-LOC", *["I-LOC"] * 3]


def test_columns_of_texts_and_tags(write):
    """The tags of a row, in either way."""
    examples = tagged(write("text,tags\nabc,xxy\nde,yx\n", "t.csv"), labels="tags", texts="text")
    assert examples == (("abc", "de"), list("xxyyx"))
    examples = tagged(write("text,tags\nabc,x x y\nde,y x\n", "t.csv"), labels="tags", texts="text")
    assert examples == (("abc", "de"), list("xxyyx"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("abc\nxy\n", "line 2 of {path} has 2 tags, but its text has 3 characters; write a line of text and below it"),
        ("ab\nx y\nabc\nx y\nabcd\nx y z x\n", "line 4 of {path} has 2 tags, but its text has 3 characters"),
        ("abc\n\nxyx\n", "line 1 of {path} has no line of tags below it"),
        ("abc\nxyx\nde", "line 3 of {path} has no line of tags below it"),
        ("a\tx\nb y\nc\tz\n", "line 1 of {path} has a tab, but not all lines have one; write a line of text"),
        ("a\tx\nb\ty\tz\n", "line 2 of {path} is not a character or a word, a tab and a tag, but has 3 fields"),
        ("a\tx\n\ty\n", "has 2 fields, of which one is empty"),
        ("a\tx\nb\t\n", "has 2 fields, of which one is empty"),
        ("abc\nxxx\n", "{path} has only one tag, x; at least 2 tags are needed"),
        ("\n\n", "there is no text in {path}"),
    ],
)  # fmt: skip
def test_what_is_not_tagged_is_refused(write, text, said):
    """The message says where, and shows both forms if neither fits."""
    path = write(text)
    assert said.format(path=path) in failure(tagged, path)


def test_a_model_decides_about_the_tags(write):
    """A tag that it does not know is an error that names both."""
    path = write("abc\nxyx\n")
    assert tagged(path, classes=("y", "x", "z"))[1] == list("xyx")
    said = failure(tagged, path, classes=("a", "x"))
    assert said == f"{path} has the tag y, which the model does not know; it knows a, x"
