"""What a character costs in a long text: the same whatever comes after it, and nearly what it would in one go."""

from itertools import islice

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.errors import CharrnnError
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.reading.losses import CONTEXT, PART, Cut, score_lines, score_pieces
from tests import naive
from tests.helpers.networks import bidirectional, wide, zero_state
from tests.rows import NAMES, ROWS, fitted

CUT = Cut(piece=1024, streams=4, stream_length=64, warm_up=32)  # many pieces, of parts of several lengths
SYMBOLS, BOUNDARY = 8, 7


def network_of(cell, options, *, scale=1.5, hidden=12, layers=2):
    """Make a network with an opinion, and a learned initial state that is not zero."""
    architecture = Architecture(cell, SYMBOLS, hidden, layers, first_state="learned", **fitted(hidden, options))
    rng = np.random.default_rng(7)
    parameters = {name: values * np.float32(scale) for name, values in initialize(architecture, 3).items()}
    for values in parameters.values():
        if values.ndim == 1:
            values += (0.3 * rng.standard_normal(values.shape)).astype(np.float32)
    return Network(architecture, parameters)


def text_of(size, documents=()):
    """Make up a text, or documents of these sizes, encoded."""
    ids = np.random.default_rng(size).integers(0, BOUNDARY, size).astype(np.uint8)
    if not documents:
        return ids
    cuts = np.split(ids, np.cumsum(documents))
    return np.concatenate([[BOUNDARY, *part, BOUNDARY + 1] for part in cuts]).astype(np.uint8)


def losses_of(network, ids, *, boundary=None, cut=CUT, threads=2, places=()):
    """Return what each character of a text costs, read in blocks that end at some places."""
    with Team(threads) as team:
        blocks = np.split(ids, sorted(places))
        return np.concatenate([nats for _, nats in score_pieces(network, blocks, team, boundary, cut=cut)])


@pytest.mark.parametrize("documents", [(), (5, 90, 1, 1500, 300)], ids=["text", "documents"])
@pytest.mark.parametrize(("cell", "options"), ROWS, ids=NAMES)
def test_what_comes_after_a_character_changes_no_bit_of_its_loss(cell, options, documents):
    """A prefix costs the same bits as the beginning of the whole, for each cell, in any blocks, with any threads."""
    network, ids = network_of(cell, options), text_of(2900, documents)
    boundary = BOUNDARY if documents else None
    whole = losses_of(network, ids, boundary=boundary)
    for k, size in enumerate((2, 63, 64, 65, 97, 800, 1023, 1024, 1025, 1057, 2048, 2500)):
        prefix = losses_of(network, ids[:size], boundary=boundary, threads=1 + k % 3, places=range(7, size, 97))
        assert prefix.tobytes() == whole[: prefix.size].tobytes(), size
    assert losses_of(network, ids, boundary=boundary, places=[1, 1000, 1500]).tobytes() == whole.tobytes()


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "clockwork"])
def test_a_bidirectional_network_sees_what_is_near(cell, layers):
    """What comes more than 191 characters after a character changes no bit, wherever pieces end."""
    network, _ = bidirectional(cell, layers=layers)
    ids = np.random.default_rng(1).integers(0, 4, 2000).astype(np.uint8)
    whole = losses_of(network, ids)
    for k, size in enumerate((130, 255, 256, 1000, 1024, 1088, 1151, 1152, 1700)):
        prefix = losses_of(network, ids[:size], threads=1 + k % 3, places=range(7, size, 97))
        seen = max(0, size - PART - CONTEXT + 1)
        assert prefix.size == size
        assert prefix[:seen].tobytes() == whole[:seen].tobytes()


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_a_bidirectional_network_sees_both_sides_where_a_piece_ends(cell):
    """Each character costs the same in many pieces as in one, so those around a piece's end have their context."""
    network, _ = bidirectional(cell)
    ids = np.random.default_rng(2).integers(0, 4, 700).astype(np.uint8)
    in_one_piece = losses_of(network, ids, cut=Cut(piece=1 << 20))
    assert losses_of(network, ids, cut=Cut(piece=2 * PART)).tobytes() == in_one_piece.tobytes()


def twin_losses(network, ids, periods):
    """Return what the naive twin loses at each character, read in one go from the zero state."""
    state = zero_state(network.architecture)
    logits, _, _ = naive.forward("clockwork", wide(network), ids[:-1, np.newaxis].astype(int), state, periods=periods)
    return -naive.log_softmax(logits[:, 0])[np.arange(ids.size - 1), ids[1:]]


@pytest.mark.parametrize("periods", [(1, 2, 4, 8), (1, 3, 5), (2, 7, 9), (1, 20)], ids=str)
@pytest.mark.parametrize("documents", [(), (90, 700, 250)], ids=["text", "documents"])
def test_the_parts_of_a_clockwork_network_are_in_phase(periods, documents):
    """A part begins with the clock that the text, or its document, has there, whatever the periods."""
    architecture = Architecture("clockwork", SYMBOLS, 12, 2, periods=periods)
    network = Network(architecture, initialize(architecture, 4))
    ids = text_of(2600, documents)
    found = losses_of(network, ids, boundary=BOUNDARY if documents else None, cut=Cut(1024, 4, 128, 128))
    parts = np.split(ids, np.flatnonzero(ids == BOUNDARY)[1:]) if documents else [ids]
    expected = []
    for part in parts:
        read = np.minimum(part, BOUNDARY)
        expected += [*([] if documents else [0.0]), *twin_losses(network, read, periods)]
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("cell", ["lstm-nfg", "lstm-fgr"])
def test_a_cell_that_never_forgets_reads_in_one_go(cell):
    """What it read at the beginning is in its state to the end, however many pieces are between."""
    network, ids = network_of(cell, {}, scale=1.0), text_of(2600)
    found = losses_of(network, ids)
    in_one_go = losses_of(network, ids, cut=Cut(piece=1 << 20, stream_length=1 << 20))
    assert found.tobytes() == in_one_go.tobytes()


@pytest.mark.parametrize("cell", ["lstm", "gru", "clockwork"])
def test_lines_are_scored_by_themselves(cell):
    """Each costs what the line alone costs after what ends a line, bit for bit, whatever lines are beside it."""
    network, end = network_of(cell, {}), 3
    ids = text_of(3000)
    with Team(2) as team:
        for places, at_once in (([], 1 << 18), (range(7, 3000, 97), 100), ([1500], 1)):
            pieces = list(score_lines(network, np.split(ids, places), team, end, end, at_once=at_once))
            assert np.array_equal(np.concatenate([part for part, _ in pieces]), ids)
            found = np.concatenate([nats for _, nats in pieces])
            cuts = np.flatnonzero(ids[:-1] == end) + 1
            for line, nats in list(zip(np.split(ids, cuts), np.split(found, cuts), strict=True))[:: 9 if places else 1]:
                alone = losses_of(network, np.append(end, line).astype(np.uint8), cut=Cut())
                assert nats.tobytes() == alone[1:].tobytes()


def test_lines_need_one_direction_and_an_end():
    """A bidirectional network has no line by itself, and a line without end does not fill the memory."""
    network, _ = bidirectional("rnn")
    with Team(1) as team:
        with pytest.raises(CharrnnError, match="bidirectional"):
            list(score_lines(network, [text_of(9)], team, 3, 3))
        endless = (np.zeros(1 << 22, np.uint8) for _ in range(6))
        with pytest.raises(CharrnnError, match="a line of more than 20,000,000 characters"):
            next(score_lines(network_of("rnn", {}), islice(endless, 6), team, 3, 3, at_once=1 << 30))
