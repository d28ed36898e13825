"""A hostile model file is data: whatever is in it, it is a model or ends in one sentence, soon and in little memory."""

import errno
import io
import json
import os
import random
import subprocess
import sys
import tracemalloc
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.errors import CharrnnError
from charrnn.model import model_file as checkpoint
from charrnn.model.model_file import load, save
from charrnn.storage import archive
from tests import fuzz_model, hostile
from tests.helpers import ROOT
from tests.helpers.commands import ERROR, UNEXPECTED
from tests.helpers.model_files import assert_same_checkpoint, slimmed, unloadable
from tests.hostile import meta_of, model, packed, placed, stored, unpacked, with_meta

CAP = 256 << 20  # bytes of memory that loading any file of the corpus may take: most for 1.1 million characters
PATIENCE = 300.0  # seconds for all of them: no figure of speed, but nothing may hang
CHANGED = "was changed or cut off"
SPECIAL = ("folder", "link-to-nothing", "link-in-a-circle", "link-to-zeros", "pipe", "sparse-gigabyte-of-json")
quickly = settings(max_examples=50, deadline=None, database=None)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Write one file of each attack; return their folder, and what is to be said of each."""
    folder = tmp_path_factory.mktemp("hostile")
    return folder, hostile.write(folder)


def in_a_child(call, folder):
    """Run a function of this file in a process of its own; return what it prints, read as JSON."""
    program = f"import sys; from tests.model import test_hostile; test_hostile.{call}(sys.argv[1])"
    command = [sys.executable, "-c", program, str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, env=environment, cwd=folder.parent)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def memory(name):
    """Return the bytes that this process has (VmRSS), or had at most (VmHWM), where the system tells; else 0."""
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith(name))


def judge(folder):
    """Load each file of a folder, with its state and without; print what is said of it and what memory that took."""
    found = {}
    for path in sorted(Path(folder).iterdir()):
        said = []
        if sys.platform == "linux":
            Path("/proc/self/clear_refs").write_text("5")  # forget the peak
            before = memory("VmRSS")
        for resume in (False, True):
            try:
                load(path, resume=resume)
                said.append(None)
            except CharrnnError as error:
                said.append(str(error))
        found[path.name] = [*said, memory("VmHWM") - before if sys.platform == "linux" else 0]
    print(json.dumps(found))  # noqa: T201


@pytest.fixture(scope="module")
def verdicts(corpus):
    """Load all attacks in a process of its own; return what was said without state and with it, and the memory."""
    return in_a_child("judge", corpus[0])


def names_of_all():
    """Return the names of all attacks that this system has."""
    return [*hostile.attacks(), *SPECIAL]


@pytest.mark.parametrize("name", names_of_all())
def test_an_attack_is_refused(corpus, verdicts, name):
    """Each attack ends in one short sentence that names the file and says the right thing."""
    folder, rows = corpus
    if f"{name}.npz" not in rows:
        pytest.skip("this system has no such file")
    path = folder / f"{name}.npz"
    for resume, said in zip((False, True), verdicts[path.name], strict=False):
        if name.removeprefix("state-") in hostile.STATE and not resume:
            assert said is None  # what is not read does not matter
            continue
        assert said is not None
        assert any(part in plain(said, path) for part in rows[path.name].split("|")), said


def plain(said, path):
    """Return what an error says of a file, being one short sentence of printable characters."""
    assert said.isprintable()
    assert not said.endswith(".")
    assert len(said) < 400 + len(str(path))
    assert str(path) in said
    return said


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of memory since a moment")
def test_no_attack_takes_memory(verdicts):
    """To refuse a file takes less than CAP of memory, whatever it claims to be."""
    greedy = {name: peak >> 20 for name, (_, _, peak) in verdicts.items() if peak > CAP}
    assert not greedy
    assert max(peak for _, _, peak in verdicts.values()) > 1 << 20  # so it was measured


def test_no_attack_is_run(corpus, verdicts):
    """No pickle in a file is loaded, and no text in it evaluated: that would have left a mark."""
    assert verdicts
    assert not (corpus[0].parent / hostile.Payload.mark).exists()


def test_the_attacks_are_made_of_a_good_file(tmp_path):
    """What attacks are made with leaves a good file good, where it does not lie."""
    data = model()
    path = tmp_path / "model.npz"
    path.write_bytes(data)
    whole = load(path, resume=True)
    for same in (
        packed(unpacked(data)),
        packed(unpacked(data), zipfile.ZIP_DEFLATED),
        with_meta(data, lambda meta: meta),
        hostile.wide(data),
        hostile.wide_entry(data, len(stored(hostile.FLOATS))),
        hostile.shifted(data, b""),
        hostile.listed()(hostile.headed()(hostile.ended()(data))),
    ):
        path.write_bytes(same)
        assert_same_checkpoint(load(path, resume=True), whole)


@pytest.mark.parametrize("name", hostile.EXAMPLES)
def test_the_attacks_on_examples_are_made_of_good_files(tmp_path, name):
    """Each file of a network for examples that attacks are made of is good, with its state and without."""
    path = tmp_path / "model.npz"
    path.write_bytes(model("rnn", examples=name))
    assert load(path, resume=True).targets.record() == hostile.EXAMPLES[name][1].record()
    path.write_bytes(model("rnn", examples=name, slim=True))
    assert load(path).slim
    assert unloadable(path, resume=True).startswith("is a slim model")


# Through the commands

COMMANDS = [
    ("info", "MODEL"),
    ("info", "MODEL", "--json"),
    ("sample", "MODEL", "--length", "5"),
    ("play", "MODEL"),
    ("eval", "MODEL", "corpus.txt"),
    ("trace", "MODEL", "corpus.txt"),
    ("gradients", "MODEL", "corpus.txt"),
    ("train", "--resume", "MODEL", "-o", "out.npz"),
    ("train", "corpus.txt", "--init-from", "MODEL", "-o", "out.npz"),
]


def judge_commands(folder):
    """Give each file of a folder to one command, and some to all; print the names and commands that go wrong."""
    from charrnn.cli import run

    Path("corpus.txt").write_text("a text " * 100)
    wrong, count = [], 0
    for number, path in enumerate(sorted(Path(folder).iterdir())):
        for command in COMMANDS if number % 16 == 0 else [COMMANDS[number % len(COMMANDS)]]:
            if path.name.startswith("state-") and "--resume" not in command:
                continue
            out, err = io.StringIO(), io.StringIO()
            with redirect_stdout(out), redirect_stderr(err):
                code = run([str(path) if part == "MODEL" else part for part in command])
            count += 1
            line = err.getvalue()
            good = line.startswith(ERROR) and line[:-1].isprintable() and str(path) in line and UNEXPECTED not in line
            if (code, out.getvalue(), good) != (1, "", True) or Path("out.npz").exists():
                wrong.append((path.name, command, code, line))
    print(json.dumps([count, wrong]))  # noqa: T201


def test_attacks_through_the_commands(corpus):
    """Every command refuses an attack with exit code 1 and that one line, and leaves nothing behind."""
    count, wrong = in_a_child("judge_commands", corpus[0])
    assert wrong == []
    assert count > 1.3 * len(corpus[1])


def tried(run, *command, named=True):
    """Type a command that may work or be refused in one plain line, which names the file; return what came of it."""
    result = run(*command)
    assert result.code in (0, 1), result.err
    assert UNEXPECTED not in result.err
    assert all(c.isprintable() or c == "\n" for c in result.err)
    assert len(result.err) < 2000
    if result.code:
        assert result.stdout == b""
        *notes, error = result.err.splitlines()
        assert error.startswith(ERROR)
        assert all("were read in a near form" in note for note in notes)  # before a fault that shows later
        assert not named or "model.npz" in result.err or "out.npz" in result.err
    return result


ODD = dict(hostile.odd())


@pytest.mark.parametrize("name", ODD)
def test_odd_values_in_meta(trained, folder, run, name):
    """Odd values where a file may hold any are shown harmlessly or refused in one line, whoever reads them."""
    Path("model.npz").write_bytes(with_meta(trained.read_bytes(), ODD[name]))
    resume = ("--resume", "model.npz", "--epochs", 20.1, "--quiet", "-o", "out.npz", "--force")
    other = name.startswith(("documents", "characters"))  # another network, for which the text is another one
    tried(run, "train", "corpus.txt", *resume, named=not other)
    if name.startswith("progress"):  # which nobody else looks at
        return
    told = tried(run, "info", "model.npz")
    assert all(c.isprintable() or c == "\n" for c in told.out)
    assert len(told.out) < 100_000
    if name.startswith("corpus"):
        tried(run, "train", *resume)
    if other or name.startswith("history"):
        strict = tried(run, "info", "model.npz", "--json")
        assert strict.code or json.loads(strict.out)["bytes"]
    if other:
        for command in COMMANDS[2:-2]:
            tried(run, *("model.npz" if part == "MODEL" else part for part in command), named=False)
        start = ("--init-from", "model.npz", "--epochs", 0.1, "--quiet", "-o", "out.npz", "--force")
        tried(run, "train", "corpus.txt", *start, named=False)
        tried(run, "train", "corpus.txt", *start, "--remap", named=False)


@pytest.mark.parametrize("name", [f"history-{name}" for name in hostile.HISTORIES])
def test_odd_histories_are_not_drawn(trained, folder, run, name):
    """A picture is drawn of a history that makes sense, and of no other."""
    pytest.importorskip("matplotlib")
    Path("model.npz").write_bytes(with_meta(trained.read_bytes(), ODD[name]))
    result = tried(run, "info", "model.npz", "--plot", "curve.png")
    assert Path("curve.png").exists() == (result.code == 0)


# How a file is read


@pytest.fixture
def path(tmp_path):
    """Where a test's model file is: a good one."""
    (tmp_path / "model.npz").write_bytes(model())
    return tmp_path / "model.npz"


def test_paths_that_cannot_be_read(path, monkeypatch):
    """A missing file, a folder, and a file that may not be read are told apart."""
    assert unloadable(path.parent / "none") == "does not exist"
    assert unloadable(path.parent) == "is a folder, not a file"

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(archive.io, "FileIO", refuse)
    assert unloadable(path) == "cannot be read: permission denied"


@pytest.mark.skipif(os.name != "posix", reason="needs symbolic links")
def test_a_link_to_a_model_is_followed(path, tmp_path):
    """A link is as good as what it leads to."""
    (tmp_path / "link.npz").symlink_to(path)
    assert_same_checkpoint(load(tmp_path / "link.npz"), load(path))


def test_a_disk_that_fails_while_reading(path, monkeypatch):
    """Whichever read fails, it is one sentence: that the disk failed, if zipfile does not take it for damage."""
    whole, left = load(path), 0

    class Failing(io.FileIO):
        def readinto(self, buffer):
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.EIO, "Input/output error")
            return super().readinto(buffer)

    monkeypatch.setattr(archive.io, "FileIO", Failing)
    for reads in range(1000):
        left = reads
        try:
            found = load(path)
        except CharrnnError:
            left = reads
            said = unloadable(path)
            assert said in ("cannot be read: input/output error", f"is damaged: its list of entries {CHANGED}")
        else:
            break
    assert reads >= 3
    assert said == "cannot be read: input/output error"
    assert_same_checkpoint(found, whole)


@pytest.mark.skipif(os.name != "posix", reason="needs names that are odd")
def test_odd_names_are_shown_on_one_line(tmp_path):
    """A file's name is quoted where it would break the line or the terminal."""
    for name in ("two\nlines", "\x1b[31mred"):
        (tmp_path / name).write_text("no model")
        assert unloadable(tmp_path / name).endswith("it is not an .npz file")


def test_a_truncated_file_is_refused(path):
    """Cut anywhere, a file is refused."""
    whole = path.read_bytes()
    for k in range(256):
        path.write_bytes(whole[: len(whole) * k // 256])
        unloadable(path, resume=k % 2 == 0)


def test_one_changed_bit_is_noticed(path):
    """One changed bit in an array is noticed."""
    values = load(path).parameters["output.V"].tobytes()
    assert path.read_bytes().count(values) == 1
    path.write_bytes(path.read_bytes().replace(values, bytes([values[0] ^ 1]) + values[1:]))
    assert unloadable(path) == f"is damaged: its entry 'param/output.V' {CHANGED}"


def test_state_and_progress_belong_together(path):
    """A file has progress and state, or neither."""
    full, slim = unpacked(model()), unpacked(model(slim=True))
    path.write_bytes(packed(full | {"meta.npy": slim["meta.npy"]}))
    assert "it has an unexpected entry 'state/weights'" in unloadable(path)
    path.write_bytes(packed(slim | {"meta.npy": full["meta.npy"]}))
    assert "has no entry 'state/weights'" in unloadable(path)


def test_all_forms_are_known_before_the_first_array(path, monkeypatch):
    """Where the last entry is of a wrong type, no array but meta has been made before that is said."""
    made = []
    empty = archive.np.empty
    monkeypatch.setattr(archive.np, "empty", lambda *form: made.append(form) or empty(*form))
    path.write_bytes(packed(unpacked(model()) | {"state/carried.npy": stored(np.zeros(12, "<f8"))}))
    assert "'state/carried' has the wrong type or shape" in unloadable(path)
    assert [dtype for _, dtype in made] == ["|u1"]
    path.write_bytes(model())
    load(path)
    assert len(made) > 10


def test_more_than_the_cap_is_refused(path):
    """All entries together may not claim more than the most that there can be."""
    with pytest.raises(CharrnnError, match="is too large"), archive.reading(path, most=path.stat().st_size // 2):
        pass


def test_too_little_memory_is_a_sentence(path, monkeypatch):
    """Where there is no memory for a model, that is said."""

    def nothing_left(*_):
        raise MemoryError

    monkeypatch.setattr(archive.np, "empty", nothing_left)
    assert unloadable(path) == "cannot be read: out of memory"


@pytest.mark.parametrize(
    "name", ["meta-network-of-many-gigabytes", "bomb-sixty-megabytes-of-json", "zip-directory-too-long"]
)
def test_claims_take_no_memory(path, name):
    """Sizes that a file only claims, and zeros that compress well, are refused before memory is taken for them."""
    path.write_bytes(hostile.attack(name))
    tracemalloc.start()
    try:
        unloadable(path)
        assert tracemalloc.get_traced_memory()[1] < 5 << 20
    finally:
        tracemalloc.stop()


def test_there_is_room_for_the_largest_meta():
    """All characters that there are, 10,000 validations and a thousand texts fit; what fits is bounded."""
    meta = meta_of(model())
    meta["vocabulary"]["characters"] = hostile.everything()
    record = dict.fromkeys(("epoch", "seconds", "loss", "val_loss", "learning_rate"), 1 / 7) | {"step": 10**9}
    meta["history"] = [record] * 10_001
    meta["corpus"]["sources"] = ["a folder/and another one/" * 4 + "text.txt"] * 1000
    encoded = json.dumps(meta).encode()
    assert len(encoded) < checkpoint._META.limit < 1.2 * len(encoded)
    assert checkpoint._decode(encoded)["history"] == meta["history"]


# Whatever a file holds


def loads_or_is_refused(path):
    """Load a file both ways; return what can be loaded. Any exception but a CharrnnError is a failure."""
    models = []
    for resume in (False, True):
        try:
            models.append(load(path, resume=resume))
        except CharrnnError:
            unloadable(path, resume=resume)
    return models


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Return a path to write to, a good file's bytes, and the model in it."""
    path = tmp_path_factory.mktemp("mutated") / "model.npz"
    path.write_bytes(model())
    return path, model(), load(path, resume=True)


def assert_no_other(original, data):
    """Hold that bytes are refused, or are the model that they were made from."""
    path, _, whole = original
    path.write_bytes(data)
    for found in loads_or_is_refused(path):
        assert_same_checkpoint(found, whole if found.resume else slimmed(whole))


@quickly
@given(
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4)
)
def test_changed_bytes_never_give_another_model(original, changes):
    """Overwriting any bytes makes a file refused, or makes no difference."""
    data = bytearray(original[1])
    for place, piece in changes:
        at = int(place * (len(data) - len(piece)))
        data[at : at + len(piece)] = piece
    assert_no_other(original, data)


@quickly
@given(st.integers(0, 1500), st.binary(min_size=1, max_size=4))
def test_changed_directories_never_give_another_model(original, back, piece):
    """The same where it hurts most: among the names, sizes and offsets at the end of the file."""
    whole = original[1]
    at = max(0, len(whole) - back - len(piece))
    assert_no_other(original, whole[:at] + piece + whole[at + len(piece) :])


@quickly
@given(*[st.floats(0, 1)] * 4)
def test_spliced_files_never_give_another_model(original, begin, end, place, length):
    """Taking a piece of a file out, or putting it over another place or between, makes it refused."""
    whole = original[1]
    begin, end = sorted(int(share * len(whole)) for share in (begin, end))
    at, size = int(place * len(whole)), int(length * 40)
    for data in (
        whole[:begin] + whole[end:],
        whole[:at] + whole[begin:end] + whole[at:],
        whole[:at] + whole[begin : begin + size] + whole[at + size :],
    ):
        assert_no_other(original, data)


@quickly
@given(st.data(), st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
def test_entries_in_another_order_are_the_same_model(original, data, method):
    """Entries may stand in any order, as each has its name."""
    path, whole, expected = original
    entries = [*unpacked(whole).items()]
    path.write_bytes(packed(data.draw(st.permutations(entries)), method))
    assert_same_checkpoint(load(path, resume=True), expected)


@quickly
@given(st.data())
def test_swapped_entries(original, data):
    """Two entries that change places are refused where they differ in shape, and give another model where not."""
    path, whole, _ = original
    entries = unpacked(whole)
    one, other = (data.draw(st.sampled_from([*entries])) for _ in range(2))
    path.write_bytes(packed(entries | {one: entries[other], other: entries[one]}))
    alike = entries[one][:128] == entries[other][:128]
    assert len(loads_or_is_refused(path)) == 2 * alike


@quickly
@given(st.binary(max_size=300))
def test_any_bytes_are_a_model_or_one_sentence(original, data):
    """Bytes of any kind, as a whole file, after a zip file's first bytes, or as its end, are refused."""
    path, whole, _ = original
    for contents in (data, b"PK\3\4" + data, whole[:200] + data + whole[-22:]):
        path.write_bytes(contents)
        assert loads_or_is_refused(path) == []


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    st.none() | st.booleans() | numbers | st.text(st.characters(), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["format", "charrnn", "network", "vocabulary", "training", "history", "corpus", "progress"]
FIELDS += ["network cell", "network hidden", "network layers"]
FIELDS += ["vocabulary byte_level", "vocabulary characters", "vocabulary separator"]


@quickly
@given(st.sampled_from(FIELDS), documents)
def test_any_json_is_a_model_or_one_sentence(original, place, value):
    """Any JSON in any field is refused or, in those that are passed on as they are, comes back."""
    path, whole, expected = original
    path.write_bytes(with_meta(whole, lambda meta: placed(meta, place.split(), value)))
    for found in loads_or_is_refused(path):
        if place in ("training", "history", "corpus"):
            assert getattr(found, place) == value
        else:
            assert_same_checkpoint(slimmed(found), slimmed(expected))


FIELDS_OF_EXAMPLES = [f"network {name}" for name in ("task", "targets", "features", "head", "pooling", "joined")]
FIELDS_OF_EXAMPLES += ["network conditions", "network given_at", "targets given"]
FIELDS_OF_EXAMPLES += ["targets", *(f"targets {name}" for name in ("labels", "names", "series", "ahead"))]
FIELDS_OF_EXAMPLES += ["targets input_scaling", "targets target_scaling"]
FIELDS_OF_EXAMPLES += [f"corpus {name}" for name in ("examples", "columns", "held_out")]


@quickly
@given(
    st.sampled_from(["classify", "numbers", "series", "named-conditions", "numeric-conditions"]),
    st.sampled_from(FIELDS_OF_EXAMPLES),
    documents,
)
def test_any_json_of_examples_is_a_model_or_one_sentence(original, name, place, value):
    """The same in the fields that only networks for examples have; what is loaded comes back when it is saved."""
    path, _, _ = original
    path.write_bytes(with_meta(model("rnn", examples=name), lambda meta: placed(meta, place.split(), value)))
    for found in loads_or_is_refused(path):
        save(path, found)
        assert_same_checkpoint(load(path, resume=found.resume is not None), found)


# The fuzzer, which is run by hand


def test_the_fuzzer_tries_an_input(tmp_path):
    """What the fuzzer does with an input holds for good files, attacks and odd ones, and tells loaded from refused."""
    for name, data in fuzz_model.good().items():
        assert fuzz_model.one_input(data, tmp_path) == (1 if name.startswith(("slim", "bytes", "encoded")) else 2)
    for name in ("zip-comment", "entry-big-endian", "meta-a-name-twice"):
        assert fuzz_model.one_input(hostile.attack(name), tmp_path) == 0
    assert fuzz_model.one_input(with_meta(model(), ODD["history-of-escapes"]), tmp_path) == 2


def test_the_fuzzer_changes_an_input(tmp_path):
    """Its changes inside a file reach beyond the checksums: some of them are refused for what meta says, some load."""
    rng = random.Random(5)
    begin = model("rnn", moments=1)

    def change(data, size):
        at = rng.randrange(len(data) + 1)
        return (data[:at] + rng.randbytes(rng.randrange(3)) + data[at + rng.randrange(3) :])[:size]

    made = [fuzz_model.mutated(begin, fuzz_model.LONGEST, number, change=change) for number in range(100)]
    assert len({*made, begin}) > 80
    whole = [data for data in made if data[:4] == b"PK\3\4" and fuzz_model.opened(data)]
    assert len(whole) > 40
    assert 5 < sum(fuzz_model.one_input(data, tmp_path) > 0 for data in whole) < len(whole) - 5


def test_the_fuzzer_finds_a_fault(tmp_path, monkeypatch):
    """A refusal of two lines, a crash, or a model that does not come back would not go unnoticed."""

    def crash(path, *, resume=False):
        raise KeyError("x")

    def say_too_much(path, *, resume=False):
        raise CharrnnError(f"{path} is\nno model")

    for name, function, fault in (("load", crash, KeyError), ("load", say_too_much, AssertionError)):
        with monkeypatch.context() as patch:
            patch.setattr(fuzz_model, name, function)
            with pytest.raises(fault):
                fuzz_model.one_input(model(), tmp_path)
    monkeypatch.setattr(fuzz_model, "contents", lambda model: object())
    with pytest.raises(AssertionError):
        fuzz_model.one_input(model(), tmp_path)
