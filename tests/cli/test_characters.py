"""``charrnn vocabulary``: the characters of a text, and what may be wrong with them."""

import gzip
from pathlib import Path

import pytest

from tests.helpers.commands import TINY, json_lines, misused, refused
from tests.helpers.encodings import TEXTS
from tests.helpers.model_files import meta_of

ODD = "Déjà vu\r\nDe\u0301ja\u0300 vu\nzero\u200bwidth \x00 'it’s'\n" * 3


@pytest.fixture
def odd(folder):
    """Stand in a folder with an odd text, and a folder with it in another form and a binary file."""
    Path("odd.txt").write_bytes(ODD.encode())
    Path("books").mkdir()
    Path("books/packed.gz").write_bytes(gzip.compress(TEXTS["German"][1].encode("cp1252") * 9))
    Path("books/z.bin").write_bytes(b"\0")
    return folder


def test_the_list_and_what_comes_after_it(odd, run):
    """The most frequent characters first; then numbers, and what may be wrong."""
    result = run("vocabulary", "odd.txt", "-n", 2)
    lines = result.out.splitlines()
    assert (result.code, result.err) == (0, "")
    assert lines[0].split() == ["character", "code", "point", "count", "percent", "kind", "name"]
    assert lines[1].split()[:2] == ["␣", "U+0020"]
    assert "more; --all lists them" in lines[3]
    for part in (
        "NULL (U+0000) 3 times",
        "ZERO WIDTH SPACE (U+200B) 3 times",
        "mixed line ends: 3 CRLF, 6 LF",
        "6 characters are composed, such as é, and 6 are decomposed",
        "both 6 straight quotes and 3 curly quotes",
        "--rare 5 leaves ",
    ):
        assert part in result.out


def test_json_and_tsv_have_all(odd, run):
    """One object; and one row for each character, in the order that is asked for."""
    (record,) = json_lines(run("vocabulary", "odd.txt", "--json", "--rare", 7))
    rows = [line.split("\t") for line in run("vocabulary", "odd.txt", "--tsv", "--sort", "code").out.splitlines()]
    by_code = sorted(record["characters"], key=lambda row: row["code_point"])
    assert [row[1] for row in rows[1:]] == [f"U+{row['code_point']:04X}" for row in by_code]
    assert [int(row[2]) for row in rows[1:]] == [row["count"] for row in by_code]
    assert sum(row["count"] for row in record["characters"]) == record["text"]["characters"]
    assert [row["count"] for row in record["characters"]] == sorted((row["count"] for row in by_code), reverse=True)
    assert {finding["kind"] for finding in record["findings"]} == {
        "controls",
        "invisible",
        "line ends",
        "forms",
        "quotes",
    }
    assert record["line_ends"] == {"LF": 6, "CRLF": 3, "CR": 0}
    assert next(row for row in record["rare"] if row["rare"] == 7)["symbols"] == record["training"]["symbols"]
    assert record["characters"][0]["name"] == "SPACE"


def test_it_tells_what_train_does(odd, run):
    """The same symbols, parameters, epochs and characters, for characters, bytes, documents and rare ones."""
    for number, options in enumerate(((), ("--bytes",), ("--documents", "lines"), ("--rare", 9))):
        (told,) = json_lines(run("vocabulary", "corpus.txt", "--json", *options))
        model = f"{number}.npz"
        assert run("train", "corpus.txt", *options, "--threads", 1, "--time", "0.1s", "--quiet", "-o", model).code == 0
        (info,) = json_lines(run("info", model, "--json"))
        assert told["training"]["parameters"] == info["parameters"]
        for name in ("characters", "bytes", "sha256"):
            assert told["text"][name] == info["corpus"][name]
        assert run("train", "corpus.txt", *options, *TINY, "--quiet", "-o", model, "--force").code == 0
        assert meta_of(model)["training"]["epochs"] == told["training"]["epochs"]


def test_folders_encodings_and_standard_input(odd, run):
    """How each file is read, and which ones are left out."""
    result = run("vocabulary", "books")
    assert "read as Windows-1252" in result.out
    assert "books/z.bin: a binary file" in result.out
    (record,) = json_lines(run("vocabulary", "books", "--json"))
    assert record["left_out"] == [{"file": "books/z.bin", "reason": "a binary file"}]
    assert {row["character"] for row in record["characters"]} >= set("äß")
    piped = run("vocabulary", "-", "--json", stdin=ODD.encode())
    assert json_lines(piped)[0]["characters"] == json_lines(run("vocabulary", "odd.txt", "--json"))[0]["characters"]
    (read,) = json_lines(run("vocabulary", "-", "--encoding", "cp1251", "--json", stdin="Привет".encode("cp1251")))
    assert read["characters"][0]["script"] == "Cyrillic"


def test_bytes(odd, run):
    """Each byte by its number; those of ASCII with their names."""
    (record,) = json_lines(run("vocabulary", "odd.txt", "--bytes", "--json"))
    assert sum(row["count"] for row in record["characters"]) == len(ODD.encode())
    assert {row["character"] for row in record["characters"] if row["code_point"] > 127} >= {"\\xc3", "\\xa9"}
    assert (record["findings"], record["line_ends"]) == ([], None)
    assert "BYTE C3" in run("vocabulary", "odd.txt", "--bytes", "--all").out


def test_what_is_refused(odd, run):
    """One line says why."""
    misused(run("vocabulary"), "Missing argument")
    misused(run("vocabulary", "odd.txt", "--json", "--tsv"), "Give --json or --tsv, not both.")
    misused(run("vocabulary", "odd.txt", "--all", "-n", 3), "Give --all or --most, not both.")
    misused(run("vocabulary", "odd.txt", "--bytes", "--encoding", "latin-1"), "Give --bytes or --encoding, not both.")
    misused(run("vocabulary", "odd.txt", "--rare", 1), "'1' is not a whole number from 2")
    misused(run("vocabulary", "-", "-"), "Standard input (-) can be read only once.")
    refused(run("vocabulary", "missing.txt"), "missing.txt cannot be read")
    refused(run("vocabulary", "-"), "there is no text in standard input")
