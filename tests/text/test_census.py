"""A census counts the characters that training reads, and how a text is written."""

import random
import unicodedata
from collections import Counter

import pytest

from charrnn.text import census as module
from charrnn.text.census import take_census
from charrnn.text.character_names import CONTROLS, OTHER_CONTROLS, kind_of, name_of_character, script_of
from charrnn.text.findings import findings
from charrnn.text.ingest import read_corpus
from tests.helpers.errors import failure

PIECES = ("a", "b\n", "é", "e\u0301", "漢", "\r\n", "\r", "\ufeff", "--", "�", "😀", "Ã©", "â€™", "x" * 9)


def written(folder, *texts):
    """Write texts to files; return their paths."""
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_bytes(text.encode())
    return [str(folder / f"{number}.txt") for number in range(len(texts))]


@pytest.mark.parametrize("options", [{}, {"byte_level": True}, {"separator": "\n"}, {"separator": "--"}])
@pytest.mark.parametrize("seed", range(5))
def test_the_counts_are_those_of_what_is_trained_on(tmp_path, monkeypatch, options, seed):
    """Files of any writing, in blocks of any size: the vocabulary, the counts and the documents of a corpus."""
    choose = random.Random(seed)
    paths = written(tmp_path, *("".join(choose.choices(PIECES, k=choose.randint(1, 60))) + "z" for _ in range(3)))
    corpus = read_corpus(paths, **options)
    taken = take_census(paths, **options)
    counts = Counter(
        corpus.vocabulary.spell(corpus.ids[corpus.ids < 256] if corpus.vocabulary.byte_level else corpus.ids)
    )
    expected = {ord(c): n for c, n in counts.items() if not "\ud800" <= c <= "\udfff"}
    assert {code: int(n) for code, n in enumerate(taken.counts) if n} == expected
    assert taken.vocabulary() == corpus.vocabulary
    assert (taken.sha256, taken.size, taken.characters) == (corpus.sha256, corpus.size, corpus.characters)
    assert taken.writing.documents == (corpus.documents or 0)
    if not taken.byte_level:
        for rare in (2, 5):
            assert taken.vocabulary(rare) == read_corpus(paths, rare=rare, **options).vocabulary


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_writing_is_counted_in_blocks_of_any_size(size):
    """Line ends, pairs and joined characters that are cut by a block are counted once."""
    text = "a\r\nb\rc\n\r\nÃ©Ã©â€™e\u0301 o\u0308\r"
    writing = module.Writing()
    list(writing.count_documents(writing.hear(text[k : k + size]) or "" for k in range(0, len(text), size)))
    assert writing.line_ends == Counter(CRLF=2, CR=2, LF=1)
    assert writing.misread == Counter({"Ã©": 2, "â€": 1})
    assert writing.decomposed == 2


def found(folder, text):
    """Return the kinds of findings in a text, with their counts."""
    (path,) = written(folder, text)
    return {finding.kind: finding.times for finding in findings(take_census([path]))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A usual text, with é and ü: “quotes” — and a tab\t.\n", {}),
        ("nul \x00, escape \x1b\x1b", {"controls": 3}),
        ("zero\u200bwidth, \u202eright to left, a\ufeff mark", {"invisible": 3}),
        ("no\u00a0break, \u3000, \u2028", {"spaces": 3}),
        ("\ue000 \U000fffff \u0378", {"unassigned": 3}),
        ("lost \ufffd\ufffd", {"replacement": 2}),
        ("dÃ©jÃ\u00a0 vu Ã©tÃ©", {"mojibake": 4, "spaces": 1}),
        ("itâ€™s â€œhereâ€\u009d", {"mojibake": 3, "controls": 1}),
        ("Ð¿Ñ€Ð¸Ð²ÐµÑ‚" * 2, {"mojibake": 12}),
        ("SÃO NÃO IRMÃ Ã© Ã " * 3, {}),  # Ã is seldom before such a character
        ("a\r\nb\nc\r\n", {"line ends": 1}),
        ("a\r\nb\r\n", {}),
        ("é é e\u0301", {"forms": 1}),
        ("e\u0301 o\u0308", {}),
        ("it's “so”", {"quotes": 1}),
        ("ＡＢ A", {"widths": 1}),
        ("ＡＢ C", {}),
        ("カナ ｶﾅ", {"katakana": 2}),
    ],
)
def test_what_may_be_wrong_is_found(tmp_path, text, expected):
    """Each kind by itself, and none where nothing is wrong."""
    assert found(tmp_path, text) == expected


def test_characters_have_names_and_kinds():
    """Controls have the aliases that Unicode gives them; a letter has its script."""
    names = [*enumerate(CONTROLS), *((ord(character), name) for character, name in OTHER_CONTROLS.items())]
    assert len(CONTROLS) == 32
    assert [unicodedata.lookup(name) for _, name in names] == [chr(code) for code, _ in names]
    assert name_of_character("é") == "LATIN SMALL LETTER E WITH ACUTE"
    assert name_of_character("\ue000") == "PRIVATE USE U+E000"
    kinds = {
        "é": "Latin letter",
        "Ω": "Greek letter",
        "漢": "Han letter",
        "か": "Hiragana letter",
        "ｱ": "Katakana letter",
        "글": "Hangul letter",
        "ж": "Cyrillic letter",
        "א": "Hebrew letter",
        "ـ": "letter",
        "µ": "letter",
        "𝐀": "letter",
        "5": "number",
        "\u0301": "mark",
        "—": "punctuation",
        "€": "symbol",
        " ": "space",
        "\u200b": "format",
        "\n": "control",
        "\ue000": "private use",
        "\u0378": "unassigned",
        "Ａ": "Latin letter",
        "अ": "Devanagari letter",
    }
    assert {character: kind_of(character) for character in kinds} == kinds
    assert script_of("1") == ""


def test_a_text_without_characters_is_refused(tmp_path):
    """As training refuses it."""
    (path,) = written(tmp_path, "")
    assert failure(take_census, [path]) == failure(read_corpus, [path])
    (path,) = written(tmp_path, "\n\n")
    assert "there is no text in " in failure(take_census, [path], separator="\n")
