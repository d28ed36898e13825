"""The model file: what is saved comes back, a failed save changes nothing, and what could be written is known."""

import copy
import errno
import json
import os
import stat
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.errors import CharrnnError
from charrnn.model.example_batches import EncodedExamples, Pieces
from charrnn.model.given import network_given
from charrnn.model.model_file import Checkpoint, check_writable, load, save
from charrnn.model.network import Network
from charrnn.model.reader import Reader
from charrnn.model.target_names import Targets
from charrnn.model.team import Team
from charrnn.reading.predictions import outputs_of, step_losses
from charrnn.reading.writing_encoding import encoded_sources
from charrnn.storage import archive
from charrnn.text.ingest import read_corpus
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests import hostile, naive
from tests.helpers import ROOT
from tests.helpers.model_files import (
    CHARACTERS,
    arrays_of,
    assert_identical,
    assert_same_checkpoint,
    made_up,
    meta_of,
    names_in,
    sentence,
    slimmed,
    unloadable,
    with_meta,
)
from tests.rows import KINDS

NEWEST = ("translate", "named-conditions", "numeric-conditions")  # of `hostile.EXAMPLES`: those that need format 6


@pytest.fixture
def path(tmp_path):
    """Where a test's model file is."""
    return tmp_path / "model.npz"


# What is saved comes back


@pytest.mark.parametrize("byte_level", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", KINDS)
def test_round_trip(path, cell, layers, byte_level):
    """Every cell, depth and kind of symbol comes back bit for bit, with its state or, if so asked, without."""
    checkpoint = made_up(cell, layers=layers, byte_level=byte_level)
    save(path, checkpoint)
    assert_same_checkpoint(load(path, resume=True), checkpoint)
    assert_same_checkpoint(load(path), slimmed(checkpoint))


@pytest.mark.parametrize("examples", hostile.EXAMPLES)
def test_networks_for_examples_round_trip(path, examples):
    """Labels, names and scalings come back too; files of pairs and of conditions have format 6."""
    checkpoint = made_up(examples=examples)
    save(path, checkpoint)
    assert meta_of(path)["format"] == (6 if examples in NEWEST else 5)
    loaded = load(path, resume=True)
    assert_same_checkpoint(loaded, checkpoint)
    save(path.with_name("again.npz"), loaded)
    assert path.with_name("again.npz").read_bytes() == path.read_bytes()


def test_numpy_alone_translates(path):
    """With the arrays of a file, by their names and shapes, the equations give what encoder and decoder predict."""
    save(path, made_up(examples="translate", seed=5))
    loaded, targets = load(path), meta_of(path)["targets"]
    ids, written = np.array([2, 0, 1], np.int32), np.array([3, 1, 0], np.int32)  # 3 is the boundary
    assert targets["labels"] == ["\n", "a", "ö"]
    sources, classes = encoded_sources([ids], 9), np.zeros(3, np.int32)
    encoded = EncodedExamples(
        Pieces.whole(np.zeros(1, np.int64), np.array([3]), 9), written, classes=classes, sources=sources
    )
    with Team(1) as team:
        losses = step_losses(Network(loaded.architecture, loaded.parameters), encoded, team)
    parameters = {name.removeprefix("param/"): values for name, values in arrays_of(path).items()}
    outputs = naive.pair_outputs("lstm", parameters, ids, written)
    np.testing.assert_allclose(losses, -naive.log_softmax(outputs)[:, 0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("examples", NEWEST[1:])
def test_numpy_alone_generates_under_a_condition(path, examples):
    """With the arrays of a file, by their names and shapes, the equations give what is predicted under a condition."""
    save(path, made_up(examples=examples, seed=5))
    loaded, network = load(path), meta_of(path)["network"]
    rng = np.random.default_rng(0)
    v, ids = rng.random(network["conditions"]).astype(np.float32), rng.integers(0, len(CHARACTERS), 7).astype(np.int32)
    reader = Reader(network_given(Network(loaded.architecture, loaded.parameters), v))
    reader.read(ids[:, np.newaxis])
    found = reader.window.logits[: ids.size, 0, : len(CHARACTERS)]
    parameters = {name.removeprefix("param/"): values for name, values in arrays_of(path).items()}
    expected = naive.conditioned_outputs("lstm", parameters, ids, v, first=network["given_at"] == "first")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("examples", [name for name in hostile.EXAMPLES if name not in NEWEST])
def test_numpy_alone_predicts_examples(path, examples):
    """With the arrays of a file, by their names and shapes, the equations give what the network predicts."""
    save(path, made_up(examples=examples, seed=5))
    loaded, meta = load(path), meta_of(path)["network"]
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal((7, meta["features"])).astype(np.float32) if "features" in meta else None
    ids = None if "features" in meta else rng.integers(0, len(CHARACTERS), 7).astype(np.int32)
    encoded = EncodedExamples(Pieces.whole(np.zeros(1, np.int64), np.array([7]), 7), ids, numbers)
    with Team(1) as team:
        found = outputs_of(Network(loaded.architecture, loaded.parameters), encoded, team)
    parameters = {name.removeprefix("param/"): values for name, values in arrays_of(path).items()}
    options = {"pooling": meta["pooling"], "joined": meta.get("joined", False)}
    expected = naive.example_outputs("lstm", parameters, ids if numbers is None else numbers, **options)
    np.testing.assert_allclose(found, np.atleast_2d(expected), rtol=1e-4, atol=1e-6)


def test_files_without_examples_have_the_formats_that_they_had(path):
    """A text's model is stored without what only examples need, in a format that older versions read."""
    vocabulary = {"characters": CHARACTERS, "byte_level": False, "separator": ""}
    learned = {"first_state": "learned"}
    for options, version in (({}, 3), ({"bidirectional": True}, 3), ({"embedding": 2}, 4), (learned, 3)):
        architecture = Architecture("rnn", len(CHARACTERS), 3, **options)
        save(path, Checkpoint(architecture, Vocabulary(CHARACTERS), initialize(architecture, 0), {}, [], {}))
        meta = meta_of(path)
        options = {"learned_state": True} if options == learned else options
        assert meta["network"] == {"cell": "rnn", "hidden": 3, "layers": 1, "activation": "tanh", **options}
        assert (meta["format"], meta["vocabulary"]) == (version, vocabulary)
        assert [*meta] == ["format", "charrnn", "network", "vocabulary", "training", "history", "corpus"]


@pytest.mark.parametrize(("activation", "version"), [("tanh", 3), ("relu", 6)])
def test_activations_of_a_clockwork_network_come_back(path, activation, version):
    """A file names only those that older versions did not have."""
    architecture = Architecture("clockwork", len(CHARACTERS), 4, activation=activation)
    save(path, Checkpoint(architecture, Vocabulary(CHARACTERS), initialize(architecture, 0), {}, [], {}))
    meta = meta_of(path)
    assert (meta["format"], meta["network"].get("activation", "tanh")) == (version, activation)
    assert ("activation" in meta["network"]) == (version == 6)
    assert load(path).architecture == architecture


@pytest.mark.parametrize("first_state", ["learned", "random"])
def test_first_states_come_back(path, first_state):
    """With their values; only random ones need the newest format."""
    architecture = Architecture("lstm-projection", len(CHARACTERS), 5, 2, projection=3, first_state=first_state)
    parameters = initialize(architecture, 1)
    parameters["layer1.c0"] += np.float32(0.25)
    save(path, Checkpoint(architecture, Vocabulary(CHARACTERS), parameters, {}, [], {}))
    assert meta_of(path)["format"] == (3 if first_state == "learned" else 6)
    loaded = load(path)
    assert loaded.architecture == architecture
    assert all(loaded.parameters[name].tobytes() == values.tobytes() for name, values in parameters.items())


@pytest.mark.parametrize("moments", [0, 1, 3])
@pytest.mark.parametrize("batch", [1, 5])
def test_any_optimizer_and_batch_round_trip(path, moments, batch):
    """However many moments and streams there are, all come back."""
    checkpoint = made_up("gru", moments=moments, batch=batch)
    save(path, checkpoint)
    assert_same_checkpoint(load(path, resume=True), checkpoint)


def test_slim_file_cannot_be_resumed(path):
    """A slim file is smaller and gives the model, and resuming it is an error that says what it is good for."""
    save(path, made_up())
    size = path.stat().st_size
    save(path, made_up(slim=True))
    assert path.stat().st_size < size
    assert_same_checkpoint(load(path), made_up(slim=True))
    assert "slim model: it can be sampled and scored" in unloadable(path, resume=True)


def test_numpy_alone_can_read_the_file(path):
    """The documented names, types and shapes are there for numpy.load without pickles."""
    checkpoint = made_up("gru", layers=2)
    save(path, checkpoint)
    with np.load(path, allow_pickle=False) as arrays:
        meta = json.loads(arrays["meta"].tobytes())
        assert meta["format"] == 3
        assert meta["network"] == {"cell": "gru", "hidden": 3, "layers": 2}
        assert meta["vocabulary"] == {"byte_level": False, "characters": CHARACTERS, "separator": ""}
        for name, values in checkpoint.parameters.items():
            assert_identical(arrays[f"param/{name}"], values)
        assert_identical(arrays["state/weights"], checkpoint.resume.weights)
        assert_identical(arrays["state/moment1"], checkpoint.resume.moments[1])
        assert arrays["state/carried"].shape == (2, 1, 2, 3)
        assert len(arrays.files) == 1 + len(checkpoint.parameters) + 4


@pytest.mark.parametrize("writer", [np.savez, np.savez_compressed])
def test_a_file_written_by_numpy_is_read(path, writer):
    """What numpy.savez and numpy.savez_compressed write from the arrays is the same model."""
    save(path, made_up())
    with np.load(path) as arrays:
        copied = {name: arrays[name] for name in arrays.files}
    writer(path, **copied)
    assert_same_checkpoint(load(path, resume=True), made_up())


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_both_plain_headers_are_read(path, version):
    """Versions 1 and 2 of the .npy header are read alike."""
    save(path, made_up())
    entries = hostile.unpacked(path.read_bytes())
    array = hostile.stored(made_up().parameters["output.V"], version)
    path.write_bytes(hostile.packed(entries | {hostile.V: array}))
    assert_same_checkpoint(load(path, resume=True), made_up())


def test_files_with_64_bit_sizes_are_read(path, monkeypatch):
    """The form that entries and directories of more than 2 GiB need is written and read."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    save(path, made_up())
    assert b"PK\x06\x06" in path.read_bytes()
    assert_same_checkpoint(load(path, resume=True), made_up())


def test_views_with_padding_are_saved(path):
    """Parameters may be views into something larger."""
    checkpoint = made_up(slim=True)
    wide = np.zeros((3, 16), np.float32)
    wide[:, :5] = checkpoint.parameters["output.V"]
    checkpoint.parameters["output.V"] = wide[:, :5]
    save(path, checkpoint)
    assert_same_checkpoint(load(path), made_up(slim=True))


def test_same_checkpoint_gives_same_bytes(path, tmp_path):
    """A file depends on nothing but the checkpoint: not on the time, nor on its name."""
    save(path, made_up())
    time.sleep(0.01)
    save(tmp_path / "other", made_up())
    assert path.read_bytes() == (tmp_path / "other").read_bytes()


# Saving is all or nothing (what may go wrong meanwhile: test_faults.py)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["parameters", "weights", "moments", "carried"])
def test_numbers_that_are_not_finite_are_not_saved(path, where, value):
    """A network that has blown up does not replace a good one."""
    good, bad = made_up(), made_up(seed=3)
    save(path, good)
    arrays = {
        "parameters": bad.parameters["layer0.W_f"],
        "weights": bad.resume.weights,
        "moments": bad.resume.moments[1],
        "carried": bad.resume.carried,
    }
    arrays[where].reshape(-1)[-1] = value
    with pytest.raises(CharrnnError) as caught:
        save(path, bad)
    assert "is not finite" in sentence(caught, path)
    assert_same_checkpoint(load(path, resume=True), good)


@pytest.mark.parametrize("field", ["training", "corpus", "progress", "history"])
def test_json_that_is_not_finite_is_not_saved(path, field):
    """NaN and infinity, which are no JSON, are refused wherever they stand; the old file stays."""
    good = made_up()
    save(path, good)
    for value in (float("nan"), float("inf")):
        bad = copy.deepcopy(good)
        place = {"progress": bad.resume.progress, "history": bad.history[-1]}.get(field) or getattr(bad, field)
        place["new"] = [value]
        with pytest.raises(CharrnnError) as caught:
            save(path, bad)
        assert "is not finite" in sentence(caught, path)
    assert_same_checkpoint(load(path, resume=True), good)


def test_what_could_not_be_loaded_is_not_saved(path):
    """Too much JSON, JSON nested too deep, other labels, or too many bytes are refused before anything is written."""
    deep = made_up()
    for _ in range(100_000):
        deep.corpus = {"in": deep.corpus}
    long = made_up()
    long.corpus["sources"] = ["x" * (16 << 20)]
    labels = made_up(examples="classify")
    labels.targets = Targets(("a", "b", "b"))
    for model in (deep, long, labels):
        with pytest.raises(CharrnnError, match="was not written"):
            save(path, model)
    while "in" in deep.corpus:  # or the interpreter would take it apart recursively
        deep.corpus = deep.corpus["in"]
    with pytest.raises(CharrnnError, match="cannot be written: it would be larger than"):
        archive.write(path, {"x": np.zeros(1000, np.float32)}, most=4000)
    assert not path.exists()


@pytest.mark.parametrize("change", ["shape", "missing", "additional", "weights", "carried", "vocabulary"])
def test_arrays_of_another_network_are_a_mistake(path, change):
    """A checkpoint whose parts do not belong together is a ValueError, and nothing is written."""
    checkpoint = made_up()
    if change == "shape":
        checkpoint.parameters["output.V"] = checkpoint.parameters["output.V"].T
    elif change == "missing":
        del checkpoint.parameters["output.c"]
    elif change == "additional":
        checkpoint.parameters["other"] = checkpoint.parameters["output.c"]
    elif change == "weights":
        checkpoint.resume.weights = checkpoint.resume.weights[:-1]
    elif change == "carried":
        checkpoint.resume.carried = checkpoint.resume.carried[:, :, :0]
    else:
        checkpoint.vocabulary = Vocabulary("ab")
    with pytest.raises(ValueError, match=r"shape|parameters|vocabulary"):
        save(path, checkpoint)
    assert not path.exists()


@pytest.mark.skipif(os.name != "posix", reason="needs permission bits")
def test_permissions_are_those_of_a_normal_file(path):
    """The file is as readable as any other that this user makes."""
    before = os.umask(0o027)
    try:
        save(path, made_up())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(os.name != "posix", reason="needs symbolic links")
def test_a_link_stays_a_link(path, tmp_path):
    """Saving through a symbolic link replaces what it points to."""
    (tmp_path / "disk").mkdir()
    path.symlink_to(tmp_path / "disk" / "real.npz")
    for seed in (1, 2):
        check_writable(path, force=True)
        save(path, made_up(seed=seed))
        assert path.is_symlink()
        assert_same_checkpoint(load(tmp_path / "disk" / "real.npz", resume=True), made_up(seed=seed))
    assert names_in(tmp_path / "disk") == ["real.npz"]


def test_a_long_name_leaves_room_for_the_temporary_one(tmp_path):
    """A name as long as the file system has room for can be saved to, in any script."""
    for name in ("m" * 251 + ".npz", "é" * 120 + ".npz", "\U0001f600" * 60 + ".npz"):
        check_writable(tmp_path / name, force=False)
        save(tmp_path / name, made_up(slim=True))
        assert_same_checkpoint(load(tmp_path / name), made_up(slim=True))


# Whether a file could be written


def unwritable(path, *, force=False):
    """Return why no file can be written at a path, said before and while saving alike."""
    with pytest.raises(CharrnnError) as caught:
        check_writable(path, force=force)
    return sentence(caught, path)


def test_a_new_file_in_a_folder_can_be_written(path):
    """Nothing is said, and nothing left, where all is well."""
    check_writable(path, force=False)
    assert names_in(path.parent) == []


def test_an_old_file_is_kept_unless_forced(path):
    """A file that exists is refused without force, and untouched with it."""
    path.write_text("old")
    assert unwritable(path) == "already exists; use --force to replace it"
    check_writable(path, force=True)
    assert path.read_text() == "old"
    assert names_in(path.parent) == [path.name]


@pytest.mark.parametrize("force", [False, True])
def test_places_where_no_file_can_be(tmp_path, force):
    """A folder, a missing folder, a file taken for a folder, a pipe and a circle of links are told apart."""
    (tmp_path / "file").touch()
    assert unwritable(tmp_path, force=force) == "is a folder, not a file"
    missing = tmp_path / "no" / "model.npz"
    assert unwritable(missing, force=force) == f"cannot be written: the folder {missing.parent} does not exist"
    unwritable(tmp_path / "file" / "model.npz", force=force)
    with pytest.raises(CharrnnError, match="cannot be written: no such file"):
        save(missing, made_up())
    with pytest.raises(CharrnnError, match="is a folder"):
        save(tmp_path, made_up())
    if os.name == "posix":
        os.mkfifo(tmp_path / "pipe")
        assert unwritable(tmp_path / "pipe", force=force) == "is a device or a pipe, not a file"
        with pytest.raises(CharrnnError, match="is a device or a pipe"):
            save(tmp_path / "pipe", made_up())
        (tmp_path / "circle").symlink_to("circle")
        assert "cannot be written: too many" in unwritable(tmp_path / "circle", force=force)
        assert "cannot be written: file name too long" in unwritable(tmp_path / ("x" * 300), force=force)


def test_a_folder_that_cannot_be_written(path, monkeypatch):
    """A read-only folder is found out before a run and while saving."""

    def refuse(self, mode):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    assert unwritable(path) == "cannot be written: permission denied"
    with pytest.raises(CharrnnError) as caught:
        save(path, made_up())
    assert sentence(caught, path) == "cannot be written: permission denied"


@pytest.mark.parametrize("separator", ["\n", "\r\n\0", "é😀", "ab"])
@pytest.mark.parametrize("byte_level", [False, True])
def test_a_model_file_keeps_the_separator(tmp_path, separator, byte_level):
    """A vocabulary of documents comes back whole."""
    text = b"c\nd" * 20 + separator.encode() + b"cd" * 20
    (tmp_path / "text").write_bytes(text)
    read = read_corpus([str(tmp_path / "text")], byte_level=byte_level, separator=separator)
    with Team(1) as team:
        trainer = Trainer(TextData(Settings(hidden=4, epochs=1.0), read), team)
        save(tmp_path / "model.npz", trainer.checkpoint())
    assert load(tmp_path / "model.npz").vocabulary == read.vocabulary


@pytest.mark.parametrize("version", [1, 2, 3])
def test_model_files_of_all_formats_load(tmp_path, version):
    """Formats 1 and 2 had no options of the network, and format 1 no documents; what they had is read as it was."""
    with_meta(tmp_path / "old.npz", lambda meta: meta | {"format": version})
    assert hostile.meta_of((tmp_path / "old.npz").read_bytes())["format"] == version
    with np.load(tmp_path / "old.npz") as file:
        stored = {name: file[name] for name in file.files if name.startswith("param/")}
    model = load(tmp_path / "old.npz")
    assert all(np.array_equal(model.parameters[name.removeprefix("param/")], values) for name, values in stored.items())


def test_a_model_file_from_before_there_were_documents(tmp_path):
    """Format 1 names no separator: there is none."""
    with_meta(
        tmp_path / "old.npz",
        lambda meta: meta | {"format": 1, "vocabulary": {"byte_level": False, "characters": "\n aé😀"}},
    )
    assert load(tmp_path / "old.npz").vocabulary == Vocabulary("\n aé😀")


@pytest.mark.parametrize("path", sorted((ROOT / "models").glob("*.npz")), ids=lambda path: path.name)
def test_models_that_come_along_are_of_this_format(path):
    """So that the documented members are all there for whoever reads them with NumPy alone."""
    meta = meta_of(path)
    assert meta["format"] == 3  # as its vocabulary has nothing that older versions do not know
    assert set(meta["vocabulary"]) == {"byte_level", "characters", "separator"}
    assert "state/weights" not in arrays_of(path)
