"""Near forms: what looks like a character that the model knows is read as this character, wherever blocks end."""

import re
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charrnn.errors import UnknownWarning
from charrnn.text.near_forms import NearForms
from charrnn.text.vocabulary import Vocabulary
from tests.helpers.errors import failure

ALIKE = "aeE é\u0301\u0323ậ\"'“”‘’„«»`.…-–—\u00a0\u3000ＡA１1①ﬁfi각\u1100\u1161\u11a8\u212b\u00c5\n"


def read(known, text, *, cuts=(), kind="forms", **options):
    """Return what a model of some characters reads of a text in blocks, and how many near forms."""
    vocabulary = Vocabulary.of(known)
    near = vocabulary.near_forms(kind)
    blocks = [text[a:b] for a, b in pairwise([0, *sorted(cut for cut in cuts if cut < len(text)), len(text)])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownWarning)
        parts = list(vocabulary.encode_blocks(filter(None, blocks), near=near, **options))
    return "".join(map(vocabulary.spell, parts)), near.count


@pytest.mark.parametrize(
    ("known", "text", "expected", "count"),
    [
        ("Thé", "The\u0301", "Thé", 1),
        ("The\u0301", "Thé", "The\u0301", 1),
        ("ậ", "a\u0323\u0302â\u0323", "ậậ", 2),  # marks in any order
        ("각", "\u1100\u1161\u11a8", "각", 1),
        ("\u1100\u1161\u11a8", "각", "\u1100\u1161\u11a8", 1),
        ("\u00c5", "\u212b", "\u00c5", 1),
        ("\u212b", "\u00c5", "\u212b", 1),
        ("ABC1", "ＡＢＣ１", "ABC1", 4),
        ("ＡＢＣ！", "ABC!", "ＡＢＣ！", 4),
        ("カ", "ｶ", "カ", 1),
        ("ガパ", "ｶﾞﾊﾟ", "ガパ", 2),
        ("볬\u0d4a", "볬\u0d46\u0d3e", "볬\u0d4a", 1),  # the first part of the vowel is a mark itself
        ("fi", "ﬁ", "fi", 1),
        ("a.", "a…", "a...", 1),
        ("a…", "a......", "a……", 2),
        ("a—", "a--a", "a—a", 1),
        ("a–", "a-a", "a–a", 1),
        ("a-", "a–a—a−a", "a-a-a-a", 3),
        ("a ", "a\u00a0a\u2009a\u3000a", "a a a a", 3),
        ("a \u2002", "a\u2000a\u2001a", "a\u2002a a", 2),  # what is canonically the same comes first
        ("a\u00a0", "a a", "a\u00a0a", 1),
        ("I can’t", "I can't", "I can’t", 1),
        ("“I can’t.” a‘", '"I can\'t." "a"', "“I can’t.” “a”", 5),
        ("“”‘’ Hia()", "\"'Hi' a\" ('a')", "“‘Hi’ a” (‘a’)", 6),
        ("“” a", '"a" " a', "“a” “ a", 3),
        ("\"'a", "“a”‘a’„a“«a»", '"a"\'a\'"a""a"', 8),
        ("„a“ ‚‘", "\"a\" 'a'", "„a“ ‚a‘", 4),  # German
        ('"‘’Hi', "\"'Hi'\"", '"‘Hi’"', 2),
        ("«a» ", '"a" “a”', "«a» «a»", 4),
    ],
)
def test_near_forms(known, text, expected, count):
    """Composed and decomposed, quotes, dashes, spaces and widths, in one block and cut everywhere."""
    for cuts in ((), range(len(text))):
        assert read(known, text, cuts=cuts) == (expected, count)


@given(st.text(ALIKE, min_size=1), st.text(ALIKE), st.lists(st.integers(0, 30)), st.sampled_from(["forms", "case"]))
@example("ậ.", "a\u0302.\u0323", [1, 2], "forms")
@example("é", "e\u0301", [1], "forms")
@example("…", "....", [1, 2, 3], "forms")
def test_blocks_do_not_show(known, text, cuts, kind):
    """What is read, and the place of what is not, does not depend on where blocks end; what is known stays."""
    whole, count = read(known, text, kind=kind, unknown="skip")
    assert read(known, text, cuts=cuts, kind=kind, unknown="skip") == (whole, count)
    assert read(known, known, kind=kind) == (known, 0)
    assert set(whole) <= set(known)
    if set(text) <= set(known):
        assert (whole, count) == (text, 0)


@given(st.text('ab"é\u0301…\n', max_size=20), st.lists(st.integers(0, 20)), st.sampled_from(["", "\n", "ab"]))
@example("…b", [], "")
@example('"a"', [2], "ab")
def test_an_error_names_the_place_in_the_text(text, cuts, separator):
    """It is the place of the character as it was typed, whatever the near forms before it are."""
    text += "x"
    tokens = re.finditer(f"{re.escape(separator) or '(?!)'}|(?s:.)", text)
    at = next(m.start() for m in tokens if m[0] != separator and m[0] in "bx\u0301")
    line, column = text[:at].count("\n") + 1, at - text.rfind("\n", 0, at)
    vocabulary = Vocabulary("\n.aé“”" if separator != "\n" else ".aé“”", separator=separator)
    near = vocabulary.near_forms("forms")
    blocks = [text[a:b] for a, b in pairwise([0, *sorted(cut for cut in cuts if cut < len(text)), len(text)])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownWarning)
        said = failure(lambda: list(vocabulary.encode_blocks(filter(None, blocks), near=near)))
    assert f"(U+{ord(text[at]):04X}) on line {line}, column {column} of the text is" in said


def test_the_place_of_a_mark_that_is_read_elsewhere():
    """A mark that was composed before is not the one that has no form."""
    vocabulary = Vocabulary.of("éx ")
    said = failure(vocabulary.encode, "e\u0301 x\u0301", near=vocabulary.near_forms("forms"))
    assert "(U+0301) on line 1, column 5 of the text" in said


def test_the_other_case_only_if_asked():
    """By default, the error names the other case; with "case", it is read."""
    said = failure(read, "Éa", "aé")
    assert said.startswith("'é' (U+00E9) on line 1, column 2 of the text is not in the model's vocabulary, but 'É' is;")
    assert read("Éa", "aé", kind="case") == ("aÉ", 1)
    assert read("Éa", "ae\u0301", kind="case") == ("aÉ", 1)


def test_an_error_names_what_is_near():
    """An accent less, or, where near forms are not read, how to read them."""
    assert "but 'e' is;" in failure(read, "abe", "abé")
    vocabulary = Vocabulary.of("é”“")
    assert '--near forms reads " as “;' in failure(vocabulary.encode, '"')
    assert "--near forms reads U+0065 U+0301 as U+00E9;" in failure(vocabulary.encode, "e\u0301")
    assert "in the model's vocabulary; use" in failure(vocabulary.encode, "Ω")


def test_what_was_read_is_said_in_one_line():
    """Each form once, with all that was read in it; what looks the same is told by its code points."""
    vocabulary = Vocabulary.of("“”'é a")
    near = vocabulary.near_forms("forms")
    with pytest.warns(UnknownWarning) as noted:
        vocabulary.encode('"a" ‘a’\u00a0e\u0301', near=near, where="the prime")
    assert [str(warning.message) for warning in noted] == [
        "6 characters of the prime are unknown to the model and were read in a near form: "
        '" as “; " as ”; ‘, ’ as \'; U+00A0 as U+0020; U+0065 U+0301 as U+00E9'
    ]


def test_bytes_have_no_near_forms():
    """They are taken unchanged; a kind that there is not is an error."""
    vocabulary = Vocabulary("", byte_level=True, seen=".abe\xe9")
    for kind in ("forms", "case"):
        assert "byte 0x41" in failure(vocabulary.encode, b"abA", near=vocabulary.near_forms(kind))
        assert "byte 0xCC" in failure(vocabulary.encode, "abe\u0301", near=vocabulary.near_forms(kind))
        assert vocabulary.encode(b"ab...\xe9", near=vocabulary.near_forms(kind)).tolist() == [*b"ab...\xe9"]
    assert Vocabulary("a").near_forms("none") is None
    assert "none, forms, case" in failure(Vocabulary("a").near_forms, "nfc")


def test_many_unknown_characters_are_read_fast():
    """A long text of another normalization takes time in proportion to its length."""
    near = NearForms("é")
    text = "e\u0301" * 50_000
    assert near.read(text, np.zeros(len(text), np.bool_)) == "é" * 50_000
    assert near.count == 50_000


def test_another_text_begins_as_the_first_does():
    """A quote at its start opens, whatever ended the text before; what was read is counted together."""
    near = NearForms("ab “”")
    vocabulary = Vocabulary.of("ab “”")
    read = []
    for text in ('ab"', '"ab'):
        near.begin()
        read.append(vocabulary.decode(vocabulary.encode(text, near=near)))
    assert read == ["ab”", "“ab"]
    assert near.count == 2
