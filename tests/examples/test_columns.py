"""Examples in the columns of tables."""

import csv

import numpy as np
import pytest

from charrnn.examples.readers import read_examples
from tests.helpers.errors import failure

REVIEWS = (
    'id,review,sentiment\n1,"Good, very good.",pos\n2,"He said ""no"".\nI agreed.",neg\n'
    "3,Fine.,pos\n4,,neg\n5,Bad.,neg\n"
)


@pytest.fixture
def write(tmp_path):
    """Return what writes a file and returns its name."""

    def writing(text, name="table.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return str(path)

    return writing


def read(path, task="classify", **options):
    """Read examples; return them, and what is said."""
    said = []
    return read_examples([path], task=task, say=said.append, **options), said


def test_columns_of_texts_and_labels(write):
    """A field in quotation marks can have commas, line feeds and such marks; a row without a text is passed over."""
    path = write(REVIEWS)
    examples, said = read(path, labels="sentiment", texts="review")
    assert examples.texts == ("Good, very good.", 'He said "no".\nI agreed.', "Fine.", "Bad.")
    assert examples.labels == ("neg", "pos")
    assert examples.classes.tolist() == [1, 0, 1, 0]
    assert said == [f"line 6 of {path} is left out, as it has no text"]
    assert examples.record["columns"] == {"labels": "sentiment", "texts": "review"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_any_table_of_a_spreadsheet_is_read(write, delimiter, end, encoding):
    """The header decides the delimiter; byte order marks and ends of lines make no difference."""
    rows = [["label", "the text, of a kind"], ["é", "a; b"], ["ü", "c, d\te"], ["é", "e"], ["ü", 'f "g"']]
    quoted = [delimiter.join('"' + field.replace('"', '""') + '"' for field in row) for row in rows]
    examples, _ = read(write(end.join(quoted), encoding=encoding), labels="label", texts="the text, of a kind")
    assert examples.texts == ("a; b", "c, d\te", "e", 'f "g"')
    assert examples.labels == ("é", "ü")


def test_quotation_marks_in_a_table_with_tabs_can_be_text(write):
    """Many such files are written without a thought of quotation marks; it is said."""
    path = write('label\ttext\na\t"Hello" he said\nb\t5" of snow\na\t"\nb\tx\n', "table.tsv")
    examples, said = read(path, labels="label", texts="text")
    assert examples.texts == ('"Hello" he said', '5" of snow', '"', "x")
    assert said == [f"quotation marks in {path} are read as part of the text, as they do not enclose whole fields"]


def test_a_long_text_is_read(write):
    """Python's own limit of 131,072 characters to a field is not ours, and stays as it was."""
    before = csv.field_size_limit()
    examples, _ = read(write(f"label,text\na,{'x' * 200_000}\nb,y\na,z\nb,w\n"), labels="label", texts="text")
    assert examples.lengths.tolist() == [200_000, 1, 1, 1]
    assert csv.field_size_limit() == before


def test_several_tables_are_one(write):
    """Their columns can be in another order."""
    one, other = write("label,text\na,x\nb,y\n", "1.csv"), write("text\tlabel\nz\ta\nw\tb\n", "2.tsv")
    examples = read_examples([one, other], task="classify", labels="label", texts="text")
    assert examples.texts == ("x", "y", "z", "w")
    assert examples.classes.tolist() == [0, 1, 0, 1]


def test_numbers_to_predict_for_texts(write):
    """One column, or several with commas between their names."""
    path = write("smiles;solubility;mass\nCCO;-0.77;46\nC1CC1;-1.5e0;42.08\n")
    one, _ = read(path, "predict", labels="solubility", texts="smiles")
    np.testing.assert_allclose(one.values, [[-0.77], [-1.5]], rtol=1e-6)
    assert one.names == ("solubility",)
    assert not one.per_step
    both, _ = read(path, "predict", labels="mass, solubility", texts="smiles")
    np.testing.assert_allclose(both.values, [[46, -0.77], [42.08, -1.5]], rtol=1e-6)
    assert both.names == ("mass", "solubility")


def test_numbers_before_texts_can_be_lines(write):
    """As with labels: a number, a tab and a text."""
    examples, _ = read(write("-0.77\tCCO\n-1.5\tC1CC1\n", "lines.txt"), "predict")
    assert examples.texts == ("CCO", "C1CC1")
    np.testing.assert_allclose(examples.values, [[-0.77], [-1.5]], rtol=1e-6)


OPTIONS = {"labels": "label", "texts": "text"}


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (REVIEWS, OPTIONS, "{path} has no column 'label'; it has id, review, sentiment"),
        (REVIEWS, {"labels": "Sentimant", "texts": "review"}, "did you mean 'sentiment'?"),
        ("label,text\na,b\nc,d,e\n", OPTIONS, "line 3 of {path} has 3 fields, but its header has 2; enclose a text"),
        ('label,text\na,"b\nb"\nc\n', OPTIONS, "line 4 of {path} has 1 field, but its header has 2"),
        ('label,text\na,"b\nc,d\n', OPTIONS, "line 2 of {path} has a quotation mark that does not enclose a whole"),
        ("label,text\na,b\n,d\n", OPTIONS, "line 3 of {path} has nothing in the column 'label'"),
        ("label,text\n", OPTIONS, "{path} has a header, but no rows below it"),
        ("label,text\na,\n", OPTIONS, "there is no text in {path}"),
        ("\n", OPTIONS, "there is no text in {path}"),
        ("b,text,b\n1,x,2\n", {"labels": "a, b", "texts": "text"}, "{path} has more than one column 'b'; rename one"),
        ("label,text,text\na,b,c\n", OPTIONS, "{path} has more than one column 'text'; rename one"),
        ("1,2\n3,4\n", OPTIONS, "{path} has no header; put the names of its columns in the first line"),
        ("label,text\na,b\nc,d\n", {"labels": "label"}, "--labels needs --texts"),
        ("label,text\na,b\nc,d\n", {"texts": "text"}, "--texts needs --labels"),
        ("label,text\na,b\nc,d\n", {"labels": "label,text", "texts": "text"}, "--labels names 2 columns"),
        ("label,text\na,b\nc,d\n", {**OPTIONS, "ahead": 2}, "--ahead is for a series"),
        ("label,text\na,b\nc,d\n", {**OPTIONS, "inputs": "a"}, "--inputs is for a series"),
        ("label,text\na,b\nc,d\n", {**OPTIONS, "ahead": 0}, "--ahead must be at least 1, not 0"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_is_refused(write, text, options, said):
    """The message says where, and what to type instead."""
    path = write(text)
    assert said.format(path=path) in failure(read, path, **options)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("high", "line 3 of {path} has 'high' in the column 'y', not a finite number"),
        ("nan", "has 'nan' in the column 'y', not a finite number"),
        ("-inf", "has '-inf' in the column 'y', not a finite number"),
        ("1e39", "has '1e39' in the column 'y', not a finite number"),
        ("1_000", "has '1_000' in the column 'y'"),
        ('"3,14"', "has '3,14' in the column 'y', not a finite number; write 3.14"),
        ("", "line 3 of {path} has nothing in the column 'y'"),
    ],
)
def test_what_is_no_number_is_refused(write, field, said):
    """Also what a float can be, but no network can learn."""
    path = write(f"x,y\na,1\nb,{field}\n")
    assert said.format(path=path) in failure(read, path, "predict", labels="y", texts="x")


def test_tables_are_no_files_of_a_class(write):
    """Their names would be taken for the names of classes."""
    paths = [write("a,b\n1,2\n", name) for name in ("train.csv", "test.csv")]
    said = failure(read_examples, paths, task="classify")
    assert said == f"{paths[0]} is a table by its name; --labels and --texts name its columns"
