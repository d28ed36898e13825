"""Reading symbols into states: pieces of any length, streams that fork, and the floating-point mode afterwards."""

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.kernels import barrier
from charrnn.model.network import Network
from charrnn.model.reader import Reader
from tests.rows import PLAIN

V, H = 7, 9


def network(cell="lstm", layers=2):
    """Make a network with random weights."""
    architecture = Architecture(cell, V, H, layers)
    return Network(architecture, initialize(architecture, 0))


def symbols(length, streams=1):
    """Draw symbols [N, B]."""
    return np.random.default_rng(length).integers(0, V, (length, streams)).astype(np.int32)


def after(reader):
    """Return the logits of all streams after what was read last, as bytes."""
    return reader.window.logits[reader.slot - 1].tobytes()


@pytest.mark.parametrize("cell", PLAIN)
def test_it_makes_no_difference_in_which_pieces_a_text_is_read(cell):
    """Read at once, symbol by symbol or in pieces of any length: the same bits."""
    net, ids, found = network(cell), symbols(40, 3), set()
    for at_once, cuts in ((1000, []), (1, []), (27, [1, 2, 30]), (12, range(1, 40))):
        reader = Reader(net, 3, at_once=at_once)
        for part in np.split(ids, cuts):
            reader.read(part)
        found.add(after(reader))
    assert len(found) == 1


def test_a_gap_sets_a_stream_back():
    """After it a stream is where one is that has read only what follows; its neighbor reads on."""
    net, ids = network(), symbols(9, 2)
    reader, plain, later = (Reader(net, 2, at_once=8) for _ in range(3))
    plain.read(ids)
    later.read(ids[6:])
    ids[5, 0] = -1
    reader.read(ids)
    assert np.array_equal(reader.outputs(1), later.outputs(1))
    assert np.array_equal(reader.outputs(2)[1], plain.outputs(2)[1])


def test_streams_go_on_from_their_parents():
    """Fork and follow copy where a stream is, also into a reader that has read other things before."""
    net, ids, more = network(), symbols(11, 3), symbols(5)
    reader = Reader(net, 4)
    reader.read(ids)
    reader.fork(np.array([2, 0, 0, 1]))
    parents = reader.outputs(4).copy()
    assert np.array_equal(parents[1], parents[2])
    alone, another = Reader(net), Reader(net, 4)
    alone.read(ids[:, 2:])
    another.read(ids)
    another.follow(alone)
    assert np.array_equal(parents[0], alone.outputs(1)[0])
    assert another.window.logits[another.slot - 1, 3].tobytes() == after(alone)
    for each in (reader, alone, another):
        each.read(np.repeat(more, each.streams, axis=1))
    assert after(another) == 4 * after(alone)
    assert reader.outputs(4)[0].tobytes() == alone.outputs(1).tobytes()


def computes_with_denormals():
    """Tell whether this thread does."""
    return bool((np.full(4, np.float32(1e-39)) * np.float32(0.5)).all())


def test_the_floating_point_mode_is_put_back_whatever_happens(monkeypatch):
    """Denormals are zeros while a text is read, and what they were afterwards, also where reading fails."""
    assert computes_with_denormals()
    net = network()
    forward, seen = net.forward, []

    def noted(*arguments):
        seen.append(computes_with_denormals())
        forward(*arguments)
        if len(seen) == 2:
            raise MemoryError

    monkeypatch.setattr(net, "forward", noted)
    reader = Reader(net, at_once=4)
    reader.read(symbols(4))
    assert computes_with_denormals()
    with pytest.raises(MemoryError):
        reader.read(symbols(9))
    assert seen == [False, False]
    assert computes_with_denormals()
    with pytest.raises(KeyboardInterrupt), barrier.flushed_denormals():
        raise KeyboardInterrupt
    assert computes_with_denormals()
