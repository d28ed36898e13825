"""The log of a run: whole lines of JSON, whatever fails, that say where a run went back."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from charrnn.cli.train_log import Log
from tests.helpers.commands import TINY, refused, strict_json
from tests.helpers.files import POSIX
from tests.helpers.processes import finish, until

SHORT = (*TINY, "--epochs", 1, "--quiet")


def records(path):
    """Return the records of a log, all of whose lines are whole."""
    data = Path(path).read_text(encoding="utf-8")
    assert data.endswith("\n")
    return [strict_json(line) for line in data.splitlines()]


def test_a_cut_line_is_removed_before_a_run_continues(folder, run):
    """Wherever a fault has cut the last line; a line that lacks only its end is kept."""
    assert run("train", "corpus.txt", *SHORT, "--log", "whole").code == 0
    data = Path("whole").read_bytes()
    before = records("whole")
    last = data.rstrip(b"\n").rfind(b"\n") + 1
    for cut in range(last, len(data) + 1):
        Path("log").write_bytes(data[:cut])
        with Log("log", append=True) as log:
            log.write_resumed(2.0, step=1, epoch=0.5)
        kept = before if cut >= len(data) - 1 else before[:-1]
        assert records("log") == [*kept, {"step": 1, "epoch": 0.5, "seconds": 2.0, "resumed": True}]
    for epochs, begin in ((2, ""), (3, '{"step": 1, "ep')):  # nothing, or nothing but a cut line
        Path("log").write_text(begin)
        assert run("train", "--resume", "model.npz", "--epochs", epochs, "--quiet", "--log", "log").code == 0
        assert records("log")[0]["resumed"]


def test_a_resumed_run_says_where_it_continues(folder, run):
    """On a text, and online."""
    assert run("train", "corpus.txt", *SHORT, "--log", "log").code == 0
    (*_, last), count = records("log"), len(records("log"))
    assert run("train", "--resume", "model.npz", "--epochs", 2, "--quiet", "--log", "log").code == 0
    mark = records("log")[count]
    assert mark == {"step": last["step"], "epoch": 1.0, "seconds": last["seconds"], "resumed": True}
    assert records("log")[count + 1]["step"] > mark["step"]
    assert sum("resumed" in record for record in records("log")) == 1
    online = ("train", "-", "--gradient", "rtrl", "--online", "--hidden", 4, "--threads", 1, "--quiet", "-o", "o.npz")
    assert run(*online, "--log", "o", stdin=b"abc " * 50).code == 0
    (*_, last), count = records("o"), len(records("o"))
    assert run("train", "--resume", "o.npz", "--online", "--quiet", "--log", "o", stdin=b"abc " * 50).code == 0
    mark = records("o")[count]
    seconds = pytest.approx(last["seconds"], abs=0.001)
    assert mark == {"step": last["step"], "characters": last["characters"], "seconds": seconds, "resumed": True}


@POSIX
def test_the_log_of_a_killed_run(folder, launch):
    """Its steps since the last save are marked as those that are taken again."""
    command = ("train", "corpus.txt", *TINY, "--epochs", 10**6, "--patience", 0, "--quiet", "--log", "log")
    process = launch(*command, "--save-every", "0.5s")
    until(lambda: Path("model.npz").exists() and Path("log").read_bytes().count(b"\n") > 12, process)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = records("log")
    code, _, err = finish(launch("train", "--resume", "model.npz", "--time", "0.5s", "--quiet", "--log", "log"))
    assert (code, err) == (0, "")
    after = records("log")
    assert after[: len(before)] == before
    mark = after[len(before)]
    assert mark["resumed"]
    assert mark["step"] <= before[-1]["step"]
    counted = [record for record in before if record["epoch"] <= mark["epoch"]] + after[len(before) + 1 :]
    steps = [record["step"] for record in counted]
    assert steps == sorted(set(steps))


@POSIX
def test_a_log_on_a_full_disk_ends_with_a_whole_line(folder, run, launch):
    """What did not fit of the last line is taken back; the run is saved, and its log goes on where there is room."""
    import resource

    assert run("train", "corpus.txt", *SHORT, "--log", "log").code == 0
    size = Path("model.npz").stat().st_size + 50_000
    line = Path("log").read_bytes().splitlines(keepends=True)[0]
    full = line * ((size - 100) // len(line))
    Path("log").write_bytes(full)
    again = ("train", "--resume", "model.npz", "--quiet", "--log", "log", "--epochs")
    bounded = launch(*again, 3, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
    code, _, err = finish(bounded)
    assert code == 1
    assert err == "charrnn: error: log could not be written to the end: file too large; the model is in model.npz\n"
    assert Path("log").read_bytes().startswith(full)
    kept = records("log")
    code, _, err = finish(launch(*again, 4))
    assert (code, err) == (0, "")
    assert records("log")[: len(kept)] == kept


def test_a_log_on_standard_output(folder, run):
    """``--log -``, as in all of the program: no file of that name."""
    result = run("train", "corpus.txt", *SHORT, "--log", "-")
    assert result.code == 0
    assert strict_json(result.out.splitlines()[0])["step"] == 1
    result = run("train", "--resume", "model.npz", "--epochs", 2, "--quiet", "--log", "-")
    assert [json.loads(line).get("resumed") for line in result.out.splitlines()][:2] == [True, None]
    assert sorted(path.name for path in Path().iterdir()) == ["corpus.txt", "model.npz"]


@POSIX
@pytest.mark.parametrize("online", [False, True])
def test_the_reader_of_a_log_has_gone(folder, launch, online):
    """The run stops in order: it is saved, and nothing is said."""
    options = ("--gradient", "rtrl", "--online", "--hidden", 4) if online else (*TINY, "--epochs", 10**6)
    process = launch("train", "-", *options, "--quiet", "--log", "-", stdin=subprocess.PIPE)
    process.stdin.write(Path("corpus.txt").read_bytes() * (200 if online else 1))
    if not online:
        process.stdin.close()
    assert strict_json(process.stdout.readline())["step"] >= 1
    process.stdout.close()
    process.stdout = None
    code = process.wait(60) if not online else finish(process, b"")[0]
    assert (code, Path("model.npz").exists()) == (141, True)


@POSIX
def test_standard_output_that_is_closed_or_full(folder, launch):
    """A log that cannot be written from the start is refused; one that cannot be written on costs no model."""
    with Path("/dev/full").open("wb") as full:
        for streams, kept in (({"closed": "stdout"}, False), ({"stdout": full}, True)):
            code, _, err = finish(launch("train", "corpus.txt", *SHORT, "--log", "-", **streams))
            assert (code, err.count("\n"), "output cannot be written" in err) == (1, 1, True)
            assert Path("model.npz").exists() == kept


def test_a_file_that_is_no_log_is_not_continued(folder, run):
    """Even if its first line looks as if it were cut."""
    Path("notes").write_text('{"step"\n')
    refused(run("train", "corpus.txt", *SHORT, "--log", "notes"), "notes exists and is not the log of a run")
