"""The model file: what is saved comes back, a failed save changes nothing, and no file does harm or is believed."""

import copy
import errno
import io
import json
import os
import pickle
import stat
import struct
import subprocess
import sys
import tempfile
import time
import tracemalloc
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn import archive
from charrnn.archive import Form
from charrnn.cells import CELLS, Architecture, initialise
from charrnn.checkpoint import Checkpoint, Resume, check_writable, load, save
from charrnn.errors import CharrnnError
from charrnn.vocabulary import Vocabulary

CHARACTERS = "\n aé\U0001f600"
CHANGED = "was changed or cut short"
quickly = settings(max_examples=50, deadline=None, database=None)


def make(cell="lstm", *, layers=1, hidden=3, byte_level=False, slim=False, seed=0, batch=2, moments=2):
    """Return a small checkpoint with some value everywhere."""
    vocabulary = Vocabulary.of_bytes() if byte_level else Vocabulary(CHARACTERS)
    architecture = Architecture(cell, len(vocabulary), hidden, layers)
    rng = np.random.default_rng(seed)
    count = architecture.parameter_count()

    def draw(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    resume = Resume(
        progress={"step": 17, "seconds": 0.1 + 0.2, "best_loss": None, "generator": 1 << 127},
        weights=draw(count),
        moments=tuple(draw(count) for _ in range(moments)),
        carried=draw(layers, len(architecture.row.states), batch, hidden),
    )
    return Checkpoint(
        architecture,
        vocabulary,
        initialise(architecture, seed),
        {"lr": 0.002, "cell": cell, "clip": None},
        [{"step": 8, "loss": 3.25}, {"step": 16, "loss": 1 / 3}],
        {"sources": ["naïve.txt", "byte \udcff.txt"], "sha256": "ab" * 32, "characters": 1234},
        None if slim else resume,
    )


def assert_same(ours, theirs):
    """Hold two checkpoints to be equal, bit for bit."""
    for name in ("architecture", "vocabulary", "training", "history", "corpus"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert list(ours.parameters) == list(theirs.parameters)
    for name, values in ours.parameters.items():
        assert_identical(values, theirs.parameters[name])
    assert (ours.resume is None) == (theirs.resume is None)
    if ours.resume:
        assert ours.resume.progress == theirs.resume.progress
        assert len(ours.resume.moments) == len(theirs.resume.moments)
        assert_identical(ours.resume.weights, theirs.resume.weights)
        assert_identical(ours.resume.carried, theirs.resume.carried)
        for one, other in zip(ours.resume.moments, theirs.resume.moments, strict=True):
            assert_identical(one, other)


def assert_identical(one, other):
    """Hold two arrays to be the same bits of the same type and shape."""
    assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def slimmed(checkpoint):
    """Return what is to be seen of a checkpoint that was not loaded to be resumed."""
    return Checkpoint(**{**vars(checkpoint), "resume": None})


def refused(path, *, resume=False):
    """Return why a file is refused: one sentence that begins with its name."""
    with pytest.raises(CharrnnError) as caught:
        load(path, resume=resume)
    return sentence(caught, path)


def sentence(caught, path):
    """Return what an error says of a file after its name, being one short sentence."""
    said = str(caught.value)
    name = str(path) if str(path).isprintable() else repr(str(path))
    assert said.isprintable()
    assert not said.endswith(".")
    assert len(said) < 400 + len(name)
    assert name in said
    return said.replace(name, "", 1).strip()


@cache
def saved(slim):
    """Return the bytes of a good file, without the wait for the disk at each."""
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder, "model"), make(slim=slim))
        return Path(folder, "model").read_bytes()


def put(path, *, slim=False):
    """Make a good file, as `save` makes it."""
    path.write_bytes(saved(slim))


def names(folder):
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def stored(array, version=None):
    """Return an array as a .npy file's bytes."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asanyarray(array), version)
    return buffer.getvalue()


def unpacked(path):
    """Return the bytes of each entry of a zip file by name, `.npy` included."""
    with zipfile.ZipFile(path) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def pack(path, entries, method=zipfile.ZIP_STORED):
    """Write a zip file from pairs of name and bytes, or a dictionary of them."""
    with zipfile.ZipFile(path, "w", method) as zipped:
        for name, data in entries.items() if isinstance(entries, dict) else entries:
            zipped.writestr(zipfile.ZipInfo(name), data, method)


def with_meta(path, change):
    """Save a checkpoint and then change its meta: JSON by a function, or all of it for other bytes."""
    put(path)
    entries = unpacked(path)
    meta = json.loads(np.lib.format.read_array(io.BytesIO(entries["meta.npy"])).tobytes())
    data = change if isinstance(change, bytes) else json.dumps(change(meta)).encode()
    pack(path, entries | {"meta.npy": stored(np.frombuffer(data, np.uint8))})


def listing(data):
    """Return where the zip directory of these bytes has its records: their offsets, by entry name."""
    count, _, at = struct.unpack("<HII", data[-12:-2])
    found = {}
    for _ in range(count):
        lengths = struct.unpack("<3H", data[at + 28 : at + 34])
        found[data[at + 46 : at + 46 + lengths[0]].decode()] = at
        at += 46 + sum(lengths)
    return found


def patched(data, at, form, value):
    """Return bytes with a number overwritten."""
    whole = bytearray(data)
    struct.pack_into(form, whole, at, value)
    return bytes(whole)


@pytest.fixture
def path(tmp_path):
    """Where a test's model file is."""
    return tmp_path / "model.npz"


# What is saved comes back


@pytest.mark.parametrize("byte_level", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_round_trip(path, cell, layers, byte_level):
    """Every cell, depth and kind of symbol comes back bit for bit, with its state or, if so asked, without."""
    checkpoint = make(cell, layers=layers, byte_level=byte_level)
    save(path, checkpoint)
    assert_same(load(path, resume=True), checkpoint)
    assert_same(load(path), slimmed(checkpoint))


@pytest.mark.parametrize("moments", [0, 1, 3])
@pytest.mark.parametrize("batch", [1, 5])
def test_any_optimiser_and_batch_round_trip(path, moments, batch):
    """However many moments and streams there are, all come back."""
    checkpoint = make("gru", moments=moments, batch=batch)
    save(path, checkpoint)
    assert_same(load(path, resume=True), checkpoint)


def test_slim_file_cannot_be_resumed(path):
    """A slim file is smaller and gives the model, and resuming it is an error that says what it is good for."""
    save(path, make())
    size = path.stat().st_size
    save(path, make(slim=True))
    assert path.stat().st_size < size
    assert_same(load(path), make(slim=True))
    assert "slim model: it can be sampled and scored" in refused(path, resume=True)


def test_numpy_alone_can_read_the_file(path):
    """The documented names, types and shapes are there for numpy.load without pickles."""
    checkpoint = make("gru", layers=2)
    save(path, checkpoint)
    with np.load(path, allow_pickle=False) as arrays:
        meta = json.loads(arrays["meta"].tobytes())
        assert meta["format"] == 2
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
    save(path, make())
    with np.load(path) as arrays:
        copied = {name: arrays[name] for name in arrays.files}
    writer(path, **copied)
    assert_same(load(path, resume=True), make())


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_both_plain_headers_are_read(path, version):
    """Versions 1 and 2 of the .npy header are read alike."""
    save(path, make())
    pack(path, unpacked(path) | {"param/output.V.npy": stored(make().parameters["output.V"], version)})
    assert_same(load(path, resume=True), make())


def test_files_with_64_bit_sizes_are_read(path, monkeypatch):
    """The form that entries and directories of more than 2 GiB need is written and read."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    save(path, make())
    assert b"PK\x06\x06" in path.read_bytes()
    assert_same(load(path, resume=True), make())


def test_views_with_padding_are_saved(path):
    """Parameters may be views into something larger."""
    checkpoint = make(slim=True)
    wide = np.zeros((3, 16), np.float32)
    wide[:, :5] = checkpoint.parameters["output.V"]
    checkpoint.parameters["output.V"] = wide[:, :5]
    save(path, checkpoint)
    assert_same(load(path), make(slim=True))


def test_same_checkpoint_gives_same_bytes(path, tmp_path):
    """A file depends on nothing but the checkpoint: not on the time, nor on its name."""
    save(path, make())
    time.sleep(0.01)
    save(tmp_path / "other", make())
    assert path.read_bytes() == (tmp_path / "other").read_bytes()


# Saving is all or nothing


class Faulty(io.FileIO):
    """A file whose writes ask a function first."""

    before = None

    def write(self, data):
        """Write a few bytes, as raw files may."""
        type(self).before()
        return super().write(bytes(data[:300]))


@pytest.mark.parametrize(
    ("fault", "sticky"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_a_failure_at_any_moment_keeps_the_old_file(path, monkeypatch, fault, sticky):
    """Whichever write, flush or rename fails, the old file or the new one is there, whole, and nothing else."""
    old, new = make(seed=1), make(seed=2)
    save(path, old)
    before = path.read_bytes()
    save(path, new)
    after = path.read_bytes()
    calls = failing = 0

    def count():
        nonlocal calls
        calls += 1
        if calls == failing or (sticky and calls > failing):
            raise fault

    def counted(function):
        return lambda *arguments, **keywords: (count(), function(*arguments, **keywords))[1]

    Faulty.before = staticmethod(count)
    failed = 0
    while calls >= failing:
        failing, calls, error = failing + 1, 0, None
        path.write_bytes(before)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", lambda self, mode: io.BufferedWriter(Faulty(self, mode), 200))
            patch.setattr(os, "fsync", counted(os.fsync))
            patch.setattr(os, "replace", counted(os.replace))
            try:
                save(path, new)
            except (CharrnnError, KeyboardInterrupt) as raised:
                error = raised
        failed += error is not None
        found = path.read_bytes()
        assert found in (
            (after,) if error is None else (before,) if isinstance(error, CharrnnError) else (before, after)
        )
        assert names(path.parent) == [path.name]
        assert not isinstance(error, CharrnnError) or str(error).endswith(fault.strerror.lower())
    assert failed >= 20


@pytest.mark.skipif(os.name != "posix", reason="folders can be flushed on POSIX only")
def test_the_disk_has_the_file_before_its_name(path, monkeypatch):
    """What is written is flushed, then renamed, and then the folder is flushed: so a power cut costs nothing."""
    events = []
    fsync, rename = os.fsync, os.replace

    def flush(descriptor):
        found = os.fstat(descriptor)
        events.append("folder" if stat.S_ISDIR(found.st_mode) else found.st_size)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", lambda *names: (events.append("rename"), rename(*names)))
    save(path, make())
    assert events == [path.stat().st_size, "rename", "folder"]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_process_leaves_a_whole_file(path):
    """Whenever a process that saves over and over is killed, the file loads."""
    save(path, make(seed=1))
    program = (
        "import sys; from charrnn.checkpoint import *; path = sys.argv[1]; model = load(path, resume=True); print()\n"
        "while True: sys.stdout.flush(); save(path, model)"
    )
    for delay in (0.001, 0.004, 0.013):
        command = [sys.executable, "-c", program, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(delay)
            process.kill()
        assert_same(load(path, resume=True), make(seed=1))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["parameters", "weights", "moments", "carried"])
def test_numbers_that_are_not_finite_are_not_saved(path, where, value):
    """A network that has blown up does not replace a good one."""
    good, bad = make(), make(seed=3)
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
    assert_same(load(path, resume=True), good)


@pytest.mark.parametrize("field", ["training", "corpus", "progress", "history"])
def test_json_that_is_not_finite_is_not_saved(path, field):
    """NaN and infinity, which are no JSON, are refused wherever they stand; the old file stays."""
    good = make()
    save(path, good)
    for value in (float("nan"), float("inf")):
        bad = copy.deepcopy(good)
        place = {"progress": bad.resume.progress, "history": bad.history[-1]}.get(field) or getattr(bad, field)
        place["new"] = [value]
        with pytest.raises(CharrnnError) as caught:
            save(path, bad)
        assert "is not finite" in sentence(caught, path)
    assert_same(load(path, resume=True), good)


def test_what_could_not_be_loaded_is_not_saved(path, monkeypatch):
    """Too much JSON, JSON nested too deep, or too many bytes are refused before anything is written."""
    deep = make()
    for _ in range(100_000):
        deep.corpus = {"in": deep.corpus}
    long = make()
    long.corpus["sources"] = ["x" * 10_000]
    monkeypatch.setattr("charrnn.checkpoint._META", Form("|u1", (None,), limit=10_000))
    for model in (deep, long):
        with pytest.raises(CharrnnError, match="was not written"):
            save(path, model)
    while "in" in deep.corpus:  # or the interpreter would take it apart recursively
        deep.corpus = deep.corpus["in"]
    monkeypatch.setattr(archive, "MAXIMUM_BYTES", 1000)
    with pytest.raises(CharrnnError, match="cannot be written: it would have more than"):
        save(path, make())
    assert not path.exists()


@pytest.mark.parametrize("change", ["shape", "missing", "additional", "weights", "carried", "vocabulary"])
def test_arrays_of_another_network_are_a_mistake(path, change):
    """A checkpoint whose parts do not belong together is a ValueError, and nothing is written."""
    checkpoint = make()
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
        save(path, make())
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
        save(path, make(seed=seed))
        assert path.is_symlink()
        assert_same(load(tmp_path / "disk" / "real.npz", resume=True), make(seed=seed))
    assert names(tmp_path / "disk") == ["real.npz"]


def test_a_long_name_leaves_room_for_the_temporary_one(tmp_path):
    """A name as long as the file system has room for can be saved to, in any script."""
    for name in ("m" * 251 + ".npz", "é" * 120 + ".npz", "\U0001f600" * 60 + ".npz"):
        check_writable(tmp_path / name, force=False)
        save(tmp_path / name, make(slim=True))
        assert_same(load(tmp_path / name), make(slim=True))


# Whether a file could be written


def unwritable(path, *, force=False):
    """Return why no file can be written at a path, said before and while saving alike."""
    with pytest.raises(CharrnnError) as caught:
        check_writable(path, force=force)
    return sentence(caught, path)


def test_a_new_file_in_a_folder_can_be_written(path):
    """Nothing is said, and nothing left, where all is well."""
    check_writable(path, force=False)
    assert names(path.parent) == []


def test_an_old_file_is_kept_unless_forced(path):
    """A file that exists is refused without force, and untouched with it."""
    path.write_text("old")
    assert unwritable(path) == "exists already; --force replaces it"
    check_writable(path, force=True)
    assert path.read_text() == "old"
    assert names(path.parent) == [path.name]


@pytest.mark.parametrize("force", [False, True])
def test_places_where_no_file_can_be(tmp_path, force):
    """A folder, a missing folder, a file taken for a folder, a pipe and a circle of links are told apart."""
    (tmp_path / "file").touch()
    assert unwritable(tmp_path, force=force) == "is a folder, not a file"
    missing = tmp_path / "no" / "model.npz"
    assert unwritable(missing, force=force) == f"cannot be written: there is no folder {missing.parent}"
    unwritable(tmp_path / "file" / "model.npz", force=force)
    with pytest.raises(CharrnnError, match="cannot be written: no such file"):
        save(missing, make())
    with pytest.raises(CharrnnError, match="is a folder"):
        save(tmp_path, make())
    if os.name == "posix":
        os.mkfifo(tmp_path / "pipe")
        assert unwritable(tmp_path / "pipe", force=force) == "is a device or a pipe, not a file"
        with pytest.raises(CharrnnError, match="is a device or a pipe"):
            save(tmp_path / "pipe", make())
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
        save(path, make())
    assert sentence(caught, path) == "cannot be written: permission denied"


# Reading trusts nothing


class Payload:
    """A pickle that leaves a mark when it is loaded."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def test_files_that_are_no_models(path, tmp_path):
    """Nothing, text, an array, a pickle and other zip files are refused, and no pickle is run."""
    mark = tmp_path / "mark"
    pack(path, {"word/document.xml": b"<w/>"})
    document = path.read_bytes()
    np.savez(path, x=np.arange(3))
    for data in (b"", b"P", b"some text\n" * 20, stored(np.arange(3)), pickle.dumps(Payload(str(mark))), b"PK\x05\x06"):
        path.write_bytes(data)
        assert refused(path) == "is not a charrnn model: it is no .npz file"
    path.write_bytes(document)
    assert refused(path) == "is not a charrnn model: its entry 'word/document.xml' is no array"
    np.savez(path, x=np.arange(3))
    assert refused(path) == "is not a charrnn model: it has no entry 'meta'"
    trap = np.empty(1, object)
    trap[0] = Payload(str(mark))
    put(path)
    for name in ("meta", "param/output.c", "state/weights"):
        put(path)
        pack(path, unpacked(path) | {f"{name}.npy": stored(trap)})
        refused(path, resume=True)
    assert not mark.exists()


def test_paths_that_cannot_be_read(tmp_path, monkeypatch):
    """A missing file, a folder, a pipe, and one that may not be read are told apart."""
    assert refused(tmp_path / "none") == "there is no file"
    assert refused(tmp_path) == "is a folder, not a file"
    if os.name == "posix":
        os.mkfifo(tmp_path / "pipe")
        assert refused(tmp_path / "pipe") == "is a device or a pipe, not a file"

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    put(tmp_path / "model")
    monkeypatch.setattr(archive.io, "FileIO", refuse)
    assert refused(tmp_path / "model") == "cannot be read: permission denied"


def test_a_disk_that_fails_while_reading(path, monkeypatch):
    """Whichever read fails, it is one sentence: that the disk failed, if zipfile does not take it for damage."""
    put(path)
    left = 0

    class Failing(io.FileIO):
        def readinto(self, buffer):
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.EIO, "Input/output error")
            return super().readinto(buffer)

    monkeypatch.setattr(archive.io, "FileIO", Failing)
    for reads in range(100):
        left = reads
        try:
            model = load(path)
        except CharrnnError:
            left = reads
            said = refused(path)
            assert said in ("cannot be read: input/output error", f"is damaged: its list of entries {CHANGED}")
        else:
            break
    assert reads >= 3
    assert said == "cannot be read: input/output error"
    assert_same(model, slimmed(make()))


@pytest.mark.skipif(os.name != "posix", reason="needs names that are odd")
def test_odd_names_are_shown_on_one_line(tmp_path):
    """A file's name is quoted where it would break the line or the terminal."""
    for name in ("two\nlines", "\x1b[31mred"):
        (tmp_path / name).write_text("no model")
        assert refused(tmp_path / name).endswith("it is no .npz file")


def test_a_truncated_file_is_refused(path):
    """Cut anywhere, a file is refused."""
    put(path)
    whole = path.read_bytes()
    for k in range(256):
        path.write_bytes(whole[: len(whole) * k // 256])
        refused(path, resume=k % 2 == 0)
    path.write_bytes(whole[:-1])
    assert refused(path) == f"is damaged: its list of entries {CHANGED}"


def _without(name):
    return lambda entries: {key: data for key, data in entries.items() if key != name}


def _with(name, array):
    return lambda entries: entries | {name: array if isinstance(array, bytes) else stored(array)}


V = "param/output.V.npy"
HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), }"
FLOATS = np.zeros((3, 5), np.float32)


def npy(header, version=b"\1\0", length=None):
    """Return a .npy file with any header."""
    length = len(header) if length is None else length
    return b"\x93NUMPY" + version + length.to_bytes(2 if version[0] == 1 else 4, "little") + header + FLOATS.tobytes()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_without("meta.npy"), "has no entry 'meta'"),
        (_without(V), "has no entry 'param/output.V'"),
        (_without("state/carried.npy"), "has no entry 'state/carried'"),
        (_without("state/weights.npy"), "has no entry 'state/weights'"),
        (_without("state/moment0.npy"), "nothing calls for its entry 'state/moment1'"),
        (_with("state/moment3.npy", FLOATS), "nothing calls for its entry 'state/moment3'"),
        (_with("state/moment00.npy", FLOATS), "nothing calls for its entry 'state/moment00'"),
        (_with("state/other.npy", FLOATS), "nothing calls for its entry 'state/other'"),
        (_with("param/layer1.U_i.npy", FLOATS), "nothing calls for its entry"),
        (_with("x.npy", FLOATS), "nothing calls for its entry 'x'"),
        (_with("x" * 60_000 + ".npy", FLOATS), "nothing calls for its entry"),
        (_with("\x1b\n.npy", FLOATS), "nothing calls for its entry '\\x1b\\n'"),
        (_with("../../param/output.V.npy", FLOATS), "nothing calls for its entry '../../"),
        (_with("/tmp/x.npy", FLOATS), "nothing calls for its entry '/tmp/x'"),
        (_with("param\\output.V.npy", FLOATS), "nothing calls for its entry"),
        (_with("param/", b""), "its entry 'param/' is no array"),
        (_with("code.py", b"1"), "its entry 'code.py' is no array"),
        (_with(V, b""), "has not the size it should have"),
        (_with(V, FLOATS[:, :4]), "wrong type or shape"),
        (_with(V, FLOATS[:2, :2]), "wrong type or shape"),
        (_with(V, np.zeros(9000, np.float32)), "has not the size it should have"),
        (_with(V, FLOATS.T), "wrong type or shape"),
        (_with(V, FLOATS.reshape(-1)), "wrong type or shape"),
        (_with(V, np.asfortranarray(FLOATS)), "wrong type or shape"),
        (_with(V, FLOATS.astype(">f4")), "wrong type or shape"),
        (_with(V, FLOATS.astype(np.float64)), "wrong type or shape"),
        (_with(V, FLOATS.astype(np.int32)), "wrong type or shape"),
        (_with(V, FLOATS.view([("x", "<f4")])), "wrong type or shape"),
        (_with(V, npy(HEADER) + b"\0" * 4), "wrong type or shape"),
        (_with(V, npy(HEADER)[:-4] + b" " * 40), "wrong type or shape"),
        (_with(V, npy(HEADER.replace(b"(3, 5)", b"(3, 5, 1)"))), "wrong type or shape"),
        (_with(V, npy(HEADER.replace(b"(3, 5)", b"(-3, -5)"))), "wrong type or shape"),
        (_with(V, npy(HEADER.replace(b"(3, 5)", b"(3, 9" + b"9" * 3000 + b")"))), "wrong type or shape"),
        (_with(V, npy(b"(" * 4000)), "wrong type or shape"),
        (_with(V, npy(b"\xff" * 60)), "wrong type or shape"),
        (_with(V, npy(HEADER + b" " * 5000)), "wrong type or shape"),
        (_with(V, npy(HEADER, length=65535)), "wrong type or shape"),
        (_with(V, npy(HEADER, length=2**32 - 1, version=b"\2\0")), "wrong type or shape"),
        (_with(V, npy(HEADER, version=b"\3\0")), "is no array"),
        (_with(V, b"\x80\x04" + bytes(200)), "is no array"),
        (_with("state/carried.npy", np.zeros((1, 2, 0, 3), np.float32)), "wrong type or shape"),
        (_with("state/carried.npy", np.zeros(7, np.float32)), "wrong type or shape"),
        (_with("state/carried.npy", np.zeros((2, 1, 2, 3), np.float32)), "wrong type or shape"),
        (_with("state/weights.npy", np.zeros(7, np.float32)), "has not the size"),
        (_with("meta.npy", np.zeros((5, 5), np.uint8)), "wrong type or shape"),
        (_with("meta.npy", np.zeros(5, np.int8)), "wrong type or shape"),
        (_with("meta.npy", np.zeros(0, np.uint8)), "wrong type or shape"),
        (_with(V, np.full((3, 5), np.nan, np.float32)), "is not finite"),
        (_with(V, np.full((3, 5), -np.inf, np.float32)), "is not finite"),
        (_with("state/carried.npy", np.full((1, 2, 2, 3), np.inf, np.float32)), "is not finite"),
    ],
)
def test_entries_are_what_meta_calls_for(path, change, why):
    """A missing, unknown or ill-formed entry, and one with a number that is not finite, is refused."""
    put(path)
    entries = change(unpacked(path))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        pack(path, entries, method)
        assert why in refused(path, resume=True)


def test_state_without_progress_is_refused(path):
    """A file has progress and state, or neither."""
    put(path)
    full = unpacked(path)
    put(path, slim=True)
    slim = unpacked(path)
    pack(path, full | {"meta.npy": slim["meta.npy"]})
    assert "nothing calls for its entry 'state/weights'" in refused(path)
    pack(path, slim | {"meta.npy": full["meta.npy"]})
    assert "has no entry 'state/weights'" in refused(path)


def test_state_is_not_read_unless_asked_for(path):
    """Damage in the state does not keep a model from being sampled, and does keep it from being resumed."""
    put(path)
    entries = unpacked(path)
    pack(path, entries | {"state/weights.npy": entries["state/weights.npy"][:-4] + b"\0\0\xc0\x7f"})
    assert_same(load(path), slimmed(make()))
    assert "is not finite" in refused(path, resume=True)


# Zip files that lie


def test_entries_that_are_there_twice(path):
    """Of two entries with one name neither is believed, nor of two that differ by what follows a NUL."""
    put(path)
    entries = [*unpacked(path).items()]
    with pytest.warns(UserWarning, match="Duplicate"):
        pack(path, [*entries, (V, stored(FLOATS))])
    assert "is there twice" in refused(path)
    pack(path, [*entries, (V + "~", stored(FLOATS))])
    path.write_bytes(path.read_bytes().replace(b".npy~", b".npy\0"))
    assert "is no array" in refused(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(path, method):
    """Only what numpy itself writes is unpacked."""
    put(path)
    pack(path, unpacked(path), method)
    assert "compressed in an unknown way" in refused(path)


def test_encrypted_entries_are_refused(path):
    """An entry marked as encrypted is refused; nobody is asked for a password."""
    put(path)
    whole = path.read_bytes()
    path.write_bytes(patched(whole, listing(whole)[V] + 8, "<H", 1))
    assert "is encrypted" in refused(path)


def test_entries_that_overlap_are_refused(path):
    """Two entries may not share bytes of the file, which is how a small file becomes a large one."""
    put(path)
    whole = path.read_bytes()
    at = listing(whole)
    first = struct.unpack_from("<I", whole, at["state/weights.npy"] + 42)[0]
    path.write_bytes(patched(whole, at["state/moment0.npy"] + 42, "<I", first))
    assert "overlaps another" in refused(path)
    path.write_bytes(patched(whole, at["state/moment0.npy"] + 42, "<I", first + 40))
    assert "overlaps another" in refused(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_sizes_that_cannot_be_are_refused(path, method):
    """An entry that claims more than its share of the file can hold is refused before it is read."""
    put(path)
    pack(path, unpacked(path), method)
    whole = path.read_bytes()
    at = listing(whole)[V]
    for value in (2_000_000, 2**32 - 2):
        path.write_bytes(patched(patched(whole, at + 24, "<I", value), at + 20, "<I", value))
        assert "claims more bytes than there are" in refused(path)
        path.write_bytes(patched(whole, at + 24, "<I", value))
        assert "claims more bytes than there are" in refused(path)


def test_damaged_values_are_refused(path):
    """One changed bit in an array is noticed."""
    put(path)
    whole = path.read_bytes()
    values = make().parameters["output.V"].tobytes()
    assert whole.count(values) == 1
    path.write_bytes(whole.replace(values, bytes([values[0] ^ 1]) + values[1:]))
    assert refused(path) == f"is damaged: its entry 'param/output.V' {CHANGED}"


def test_streams_of_another_length_than_they_claim(path):
    """A compressed entry that unpacks to fewer or more bytes than the directory says is refused."""
    put(path)
    entries = unpacked(path)
    right = len(entries[V])
    for data in (entries[V] + b"\0" * 1_000_000, entries[V][:-4]):
        pack(path, entries | {V: data}, zipfile.ZIP_DEFLATED)
        whole = path.read_bytes()
        path.write_bytes(patched(whole, listing(whole)[V] + 24, "<I", right))
        assert CHANGED in refused(path)


def test_more_than_the_cap_is_refused(path, monkeypatch):
    """All entries together may not claim more than MAXIMUM_BYTES."""
    put(path)
    monkeypatch.setattr(archive, "MAXIMUM_BYTES", path.stat().st_size // 2)
    assert "is too large" in refused(path)


def test_hostile_files_take_little_memory(path, monkeypatch):
    """Sizes that a file only claims, and zeros that compress well, are refused before memory is taken for them."""
    monkeypatch.setattr("charrnn.checkpoint._META", Form("|u1", (None,), limit=10 << 20))

    def enormous(meta):
        return meta | {"network": {"cell": "lstm", "hidden": 16_384, "layers": 64}}

    def bomb():
        put(path)
        pack(path, unpacked(path) | {"meta.npy": stored(np.zeros(20 << 20, np.uint8))}, zipfile.ZIP_DEFLATED)

    def long_directory():
        with zipfile.ZipFile(path, "w") as zipped:
            for k in range(40):
                info = zipfile.ZipInfo(f"{k}.npy")
                info.comment = b" " * 65_000
                zipped.writestr(info, b"")

    for write, why in (
        (lambda: with_meta(path, enormous), "has not the size it should have"),
        (bomb, "'meta' has a wrong type or shape"),
        (long_directory, "its list of entries"),
    ):
        write()
        tracemalloc.start()
        try:
            assert why in refused(path)
            assert tracemalloc.get_traced_memory()[1] < 5 << 20
        finally:
            tracemalloc.stop()


def test_too_little_memory_is_a_sentence(path, monkeypatch):
    """Where there is no memory for a model, that is said."""
    put(path)

    def nothing_left(*_):
        raise MemoryError

    monkeypatch.setattr(archive.np, "empty", nothing_left)
    assert refused(path) == "needs more memory than there is"


# Meta that lies


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe",
        b"{",
        b"not json",
        b'{"format": 1} x',
        b'{"format": NaN}',
        b'{"format": -Infinity}',
        b'{"format": 1e999}',
        b'{"format": ' + b"9" * 5000 + b"}",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"\xef\xbb\xbf{}",
        b"\0" * 100,
    ],
    ids=lambda data: data[:16],
)
def test_meta_that_is_no_json(path, data):
    """Bytes that are not UTF-8, not strict JSON, not finite, or nested beyond reason are refused."""
    with_meta(path, data)
    assert refused(path) == "is not a charrnn model: its entry 'meta' is no JSON of finite numbers"


@pytest.mark.parametrize("meta", [[], 1, None, "format", True, {}, {"format": 1}, {"format": 1, "network": []}])
def test_meta_that_is_no_record(path, meta):
    """JSON that is no object, or has next to nothing in it, is refused."""
    with_meta(path, lambda _: meta)
    assert "is not a charrnn model" in refused(path)


@pytest.mark.parametrize("version", [3, 7, int("9" * 4000)])
def test_newer_formats_are_told_apart(path, version):
    """A file of a later format is refused by saying so, whatever else is in it."""
    with_meta(path, lambda _: {"format": version, "something": "new"})
    said = refused(path)
    assert said.startswith("was written by a newer charrnn (format ")
    if version == 7:
        assert said == "was written by a newer charrnn (format 7); this one reads formats up to 2"


@pytest.mark.parametrize("version", [0, -1, 1.5, "1", True, None, [1]])
def test_formats_that_never_were(path, version):
    """Anything but a whole number from 1 up is no format."""
    with_meta(path, lambda meta: meta | {"format": version})
    assert refused(path) == "is not a charrnn model: its entry 'meta' names no format that there is"


PLACES = [
    ("charrnn",),
    ("network",),
    ("vocabulary",),
    ("training",),
    ("history",),
    ("corpus",),
    ("progress",),
    ("network", "cell"),
    ("network", "hidden"),
    ("network", "layers"),
    ("vocabulary", "byte_level"),
    ("vocabulary", "characters"),
]


def placed(meta, place, value):
    """Return meta with another value at a place, or without it for the value `...`."""
    *outer, last = place
    meta = copy.deepcopy(meta)
    record = meta
    for name in outer:
        record = record[name]
    if value is ...:
        del record[last]
    else:
        record[last] = value
    return meta


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_fields_are_there_and_of_their_type(path, place):
    """Each field of meta is needed, and has one type."""
    for value in (..., None, 1.0, [[]]):
        with_meta(path, lambda meta, value=value: placed(meta, place, value))
        said = refused(path)
        assert place[-1] in said or "state/" in said  # progress may be missing, but not if there is state


@pytest.mark.parametrize("place", [(), ("network",), ("vocabulary",)], ids=str)
def test_fields_that_this_format_lacks_are_refused(path, place):
    """A field that could change what the others mean is not passed over."""
    with_meta(path, lambda meta: placed(meta, (*place, "peepholes" * 30), True))
    assert "nothing calls for 'peepholes" in refused(path)


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        (("network", "hidden"), 0, "hidden size"),
        (("network", "hidden"), -3, "hidden size"),
        (("network", "hidden"), 1 << 40, "hidden size"),
        (("network", "hidden"), int("9" * 4200), "hidden size"),
        (("network", "hidden"), True, "'hidden'"),
        (("network", "hidden"), 4, "has not the size|wrong type or shape"),
        (("network", "layers"), 0, "layers"),
        (("network", "layers"), 65, "layers"),
        (("network", "layers"), 2, "nothing calls for|no entry"),
        (("network", "cell"), "gru", "nothing calls for"),
        (("network", "cell"), "none\n", "there is no cell"),
        (("network", "cell"), "x" * 1_000_000, "there is no cell"),
        (("vocabulary", "characters"), "", "at least one symbol"),
        (("vocabulary", "characters"), "edcba", "code point order"),
        (("vocabulary", "characters"), "aabcd", "distinct"),
        (("vocabulary", "characters"), "abcd\ud800", "code point order|surrogate"),
        (("vocabulary", "characters"), "abcdef", "wrong type or shape|size"),
        (("vocabulary", "byte_level"), True, "bytes"),
        (("history",), [1], "history"),
        (("history",), [{}, None], "history"),
    ],
)
def test_meta_that_makes_no_network(path, place, value, why):
    """Sizes, cells and vocabularies that cannot be, or are not those of the arrays, are refused."""
    with_meta(path, lambda meta: placed(meta, place, value))
    said = refused(path)
    assert any(part in said for part in why.split("|")), said


# Whatever a file holds


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Return a folder, and the bytes of a good file in it."""
    folder = tmp_path_factory.mktemp("mutated")
    return folder, saved(slim=False)


def loads_or_is_refused(path):
    """Load a file both ways; return what can be loaded. Any exception but a CharrnnError is a failure."""
    models = []
    for resume in (False, True):
        try:
            models.append(load(path, resume=resume))
        except CharrnnError:
            refused(path, resume=resume)
    return models


@quickly
@given(
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4)
)
def test_changed_bytes_never_give_another_model(original, changes):
    """Overwriting any bytes makes a file refused, or makes no difference."""
    folder, whole = original
    data = bytearray(whole)
    for place, piece in changes:
        at = int(place * (len(data) - len(piece)))
        data[at : at + len(piece)] = piece
    (folder / "changed.npz").write_bytes(data)
    for model in loads_or_is_refused(folder / "changed.npz"):
        assert_same(model, make() if model.resume else slimmed(make()))


@quickly
@given(st.integers(0, 1500), st.binary(min_size=1, max_size=4))
def test_changed_directories_never_give_another_model(original, back, piece):
    """The same where it hurts most: among the names, sizes and offsets at the end of the file."""
    folder, whole = original
    at = max(0, len(whole) - back - len(piece))
    (folder / "directory.npz").write_bytes(whole[:at] + piece + whole[at + len(piece) :])
    for model in loads_or_is_refused(folder / "directory.npz"):
        assert_same(model, make() if model.resume else slimmed(make()))


@quickly
@given(st.binary(max_size=300))
def test_any_bytes_are_a_model_or_one_sentence(original, data):
    """Bytes of any kind, as a whole file, after a zip file's first bytes, or as its end, are refused."""
    folder, whole = original
    for contents in (data, b"PK\3\4" + data, whole[:200] + data + whole[-22:]):
        (folder / "any.npz").write_bytes(contents)
        assert loads_or_is_refused(folder / "any.npz") == []


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    st.none() | st.booleans() | numbers | st.text(st.characters(), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@quickly
@given(st.sampled_from([("format",), *PLACES]), documents)
def test_any_json_is_a_model_or_one_sentence(original, place, value):
    """Any JSON in any field is refused or, in those that are passed on as they are, comes back."""
    folder, _ = original
    file = folder / "document.npz"
    with_meta(file, lambda meta: placed(meta, place, value))
    for model in loads_or_is_refused(file):
        if place[0] in ("training", "history", "corpus"):
            assert getattr(model, place[0]) == value
        else:
            assert_same(slimmed(model), slimmed(make()))
