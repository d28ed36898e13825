"""Pairs of texts to translate."""

import gzip
import io

import pytest

from charrnn.examples.input_files import Request
from charrnn.examples.readers import read, read_examples
from tests.helpers.encodings import TEXTS
from tests.helpers.errors import failure

LINES = "cat\tK AE T\nread\tR EH D\nread\tR IY D\n"
PAIRS = [("cat", "K AE T"), ("read", "R EH D"), ("read", "R IY D")]


def paired(*paths, **options):
    """Read texts to translate; return each with its translation, and what is said."""
    said = []
    examples = read_examples(list(map(str, paths)), task="translate", say=said.append, **options)
    assert examples.classes is None
    assert examples.values is None
    assert examples.lengths.tolist() == list(map(len, examples.texts))
    return list(zip(examples.texts, examples.translations, strict=True)), said


@pytest.mark.parametrize("text", [LINES, LINES[:-1], LINES + "\n \n", "\n" + LINES, LINES.replace("\n", "\r\n")])
def test_lines_of_a_text_a_tab_and_its_translation(tmp_path, text):
    """One text can have several; blank lines are passed over, and ends of lines make no difference."""
    path = tmp_path / "words.txt"
    path.write_bytes(text.encode())
    assert paired(path) == (PAIRS, [])
    assert paired("-", stdin=io.BytesIO(text.encode())) == (PAIRS, [])


def test_the_record_counts_what_is_read(tmp_path):
    """Pairs, and the characters of the texts to translate."""
    path = tmp_path / "words.txt"
    path.write_text(LINES)
    record = dict(read_examples([str(path)], task="translate").record)
    assert len(record.pop("sha256")) == 64
    assert record == {"sources": [str(path)], "bytes": len(LINES), "examples": 3, "characters": 11}


def test_spaces_are_part_of_a_text(tmp_path):
    """Nothing is cut off."""
    path = tmp_path / "pairs.txt"
    path.write_text(" a \t b\u00a0\nc\td \n")
    assert paired(path)[0] == [(" a ", " b\u00a0"), ("c", "d ")]


def test_what_follows_a_second_tab_is_not_read(tmp_path):
    """Such as the source of a sentence; it is said, once for each file."""
    path = tmp_path / "fra.txt"
    path.write_text("Go.\tVa !\tCC-BY 2.0 (France)\t#1\nHi.\tSalut !\t\n")
    assert paired(path) == (
        [("Go.", "Va !"), ("Hi.", "Salut !")],
        [f"what follows a second tab in 2 lines of {path} is not read"],
    )
    path.write_text("Go.\tVa !\nHi.\tSalut !\tTatoeba\n")
    assert paired(path)[1] == [f"what follows a second tab in line 2 of {path} is not read"]


def test_several_files_and_folders_are_one(tmp_path):
    """Whatever they are encoded and compressed with; files of a folder that are not text are left out."""
    german, polish = TEXTS["German"][1].split("\n"), TEXTS["Polish"][1].split("\n")
    folder = tmp_path / "more"
    (folder / "deep").mkdir(parents=True)
    (tmp_path / "one.tsv").write_bytes(LINES.encode("utf-16"))
    (folder / "deep" / "de.txt.gz").write_bytes(
        gzip.compress("".join(f"{s}\tx\n" for s in german if s).encode("cp1252"))
    )
    (folder / "pl.txt").write_bytes("".join(f"{s}\ty\n" for s in polish if s).encode("iso8859-2"))
    (folder / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    found, said = paired(tmp_path / "one.tsv", folder)
    assert found[:3] == PAIRS
    assert sorted(found[3:]) == sorted([(s, "x") for s in german if s] + [(s, "y") for s in polish if s])
    assert any(f"{folder / 'x.png'} is left out" in sentence for sentence in said)
    assert any("is read as Windows-1252" in sentence for sentence in said)


def test_columns_of_texts_and_translations(tmp_path):
    """A field in quotation marks can have line feeds; several tables are one."""
    one, other = tmp_path / "1.csv", tmp_path / "2.tsv"
    one.write_text('id,en,fr\n1,"Go, now.",Va !\n2,Hi.,"Salut,\nvous !"\n')
    other.write_text("fr\ten\nQui ?\tWho?\n")
    assert paired(one, other, texts="en", labels="fr") == (
        [("Go, now.", "Va !"), ("Hi.", "Salut,\nvous !"), ("Who?", "Qui ?")],
        [],
    )


COLUMNS = {"texts": "en", "labels": "fr"}


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("Some text.\nMore.\n", {}, "{path} has no pairs of texts: its lines have no tab; give lines of a text, a tab"),
        ("a\tb\nc d\n", {}, "line 2 of {path} has no tab between a text and its translation; give lines of a text"),
        ("a\tb\n\n\td\n", {}, "line 3 of {path} has no text before the tab"),
        ("a\tb\nc\t \n", {}, "line 2 of {path} has no translation after the tab"),
        ("a\tb\nc\t\tnote\n", {}, "line 2 of {path} has no translation after the tab"),
        ("a\tb\n\t\n", {}, "line 2 of {path} has no text before the tab"),
        ("", {}, "there is no text in {path}"),
        ("\n\n", {}, "there is no text in {path}"),
        ("a\tb\na\tc\n", {}, "{path} has only one text to translate; at least 2 different ones are needed"),
        ("en,fr\na,b\n,d\n", COLUMNS, "line 3 of {path} has nothing in the column 'en'"),
        ("en,fr\na,b\nc, \n", COLUMNS, "line 3 of {path} has nothing in the column 'fr'"),
        ("en,fr\na,b\na,c\n", COLUMNS, "{path} has only one text to translate"),
        ("en,fr\na,b\nc,d\n", {"texts": "en", "labels": "de"}, "{path} has no column 'de'; it has en, fr"),
        ("en,fr\na,b\nc,d\n", {"texts": "en", "labels": "en,fr"}, "--labels names 2 columns; only --task predict has"),
        ("en,fr\na,b\nc,d\n", {"texts": "en"}, "--texts needs --labels"),
        ("en,fr\na,b\nc,d\n", {"labels": "fr"}, "--labels needs --texts"),
        ("a\tb\nc\td\n", {"ahead": 2}, "--ahead is for a series of numbers"),
        ("a\tb\nc\td\n", {"inputs": "a"}, "--inputs is for a series of numbers"),
    ],
)  # fmt: skip
def test_what_has_no_pairs_is_refused(tmp_path, text, options, said):
    """The message names the file and the line, and what to give instead."""
    path = tmp_path / "pairs.txt"
    path.write_text(text)
    assert failure(paired, path, **options).startswith(said.format(path=path))


def test_a_model_can_read_pairs_of_one_text(tmp_path):
    """Only a run needs two, one of which validates."""
    path = tmp_path / "pairs.txt"
    path.write_text("a\tb\na\tc\n")
    examples = read(Request((str(path),), "translate", divides=False))
    assert (examples.texts, examples.translations) == (("a", "a"), ("b", "c"))
