"""A text written in turns: by itself, through a pipe, and on a terminal."""

import sys
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import charrnn.writing.conversation
from charrnn.errors import CharrnnError
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.controls import Controls
from charrnn.writing.conversation import Conversation
from charrnn.writing.sampler import Sampler
from charrnn.writing.samples import Ending
from tests.helpers.networks import opinionated

KINDS = {
    "text": Vocabulary("\n abcü"),
    "documents": Vocabulary(" abcü", separator="\n"),
    "poems": Vocabulary("\n abcü", separator="\n\n"),
    "bytes": Vocabulary.of_bytes(),
    "without line breaks": Vocabulary(" abcü"),
}


@cache
def network(kind):
    """Make a network for such a vocabulary."""
    return opinionated("lstm", len(KINDS[kind]), hidden=12, layers=1)


def conversation(kind="text", **settings):
    """Begin one whose continuations are short."""
    settings.setdefault("ending", Ending(length=20))
    return Conversation(network(kind), KINDS[kind], **settings)


def written(parts):
    """Take a whole continuation."""
    return np.concatenate([np.zeros(0, np.int32), *parts])


def future(sampler, window):
    """Return what a sampler would draw, and how much it surprises: the same for the same state, and no other."""
    other = sampler.fork([3])
    other.controls = Controls(repeat_penalty=1.5, repeat_window=window)
    drawn = other.draw(12)
    return drawn.symbols.tobytes(), drawn.nats.tobytes()


class Twin:
    """A conversation of which every turn is kept as what was shown, and everything is read again each time."""

    def __init__(self, kind):
        self.kind, self.vocabulary = kind, KINDS[kind]
        self.turns = []  # typed and written symbols, and "end", "new" or None

    def open_symbols(self):
        """Return what the next turn goes on from."""
        ends = [k + 1 for k, (*_, ended) in enumerate(self.turns) if ended]
        return [symbol for typed, shown, _ in self.turns[max(ends, default=0) :] for symbol in (*typed, *shown)]

    def sampler(self):
        """Read it with a fresh sampler."""
        sampler = Sampler(network(self.kind), controls=Controls(repeat_window=100))
        ends = [k + 1 for k, (*_, ended) in enumerate(self.turns) if ended]
        begun = self.turns[max(ends, default=0) :]
        silent = begun and not len(begun[0][0])
        if begun and (silent or self.vocabulary.separator):
            sampler.begin(self.vocabulary.start_symbol)
        if self.open_symbols():
            sampler.read(self.open_symbols())
        return sampler if begun else None

    def text(self):
        """Return the text since the last beginning anew."""
        ends = [k + 1 for k, (*_, ended) in enumerate(self.turns) if ended == "new"]
        text = b""
        for typed, shown, ended in self.turns[max(ends, default=0) :]:
            text += self.vocabulary.decode_bytes([*typed, *shown])
            text += self.vocabulary.separator.encode() if ended == "end" else b""
        return text


ACTIONS = st.one_of(
    st.tuples(st.just("type"), st.text("abcü ", max_size=5), st.integers(0, 6)),
    st.tuples(st.just("again"), st.integers(0, 6)),
    st.tuples(st.sampled_from(["undo", "undo", "new"])),
    st.tuples(st.just("controls"), st.builds(Controls, repeat_penalty=st.just(1.2), repeat_window=st.integers(1, 90))),
)


@settings(deadline=None)  # the first network is compiled or read from the cache
@given(
    kind=st.sampled_from(sorted(KINDS)), actions=st.lists(ACTIONS, max_size=14), snapshots=st.sampled_from([1, 2, 32])
)
def test_the_state_is_that_of_the_text_shown(kind, actions, snapshots):
    """After any turns, cuts, undos and agains the state is, to the bit, that of a fresh sampler that reads the text."""
    played, twin = conversation(kind, snapshots=snapshots), Twin(kind)
    for action, *arguments in actions:
        if action == "controls":
            played.controls = arguments[0]
        elif action == "new":
            played.begin_anew()
            if twin.turns and twin.turns[-1][2] != "new":
                twin.turns.append(([], [], "new"))
        elif action == "undo":
            if twin.turns:
                played.undo()
                twin.turns.pop()
            else:
                with pytest.raises(CharrnnError):
                    played.undo()
        elif action == "again" and (not twin.turns or twin.turns[-1][2] == "new"):
            with pytest.raises(CharrnnError):
                played.again()
        else:
            typed = played.vocabulary.encode(arguments[0], documents=False) if action == "type" else None
            parts = played.take(arguments[0]) if action == "type" else played.again()
            if action == "again":
                typed = twin.turns.pop()[0]
            shown = []
            for _ in range(arguments[-1] or 1):
                part = next(parts, None)
                if part is None:
                    break
                shown += part.tolist()
            parts.close()
            if len(played._turns) > len(twin.turns):
                twin.turns.append((list(typed), shown, "end" if played.last_ended else None))
            else:
                assert not len(typed) + len(shown)
        assert played.text == twin.text()
        assert played.open_text == played.vocabulary.decode_bytes(twin.open_symbols())
        expected = twin.sampler()
        if expected is not None:
            window = played.controls.repeat_window
            assert future(played.sampler(), window) == future(expected, window)
    while twin.turns:
        played.undo()
        twin.turns.pop()
    assert played.text == played.open_text == b""


def test_turns_go_on_from_each_other():
    """A text in many turns is the text, and what is written depends on all that was before it."""
    played = conversation()
    first = written(played.take("ab"))
    second = written(played.take("c"))
    assert len(first) == len(second) == 20
    assert played.text.decode() == "ab" + KINDS["text"].decode(first) + "c" + KINDS["text"].decode(second)
    other = conversation()
    list(other.take("bbb"))
    assert not np.array_equal(written(other.take("c")), second)


def test_the_same_turns_give_the_same_text():
    """A seed and the turns make the text; another seed another one; each continuation has chances of its own."""

    def play(seed):
        played = conversation(seed=seed)
        parts = [written(played.take("ab")), written(played.again()), written(played.take())]
        return [part.tolist() for part in parts]

    assert play(1) == play(1)
    assert play(1)[0] != play(2)[0]
    assert play(1)[0] != play(1)[1]


def test_the_seed_can_be_set_again():
    """From where the seed is set on, the same turns are the same again."""
    played = conversation(seed=4)
    first = written(played.take("ab"))
    played.begin_anew()
    assert not np.array_equal(written(played.take("ab")), first)
    played.begin_anew()
    played.seed = 4
    assert np.array_equal(written(played.take("ab")), first)


def test_controls_hold_from_the_next_turn_on():
    """At temperature 0 every continuation of the same text is the same, whatever the seed."""
    played = conversation(controls=Controls(temperature=0.0))
    coldest = written(played.take("ab"))
    assert np.array_equal(written(played.again()), coldest)
    played.controls = Controls(temperature=5.0)
    assert not np.array_equal(written(played.again()), coldest)


def test_the_repeat_window_sees_all_turns():
    """The penalty looks as far back as it is told now, beyond the turn and beyond the window of before."""
    played = conversation(ending=Ending(length=1))
    list(played.take("a" + "b" * 100))

    def firsts(window):
        played.controls = Controls(repeat_penalty=1e6, repeat_window=window)
        return {KINDS["text"].decode(written(played.again())) for _ in range(60)}

    assert "a" in firsts(64)
    assert "a" not in firsts(200)


def test_unknown_characters_leave_all_as_it_was():
    """What the model does not know is refused with its name, or left out, or replaced."""
    played = conversation()
    list(played.take("ab"))
    before = played.text
    with pytest.raises(CharrnnError, match="'x'"):
        played.take("axb")
    assert played.text == before
    assert len(written(played.again())) == 20
    played.unknown = "skip"
    played.take("axb")
    assert played.last_typed == b"ab"


def test_documents_end_and_begin():
    """Where the model ends a document, the next turn begins another, and the text has the separator between."""
    played = conversation("documents", ending=Ending())
    for _ in range(3):
        list(played.take())
        assert played.last_ended
        assert played.open_text == b""
    assert played.text.count(b"\n") == 3
    assert played.text.endswith(b"\n")


def test_a_separator_that_is_typed_is_text():
    """It ends no document: the next turn goes on from all of it."""
    played = conversation("poems", ending=Ending(length=1))
    next(played.take("a\n\nb"))
    assert played.last_typed == b"a\n\nb"
    assert played.open_text.startswith(b"a\n\nb")


def test_a_turn_takes_as_much_work_after_many_turns_as_after_few():
    """Nothing of the conversation is walked through from its beginning, and no more characters are remembered."""
    played = conversation(ending=Ending(length=1))
    calls = 0

    def count(frame, event, _):
        nonlocal calls
        calls += event == "call" and frame.f_code.co_filename == charrnn.writing.conversation.__file__

    def work():
        nonlocal calls
        calls = 0
        sys.setprofile(count)
        try:
            list(played.take("a"))
        finally:
            sys.setprofile(None)
        return calls

    works = [work() for _ in range(120)]
    assert 0 < works[-1] == works[40]
    assert played.sampler().controls.repeat_window == Controls().repeat_window


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_kept_is_small(kind):
    """A character that was written takes no more bytes than its number needs, however long the text grows."""
    played = conversation(kind, ending=Ending(length=50))
    written(played.take("a"))
    parts = played._turns[-1].written
    assert sum(map(len, parts)) > 0
    assert all(part.itemsize == 1 and part.base is None for part in parts)
