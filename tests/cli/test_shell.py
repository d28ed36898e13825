"""How the program behaves between others: in pipes, on terminals, under signals; each time in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from charrnn.cells.table import CELLS
from tests.helpers.commands import TINY, trained_on
from tests.helpers.model_files import assert_same_bits, steps_of
from tests.helpers.processes import PATIENCE, finish, until_line
from tests.helpers.terminals import ESCAPE, Terminal, colors

RUN = (*TINY, "--epochs", 150, "--patience", 0)  # a run of a second, long enough to be interrupted
LONG = (*TINY, "--time", "60s", "--patience", 0)  # a run that is not waited for


# Pipes


def test_a_reader_that_goes_away(launch, trained):
    """``charrnn sample … | head -c 10`` ends quietly, like any filter."""
    writer = launch("sample", trained, "--length", 0)
    reader = subprocess.Popen(["head", "-c", "10"], stdin=writer.stdout, stdout=subprocess.PIPE)
    writer.stdout.close()
    writer.stdout = None
    assert len(reader.communicate(timeout=PATIENCE)[0]) == 10
    code, _, err = finish(writer)
    assert (code, err) == (141, "")


def test_a_report_begins_on_a_line_of_its_own(launch, trained):
    """What --copied reports does not continue the text's last line if both are seen in one place; the text stays."""
    command = ("sample", trained, "--prime", "Haus", "--stop", r"\n", "--seed", 1, "--copied", "corpus.txt")
    code, text, apart = finish(launch(*command))
    assert (code, text.endswith(b"\n"), "% copied: " in apart.splitlines()[0]) == (0, False, True)
    code, both, _ = finish(launch(*command, stderr=subprocess.STDOUT))
    assert (code, both) == (0, text + b"\n" + apart.encode())
    screen, inner = os.openpty()
    shown = launch(*command, stderr=inner)
    os.close(inner)
    assert finish(shown)[:2] == (0, text)
    assert os.read(screen, 1 << 16).decode() == "\r\n" + apart.replace("\n", "\r\n")
    os.close(screen)


def test_a_text_is_continued_in_its_file(launch, trained):
    """With --no-prime, >> appends what the model writes; without it, the text would be written again without end."""
    command = ("sample", trained, "--prime-file", "corpus.txt", "--length", 20)
    before = Path("corpus.txt").read_text(encoding="utf-8")
    with Path("corpus.txt").open("ab") as story:
        code, _, err = finish(launch(*command, stdout=story))
    assert (code, err.startswith("charrnn: error: corpus.txt is read, and standard output goes to it")) == (1, True)
    assert Path("corpus.txt").read_text(encoding="utf-8") == before
    with Path("corpus.txt").open("ab") as story:
        assert finish(launch(*command, "--no-prime", stdout=story))[0] == 0
    after = Path("corpus.txt").read_text(encoding="utf-8")
    assert (after[: len(before)], len(after)) == (before, len(before) + 20)


def test_readers_that_never_read(launch, trained):
    """Nothing is said either where the reader of a few lines is gone before they are written."""
    commands = (("info", trained), ("train", "--help"))
    processes = [launch(*command) for command in commands]
    for process in processes:
        process.stdout.close()
        process.stdout = None
    for process in processes:
        code, _, err = finish(process)
        assert (code, err) == (141, "")


def test_endless_texts_are_scored_until_nobody_reads(launch, trained):
    """``yes … | charrnn eval model -`` reads on for as long as there is text; its reports end quietly with ``head``."""
    yes = subprocess.Popen(["yes", "der Mann sieht die Frau"], stdout=subprocess.PIPE)
    scores = launch("eval", trained, "-", "--per-char", "--tsv", stdin=yes.stdout)
    head = subprocess.Popen(["head", "-n", "20000"], stdin=scores.stdout, stdout=subprocess.PIPE)
    for mine in (yes.stdout, scores.stdout):
        mine.close()
    scores.stdout = None
    lines = head.communicate(timeout=PATIENCE)[0].splitlines()
    assert len(lines) == 20_000
    assert lines[0].startswith(b"index\t")
    code, _, err = finish(scores)
    assert (code, err) == (141, "")
    yes.wait(PATIENCE)
    finite = launch("eval", trained, "-", "--json", stdin=subprocess.PIPE)
    code, out, err = finish(finite, b"der Mann sieht die Frau\n" * 1000)
    assert (code, err) == (0, "")
    assert json.loads(out)["characters"] == 23_999


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for a process's memory")
def test_a_long_pipe_is_scored_in_bounded_memory(launch, trained):
    """100 MB of text through a pipe take less than 300 MB of memory."""
    yes = subprocess.Popen(["yes", "der Mann sieht die Frau"], stdout=subprocess.PIPE)
    head = subprocess.Popen(["head", "-c", "100000000"], stdin=yes.stdout, stdout=subprocess.PIPE)
    process = launch("eval", trained, "-", "--json", stdin=head.stdout)
    yes.stdout.close()
    head.stdout.close()
    most = 0
    while process.poll() is None:
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        most = max(most, int(peak[1])) if peak else most
        time.sleep(0.1)
    code, out, err = finish(process)
    assert (code, err, json.loads(out)["characters"]) == (0, "", 100_000_000 - 1)
    assert 50_000 < most < 300_000
    print(f"{most // 1000} MB")  # noqa: T201
    head.wait(PATIENCE)
    yes.wait(PATIENCE)


def test_samples_through_tee(launch, run, trained):
    """What goes through ``tee`` into a file is what would be seen; objects of JSON come a line each."""
    writer = launch("sample", trained, "--count", 3, "--length", 50, "--seed", 1, "--json")
    tee = subprocess.Popen(["tee", "copy.txt"], stdin=writer.stdout, stdout=subprocess.PIPE)
    writer.stdout.close()
    writer.stdout = None
    out = tee.communicate(timeout=PATIENCE)[0]
    assert finish(writer)[0] == 0
    assert out == Path("copy.txt").read_bytes()
    assert [json.loads(line)["sample"] for line in out.splitlines()] == [0, 1, 2]


def test_an_endless_prime_takes_no_more_memory(launch, trained):
    """A prime is written as it is read, however much there is of it, and kept nowhere."""
    yes = subprocess.Popen(["yes", "der Mann sieht die Frau"], stdout=subprocess.PIPE)
    writer = launch("sample", trained, "--prime", "-", stdin=yes.stdout)
    yes.stdout.close()
    assert writer.stdout.read(5_000_000)[-24:].count(b"Mann") == 1
    writer.stdout.close()
    writer.stdout = None
    assert finish(writer)[0] == 141
    yes.wait(PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_a_sample(launch, trained, number):
    """A sample or a score that is told to end does so at once, without a word."""
    process = launch("sample", trained, "--length", 0)
    assert process.stdout.read(10)
    process.send_signal(number)
    code, _, err = finish(process)
    assert (code, err) == (-number, "")


@pytest.mark.parametrize("surroundings", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colors_where_none_are_wanted(launch, run, trained, surroundings):
    """NO_COLOR and TERM=dumb keep colors out of samples, traces and reports, on a terminal too."""
    for command in (
        ("sample", trained, "--length", 40, "--seed", 1, "--surprise"),
        ("info", trained),
        ("trace", trained, "corpus.txt"),
        ("eval", trained, "corpus.txt", "--top", 3),
    ):
        shown = Terminal(launch, 80, *command, env=surroundings).finish()
        assert "\x1b" not in shown, command
        assert len(shown) >= 40


def test_a_narrow_terminal(launch, trained):
    """On a terminal of 40 columns the facts of a model and its curve fit, but for what cannot be broken."""
    shown = Terminal(launch, 40, "info", trained).finish()
    drawn = [line.rstrip() for line in shown.splitlines() if "│" in line]
    assert len(drawn) > 5
    assert max(map(len, drawn)) < 40


COMPLETING = """
eval "$(_CHARRNN_COMPLETE=bash_source charrnn)"
complete_with() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _charrnn_completion charrnn
    echo "${COMPREPLY[@]}"
}
complete_with charrnn sam
complete_with charrnn train --cell ""
complete_with charrnn sample --top
"""


def test_completion_with_tab(tmp_path):
    """What the README puts in a shell's start-up file completes commands, options and their values."""
    program = tmp_path / "charrnn"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m charrnn "$@"\n')
    program.chmod(0o755)
    surroundings = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    completed = subprocess.run(["bash", "-c", COMPLETING], env=surroundings, capture_output=True, timeout=PATIENCE)
    assert completed.stdout.decode().splitlines() == ["sample", " ".join(CELLS), "--top-k --top-p"]
    for shell, mark in (("zsh", "#compdef charrnn"), ("fish", "complete --no-files --command charrnn")):
        asked = surroundings | {"_CHARRNN_COMPLETE": f"{shell}_source"}
        script = subprocess.run([program], env=asked, capture_output=True, timeout=PATIENCE).stdout.decode()
        assert mark in script


def test_sampling_streams(launch, trained):
    """An endless sample arrives as it is written; Ctrl-C ends it with exit code 130 and not a word."""
    process = launch("sample", trained, "--length", 0)
    assert len(process.stdout.read1(10)) > 0
    for _ in range(3):
        assert process.stdout.read(10)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert (code, err) == (130, "")


def test_output_is_utf8_in_any_locale(launch, run, trained):
    """Whatever the locale says, text, tables and errors are UTF-8, in a file as in a pipe."""
    c_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    latin = {"PYTHONIOENCODING": "latin-1"}
    with Path("out.txt").open("wb") as out:
        sample = launch("sample", trained, "--seed", 1, env=c_locale, stdout=out)
    info = launch("info", trained, env=latin)
    errors = [launch("info", "fehlt-ü.npz", env=env) for env in (c_locale, latin)]
    assert finish(sample) == (0, None, "")
    written = Path("out.txt").read_bytes()
    assert not written.isascii()
    assert written == run("sample", trained, "--seed", 1).stdout
    assert finish(info) == (0, run("info", trained).stdout, "")
    for process in errors:
        code, out, err = finish(process)
        assert (code, out, err.count("\n")) == (1, b"", 1)
        assert err.startswith("charrnn: error: ")


def test_stdin_does_not_block(launch, run, trained):
    """Where another program has made the pipe so, a text is waited for, and read to its end."""
    for command in (("eval", trained, "--json"), ("play", trained, "--seed", 1)):
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        process = launch(*command, stdin=reader)
        os.close(reader)
        for _ in range(2):
            time.sleep(0.1)
            os.write(writer, b"der Mann\n" * 50)
        os.close(writer)
        assert finish(process) == (0, run(*command, stdin=b"der Mann\n" * 100).stdout, "")


def test_stdin_is_closed(launch, trained):
    """Without standard input a file is trained on as ever, and what is to be read from it is missing in one line."""
    train = launch("train", "corpus.txt", *TINY, "--epochs", 1, "--quiet", closed="stdin")
    nothing = launch("train", "-", *TINY, "-o", "other.npz", closed="stdin")
    bare = launch("eval", trained, closed="stdin")
    assert finish(train) == (0, b"", "")
    assert Path("model.npz").exists()
    code, out, err = finish(nothing)
    assert (code, out, err.count("\n")) == (1, b"", 1)
    assert err.startswith("charrnn: error: ")
    assert "standard input" in err
    code, out, err = finish(bare)
    assert (code, out) == (2, b"")
    assert err.startswith("Usage: ")


def test_stderr_is_closed(launch, run):
    """Where nobody is to hear what is said, the work is done all the same."""
    assert finish(launch("train", "corpus.txt", *TINY, "--epochs", 1, closed="stderr"))[0] == 0
    assert run("info", "model.npz").code == 0


def test_stdout_is_closed(launch, trained):
    """Without standard output training does all it does, and what would write a result says so in one plain line."""
    train = launch("train", "corpus.txt", *TINY, "--epochs", 1, "--quiet", closed="stdout")
    others = [launch(command, trained, closed="stdout") for command in ("sample", "info")]
    assert finish(train) == (0, b"", "")
    assert Path("model.npz").exists()
    for process in others:
        code, _, err = finish(process)
        assert (code, err.count("\n")) == (1, 1)
        assert err.startswith("charrnn: error: ")
        assert "internal error" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_stdout_is_full(launch, trained):
    """Where the disk that stdout goes to is full, one plain line says so."""
    with Path("/dev/full").open("wb") as full:
        processes = [launch(*command, stdout=full) for command in (("sample", trained), ("--help",))]
    for process in processes:
        code, _, err = finish(process)
        assert (code, err.count("\n")) == (1, 1)
        assert err.startswith("charrnn: error: ")
        assert "no space left" in err.lower()
        assert "internal error" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_stderr_is_full(launch, unbuffered):
    """Where no message can be written, the exit codes are right, to the very end of the process."""
    commands = {("info", "missing.npz"): 1, ("nonsense",): 2, ("train", "corpus.txt", *TINY, "--epochs", 1): 0}
    with Path("/dev/full").open("wb") as full:
        processes = [launch(*c, stderr=full, env={"PYTHONUNBUFFERED": unbuffered}) for c in commands]
    assert [finish(process) for process in processes] == [(code, b"", "") for code in commands.values()]
    assert steps_of("model.npz") > 0


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_within_a_write(launch, unbuffered):
    """A write of which the reader takes only a part is no success: ``charrnn corpus fables | head -c 5``."""
    writer = launch("corpus", "fables", env={"PYTHONUNBUFFERED": unbuffered})
    assert writer.stdout.read1(5)
    writer.stdout.close()
    writer.stdout = None
    assert finish(writer) == (141, None, "")


def test_a_reader_of_stderr_that_goes_away(launch):
    """``charrnn train … 2>&1 | head -1`` does not throw away what was learnt: the model is there, and whole."""
    process = launch("train", "corpus.txt", *RUN)
    until_line(process, "text:")
    process.stderr.close()
    process.stderr = None
    finish(process)
    assert steps_of("model.npz") > 0


# Signals


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, text):
    """Train the run that others interrupt, to its end."""
    return trained_on(text, tmp_path_factory.mktemp("uninterrupted"), *RUN)


def test_ctrl_c_saves_a_run(launch, run, uninterrupted):
    """Ctrl-C saves, says where in plain lines, exits with 130; resumed to its end, no bit is different."""
    process = launch("train", "corpus.txt", *RUN)
    before = until_line(process, "epoch")
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert (code, out) == (130, b"")
    assert err.splitlines()[-1] == "stopped and saved in model.npz; continue with: charrnn train --resume model.npz"
    assert "\x1b" not in before + err
    assert "\r" not in before + err
    assert sorted(Path().iterdir()) == [Path("corpus.txt"), Path("model.npz")]
    done = steps_of("model.npz")
    assert run("train", "--resume", "model.npz", "--threads", 2, "--quiet").code == 0
    assert 0 < done < steps_of("model.npz")
    assert_same_bits("model.npz", uninterrupted)


def test_other_signals_save_a_run(launch):
    """A polite request to end, and a line that is hung up, save like Ctrl-C; the exit code is 128 + the signal.

    Each may come twice at once: shells and programs that pass signals on do that.
    """
    names = ("SIGTERM", "SIGHUP")
    runs = {name: launch("train", "corpus.txt", *LONG, "-o", f"{name}.npz") for name in names}
    for name, process in runs.items():
        until_line(process, "epoch")
        process.send_signal(getattr(signal, name))
        process.send_signal(getattr(signal, name))
        code, out, err = finish(process)
        assert (code, out) == (128 + getattr(signal, name), b"")
        assert f"stopped and saved in {name}.npz" in err.splitlines()[-1]
        assert steps_of(f"{name}.npz") > 0


def test_a_signal_that_is_ignored_stays_ignored(launch):
    """Under nohup, or in the background of a script, a run goes on as it was told to."""
    names = ("SIGINT", "SIGHUP")
    runs = {name: launch("train", "corpus.txt", *RUN, "-o", f"{name}.npz", ignored=name) for name in names}
    for name, process in runs.items():
        until_line(process, "epoch")
        process.send_signal(getattr(signal, name))
    assert [finish(process)[0] for process in runs.values()] == [0, 0]


def bars(shown):
    """Return the progress bars, as a person sees them."""
    pieces = re.split(r"[\r\n]+", ESCAPE.sub("", shown))
    return [piece.rstrip() for piece in pieces if re.search(r"\d% ", piece)]


def test_terminals(launch):
    """A terminal shows a bar as wide as itself; NO_COLOR takes the colors away, TERM=dumb all escape codes."""
    kinds = {"wide": (80, {}), "narrow": (40, {}), "grey": (80, {"NO_COLOR": "1"}), "dumb": (80, {"TERM": "dumb"})}
    options = ("train", "corpus.txt", *TINY, "--epochs", 40, "--patience", 0)
    terminals = {
        kind: Terminal(launch, columns, *options, "-o", f"{kind}.npz", env=env)
        for kind, (columns, env) in kinds.items()
    }
    shown = {kind: terminal.finish() for kind, terminal in terminals.items()}
    for kind, screen in shown.items():
        assert f"saved in {kind}.npz" in screen
        assert "  validation " in screen
        for column in (line for line in bars(screen) if kind != "dumb"):
            assert len(column) <= kinds[kind][0]
    assert "━" in bars(shown["wide"])[-1]
    assert "100%" in bars(shown["wide"])[-1]
    assert "chars/s" in bars(shown["wide"])[-1]
    assert "━" in bars(shown["narrow"])[-1]
    assert "100%" in bars(shown["narrow"])[-1]
    assert "loss" in bars(shown["narrow"])[-1]
    assert "…" not in bars(shown["narrow"])[-1]
    assert colors(shown["wide"])
    assert "━" in bars(shown["grey"])[-1]
    assert colors(shown["grey"]) == []
    assert "\x1b" not in shown["dumb"]
    assert "━" not in shown["dumb"]
    for kind in ("wide", "narrow", "grey"):  # the cursor is shown again
        assert shown[kind].rindex("\x1b[?25h") > shown[kind].rindex("\x1b[?25l")


def test_ctrl_c_on_a_terminal(launch):
    """Ctrl-C typed on a terminal saves and leaves the terminal as it was, with its cursor."""
    terminal = Terminal(launch, 80, "train", "corpus.txt", *LONG)
    terminal.read(until=b"  validation ")
    os.write(terminal.screen, b"\x03")
    shown = terminal.read()
    assert terminal.process.wait(PATIENCE) == 130
    terminal.hang_up()
    assert "stopped and saved in model.npz" in shown
    assert "Traceback" not in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert steps_of("model.npz") > 0


def test_a_window_that_is_closed(launch):
    """Where the terminal goes away, a run saves, although there is nowhere left to say so."""
    terminals = {}
    for term in ("xterm-256color", "dumb"):
        options = ("train", "corpus.txt", *LONG, "-o", f"{term}.npz")
        terminals[term] = Terminal(launch, 80, *options, env={"TERM": term})
    for term, terminal in terminals.items():
        terminal.read(until=b"  validation ")
        terminal.hang_up()
        assert terminal.process.wait(PATIENCE) == 128 + signal.SIGHUP
        assert steps_of(f"{term}.npz") > 0


def test_a_sample_on_a_terminal_ends_its_line(launch, run, trained):
    """On a terminal a sample ends with a line feed, so that the prompt is where it belongs; in a pipe it does not."""
    command = ("sample", trained, "--length", 5, "--prime", "Haus", "--temp", 0)
    terminal = Terminal(launch, 80, *command)
    out = run(*command).out
    assert len(out) == 9
    assert terminal.finish().replace("\r\n", "\n") == out + "\n"


# Caches


@pytest.mark.slow
def test_without_a_folder_for_the_cache(launch):
    """Where compiled kernels cannot be kept, all works, and nobody is promised a faster start the next time."""
    Path("file").touch()
    nowhere = {"HOME": str(Path("file").absolute()), "XDG_CACHE_HOME": str(Path("file/cache").absolute())}
    train = launch("train", "corpus.txt", *TINY, "--epochs", 1, env=nowhere)
    _, err = train.communicate(timeout=600)
    err = err.decode("utf-8")
    assert train.returncode == 0
    assert "saved in model.npz" in err
    assert "compiling" in err
    assert "first run" not in err
    assert "next run" not in err
    sample = launch("sample", "model.npz", "--length", 10, env=nowhere)
    out, err = sample.communicate(timeout=600)
    assert (sample.returncode, len(out.decode())) == (0, 10)
    assert b"on each run" in err
    assert Path("file").read_bytes() == b""


@pytest.mark.skipif(sys.platform != "linux", reason="limits its memory as Linux does")
def test_a_library_that_finds_no_memory_is_named(trained, launch):
    """An error of the system that has no file is not blamed on the output."""
    import resource

    limit = 200 << 20
    bounded = launch("sample", trained, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    code, out, err = finish(bounded)
    assert (code, out, err.count("\n")) == (1, b"", 1)
    assert "the output" not in err
    assert err.startswith(("charrnn: error: a library cannot be loaded: ", "charrnn: error: out of memory"))
