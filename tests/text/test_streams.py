"""A text as parallel streams, cut in windows: every prediction once."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charrnn.text.streams import MINIMUM, Streams, fit_streams, split
from tests.helpers.errors import failure


@pytest.mark.parametrize(
    ("size", "fraction", "tail"),
    [(100, 0.1, 10), (100, 0.0, 0), (100, 0.29, 29), (15, 0.1, 2), (14, 0.1, 0), (0, 0.5, 0)],
)
def test_split(size: int, fraction: float, tail: int) -> None:
    """The tail validates; it is empty if there would be nothing to predict; both parts are views of the whole."""
    ids = np.arange(size, dtype=np.uint8)
    train, validate = split(ids, fraction)
    assert validate.size == tail
    assert np.array_equal(np.concatenate([train, validate]), ids)
    assert train.base is validate.base is ids


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_split_leaves_something_to_train_on(fraction: float) -> None:
    """A fraction outside [0, 1) is refused."""
    with pytest.raises(ValueError, match="fraction"):
        split(np.zeros(10, np.uint8), fraction)


def epoch(streams: Streams) -> tuple[list[list[int]], list[list[int]]]:
    """Run through all windows and return each stream's inputs and targets, without the padding."""
    shape = (streams.seq_length, streams.batch_size)
    inputs, targets = [], []
    for w in range(streams.windows):
        x, y = np.full(shape, -7, np.int32), np.full(shape, -7, np.int32)
        steps = streams.window(w, x, y)
        assert 1 <= steps <= streams.seq_length
        assert steps == streams.seq_length or w == streams.windows - 1
        assert (x[steps:] == -7).all()
        assert (y[steps:] == -7).all()
        inputs.append(x[:steps])
        targets.append(y[:steps])
    x, y = np.concatenate(inputs), np.concatenate(targets)
    assert (y[:-1] >= 0).all()  # only the last step of an epoch may lack targets
    assert (x[y < 0] == 0).all()
    assert (y >= -1).all()
    rows = range(streams.batch_size)
    return [x[y[:, b] >= 0, b].tolist() for b in rows], [y[y[:, b] >= 0, b].tolist() for b in rows]


@given(st.integers(2, 300), st.integers(1, 40), st.integers(1, 50))
@example(2, 16, 32)
@example(33, 4, 8)
@example(34, 4, 8)
def test_every_prediction_once(size: int, batch_size: int, seq_length: int) -> None:
    """Streams laid end to end are the text, each symbol with its successor: no prediction twice, none left out."""
    streams = Streams.plan(np.arange(size, dtype=np.uint16), batch_size, seq_length)
    inputs, targets = epoch(streams)
    assert [k for row in inputs for k in row] == list(range(size - 1))
    assert [k for row in targets for k in row] == list(range(1, size))
    assert streams.steps == size - 1
    lengths = [len(row) for row in inputs]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] - lengths[-1] <= 1
    assert lengths == np.diff(streams.start).tolist()
    assert streams.start[0] == 0
    assert streams.start[-1] == size - 1


@given(st.integers(2, 100), st.integers(1, 9), st.integers(1, 9), st.data())
def test_rows_fill_the_same_numbers(size: int, batch_size: int, seq_length: int, data: st.DataObject) -> None:
    """Filling some rows at a time gives what filling all at once does, and touches no other row."""
    streams = Streams.plan(np.arange(size, dtype=np.uint8), batch_size, seq_length)
    cut = data.draw(st.integers(0, batch_size))
    w = data.draw(st.integers(0, streams.windows - 1))
    whole = np.full((2, seq_length, batch_size), -7, np.int32)
    parts = whole.copy()
    steps = streams.window(w, *whole)
    assert streams.window(w, *parts, slice(0, cut)) == steps
    assert (parts[:, :, cut:] == -7).all()
    assert streams.window(w, *parts, slice(cut, None)) == steps
    assert np.array_equal(whole, parts)


def test_streams_refuse_nonsense() -> None:
    """One symbol predicts nothing, sizes are at least one, and no window lies outside the epoch."""
    ids = np.arange(10, dtype=np.uint8)
    for arguments in ((ids[:1], 1, 1), (ids, 0, 1), (ids, 1, 0)):
        with pytest.raises(ValueError, match="at least"):
            Streams.plan(*arguments)
    streams = Streams.plan(ids, 2, 3)
    out = np.zeros((3, 2), np.int32)
    for w in (-1, streams.windows):
        with pytest.raises(IndexError, match="windows"):
            streams.window(w, out, out.copy())


# Short texts
@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5, 16, 64])
@pytest.mark.parametrize("seq_length", [1, 5, 8, 9, 32, 200])
def test_any_small_text_fits(batch_size: int, seq_length: int) -> None:
    """From the minimum on, every size gets streams that have a full window each, and no more than asked for."""
    for characters in range(MINIMUM, 700):
        b, t = fit_streams(characters, batch_size, seq_length)
        assert 1 <= b <= batch_size
        assert 1 <= t <= seq_length
        assert np.diff(Streams.plan(np.zeros(characters, np.uint8), b, t).start).min() >= t
        changed = (b, t) != (batch_size, seq_length)
        assert changed == (characters <= batch_size * seq_length)
        if changed and characters - 1 >= 4 * 4 * 8 and batch_size >= 4 and seq_length >= 8:
            assert (characters - 1) // b >= 4 * t


@given(st.integers(MINIMUM, 300), st.integers(1, 64), st.integers(1, 100))
def test_fitted_streams_use_every_prediction_once(characters: int, batch_size: int, seq_length: int) -> None:
    """What fits also covers the text: every prediction once."""
    b, t = fit_streams(characters, batch_size, seq_length)
    inputs, _ = epoch(Streams.plan(np.arange(characters, dtype=np.uint16), b, t))
    assert [k for row in inputs for k in row] == list(range(characters - 1))


def test_fewer_streams_then_shorter_windows() -> None:
    """What was asked for is kept if it fits; else there are fewer streams, and shorter windows where these are few."""
    assert fit_streams(100_000, 16, 32) == (16, 32)
    assert fit_streams(513, 16, 32) == (16, 32)
    assert fit_streams(180, 16, 32) == (4, 11)
    assert fit_streams(1_500, 64, 32) == (11, 32)
    assert fit_streams(24, 2, 32) == (2, 8)
    assert fit_streams(24, 1, 32) == (1, 8)


@pytest.mark.parametrize("characters", [0, 1, 23])
def test_too_short_a_text(characters: int) -> None:
    """Below the minimum, the error says how many characters there are and how many are needed."""
    said = failure(fit_streams, characters, 16, 32)
    assert f"only {characters} characters" in said
    assert "at least 24" in said
