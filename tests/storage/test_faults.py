"""What can go wrong while a file is written, and that it costs nothing: full disks, kills, second runs, odd folders."""

import errno
import hashlib
import io
import itertools
import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from charrnn.errors import CharrnnError
from charrnn.model.model_file import check_writable, load, save
from charrnn.storage import files
from charrnn.storage.files import locked, replacing
from tests.helpers import ROOT
from tests.helpers.model_files import assert_same_checkpoint, made_up, names_in, sentence, unsaved
from tests.helpers.processes import PATIENCE

NOBODY = 65534
BUSY = r" is being written by another run, process (\d+); wait until it ends, or name another file with -o"
LOCK = ".model.npz.lock"
ORPHAN = ".model.npz.0123456789abcdef.tmp"

posix = pytest.mark.skipif(os.name != "posix", reason="for POSIX systems")


@pytest.fixture
def path(tmp_path):
    """Where a test's model file is."""
    return tmp_path / "model.npz"


def elsewhere(function, *arguments, before=()):
    """Call a function of this file in a process of its own, with strings; return what it prints as JSON."""
    program = f"import sys; from tests.storage import test_faults; test_faults.{function.__name__}(*sys.argv[1:])"
    command = [*before, sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# A failure at any moment


class Faulty(io.FileIO):
    """A file whose writes ask a function first, and are short, as they may be."""

    before = None

    def write(self, data):
        """Write a few bytes."""
        type(self).before()
        return super().write(bytes(data[:300]))


@contextmanager
def asking(before):
    """Call a function before each thing that a save asks the system for."""

    def asked(function):
        return lambda *arguments, **keywords: (before(), function(*arguments, **keywords))[1]

    Faulty.before = staticmethod(before)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", asked(lambda self, mode: io.BufferedWriter(Faulty(self, mode), 200)))
        for name in ("open", "fsync", "replace", "fchmod", "fchown"):
            if hasattr(os, name):
                patch.setattr(os, name, asked(getattr(os, name)))
        yield


@pytest.mark.parametrize(
    ("fault", "sticky"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (KeyboardInterrupt(), False),
        (MemoryError(), False),
    ],
    ids=repr,
)
def test_a_failure_at_any_moment_keeps_the_old_file(path, fault, sticky):
    """Whichever open, write, flush or rename fails, the old file or the new one is there, whole, and nothing else."""
    old, new = made_up(seed=1), made_up(seed=2)
    save(path, old)
    before = path.read_bytes()
    save(path, new)
    after = path.read_bytes()
    calls = failing = failed = 0

    def count():
        nonlocal calls
        calls += 1
        with io.FileIO(path) as file:  # whoever looks now
            assert file.readall() in (before, after)
        if calls == failing or (sticky and calls > failing):
            raise fault

    while calls >= failing:
        failing, calls, error = failing + 1, 0, None
        path.write_bytes(before)
        with asking(count):
            try:
                save(path, new)
            except (CharrnnError, KeyboardInterrupt, MemoryError) as raised:
                error = raised
        failed += error is not None
        found = path.read_bytes()
        if error is None:
            assert found == after
        elif isinstance(fault, OSError):
            assert found == before
            assert str(error) == f"{path} cannot be written: {fault.strerror.lower()}"
        else:  # once the new file is there, an interrupt does not bring the old one back
            assert error is fault
            assert found in (before, after)
        assert names_in(path.parent) == [path.name]
    assert failed >= 20
    assert_same_checkpoint(load(path, resume=True), new)


def test_a_trial_leaves_nothing(path, monkeypatch):
    """The same holds where nothing is saved, and an interrupt comes while it is tried whether that could be."""

    def interrupted(path, mode):
        io.FileIO(path, mode).close()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        check_writable(path, force=False)
    assert names_in(path.parent) == []


@posix
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
    save(path, made_up())
    assert events == [path.stat().st_size, "rename", "folder"]


@posix
def test_a_mac_is_asked_to_empty_the_memory_of_its_disk(path, monkeypatch):
    """What fsync does elsewhere, macOS does only when asked for more; where it cannot, fsync has to do."""
    fcntl = pytest.importorskip("fcntl")
    asked = []

    def control(file, command):
        asked.append(command)
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", control)
    with replacing(path) as file:
        file.write(b"all")
    assert asked == [51]
    assert path.read_bytes() == b"all"


# A kill at any moment


def stamp(checkpoint):
    """Return a digest of all in a checkpoint that a run computes: of everything but the clock."""
    digest = hashlib.sha256()
    for values in (*checkpoint.parameters.values(), *vars(checkpoint.resume).values()):
        for array in values if isinstance(values, tuple) else (values,):
            if isinstance(array, np.ndarray):
                digest.update(array.tobytes())
    for record in (checkpoint.resume.progress, *checkpoint.history):
        digest.update(repr([item for item in record.items() if item[0] != "seconds"]).encode())
    return digest.hexdigest()


def killed_at_each_call(folder):
    """Save in processes that kill themselves, each at a later call; print what each left behind."""
    path = Path(folder, "model.npz")
    save(path, made_up(seed=2))
    after = path.read_bytes()
    save(path, made_up(seed=1))
    before = path.read_bytes()
    found = []
    for failing in itertools.count(1):
        path.write_bytes(before)
        calls = itertools.count(1)
        if not (child := os.fork()):
            with asking(lambda calls=calls, failing=failing: next(calls) == failing and os.kill(os.getpid(), 9)):
                save(path, made_up(seed=2))
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            break
        state = {before: "old", after: "new"}.get(path.read_bytes(), "torn")
        found.append((state, len(list(path.parent.iterdir()))))
        with locked(path):  # as the next run does
            assert names_in(path.parent) == [LOCK, path.name]
    print(json.dumps([found, names_in(path.parent)]))  # noqa: T201


@posix
def test_a_kill_at_each_call(tmp_path):
    """Whichever write, flush or rename is the last, the file is the old or the new one; the next run tidies up."""
    found, left = elsewhere(killed_at_each_call, tmp_path)
    assert left == ["model.npz"]
    assert len(found) >= 20
    states = [state for state, _ in found]
    assert states == sorted(states, key=["old", "new"].index)
    assert set(states) == {"old", "new"}
    assert {count for state, count in found if state == "old"} == {1, 2}  # with what was being written, and before
    assert {count for state, count in found if state == "new"} == {1}


def killed_runs(folder, kills):
    """Train, save after every step, and be killed, so many times; print where each kill fell.

    After each, the file is a state of an uninterrupted run, and two runs go on from it as that one did: one for a few
    steps here, and the next one to be killed.
    """
    from charrnn.model.team import Team
    from charrnn.text.ingest import read_corpus
    from charrnn.training.pace import Pace
    from charrnn.training.settings import Settings
    from charrnn.training.text_data import TextData
    from charrnn.training.trainer import Trainer
    from tests.helpers.runs import resumed_run

    pace = Pace(chunk_seconds=0.0, shortest_interval=0)  # a record a step, a validation an epoch
    path, text = Path(folder, "model.npz"), Path(folder, "text.txt")
    text.write_bytes((ROOT / "corpora" / "fables.txt").read_bytes()[:4000])
    corpus = read_corpus([str(text)])
    with Team(1) as team:
        trainer = Trainer(TextData(Settings("lstm", hidden=8, epochs=50, patience=0), corpus, pace), team)
        save(path, trainer.checkpoint())
        beginning = path.read_bytes()
        stamps = [stamp(trainer.checkpoint())]
        for _ in trainer.run():
            stamps.append(stamp(trainer.checkpoint()))
        began = time.perf_counter()
        for _ in range(10):
            save(path, trainer.checkpoint())
        period = (time.perf_counter() - began) / 10
    path.write_bytes(beginning)

    def train(ready):
        with locked(path), Team(1) as team:
            trainer = resumed_run(load(path, resume=True), corpus, team, pace=pace)
            os.write(ready, b"!")
            for _ in trainer.run():
                save(path, trainer.checkpoint())

    chance, kept = random.Random(kills), []
    for _ in range(int(kills)):
        running, ready = os.pipe()
        if not (child := os.fork()):
            train(ready)
            os._exit(0)
        os.close(ready)
        assert os.read(running, 1)
        os.close(running)
        time.sleep(chance.uniform(0.0, 5.0 * period))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        left = names_in(path.parent)
        checkpoint = load(path, resume=True)
        kept.append((checkpoint.resume.progress["step"], any(name.endswith(".tmp") for name in left)))
        assert len(left) <= 4, left  # the text, the model, the lock, and what was being written
        assert stamp(checkpoint) == stamps[kept[-1][0]]
        with Team(1) as team:
            trainer = resumed_run(checkpoint, corpus, team, pace=pace)
            for _ in itertools.islice(trainer.run(), 3):
                assert stamp(trainer.checkpoint()) == stamps[trainer.state.step]
        if kept[-1][0] > len(stamps) - 20:
            path.write_bytes(beginning)
    with locked(path):
        pass
    print(json.dumps([kept, len(stamps), names_in(path.parent)]))  # noqa: T201


@posix
@pytest.mark.parametrize("kills", [8, pytest.param(200, marks=pytest.mark.slow)])
def test_a_kill_at_any_moment(tmp_path, kills):
    """However often a run is killed while it trains and saves, it goes on to the bits of one that never was."""
    kept, steps, left = elsewhere(killed_runs, tmp_path, kills)
    assert len(kept) == kills
    assert steps > 300
    assert left == ["model.npz", "text.txt"]
    within = sum(writing for _, writing in kept)
    print(f"{within} of {kills} kills fell within a save")  # noqa: T201
    assert max(step for step, _ in kept) > 0
    assert kills < 100 or within >= kills // 10


# A full disk


@posix
def test_a_limit_of_size(path):
    """A file that may not be so large is a sentence, whatever the limit; with room again, the next save succeeds."""
    resource = pytest.importorskip("resource")
    assert signal.getsignal(signal.SIGXFSZ) is signal.SIG_IGN  # Python's doing: the signal would end the process
    save(path, made_up(seed=1))
    size = path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (0, 1, 100, size // 2, size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            said = unsaved(path, made_up(seed=2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert said == "cannot be written: file too large"
        assert_same_checkpoint(load(path, resume=True), made_up(seed=1))
        assert names_in(path.parent) == [path.name]
    save(path, made_up(seed=2))
    assert_same_checkpoint(load(path, resume=True), made_up(seed=2))


def fill_disk(folder):
    """Save to a small disk with less and less room; print what was said each time."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=20", "none", folder], check=True)
    path, filler, said = Path(folder, "model.npz"), Path(folder, "filler"), []
    old, new = made_up(hidden=40, seed=1), made_up(hidden=40, seed=2)
    save(path, old)
    for free in (40_000, 4096, 0):
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        os.truncate(filler, filler.stat().st_size - free)
        with locked(path):
            said.append(unsaved(path, new))
        assert_same_checkpoint(load(path, resume=True), old)
        assert names_in(path.parent) == ["filler", "model.npz"]
        filler.unlink()
    for number in itertools.count():  # there may be room for bytes, but for no more files
        try:
            Path(folder, str(number)).touch()
        except OSError:
            break
    said.append(unsaved(path, new))
    with pytest.raises(CharrnnError, match="no space left"), locked(path):
        check_writable(path, force=True)
    Path(folder, "0").unlink()
    save(path, new)
    assert_same_checkpoint(load(path, resume=True), new)
    print(json.dumps(said))  # noqa: T201


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs tmpfs")
def test_a_full_disk(tmp_path):
    """On a disk without room for the new file, the old one stays; with room again, the next save succeeds."""
    alone = ["unshare", "-rm"]
    try:
        subprocess.run([*alone, "mount", "-t", "tmpfs", "none", tmp_path], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as fault:
        pytest.skip(f"no file system can be mounted here: {fault}")
    assert elsewhere(fill_disk, tmp_path, before=alone) == ["cannot be written: no space left on device"] * 4


LIMITED = """if True:
    import resource, sys
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    from charrnn.cli import main
    main()
    """


@posix
def test_a_run_on_a_full_disk(folder, trained):
    """A run that cannot save says so and goes on, and at its end exits with 1 and a sentence; the old model stays."""
    pytest.importorskip("resource")
    shutil.copy(trained, "model.npz")
    before = Path("model.npz").read_bytes()
    arguments = ("train", "corpus.txt", "--force", "--hidden", "16", "--threads", "1", "--epochs", "30")
    command = [sys.executable, "-c", LIMITED, *arguments, "--save-every", "0.01s"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert "\nmodel.npz cannot be written: file too large; the run continues, and tries again later\n" in done.stderr
    assert done.stderr.endswith("\ncharrnn: error: model.npz cannot be written: file too large\n")
    assert "Traceback" not in done.stderr
    assert names_in(folder) == ["corpus.txt", "model.npz"]
    assert Path("model.npz").read_bytes() == before
    assert load("model.npz", resume=True)


# Odd folders


@pytest.fixture
def plain():
    """Return a folder in which permissions count: tests may be run by root, who is asked for none."""
    folder = Path(tempfile.mkdtemp())
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root:
        if not hasattr(os, "setresuid"):
            pytest.skip("needs a user other than root")
        os.chown(folder, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, 0)
    try:
        if not os.access(folder, os.W_OK):
            pytest.skip(f"nobody may not enter {folder.parent}")
        yield folder
    finally:
        if root:
            os.setresuid(0, 0, 0)
        folder.chmod(0o700)
        shutil.rmtree(folder)


def unwritable(path):
    """Return why a file could not be written, as it is said before a run."""
    with pytest.raises(CharrnnError) as caught, locked(path):
        check_writable(path, force=True)
    return sentence(caught, path)


@posix
def test_a_folder_that_is_read_only(plain):
    """It is found out before a run, and while saving; the old file stays."""
    path = plain / "model.npz"
    save(path, made_up(seed=1))
    plain.chmod(0o555)
    assert unwritable(path) == unsaved(path, made_up(seed=2)) == "cannot be written: permission denied"
    assert names_in(plain) == ["model.npz"]
    assert_same_checkpoint(load(path, resume=True), made_up(seed=1))


@posix
def test_a_file_that_is_read_only(plain):
    """Who protects a model is asked before a run; the work of a run that had begun is saved, and protected as well."""
    path = plain / "model.npz"
    save(path, made_up(seed=1))
    path.chmod(0o444)
    assert unwritable(path) == "cannot be written: it is read-only"
    save(path, made_up(seed=2))
    assert_same_checkpoint(load(path, resume=True), made_up(seed=2))
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_a_folder_in_the_place_of_the_file(path):
    """What takes the file's place during a run is not written to; when it is gone, saving succeeds."""
    with locked(path):
        save(path, made_up(seed=1))
        path.unlink()
        path.mkdir()
        assert unsaved(path, made_up()) == "is a folder, not a file"
        path.rmdir()
        save(path, made_up(seed=2))
    assert_same_checkpoint(load(path, resume=True), made_up(seed=2))
    assert names_in(path.parent) == [path.name]


@posix
def test_a_folder_that_goes_away(tmp_path):
    """Where the folder is removed or renamed during a run, saving fails with a sentence until it is back."""
    path, away = tmp_path / "models" / "model.npz", tmp_path / "away"
    path.parent.mkdir()
    with locked(path):
        save(path, made_up(seed=1))
        path.parent.rename(away)
        assert unsaved(path, made_up(seed=2)) == "cannot be written: no such file or directory"
        assert_same_checkpoint(load(away / path.name, resume=True), made_up(seed=1))
        away.rename(path.parent)
        save(path, made_up(seed=2))
        assert_same_checkpoint(load(path, resume=True), made_up(seed=2))
        shutil.rmtree(path.parent)
        assert unsaved(path, made_up(seed=3)) == "cannot be written: no such file or directory"
    assert names_in(tmp_path) == []


@posix
def test_a_link_to_no_file(path, tmp_path):
    """A link that dangles is filled where it points to; if that is in no folder, it is said which one is missing."""
    path.symlink_to("disk/real.npz")
    folder = tmp_path / "disk"
    assert unwritable(path) == f"cannot be written: the folder {os.path.realpath(folder)} does not exist"
    assert unsaved(path, made_up()) == "cannot be written: no such file or directory"
    folder.mkdir()
    with locked(path):
        check_writable(path, force=False)
        save(path, made_up())
        assert names_in(folder) == [".real.npz.lock", "real.npz"]
    assert path.is_symlink()
    assert_same_checkpoint(load(folder / "real.npz", resume=True), made_up())
    assert (names_in(folder), names_in(tmp_path)) == (["real.npz"], ["disk", path.name])


@posix
def test_permissions_stay(path):
    """A model that its owner has hidden is never shown: not the next one either, nor while it is written."""
    save(path, made_up())
    for mode in (0o600, 0o640, 0o664):
        path.chmod(mode)
        with replacing(path) as file:
            assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == mode
            file.write(b"secret")
        assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
def test_what_was_for_another_group_is_not_for_ours(path, monkeypatch):
    """Where the new file cannot be given to the old one's group, our own may do what everybody may."""

    def refuse(*arguments):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    for before, after in ((0o660, 0o600), (0o664, 0o644), (0o600, 0o600)):
        path.touch()
        path.chmod(before)
        save(path, made_up())
        assert stat.S_IMODE(path.stat().st_mode) == after


@posix
def test_other_names_of_a_file_keep_the_old_one(path, tmp_path):
    """A hard link is a copy that costs nothing: what is saved under the one name leaves the other alone."""
    save(path, made_up(seed=1))
    os.link(path, tmp_path / "kept")
    save(path, made_up(seed=2))
    assert_same_checkpoint(load(tmp_path / "kept", resume=True), made_up(seed=1))
    assert_same_checkpoint(load(path, resume=True), made_up(seed=2))


# Two runs


LONELY = """if True:
    import subprocess, sys, time
    from pathlib import Path
    from charrnn.errors import CharrnnError
    from charrnn.storage.files import locked
    path, mark, wanted = *sys.argv[1:3], int(sys.argv[3])
    while wanted:
        try:
            with locked(path):
                Path(mark).touch(exist_ok=False)
                time.sleep(0.0002)
                Path(mark).unlink()
            wanted -= 1
        except CharrnnError:
            pass
    """


@posix
def test_a_second_run_is_noticed(path, tmp_path, monkeypatch):
    """As long as one holds a file, nobody else does, whatever he calls it; others are free; then all is as before."""
    (tmp_path / "link").symlink_to("model.npz")
    monkeypatch.chdir(tmp_path)
    with locked(path):
        assert names_in(tmp_path) == [LOCK, "link"]
        for name in (path, "model.npz", "./model.npz", tmp_path / "link", f"../{tmp_path.name}/link"):
            with pytest.raises(CharrnnError) as caught, locked(name):
                pass
            number = re.fullmatch(re.escape(str(name)) + BUSY, str(caught.value))[1]
            assert int(number) == os.getpid()
        with (
            locked("other.npz"),
            locked("m" * 100 + "1"),
            locked("m" * 100 + "2"),
            locked(b"\xff.npz".decode("utf-8", "surrogateescape")),
        ):
            pass
        save(path, made_up())
    assert names_in(tmp_path) == ["link", "model.npz"]
    with locked(path):
        pass


@posix
def test_of_many_runs_one_at_a_time(path, tmp_path):
    """However many want a file at once, with locks that come and go, no two have it at the same time."""
    command = [sys.executable, "-c", LONELY, path, tmp_path / "mark", "40"]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    assert [process.communicate(timeout=PATIENCE)[1] for process in started] == [b""] * 4
    assert [process.returncode for process in started] == [0] * 4
    assert names_in(tmp_path) == []


@posix
def test_a_killed_run_is_not_in_the_way(path):
    """The lock of a killed run is free, though a child of that lives on; what it had begun to write goes away."""
    program = """if True:
        import subprocess, sys
        from charrnn.storage.files import locked
        with locked(sys.argv[1]):
            child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
            print(child.pid, flush=True)
            input()
        """
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program, path], **streams) as run:
        child = int(run.stdout.readline())
        with pytest.raises(CharrnnError, match=f"process {run.pid};"), locked(path):
            pass
        (path.parent / ORPHAN).write_text("half a model")
        run.kill()
        run.wait()
        assert names_in(path.parent) == [ORPHAN, LOCK]
        with locked(path):
            assert (path.parent / LOCK).read_text() == f"{os.getpid()}\n"
            assert names_in(path.parent) == [LOCK]
        os.kill(child, signal.SIGKILL)
    assert names_in(path.parent) == []


@posix
def test_only_what_is_left_of_this_file_is_removed(path, tmp_path):
    """Files whose names are not exactly those of this file's leftovers stay, and so does what is no file."""
    long = tmp_path / ("m" * 100)
    other = files._beside(tmp_path / ("m" * 101)).name
    kept = [".model.npz.0123456789abcde.tmp", ".model.npz.0123456789abcdef.tmp2", ".model2npz.0123456789abcdef.tmp"]
    kept += [".model.npz.0123456789ABCDEF.tmp", ".model.npz.model.npz.0123456789abcdef.tmp", other]
    for name in (ORPHAN, *kept):
        (tmp_path / name).touch()
    (tmp_path / ORPHAN.replace("0", "1")).symlink_to(kept[0])
    (tmp_path / ORPHAN.replace("0", "2")).mkdir()
    os.mkfifo(tmp_path / ORPHAN.replace("0", "3"))
    kept += [ORPHAN.replace("0", digit) for digit in "123"]
    for name in (path, long):
        with locked(name):
            pass
        assert names_in(tmp_path) == sorted(kept)


@posix
def test_what_is_planted_is_not_followed(path, tmp_path):
    """A link, a pipe or a folder in the lock's place is neither opened nor waited for, but named."""
    place = tmp_path / LOCK
    for plant in (lambda: place.symlink_to("victim"), lambda: os.mkfifo(place), place.mkdir):
        plant()
        said = unwritable(path)
        assert said == f"cannot be written: {place} is in the way; remove it"
        assert names_in(tmp_path) == [LOCK]
        place.rmdir() if place.is_dir() else place.unlink()


@posix
def test_where_there_are_no_locks(path, monkeypatch):
    """Where the file system knows none, or the lock cannot be written, a run goes on without, and leaves nothing."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        with locked(path), locked(path):
            save(path, made_up())
            assert names_in(path.parent) == [path.name]
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        with locked(path), pytest.raises(CharrnnError, match="is being written by another run; wait"), locked(path):
            pass
    assert names_in(path.parent) == [path.name]
    with locked(path.parent / "none" / "model.npz"):
        pass


def test_a_system_without_locks(path, monkeypatch):
    """On Windows, nobody is kept from anything."""
    monkeypatch.setattr(sys, "platform", "win32")
    with locked(path), locked(path):
        save(path, made_up())
    assert names_in(path.parent) == [path.name]


@posix
def test_another_users_lock(plain):
    """The lock of another user's run holds; left behind, it is removed, if the folder lets us."""
    path, place = plain / "model.npz", plain / LOCK
    place.write_text("1\n")
    place.chmod(0o444)
    with locked(path):
        assert place.read_text() == f"{os.getpid()}\n"
        place.chmod(0o444)
        with pytest.raises(CharrnnError, match=f"process {os.getpid()};"), locked(path):
            pass
    assert names_in(plain) == []


@posix
def test_a_lock_that_somebody_removed(path):
    """Who has removed a lock may run; the first one, at its end, leaves the other's lock alone."""
    with locked(path):
        (path.parent / LOCK).unlink()
        second = locked(path)
        second.__enter__()
    assert names_in(path.parent) == [LOCK]
    second.__exit__(None, None, None)
    assert names_in(path.parent) == []


@posix
def test_a_second_command_ends_at_once(folder, run):
    """A second ``charrnn train`` on the same file ends before it trains, and says why; the first one goes on."""
    tiny = ("train", "corpus.txt", "--hidden", "16", "--threads", "1")
    command = [sys.executable, "-m", "charrnn", *tiny, "--time", "60s", "--patience", "0"]
    Path("link.npz").symlink_to("model.npz")
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as first:
        try:
            give_up = time.monotonic() + PATIENCE
            while not (Path(LOCK).exists() and Path(LOCK).stat().st_size):
                assert time.monotonic() < give_up
                time.sleep(0.01)
            for name in ("model.npz", "link.npz"):
                second = run(*tiny, "--force", "-o", name)
                assert (second.code, second.out) == (1, "")
                said = re.fullmatch(f"charrnn: error: {name}{BUSY}\n", second.err)
                assert said, second.err
                assert int(said[1]) == first.pid
            assert first.poll() is None
            while not Path("model.npz").exists():  # it validates, and saves
                assert time.monotonic() < give_up
                time.sleep(0.01)
        finally:
            first.terminate()
    assert first.returncode == 128 + signal.SIGTERM
    assert load("model.npz", resume=True)
    assert names_in(folder) == ["corpus.txt", "link.npz", "model.npz"]


def save_often(path, seed, times):
    """Save the same over and over."""
    for _ in range(times):
        save(path, made_up(seed=seed))


@posix
def test_two_that_write_and_one_that_reads(path):
    """Without a lock, whoever wrote last has the file, and every look at it finds one of them, whole."""
    save(path, made_up(seed=0))
    whole = {}
    for seed in (0, 1, 2):
        save(path.with_name("one"), made_up(seed=seed))
        whole[path.with_name("one").read_bytes()] = seed
    path.with_name("one").unlink()
    program = (
        "import sys; from tests.storage.test_faults import save_often; save_often(sys.argv[1], int(sys.argv[2]), 30)"
    )
    command = [sys.executable, "-c", program, str(path)]
    writers = [subprocess.Popen([*command, seed], cwd=ROOT) for seed in "12"]
    seen = []
    while any(writer.poll() is None for writer in writers):
        seen.append(whole[path.read_bytes()])
        load(path, resume=True)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert set(seen) == {0, 1, 2}
    assert names_in(path.parent) == [path.name]
