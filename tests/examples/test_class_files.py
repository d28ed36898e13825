"""Examples from files or folders of a class each, and from lines with labels."""

import gzip
import io

import numpy as np
import pytest

from charrnn.examples.readers import read_examples
from tests.helpers.errors import failure

NAMES = {"Irish": "Adam\nAhearn\nO'Reilly\n", "Polish": "Bosko\nŻak\n\nWawrzyniec\n"}


@pytest.fixture
def surnames(tmp_path):
    """Return a folder with a file of names for each of two languages."""
    folder = tmp_path / "surnames"
    folder.mkdir()
    for language, names in NAMES.items():
        (folder / f"{language}.txt").write_text(names, encoding="utf-8")
    return folder


def classified(*paths, **options):
    """Read examples to classify; return them, and what is said."""
    said = []
    return read_examples(list(map(str, paths)), task="classify", say=said.append, **options), said


def pairs(examples):
    """Return each text with its label."""
    return [(text, examples.labels[k]) for text, k in zip(examples.texts, examples.classes.tolist(), strict=True)]


def test_each_line_of_a_file_is_an_example_of_its_class(surnames):
    """The class is the name of the file, without its ending; blank lines are no examples."""
    examples, said = classified(surnames / "Polish.txt", surnames / "Irish.txt")
    assert examples.labels == ("Irish", "Polish")
    assert pairs(examples) == [
        ("Bosko", "Polish"),
        ("Żak", "Polish"),
        ("Wawrzyniec", "Polish"),
        ("Adam", "Irish"),
        ("Ahearn", "Irish"),
        ("O'Reilly", "Irish"),
    ]
    assert examples.lengths.tolist() == [5, 3, 10, 4, 6, 8]
    assert said == []


def test_a_folder_of_files_holds_the_classes(surnames):
    """It is the same as to name its files."""
    (surnames / ".hidden.txt").write_text("none\n")
    whole, _ = classified(surnames)
    named, _ = classified(surnames / "Irish.txt", surnames / "Polish.txt")
    assert pairs(whole) == pairs(named)
    assert whole.record["sha256"] == named.record["sha256"]
    assert whole.record == {
        "sources": [str(surnames)],
        "sha256": whole.record["sha256"],
        "bytes": sum(len(names.encode()) for names in NAMES.values()),
        "examples": 6,
        "characters": 36,
    }


@pytest.fixture
def reviews(tmp_path):
    """Return a folder with a folder for each of two classes, and a file beside them."""
    folder = tmp_path / "train"
    for name, texts in {"neg": ["Dull.\nVery dull.\n", "No.\n"], "pos": ["Good!\n", "I laughed.\n"]}.items():
        (folder / name / "more").mkdir(parents=True)
        (folder / name / "0.txt").write_text(texts[0])
        (folder / name / "more" / "1.txt").write_text(texts[1])
    (folder / "README.txt").write_text("What this is.\n")
    return folder


def test_each_file_of_a_folder_is_an_example_of_its_class(reviews):
    """Also those in its subfolders; the line feed at the end of a file is not part of the text."""
    examples, said = classified(reviews / "neg", reviews / "pos")
    assert pairs(examples) == [("Dull.\nVery dull.", "neg"), ("No.", "neg"), ("Good!", "pos"), ("I laughed.", "pos")]
    assert said == []


def test_a_folder_of_folders_holds_the_classes(reviews):
    """Files beside them are left out, which is said."""
    examples, said = classified(reviews)
    assert pairs(examples) == pairs(classified(reviews / "neg", reviews / "pos")[0])
    assert said == [f"{reviews / 'README.txt'} is left out, as the folders beside it are the classes"]


def test_the_current_folder_has_a_name(reviews, monkeypatch):
    """A class is never called '.'."""
    monkeypatch.chdir(reviews / "neg")
    assert classified(".", "../pos")[0].labels == ("neg", "pos")


def test_files_are_decoded_and_unpacked_as_all_texts_are(tmp_path):
    """An encoding other than UTF-8 is detected and said; an ending such as .txt.gz is not part of the class."""
    text = "Der Fuchs ging über die Straße.\r\nDie Mädchen hörten ihn früh.\r\nSchön wär’s.\r\n"
    (tmp_path / "de.txt.gz").write_bytes(gzip.compress(text.encode("cp1252")))
    (tmp_path / "en.txt").write_bytes("\ufeffThe fox.\nThe crow.\n".encode())
    examples, said = classified(tmp_path / "de.txt.gz", tmp_path / "en.txt")
    assert examples.labels == ("de", "en")
    assert examples.texts[:3] == tuple(text.split("\r\n")[:3])
    assert examples.texts[3] == "The fox."
    assert said == [f"{tmp_path / 'de.txt.gz'} is read as Windows-1252"]
    assert "encodings" in examples.record


def test_what_is_left_out_of_folders_is_said(reviews):
    """A picture among texts, and a file without text."""
    (reviews / "pos" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    (reviews / "pos" / "blank.txt").write_text("\n \n")
    (reviews / "pos" / "empty.txt").write_text("")
    examples, said = classified(reviews / "neg", reviews / "pos")
    assert examples.count == 4
    assert said[0].startswith(f"{reviews / 'pos' / 'a.png'} is left out: it is ")
    assert said[1:] == [f"{reviews / 'pos' / 'blank.txt'} and 1 more are left out, without text"]
    assert examples.record["skipped"]["files"] == 1


def test_classes_that_cannot_be_told_apart_are_refused(tmp_path, surnames):
    """Two files of the same name, one class, a class without text or with one example."""
    other = tmp_path / "more"
    other.mkdir()
    (other / "Irish.txt").write_text("Brady\n")
    assert "would both be the class Irish; put them" in failure(classified, surnames / "Irish.txt", other / "Irish.txt")
    assert "has only one class, Irish; at least 2 classes" in failure(classified, other)
    (other / "Greek.txt").write_text("\n")
    assert "has no text, so the class Greek has no examples" in failure(classified, other)
    (other / "Greek.txt").write_text("Adamou\nAntonopoulos\n")
    assert "the class Irish has only one example; at least 2 are needed" in failure(classified, other)
    (other / "empty").mkdir()
    assert f"there is no text in {other / 'empty'}" in failure(classified, other / "Greek.txt", other / "empty")
    assert "has no name that could be a class" in failure(classified, "-", other)


def test_a_model_decides_about_the_classes(surnames):
    """Their numbers are the model's; another class is an error that names both; few examples are no fault."""
    known = ("Czech", "Polish", "Irish")
    (surnames / "Irish.txt").write_text("Adam\n")
    examples, _ = classified(surnames, classes=known)
    assert examples.labels == known
    assert examples.classes.tolist() == [2, 1, 1, 1]
    said = failure(classified, surnames, classes=("Czech", "Polish"))
    assert said == f"{surnames} has the class Irish, which the model does not know; it knows Czech, Polish"


LINES = "pos\tI laughed.\n neg \tDull,\tvery dull.\r\n\nneg\tNo.\npos\t \npos\tGood!\n"


def test_lines_of_a_label_a_tab_and_a_text(tmp_path):
    """More tabs are part of the text; blank lines, and lines without a text, are passed over."""
    path = tmp_path / "reviews.tsv"
    path.write_text(LINES)
    examples, said = classified(path)
    assert pairs(examples) == [("I laughed.", "pos"), ("Dull,\tvery dull.", "neg"), ("No.", "neg"), ("Good!", "pos")]
    assert said == [f"line 5 of {path} is left out, as it has no text"]
    piped, _ = classified("-", stdin=io.BytesIO(LINES.encode()))
    assert pairs(piped) == pairs(examples)
    assert piped.record["sources"] == ["-"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Some text.\nMore text.\n", "has no labels: its lines have no tab; give a file or a folder for each class"),
        ("a\tb\nc d\n", "line 2 of {path} has no tab between a label and a text"),
        ("a\tb\n \td\n", "line 2 of {path} has no label before the tab"),
        ("a\t\n", "there is no text in {path}"),
        ("\n\n", "there is no text in {path}"),
        ("", "there is no text in {path}"),
        ("\ta\tb\n", "line 1 of {path} has no label"),
    ],
)
def test_lines_that_are_not_labelled_are_refused(tmp_path, text, said):
    """The message says which line, and the three ways to give labels."""
    path = tmp_path / "lines.txt"
    path.write_text(text)
    assert said.format(path=path) in failure(classified, path)


def test_numbers_as_labels_are_in_order_of_their_values(tmp_path):
    """Ten stars are more than nine."""
    path = tmp_path / "stars.tsv"
    path.write_text("10\tWonderful\n9\tGood\n10\tGreat\n9\tFine\n")
    examples, _ = classified(path)
    assert examples.labels == ("9", "10")
    assert examples.classes.dtype == np.int32


def test_a_label_behind_its_text_is_noticed(tmp_path):
    """As is a header above lines with labels."""
    path = tmp_path / "reviews.tsv"
    path.write_text(
        "".join(f"Review {k}, which is long enough to be cut off in a message.\t{k % 2}\n" for k in range(20))
    )
    said = failure(classified, path)
    assert "20 of 20 examples have a class of their own, such as Review 0, which is long enough to be cut" in said
    assert "in a line, the label comes before the text" in said
    path.write_text("label\ttext\npos\tGood!\nneg\tBad.\npos\tFine.\nneg\tNo.\n")
    said = failure(classified, path)
    assert "the class label has only one example" in said
    assert said.endswith("if it is a header, name its columns with --labels and --texts")
