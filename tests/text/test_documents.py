"""Texts that are documents: each read from the zero state, with a start and an end that the network knows."""

import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.errors import CharrnnError
from charrnn.kernels.forward_pass import ROWS_AT_ONCE
from charrnn.model.model_file import load, save
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.model.transfer import common_vocabulary, starting_weights
from charrnn.reading.scoring import score
from charrnn.text import vocabulary
from charrnn.text.ingest import read_corpus
from charrnn.text.streams import Streams, split
from charrnn.text.vocabulary import Vocabulary, decoded
from charrnn.training.settings import Settings
from charrnn.training.trainer import Trainer
from tests import naive
from tests.helpers.commands import misused, refused
from tests.helpers.model_files import with_meta
from tests.helpers.networks import Case, assert_close, assert_gradients, assert_same_bits
from tests.helpers.runs import corpus_of, finish, set_pace, state_of
from tests.rows import KINDS

TINY = ("--hidden", 8, "--batch-size", 2, "--seq-length", 8, "--threads", 1, "--quiet")


# Vocabulary: separators of one to four characters, and texts in which they, and parts of them, are frequent.


@st.composite
def separated(draw):
    """Draw a separator, and a text of documents with it between them, and before, after and in a row."""
    characters = draw(st.sampled_from(["a\n", "ab\n", "abé", "\r\n😀"]))
    separator = draw(st.text(characters, min_size=1, max_size=4))
    pieces = st.sampled_from([separator, *characters, "x"])
    return separator, "".join(draw(st.lists(pieces, max_size=12)))


cuts = st.lists(st.integers(1, 4), max_size=40)


def pieces_of(text, sizes):
    """Cut a text, or bytes, in pieces of these sizes, and one with what is left."""
    ends = np.minimum(np.cumsum([0, *sizes]), len(text)).tolist()
    return [text[begin:end] for begin, end in zip(ends, [*ends[1:], len(text)], strict=True)]


def documents_of(text, separator):
    """Return the documents of a text, without the empty ones."""
    return [document for document in text.split(separator) if document]


def symbols(documents, vocabulary):
    """Return what documents are encoded as: the boundary, their characters (or bytes), and the number after it."""
    begin, known = vocabulary.boundary, vocabulary.characters
    number = known.index if known else int
    return [symbol for document in documents for symbol in (begin, *map(number, document), begin + 1)]


@given(separated(), cuts, st.integers(1, 5))
@example(("aa", "aaa"), [1, 1], 1)
@example(("\n\n", "a\n\n\nb\n"), [2, 1], 2)
@example(("aab", "aaab"), [1, 1, 1], 3)
def test_a_text_of_documents_round_trips(drawn, sizes, block):
    """Wherever it is cut, a text becomes its documents that are not empty, and these come back."""
    separator, text = drawn
    documents = documents_of(text, separator)
    ours = Vocabulary.of_blocks(pieces_of(text, sizes), separator)
    assert ours.characters == "".join(sorted(set("".join(documents))))
    assert (len(ours), ours.boundary) == (len(ours.characters) + 1, len(ours.characters))
    expected = symbols(documents, ours)
    assert [int(k) for ids in ours.encode_blocks(pieces_of(text, sizes)) for k in ids] == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary, "BLOCK", block)
        for form in (text, text.encode()):
            ids = ours.encode(form)
            assert (ids.tolist(), ids.dtype) == (expected, ours.dtype)
    assert ours.decode(ids) == "".join(document + separator for document in documents)


@given(separated(), cuts, st.binary(max_size=3), st.integers(1, 5))
def test_bytes_are_documents_too(drawn, sizes, more, block):
    """At byte level a separator is its UTF-8 bytes, and documents hold any bytes."""
    separator, text = drawn
    data = more.join(pieces_of(text.encode(), sizes))
    documents = documents_of(data, separator.encode())
    ours = Vocabulary("", byte_level=True, separator=separator)
    assert (len(ours), ours.boundary) == (257, 256)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary, "BLOCK", block)
        ids = ours.encode(data)
    assert ids.tolist() == symbols(documents, ours)
    assert ours.decode_bytes(ids) == b"".join(document + separator.encode() for document in documents)


@given(separated(), cuts, st.sampled_from(["é", "?a", "\ufffdab", " b\n", "ab\n"]))
def test_unknown_characters_of_documents(drawn, sizes, known):
    """They are left out, replaced, or refused with line and column; within a separator any character is known."""
    separator, text = drawn
    known = "".join(sorted(known))
    ours = Vocabulary(known, separator=separator)
    documents = documents_of(text, separator)

    def encoded(unknown):
        return [int(k) for ids in ours.encode_blocks(pieces_of(text, sizes), unknown=unknown) for k in ids]

    left = ["".join(c for c in document if c in known) for document in documents]
    assert encoded("skip") == symbols(filter(None, left), ours)
    stand_in = next(c for c in "\ufffd? " + known if c in known)
    replaced = ["".join(c if c in known else stand_in for c in document) for document in documents]
    assert encoded("replace") == symbols(replaced, ours)
    tokens = re.finditer(f"{re.escape(separator)}|(?s:.)", text)
    at = next((m.start() for m in tokens if m[0] != separator and m[0] not in known), None)
    if at is None:
        assert encoded("error") == symbols(documents, ours)
        return
    line, column = text[:at].count("\n") + 1, at - text.rfind("\n", 0, at)
    with pytest.raises(CharrnnError, match=f"on line {line}, column {column} of the text is") as caught:
        encoded("error")
    assert str(caught.value).startswith(repr(text[at]))


@given(separated())
def test_a_part_of_a_document(drawn):
    """Without documents a text is encoded with no boundary, and a separator is nothing special."""
    separator, text = drawn
    ours = Vocabulary("".join(sorted(set(text))), separator=separator)
    assert ours.encode(text, documents=False).tolist() == Vocabulary.of(text).encode(text).tolist()
    with pytest.raises(CharrnnError, match="line 1, column 1"):
        Vocabulary("x", separator=separator).encode(separator, documents=False)


@pytest.mark.parametrize(("count", "dtype"), [(254, "u1"), (255, "u2"), (256, "u2"), (65_534, "u2"), (65_535, "u4")])
def test_the_type_of_numbers_holds_the_end_of_a_document(count, dtype):
    """Two numbers more than characters are needed: with 254 of these they fit a byte, with 255 no longer."""
    characters = "".join(map(chr, range(0x10000, 0x10000 + count)))
    ours = Vocabulary(characters, separator="\n")
    assert ours.dtype == dtype
    assert ours.encode(characters).tolist() == [count, *range(count), count + 1]
    assert Vocabulary("", byte_level=True, separator="\n").dtype == "u2"


@pytest.mark.parametrize("byte_level", [False, True])
@pytest.mark.parametrize(
    ("separator", "texts"),
    [("\n\n", ["x\n", "\ny"]), ("aa", ["ba", "ac"]), ("\n", ["x\ny", "\n\nz\n"]), ("ab", ["xab", "aby"])],
)
def test_no_separator_spans_two_files(tmp_path, separator, texts, byte_level):
    """A document ends where its file does, nothing is put between files, and the documents are counted."""
    for k, text in enumerate(texts):
        (tmp_path / f"{k}").write_bytes(text.encode())
    read = read_corpus([str(tmp_path / f"{k}") for k in range(2)], byte_level=byte_level, separator=separator)
    documents = [document for text in texts for document in documents_of(text, separator)]
    assert read.vocabulary.decode(read.ids) == "".join(document + separator for document in documents)
    assert (read.documents, read.characters) == (len(documents), len("".join(documents)))
    assert byte_level or read.vocabulary.characters == "".join(sorted(set("".join(documents))))
    again = read_corpus([str(tmp_path)], vocabulary=read.vocabulary)
    assert again.ids.tobytes() == read.ids.tobytes()
    assert read.sha256 == again.sha256


@pytest.mark.parametrize("byte_level", [False, True])
def test_nothing_but_separators(tmp_path, byte_level):
    """Files without documents are refused."""
    for k, text in enumerate(["\n\n", "\n", ""]):
        (tmp_path / f"{k}").write_bytes(text.encode())
    with pytest.raises(CharrnnError, match="nothing but separators"):
        read_corpus([str(tmp_path)], byte_level=byte_level, separator="\n")


mixed = st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", "é😀".encode(), b"\xef\xbb\xbf", b"\xf0", b"\x80"]))


@given(mixed.map(b"".join), cuts)
def test_utf_8_in_chunks(data, sizes):
    """Wherever it is cut, it is read as a whole would be, or refused at the same byte."""
    chunks = pieces_of(data, sizes)
    try:
        text = data.decode()
    except UnicodeDecodeError as fault:
        for newlines in (False, True):
            with pytest.raises(CharrnnError, match=f"byte 0x{data[fault.start]:02X} at offset {fault.start}\\)"):
                list(decoded(chunks, "it", newlines=newlines))
        return
    assert "".join(decoded(chunks, "it")) == text
    with_line_feeds = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    assert "".join(decoded(chunks, "it", newlines=True)) == with_line_feeds


# Streams and split: the characters 0 to 2, the boundary 3


encoded_documents = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=12).map(
    lambda documents: np.array([symbol for document in documents for symbol in (3, *document, 4)], np.uint8)
)


@given(encoded_documents, st.integers(1, 6), st.integers(1, 7), st.integers(0, 6))
def test_streams_of_documents_make_every_prediction_once(ids, B, T, middle):
    """One by one, streams read all but the ends and predict all but the beginnings, with −1 exactly between."""
    streams = Streams.plan(ids, B, T, 3)
    inputs, targets, steps = streams.span(0, streams.windows)
    pairs = []
    for b, length in enumerate(np.diff(streams.start)):
        row = [(inputs[w, t, b], targets[w, t, b]) for w in range(streams.windows) for t in range(steps[w])]
        pairs += row[:length]
        assert row[length:] in ([], [(0, -1)])
    assert pairs == [(-1, -1) if a == 4 else (a, min(b, 3)) for a, b in zip(ids.tolist(), ids[1:].tolist())]  # noqa: B905
    predicted = [target for _, target in pairs if target >= 0]
    assert Counter(predicted) == Counter(np.minimum(ids[ids != 3], 3).tolist())
    for rows in (slice(0, middle), slice(middle, B)):  # members of a team fill their own rows
        part = np.full((2, T, B), 7, np.int32)
        assert streams.window(0, *part, rows) == steps[0]
        expected = np.full_like(part, 7)
        expected[:, : steps[0], rows] = inputs[0, : steps[0], rows], targets[0, : steps[0], rows]
        assert (part == expected).all()


@given(encoded_documents, st.floats(0, 1, exclude_max=True))
def test_split_keeps_documents_whole(ids, fraction):
    """The cut is at the beginning of a document, the nearest, and leaves something on both sides if it can."""
    train, held_out = split(ids, fraction, 3)
    assert np.concatenate([train, held_out]).tobytes() == ids.tobytes()
    begins, tail = np.flatnonzero(ids == 3)[1:], round(ids.size * fraction)
    assert train.size
    assert bool(held_out.size) == (tail >= 2 and begins.size > 0)
    if held_out.size:
        assert train.size in begins
        assert abs(train.size - (ids.size - tail)) == np.abs(begins - (ids.size - tail)).min()


# The network: gaps against a twin that reads each document by itself


def read_one_by_one(cell, parameters, ids, targets, state, masks=None):
    """Return the twin's losses [T, B], and each row's last states, where −1 in ids [T, B] is between documents."""
    losses, last = np.zeros(ids.shape, np.complex128), []
    for b in range(ids.shape[1]):
        now = [{name: values[b : b + 1] for name, values in layer.items()} for layer in state]
        begin = 0
        for end in [*np.flatnonzero(ids[:, b] < 0), len(ids)]:
            if end > begin:
                part = slice(begin, end), slice(b, b + 1)
                logits, now, _ = naive.forward(cell, parameters, ids[part], now, masks and [m[part] for m in masks])
                wanted = targets[part]
                found = -np.take_along_axis(naive.log_softmax(logits), np.maximum(wanted, 0)[..., np.newaxis], 2)
                losses[part] = np.where(wanted >= 0, found[..., 0], 0.0)
            if end < len(ids):
                now = [{name: np.zeros_like(values) for name, values in layer.items()} for layer in now]
            begin = end + 1
        last.append(now)
    return losses, last


class Gaps(Case):
    """A case with gaps between documents at some steps and rows."""

    def __init__(self, gaps, *sizes, **options):
        super().__init__(*sizes, **options)
        for t, b in gaps:
            self.window.ids[t, b] = self.window.targets[t, b] = -1
        self.counted = max(1, int((self.window.targets[: self.steps] >= 0).sum()))

    def twin(self, moved):
        """Return the twin's losses and last states where some parameters or carried states are others."""
        state = [
            {name: moved.get(f"layer{layer}.{name}", values) for name, values in states.items()}
            for layer, states in enumerate(self.state)
        ]
        ids, targets = self.window.ids[: self.steps], self.window.targets[: self.steps]
        return read_one_by_one(self.architecture.cell, {**self.parameters, **moved}, ids, targets, state, self.masks)

    def twin_loss(self, moved):
        """Return the mean over what is predicted."""
        return self.twin(moved)[0].sum() / self.counted


def assert_carried(run, last):
    """Hold the carried states of a case, or a learner, to the twin's last ones."""
    carried = run.window.carried()
    for layer, states in enumerate(carried):
        for values, name in zip(states, run.network.architecture.row.states, strict=True):
            assert_close(values, np.concatenate([row[layer][name] for row in last]).real, name)


def patterns(B, T):
    """Return sets of gaps: at the ends, together, in neighbouring rows and steps, some, and nearly everywhere."""
    everywhere = {(t, b) for t in range(T) for b in range(B)}
    rng = np.random.default_rng([B, T])
    return [
        {(0, 0)},
        {(T - 1, B - 1)},
        {(T // 2, b) for b in range(B)},
        {(t, b) for t in (0, T - 1) for b in range(B)},
        {(1, 0), (2, min(1, B - 1)), (2, 0)},
        {place for place in sorted(everywhere) if rng.random() < 0.3},
        everywhere - {(T // 2, 0), (T // 2 + 1, 0)},
    ]


@pytest.mark.parametrize("cell", KINDS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize(("batch", "steps"), [(3, 25), (1, 70)])
def test_a_network_reads_each_document_by_itself(cell, layers, dropout, batch, steps):
    """Losses, last states and all gradients are the twin's, and two threads leave the same bits."""
    assert batch * steps > ROWS_AT_ONCE  # in several stretches
    for seed, gaps in enumerate(patterns(batch, steps)):
        sizes = (gaps, cell, 5, 6, layers, batch, steps)
        options = {"dropout": dropout, "capacity": steps + 1, "seed": seed}
        case, other = (Gaps(*sizes, threads=threads, **options).run() for threads in (1, 2))
        assert_same_bits(case, other)
        losses, last = case.twin({})
        assert_close(case.window.losses[:steps], losses.real, "losses")
        if not dropout:
            assert case.read_losses.tobytes() == case.window.losses[:steps].tobytes()
        assert_gradients(case)
        case.window.carry(0, batch, steps)
        assert_carried(case, last)


@pytest.mark.parametrize("cell", KINDS)
@pytest.mark.parametrize("gap", [0, 3, 30])
def test_no_document_knows_another(cell, gap):
    """What was before a gap changes no bit of what is after it, nor has it a gradient from there."""

    def made(seed):
        rng = np.random.default_rng(seed)
        case = Gaps({(gap, b) for b in range(3)}, cell, 5, 6, 2, 3, 40)
        case.window.ids[:gap] = rng.integers(0, 5, (gap, 3))
        case.window.targets[:gap] = -1
        case.window.assign_carried(rng.standard_normal(case.window.carried().shape).astype(np.float32))
        return case.run()

    one, other = made(1), made(2)
    assert one.window.losses[gap + 1 : -1].all()
    assert one.window.losses.tobytes() == other.window.losses.tobytes()
    assert one.network.gradient.flat.tobytes() == other.network.gradient.flat.tobytes()
    assert not one.window.z[:, : gap + 1].any()
    assert not one.window.dh[:, 0].any()
    assert not one.window.d_others.any()


# Training and scoring


def corpus(documents, separator="\n"):
    """Make a corpus of documents."""
    return corpus_of(separator.join(documents), separator)


def drawn(count, longest, seed=1):
    """Make up documents of a few kinds of characters."""
    choose = random.Random(seed)
    return ["".join(choose.choices("abc", k=choose.randint(1, longest))) for _ in range(count)]


@pytest.mark.parametrize("cell", KINDS)
@pytest.mark.parametrize(
    ("documents", "batch", "length"), [(drawn(40, 6), 3, 4), (drawn(6, 100), 5, 16), (["a", "b"] * 20, 1, 1)]
)
def test_a_run_on_documents_repeats_and_resumes(tmp_path, cell, documents, batch, length):
    """Any number of threads, and a stop at any step, lead to the same bits; one window of one step does no harm."""
    text = corpus(documents)
    chosen = Settings(cell=cell, hidden=6, layers=2, seq_length=length, batch_size=batch, epochs=2.0, dropout=0.2)
    ends = []
    for threads in (1, 2, 3):
        with Team(threads) as team:
            trainer = Trainer(chosen, text, team)
            finish(trainer)
            assert np.isfinite(trainer.network.weights.flat).all()
            ends.append(state_of(trainer))
    assert ends[0] == ends[1] == ends[2]
    windows = trainer.streams.windows
    with Team(2) as team:
        for stop, path in ((1, None), (windows - 1, tmp_path / "model.npz"), (windows, None), (windows + 1, None)):
            trainer = Trainer(chosen, text, team)
            while trainer.state.step < stop:
                trainer.advance(1)
            if path:
                save(path, trainer.checkpoint())
            trainer = Trainer.resumed(load(path, resume=True) if path else trainer.checkpoint(), text, team)
            finish(trainer)
            assert state_of(trainer) == ends[0]


@pytest.mark.parametrize("cell", KINDS)
def test_steps_on_documents_are_the_twins(cell, monkeypatch):
    """A step's loss is the mean over what it predicts; states are carried over windows and epochs, and no gap."""
    set_pace(monkeypatch, fresh_share=1.0)  # of documents none but they themselves begins anew
    chosen = Settings(cell=cell, hidden=3, layers=2, seq_length=4, batch_size=3, epochs=2.0, dropout=0.0)
    still = replace(chosen, optimizer="sgd", lr=1e-12, schedule="constant", warmup=0.0, val_fraction=0.0)
    with Team(2) as team:
        trainer = Trainer(still, corpus(drawn(8, 9, seed=3)), team)
        weights = {name: values.astype(np.float64) for name, values in trainer.network.weights.named.items()}
        windows, length = trainer.streams.windows, int(trainer.streams.start[1])
        ended = np.diff(trainer.streams.start) < length  # one step before the others
        assert ended.tolist() == [False, False, True]
        inputs, targets = (x.reshape(-1, 3)[:length] for x in trainer.streams.span(0, windows)[:2])
        state = [{name: np.zeros((3, 3)) for name in trainer.architecture.row.states} for _ in range(2)]
        for _epoch in range(2):
            losses, last = read_one_by_one(cell, weights, inputs, targets, state)
            _, before = read_one_by_one(cell, weights, inputs[:-1], targets[:-1], state)
            last = [one if early else other for early, one, other in zip(ended, before, last, strict=True)]
            for begin in range(0, length, 4):
                part = slice(begin, begin + 4)
                mean = losses[part].real.sum() / max(1, (targets[part] >= 0).sum())
                assert trainer.advance(1).loss == pytest.approx(mean, rel=1e-5)
            assert_carried(trainer.learner, last)
            for layer, values in enumerate(state):  # each stream goes on where the one before it ended
                values |= {n: np.concatenate([np.zeros((1, 3)), *(row[layer][n] for row in last[:-1])]) for n in values}


def test_a_run_learns_where_documents_begin_and_end():
    """Of documents that say "ab" a few times the network learns all there is to know, but for their lengths."""
    choose = random.Random(1)
    text = corpus(["ab" * choose.randint(1, 8) for _ in range(200)])
    chosen = Settings(hidden=24, seq_length=16, batch_size=8, epochs=25.0, lr=0.02, dropout=0.0)
    with Team(2) as team:
        trainer = Trainer(chosen, text, team)
        finish(trainer)
        assert trainer.state.best_loss < 0.35
        assert trainer.validation[0] == text.vocabulary.boundary
        best = Network(trainer.architecture, trainer.checkpoint().parameters)
        held_out = score(best, trainer.validation, team, boundary=text.vocabulary.boundary)
        assert held_out.nats_per_char == trainer.state.best_loss


@pytest.mark.parametrize("cell", KINDS)
def test_score_of_documents_is_the_twins(cell):
    """Every character and end costs what it does in a document read by itself, in however many streams."""
    documents = drawn(30, 10) + drawn(40, 250)
    text = corpus(documents)
    architecture = Architecture(cell, len(text.vocabulary), 6, 2)
    parameters = initialize(architecture, 1)
    with Team(2) as team:
        scored = score(Network(architecture, parameters), text.ids, team, boundary=text.vocabulary.boundary)
    twin = {name: values.astype(np.float64) for name, values in parameters.items()}
    zero, nats = [{name: np.zeros((1, 6)) for name in architecture.row.states} for _ in range(2)], 0.0
    for document in documents:
        ids = np.array(symbols([document], text.vocabulary))[:, np.newaxis]
        ids[-1] -= 1
        nats += read_one_by_one(cell, twin, ids[:-1], ids[1:], zero)[0].real.sum()
    assert text.ids.size > 4096
    assert scored.characters == text.ids.size - len(documents)
    assert scored.nats == pytest.approx(nats, rel=1e-6)


# Model files, other models' weights, and the command line


@pytest.mark.parametrize("separator", ["\n", "\r\n\0", "é😀", "ab"])
@pytest.mark.parametrize("byte_level", [False, True])
def test_a_model_file_keeps_the_separator(tmp_path, separator, byte_level):
    """A vocabulary of documents comes back whole."""
    text = b"c\nd" * 20 + separator.encode() + b"cd" * 20
    (tmp_path / "text").write_bytes(text)
    read = read_corpus([str(tmp_path / "text")], byte_level=byte_level, separator=separator)
    with Team(1) as team:
        trainer = Trainer(Settings(hidden=4, epochs=1.0), read, team)
        save(tmp_path / "model.npz", trainer.checkpoint())
    assert load(tmp_path / "model.npz").vocabulary == read.vocabulary


def test_a_model_file_from_before_there_were_documents(tmp_path):
    """Format 1 names no separator: there is none."""
    with_meta(
        tmp_path / "old.npz",
        lambda meta: meta | {"format": 1, "vocabulary": {"byte_level": False, "characters": "\n aé😀"}},
    )
    assert load(tmp_path / "old.npz").vocabulary == Vocabulary("\n aé😀")


@pytest.mark.parametrize("cell", KINDS)
def test_weights_go_with_their_symbols(cell):
    """Where characters are added, or fewer are used, each keeps its weights, and so does the boundary."""
    with Team(1) as team:
        chosen = Settings(cell=cell, hidden=5, layers=2, epochs=1.0)
        source = Trainer(chosen, corpus(["bd", "fb"] * 9), team).checkpoint()
    old = source.vocabulary
    assert common_vocabulary(old, Vocabulary("bf", separator="\n"), remap=False) == old
    assert starting_weights(source, old, seed=3) is source.parameters
    with pytest.raises(CharrnnError, match="'a', 'z'"):
        common_vocabulary(old, Vocabulary("az", separator="\n"), remap=False)
    vocabulary = common_vocabulary(old, Vocabulary("abdz", separator="\n"), remap=True)
    assert vocabulary == Vocabulary("abdfz", separator="\n")
    weights = starting_weights(source, vocabulary, seed=3)
    fresh = initialize(Architecture(cell, 6, 5, 2), 3)
    for name, values in source.parameters.items():
        axis = 0 if name.startswith("layer0.U") else values.ndim - 1
        if name.startswith(("layer0.U", "output.")):
            kept = np.take(weights[name], [1, 2, 3, 5], axis)  # b, d, f and the boundary
            assert np.take(weights[name], [0, 4], axis).tobytes() == np.take(fresh[name], [0, 4], axis).tobytes()
        else:
            kept = weights[name]
        assert kept.tobytes() == values.tobytes()


@pytest.fixture
def names(tmp_path, monkeypatch):
    """Work in a folder with a list of names."""
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("\n".join(drawn(60, 8)) + "\n", encoding="utf-8", newline="")


@pytest.mark.usefixtures("names")
def test_train_on_lines(run):
    """A model of lines is trained, resumed and built upon; its separator is no character, and stays."""
    assert run("train", "names.txt", "--documents", "lines", "--epochs", 2, *TINY).code == 0
    first = load("model.npz")
    assert first.vocabulary == Vocabulary("abc", separator="\n")
    assert first.corpus["characters"] == sum(map(len, drawn(60, 8)))
    assert run("train", "--resume", "model.npz", "--epochs", 3, "-o", "on.npz", "--quiet").code == 0
    resumed = load("on.npz", resume=True)
    assert resumed.vocabulary == first.vocabulary
    assert resumed.resume.progress["step"] * 2 == 3 * load("model.npz", resume=True).resume.progress["step"]
    Path("more.txt").write_text("cxa\nabcy\n\n" * 20, encoding="utf-8", newline="")
    onwards = ("--epochs", 1, "--batch-size", 2, "--seq-length", 8, "--threads", 1, "--quiet", "-o", "next.npz")
    assert run("train", "names.txt", "--init-from", "model.npz", *onwards).code == 0
    assert load("next.npz").vocabulary == first.vocabulary
    refused(run("train", "more.txt", "--init-from", "model.npz", *onwards, "--force"), "'x', 'y'", "--remap")
    assert run("train", "more.txt", "--init-from", "model.npz", "--remap", *onwards, "--force").code == 0
    assert load("next.npz").vocabulary == Vocabulary("abcxy", separator="\n")
    misused(run("train", "names.txt", "--init-from", "model.npz", "--documents", "lines"), "decides", "--documents")
    misused(run("train", "--resume", "model.npz", "--documents", "lines"), "keeps its own", "--documents")


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("typed", [r"\n\n", "\n\n"])
@pytest.mark.parametrize("option", [(), ("--bytes",)])
def test_train_on_what_a_separator_parts(run, typed, option):
    """A separator of two line feeds, typed or escaped, leaves single ones in the documents."""
    Path("poems.txt").write_text("a\nb\n\n\nb\na" * 20, encoding="utf-8", newline="")
    arguments = ("train", "poems.txt", "--documents", typed, "--epochs", 1, *TINY, *option)
    assert run(*arguments).code == 0
    assert load("model.npz").vocabulary == Vocabulary("" if option else "\nab", bool(option), "\n\n")
    assert run("train", "--resume", "model.npz", "--epochs", 2, "--quiet").code == 0


@pytest.mark.usefixtures("names")
def test_a_text_that_cannot_be_documents_is_refused(run):
    """One document is an error that names the separator, and so are separators alone; nothing is written."""
    refused(run("train", "names.txt", "--documents", r"\n\n", *TINY), "is one document", r"'\n\n'")
    Path("empty.txt").write_text("\n" * 50, encoding="utf-8", newline="")
    refused(run("train", "empty.txt", "--documents", "lines", *TINY), "nothing but separators", "empty.txt")
    misused(run("train", "names.txt", "--documents", "", *TINY), "--documents")
    assert not Path("model.npz").exists()
