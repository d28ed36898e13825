"""Records in columns, between tabulators and as JSON."""

import json
import sys
import time
from types import SimpleNamespace

import pytest

from charrnn.cli.records import BATCH_SECONDS, Column, fitting, write
from charrnn.display.words import cells


@pytest.fixture
def printed(capsysbinary):
    """Write records and return what is on stdout."""

    def printed(records, columns, form):
        capsysbinary.readouterr()
        write(records, columns, form)
        return capsysbinary.readouterr().out.decode()

    return printed


WILD = "a\tb\nc\\d\r\x1b[31m\u202e%s"


def test_a_text_between_tabulators_is_one_value(printed):
    """What would end a value or a line is escaped, so that every text comes back."""
    out = printed([(WILD, 1), ("", None)], [Column("text"), Column("number", 3, "d")], "tsv")
    assert out == "text\tnumber\na\\tb\\nc\\\\d\\r\x1b[31m\u202e%s\t1\n\t\n"


def test_no_character_ends_a_line_between_tabulators(printed):
    """Whatever a reader takes for the end of a line is escaped, as Python does, in a line of its own record."""
    breaks = [c for c in map(chr, range(sys.maxunicode + 1)) if len(f"a{c}b".splitlines()) > 1]
    assert len(breaks) > 8
    _, *lines = printed([(f"<{c}>",) for c in breaks], [Column("text")], "tsv").splitlines()
    assert [line.encode().decode("unicode_escape") for line in lines] == [f"<{c}>" for c in breaks]


def test_a_text_cannot_command_a_terminal(printed):
    """In aligned text nothing is left that could command a terminal; JSON has escapes for it."""
    safe = "\N{REPLACEMENT CHARACTER}"
    out = printed([(WILD, True)], [Column("text", 30), Column("best")], "text")
    assert out == f"{'text':30}  best\n{f'a{chr(92)}tb{chr(92)}nc{chr(92)}d{chr(92)}r{safe}[31m{safe}%s':30}  best\n"
    assert json.loads(printed([(WILD, False)], [Column("text"), Column("best")], "json")) == {
        "text": WILD,
        "best": False,
    }


def test_columns_are_aligned(printed):
    """Strings begin and numbers end in a line, and what is missing takes its room."""
    columns = [Column("name", 6), Column("bits_per_char", 9, ".2f", ".3g"), Column("count", 7, ",", "d")]
    rows = [("a", 1.23456, 1234), ("bcd", None, 5)]
    assert printed(rows, columns, "text") == (
        "name    bits/char    count\na            1.23    1,234\nbcd                      5\n"
    )
    assert printed(rows, columns, "tsv") == "name\tbits_per_char\tcount\na\t1.23\t1234\nbcd\t\t5\n"
    assert printed(rows, columns, "json") == (
        '{"name": "a", "bits_per_char": 1.23, "count": 1234}\n{"name": "bcd", "bits_per_char": null, "count": 5}\n'
    )
    assert printed([(1.5,), (-2.0,)], [Column("correlation", 11, "+.2f", ".4f")], "text") == (
        "correlation\n      +1.50\n      -2.00\n"
    )
    assert printed([], columns, "json") == ""
    assert printed([], columns, "tsv") == "name\tbits_per_char\tcount\n"


@pytest.mark.parametrize("form", ["text", "tsv", "json"])
def test_records_are_written_as_they_come(printed, capsysbinary, form):
    """A record that was long in coming is on stdout before the next is asked for, and nothing before the first."""
    seen = []

    def slow():
        for number in range(3):
            seen.append(capsysbinary.readouterr().out.decode())
            time.sleep(1.1 * BATCH_SECONDS)
            yield (number,)

    seen.append(printed(slow(), [Column("number", 6, "d")], form))
    line = {"text": "     {}\n", "tsv": "{}\n", "json": '{{"number": {}}}\n'}[form]
    assert seen == ["", "number\n" * (form != "json") + line.format(0), line.format(1), line.format(2)]


def test_many_records_are_written_in_few_parts(monkeypatch):
    """Records that come fast are written in batches, all of them, in order."""
    parts = []
    monkeypatch.setattr("sys.stdout", SimpleNamespace(write=parts.append, flush=lambda: None, isatty=lambda: False))
    write(((number,) for number in range(10_000)), [Column("number", 1, "d")], "tsv")
    assert len(parts) < 100
    assert "".join(parts) == "number\n" + "".join(f"{number}\n" for number in range(10_000))


def test_columns_of_wide_and_combining_characters(capsysbinary):
    """Columns begin at the same place of a screen whatever is in those before them."""
    names = ["a", "日本語.npz", "e\u0301e\u0301", "\x1b[1m", "क्षि"]
    capsysbinary.readouterr()
    write([(name, "|") for name in names], [fitting("model", names), Column("end")], "text")
    _, *lines = capsysbinary.readouterr().out.decode().splitlines()
    assert {cells(line.partition("|")[0]) for line in lines} == {len("日本語.npz") + 3 + 2}


def test_names_of_columns_can_have_any_character(capsys):
    """A name from a file breaks no line, no format and no terminal."""
    columns = [Column("a\tb\n%s\x1b[2J", 0, "d")]
    write([(1,)], columns, "tsv")
    assert capsys.readouterr().out.split("\n")[0] == "a\\tb\\n%s\x1b[2J"
    write([(2,)], columns, "json")
    assert json.loads(capsys.readouterr().out) == {columns[0].name: 2}
    write([(3,)], columns, "text")
    assert "\x1b" not in capsys.readouterr().out
