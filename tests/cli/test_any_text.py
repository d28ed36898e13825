"""Texts of any kind and length, through whole commands: what they say of them, and that they do not hang or fill up."""

import json
import os
import random
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from charrnn.display.prompt import LONGEST_PIPED_LINE
from charrnn.display.words import harmless
from charrnn.errors import CharrnnError
from charrnn.model.model_file import load
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.reading.losses import Cut, score_pieces
from charrnn.text.ingest import read_stream
from charrnn.text.vocabulary import TEXT_BLOCK, Vocabulary
from tests.helpers.commands import enter, misused, refused
from tests.helpers.files import CHANGES, POSIX
from tests.helpers.model_files import untrained
from tests.helpers.processes import PATIENCE, start
from tests.helpers.texts import EMOJI, filled

LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for a process's memory")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return models of characters, of bytes, of lines as documents, and of a text with all kinds of characters."""
    folder = tmp_path_factory.mktemp("models")
    found = {
        "text": untrained(folder / "text.npz", Vocabulary("\n abcdeü")),
        "bytes": untrained(folder / "bytes.npz", Vocabulary.of_bytes()),
        "lines": untrained(folder / "lines.npz", Vocabulary(" abcdeü", separator="\n")),
        "emoji": untrained(folder / "emoji.npz", Vocabulary.of(EMOJI + "\n")),
    }
    (folder / "text.txt").write_bytes(b"abc")
    for command in (("sample", found["text"], "--length", 1), ("eval", found["text"], folder / "text.txt")):
        assert enter(*command) == 0  # so that nothing says later that it compiles
    return found


def test_every_command_says_where(models, run, tmp_path):
    """Every command that reads a text names the file and the offset; none suggests an option that it has not."""
    path = tmp_path / "broken.txt"
    path.write_bytes(b"abc \xe9 abc\n" * 10)
    said = "broken.txt is not UTF-8 text (byte 0xE9 at offset 4) and seems to be in another encoding"
    for command in (
        ("eval", models["text"], path),
        ("trace", models["text"], path),
        ("sample", models["text"], "--prime-file", path, "--no-prime"),
        ("sample", models["lines"], "--prime-file", path),
        ("sample", models["text"], "--copied", path, "--length", 3),
        ("sample", models["text"], "--novel", path),
        ("train", path),
    ):
        result = run(*command)
        refused(result, said, "a model trained with --bytes")
    assert run("eval", models["bytes"], path).code == 0
    assert run("sample", models["text"], "--prime", "-", stdin=b"abc\xc3").err.count("standard input is not UTF-8") == 1


def test_what_was_typed_and_is_not_utf8(models, run, tmp_path):
    """A byte of an argument or a line that is not UTF-8 is called a byte, and bytes go through as they are."""
    typed = "ab\udce9"
    said = "byte 0xE9 on line 1, column 3 of the prime is not UTF-8; use --unknown skip to leave it out"
    refused(run("sample", models["text"], "--prime", typed), said)
    refused(run("sample", models["lines"], "--prime", typed), said)
    skipped = run("sample", models["text"], "--prime", typed, "--unknown", "skip", "--length", 1)
    assert skipped.stdout.startswith(b"ab")
    written = run("sample", models["bytes"], "--prime", typed, "--stop", "\udcff", "--length", 3)
    assert (written.code, written.stdout[:3]) == (0, b"ab\xe9")
    for option in ("--prime-file", "--novel", "--copied"):
        refused(run("sample", models["text"], option, "no\udce9such"), r"'no\udce9such' cannot be read")
    refused(run("eval", models["text"], "\x1b[31m\u202e"), r"'\x1b[31m\u202e' cannot be read")
    there = tmp_path / "\x1b[31m\u202e"
    there.write_bytes(b"")
    for target in ("\x1b[31m\udce9\u202e/x", there):
        result = run("corpus", "fables", "-o", target)
        refused(result)
        assert result.err.removesuffix("\n").isprintable()


@pytest.mark.parametrize("fault", [b"\xff", "Ω".encode()])
def test_all_before_a_fault_is_scored(models, run, tmp_path, fault):
    """To the last character before what cannot be read, wherever pieces and blocks end."""
    model, path = load(models["text"]), tmp_path / "broken.txt"
    network = Network(model.architecture, model.parameters)
    for size in (500, 1700, 2100):
        path.write_bytes(filled(size) + fault + b"abc")
        sizes = []
        with Team(1) as team:
            blocks = read_stream(str(path), model.vocabulary, block=700)
            pieces = score_pieces(network, blocks, team, cut=Cut(piece=1000))
            with pytest.raises(CharrnnError):
                sizes.extend(nats.size for _, nats in pieces)
        assert sum(sizes) == size
        for form in ("--json", "--tsv"):
            result = run("eval", models["text"], path, "--per-char", form)
            assert result.code == 1
            assert result.out.count("\n") == size + (form == "--tsv")
    refused(run("eval", models["text"], "-", "--per-char", stdin=b"a" + fault), "0xFF" if fault == b"\xff" else "'Ω'")


@POSIX
@pytest.mark.slow
def test_nothing_commands_a_terminal(models, tmp_path):
    """On a terminal, with colors and without, no command writes what a text would like to do to it."""
    pty = pytest.importorskip("pty")
    text = tmp_path / "\x1b[31m\u202etext.txt"
    text.write_bytes((EMOJI + "\n").encode() * 60)
    for surroundings in ({"TERM": "xterm-256color"}, {"TERM": "dumb"}, {"NO_COLOR": "1"}):
        for command in (
            ("info", models["emoji"]),
            ("sample", models["emoji"], "--length", 500, "--temp", 3),
            ("sample", models["bytes"], "--length", 500, "--temp", 3, "--surprise"),
            ("sample", models["emoji"], "--length", 50, "--copied", text, "--copied-run", 1),
            ("eval", models["emoji"], text, text),
            ("eval", models["bytes"], text, "--per-line", "--tsv"),
            ("eval", models["emoji"], text, "--per-char"),
            ("trace", models["emoji"], text),
            ("trace", models["emoji"], text, "--unit", "h1"),
            ("trace", models["bytes"], text, "--unit", "h1", "--tsv"),
            ("eval", models["text"], text),
            ("corpus", "fables", "-o", text),
        ):
            screen, inner = pty.openpty()
            process = start(*command, stdin=inner, stdout=inner, stderr=inner, env=surroundings)
            os.close(inner)
            shown = b""
            with suppress(OSError):  # how Linux says that the program has ended
                while piece := os.read(screen, 1 << 16):
                    shown += piece
            os.close(screen)
            process.wait(PATIENCE)
            plain = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n")
            assert plain == harmless(plain), command
            assert "internal error" not in plain


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("command", [("eval", "--per-line", "--tsv"), ("sample", "--length", "1", "--prime-file")])
def test_a_file_that_changes_under_a_command(models, tmp_path, change, command):
    """The same of whole commands, which wait for their reader as the file changes: a sentence, or nothing to say."""
    path = tmp_path / "text.txt"
    path.write_bytes(("ü" * 49 + "\n").encode() * 60_000)
    name, *options = command
    files = (*options, path) if name == "sample" else (path, *options)
    process = start(name, models["text"], *files)
    process.stdout.read(1000)
    CHANGES[change][0](path)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == (1 if err else 0)
    assert err.count(b"\n") == bool(err)
    assert b"internal error" not in err


def peak(process):
    """Return the greatest memory that a process has had so far, in MB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    return int(found[1]) // 1000 if found else 0


def watched(process, seconds):
    """Let a process run for so many seconds at most; return the greatest memory that it had, in MB."""
    most, end = 0, time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        most = max(most, peak(process))
        time.sleep(0.05)
    return most


@POSIX
def test_a_pipe_in_which_nothing_comes(models, tmp_path):
    """A pipe with a name is waited for, until Ctrl-C, which ends that at once and without a word."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = start("sample", models["text"], "--prime-file", pipe)
    end = time.monotonic() + PATIENCE
    writer = None
    while writer is None and time.monotonic() < end:
        with suppress(OSError):  # nobody reads it yet
            writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE) == (b"", b"")
    assert process.returncode == 130
    os.close(writer)


ENDLESS = (
    ("eval", "bytes", "/dev/zero"),
    ("eval", "text", "/dev/zero", "--unknown", "skip"),
    ("eval", "bytes", "/dev/zero", "--per-line"),
    ("eval", "bytes", "/dev/urandom", "--per-char"),
    ("eval", "bytes", "/dev/urandom", "--top", "5"),
    ("sample", "bytes", "--prime-file", "/dev/zero"),
    ("sample", "lines", "--prime", "-", "--unknown", "skip"),
    ("trace", "text", "/dev/zero", "--unknown", "skip"),
    ("play", "text", "<", "/dev/zero"),
)


@LINUX
@pytest.mark.slow
@pytest.mark.parametrize("command", ENDLESS, ids=" ".join)
def test_texts_without_end(models, command):
    """They are read for ever, in less than 300 MB, until Ctrl-C ends it."""
    name, model, *options = command
    yes = subprocess.Popen(["yes", "abc"], stdout=subprocess.PIPE) if "-" in options else None
    streams = {} if yes is None else {"stdin": yes.stdout}
    if "<" in options:
        streams["stdin"] = os.open(options.pop(), os.O_RDONLY)
        options.pop()
    process = start(name, models[model], *options, stdout=subprocess.DEVNULL, **streams)
    most = watched(process, 15)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (130, b"")
    assert most < 300
    if yes:
        yes.stdout.close()
        yes.wait(PATIENCE)


def test_the_last_document_of_a_long_prime(models, run):
    """However many documents come before it, only the last one counts."""
    options = ("sample", models["lines"], "--seed", 1, "--length", 20)
    said = run(*options, "--prime", "-", stdin=filled(2 * TEXT_BLOCK) + b"\nbad")
    assert (said.code, said.out) == (0, run(*options, "--prime", "bad").out)
    unknown = run("sample", models["lines"], "--prime", "-", stdin="aΩ\nbad".encode())
    refused(unknown, "line 1, column 2 of standard input")


def test_a_sample_that_is_kept_is_not_too_long(models, run):
    """A sample that has to be whole is refused where it would not fit in memory, before it is drawn."""
    for option in ("--json",), ("--copied", "x"), ("--novel", "x"):
        misused(run("sample", models["text"], "--length", 20_000_001, *option), option[0], "--length 20000000")
    prime = ("sample", models["text"], "--prime", "-", "--length", 3)
    for option in ((), ("--json",), ("--count", 2)):
        assert run(*prime, *option, stdin=filled(100)).code == 0
        assert run(*prime, *option, "--no-prime", stdin=filled(100)).code == 0


def test_a_prime_of_nothing(models, run):
    """A prime in which nothing is known is an error, wherever it comes from; an empty argument is no prime."""
    for model in ("text", "lines"):
        options = ("sample", models[model], "--unknown", "skip", "--length", 3, "--seed", 1)
        refused(run(*options, "--prime", "漢字"), "the prime has only unknown characters")
        refused(run(*options, "--prime", "-", stdin="漢字".encode()), "in standard input")
        refused(run(*options, "--prime", "-"), "there is no text in standard input")
        assert run(*options, "--prime", "").out == run(*options).out


def test_long_strings_are_not_repeated(models, run):
    """A message quotes the beginning of what is wrong, and not a hundred thousand characters."""
    for command in (
        ("sample", models["text"], "--stop", "Ω" * 100_000),
        ("train", "x", "--time", "9" * 100_000 + "x"),
    ):
        result = run(*command)
        assert result.code in (1, 2)
        assert len(result.err) < 500
    lines = ("/" + "a" * 100_000, "/temp " + "a" * 100_000, "/length " + "a" * 100_000, "/unknown " + "a" * 100_000)
    result = run("play", models["text"], stdin="\n".join(lines).encode())
    assert (result.code, result.err.count("\n")) == (1, 4)
    assert len(result.err) < 1000


def test_a_line_that_is_too_long_for_a_turn(models, run):
    """It is read to its end, refused with its number, and kept nowhere; the next one is a turn."""
    most = LONGEST_PIPED_LINE
    for size, code in ((most, 0), (most + 1, 1), (3 * most + 5, 1)):
        result = run("play", models["text"], "--length", 1, stdin=b"ab\n" + b"a" * size + b"\nbad\n")
        assert result.code == code, size
        assert result.err.count(f"line 2 of standard input: it is longer than {most:,} characters") == code
        assert "bad" in result.out
    assert run("play", models["text"], "--length", 1, stdin=b"a" * (most + 1)).code == 1


@LINUX
@pytest.mark.slow
def test_sixty_thousand_characters(tmp_path):
    """A text of 60,000 distinct characters trains, with a warning, in less than 1 GB, and every command takes it."""
    random.seed(1)
    characters = [chr(c) for c in range(32, 0x20000) if not 0xD800 <= c < 0xE000][:60_000]
    random.shuffle(characters)
    text, few, model = tmp_path / "many.txt", tmp_path / "few.txt", tmp_path / "many.npz"
    text.write_text("".join(characters) * 2, encoding="utf-8", newline="")
    few.write_text("".join(characters[:3000]), encoding="utf-8", newline="")
    process = start("train", text, "--hidden", 16, "--epochs", 0.02, "--no-samples", "-o", model)
    most = watched(process, 600)
    _, err = process.communicate()
    assert (process.returncode, most < 1000) == (0, True)
    assert b"60,000 distinct characters" in err
    print(f"train: {most} MB")  # noqa: T201
    for command in (
        ("eval", model, few),
        ("eval", model, few, "--per-char"),
        ("sample", model, "--length", 50, "--top-k", 40, "--repeat-penalty", 1.1, "--top-p", 0.9),
        ("sample", model, "--length", 20, "--count", 10),
        ("trace", model, few),
        ("info", model),
        ("play", model),
    ):
        process = start(*command, stdout=subprocess.DEVNULL)
        most = watched(process, 300)
        print(f"{command[0]}: {most} MB")  # noqa: T201
        process.communicate()
        assert (process.returncode, most < 1000) == (0, True), command


@LINUX
@pytest.mark.slow
def test_a_line_of_500_megabytes(models, tmp_path):
    """One line of 500 MB is scored, traced and sampled after in bounded memory; what would need more is refused."""
    path = tmp_path / "line.txt"
    with path.open("wb") as file:
        for _ in range(500):
            file.write(b"abcd eabcd" * 100_000)
    for bound, command in (
        (300, ("eval", models["text"], path, "--per-line", "--json")),
        (300, ("eval", models["text"], path, "--copied", models["text"].parent / "none.txt")),
        (300, ("trace", models["text"], path)),
        (300, ("trace", models["text"], path, "--length", 0)),
        (1200, ("sample", models["text"], "--length", 50, "--copied", path)),  # 500 MB of it a file, mapped
        (1400, ("sample", models["text"], "--length", 50, "--novel", path)),
    ):
        (models["text"].parent / "none.txt").write_text("abc")
        with (tmp_path / "out").open("w+b") as told:  # more than a pipe holds
            process = start(*command, stdout=told)
            most = watched(process, 3600)
            _, err = process.communicate()
            told.seek(0)
            out = told.read()
        print(f"{' '.join(map(str, command[2:]))}: {most} MB, {process.returncode}, {err.decode()}")  # noqa: T201
        assert most < bound, command
        assert b"internal error" not in err
        assert b"Traceback" not in err
        if "--per-line" in command:
            (line,) = map(json.loads, out.splitlines())
            assert (line["characters"], len(line["text"])) == (499_999_999, (1 << 16) + 1)
        if "none.txt" in str(command[-1]) or command[-1] == 0:
            assert process.returncode == 1
            assert err.count(b"\n") == 1
