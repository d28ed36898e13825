"""``charrnn play``: through a pipe, and on a terminal."""

import os
import re
import select
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from charrnn.display.prompt import cells, rows
from charrnn.writing.conversation import Conversation
from tests.helpers.processes import PATIENCE, finish
from tests.helpers.terminals import ESCAPE, Terminal, colors


# Through a pipe
def play(run, trained, lines, *options):
    """Play some lines through a pipe."""
    return run("play", trained, "--seed", 1, *options, stdin=lines.encode("utf-8", "surrogateescape"))


def test_a_script_writes_the_text(run, trained):
    """Standard output is the text and nothing else; its first turn is the sample with that prime and seed."""
    result = play(run, trained, "Haus\n\n im Garten\n/save text.txt\n", "--length", 30)
    assert (result.code, result.err) == (0, "saved in text.txt\n")
    assert Path("text.txt").read_bytes() == result.stdout
    assert result.out.startswith(run("sample", trained, "--prime", "Haus", "--length", 30, "--seed", 1).out)
    assert result.out[64:].startswith(" im Garten")
    assert len(result.out) == 4 + 3 * 30 + len(" im Garten")
    assert play(run, trained, "Haus\n\n im Garten", "--length", 30).stdout == result.stdout
    Path("text.txt").unlink()


def test_every_control_is_a_command(run, trained, folder):
    """A control that is set by a command does what its option does; off takes it back."""
    settings = {
        "temp": 0.4,
        "top-k": 3,
        "top-p": 0.5,
        "min-p": 0.2,
        "repeat-penalty": 3,
        "repeat-window": 20,
        "length": 90,
    }
    for name, value in settings.items():
        by_command = play(run, trained, f"/{name} {value}\nHaus\n")
        assert by_command.stdout == play(run, trained, "Haus\n", f"--{name}", value).stdout
        back = play(run, trained, f"/{name} {value}\n/{name}\n/{name} off\nHaus\n")
        assert back.err == f"{name} {value}\n"
        assert back.stdout == play(run, trained, "Haus\n").stdout
    everything = play(run, trained, "".join(f"/{name} {value}\n" for name, value in settings.items()) + "/set\n").err
    for name, value in settings.items():
        assert re.search(rf"^{name} +{value}$", everything, re.MULTILINE)


def test_continuations_end_where_told(run, trained):
    """After so many lines, or before a text; off takes these back."""
    lines = play(run, trained, "/lines 2\nDer\n/lines off\n/lines\n", "--length", 5000)
    assert (lines.out.count("\n"), lines.out[-1], lines.err) == (2, "\n", "lines off\n")
    stopped = play(run, trained, "/stop e\n/stop \\n\nDer\n", "--length", 5000)
    assert "e" not in stopped.out[3:]
    assert "\n" not in stopped.out
    assert play(run, trained, "/stop e\n/stop off\n/stop\n").err == "stop off\n"
    refused = play(run, trained, "/stop ß€\n")
    assert "/stop 'ß€'" in refused.err
    assert refused.code == 1


def test_undo_again_new_and_show(run, trained):
    """A turn that does not go on from what was written last begins on a new line; the text is what is left."""
    script = "Haus\n/again\n/show\n/undo\n/undo\nFrau\n/new\nKind\n/save text.txt\n/undo\n/undo\n/show\n"
    result = play(run, trained, script, "--length", 10)
    assert result.code == 1  # the second /undo
    assert "line 5 of standard input: there is nothing to undo" in result.err
    assert "The text is empty again." in result.err
    starts = [line[:4] for line in result.out.splitlines() if line[:4] in ("Haus", "Frau", "Kind")]
    assert starts == ["Haus", "Haus", "Haus", "Frau", "Kind", "Frau"]
    first, again, shown = result.out.split("Haus")[1:4]
    assert first != again
    assert again.rstrip("\n") == shown[:10].rstrip("\n")
    assert Path("text.txt").read_text(encoding="utf-8").startswith("Kind")
    Path("text.txt").unlink()


def test_a_text_that_begins_with_a_slash(run, tmp_path):
    """Two slashes are one, at the beginning of a line; anywhere else a slash is a slash."""
    (tmp_path / "slashes.txt").write_text("/a/b //\n" * 300)
    model = tmp_path / "slashes.npz"
    run("train", tmp_path / "slashes.txt", "--hidden", 8, "--epochs", 1, "--threads", 1, "--quiet", "-o", model)
    assert play(run, model, "//a\n", "--length", 1).out[:2] == "/a"
    assert play(run, model, "///\n", "--length", 1).out[:2] == "//"
    assert play(run, model, "a/b\n", "--length", 1).out[:3] == "a/b"


def test_line_types_a_line_break(run, trained):
    """/line reads a text with a line break behind it, or a line break alone."""
    result = play(run, trained, "/line Haus\n/line\n", "--length", 3)
    assert result.out[:5] == "Haus\n"
    assert result.out[8] == "\n"
    assert len(result.out) == 12


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/bogus 3", ["'/bogus'", "/help"]),
        ("/ ", ["'/'", "/help"]),
        ("/temp hot", ["temperature", "a number", "'hot'"]),
        ("/temp nan", ["temperature", "at least 1e-30", "nan"]),
        ("/temp -1", ["the temperature must be a number, 0 or at least 1e-30 and at most 1000, not -1"]),
        ("/top-k 2.5", ["top k", "whole", "2.5"]),
        ("/top-k 1e300", ["top k", "at most"]),
        ("/top-p 0", ["top p", "at least 1e-30", "not 0"]),
        ("/min-p 2", ["min p", "at most 1"]),
        ("/repeat-window 0", ["repeat window", "at least 1"]),
        ("/length -1", ["length", "from 0"]),
        ("/lines 0", ["lines", "from 1"]),
        ("/seed 9223372036854775808", ["seed", "9223372036854775807"]),
        ("/unknown never", ["error, skip, replace", "'never'"]),
        ("/undo", ["nothing"]),
        ("/again", ["no continuation"]),
        ("/undo the war", ["/undo", "two"]),
        ("/save", ["/save", "name"]),
        ("/save corpus.txt", ["corpus.txt already exists", "/save!"]),
        ("/save nowhere/text.txt", ["the folder nowhere does not exist"]),
        ("/save no--where/text.txt", ["no--where/text.txt cannot be written"]),
        ("/save --/text.txt", ["--/text.txt cannot be written"]),
        ("/save! .", ["folder"]),
        ("/save! model.npz", ["model.npz exists and is not a text file, so it is not replaced"]),
        ("/save a\0b", ["not a valid file name"]),
        ("Haus §", ["'§' (U+00A7)", "column 6", "/unknown skip"]),
        ("Haus \udcff", ["byte 0xFF", "is not UTF-8"]),
    ],
)
def test_what_is_refused(run, trained, folder, line, words):
    """A line that cannot be done is one sentence; it changes nothing, the program goes on, and exits with 1."""
    Path("model.npz").write_bytes(trained.read_bytes())
    before = {path: path.read_bytes() for path in folder.iterdir()}
    result = play(run, trained, f"{line}\nHaus\n", "--length", 10)
    assert result.code == 1
    assert result.err.startswith("charrnn: error: line 1 of standard input: ")
    assert result.err.count("\n") == 1
    for word in words:
        assert word in result.err
    assert result.stdout == play(run, trained, "Haus\n", "--length", 10).stdout
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_unknown_characters_are_skipped_or_replaced(run, trained):
    """The option and the command are the same."""
    for rule, typed in (("skip", "Haus"), ("replace", "Ha us")):
        result = play(run, trained, "Ha§us\n", "--unknown", rule)
        assert (result.code, result.out[: len(typed)]) == (0, typed)
        assert "characters of what was typed is unknown to the model and was " in result.err
        assert play(run, trained, f"/unknown {rule}\nHa§us\n").stdout == result.stdout


def test_save_replaces_only_when_told(run, trained, folder):
    """/save! replaces a file, with the whole text."""
    result = play(run, trained, "Haus\n/save! corpus.txt\n", "--length", 10)
    assert result.code == 0
    assert Path("corpus.txt").read_bytes() == result.stdout


def test_help_tells_every_command(run, trained):
    """Each command has a line of its own, and no option of the command line is spoken of."""
    from charrnn.cli.play_dialogue import TABLE

    told = play(run, trained, "/help\n").err
    for shown, margin in ((told, ""), (run("play", "--help").out, "  ")):
        for entry in TABLE:
            line = rf"^{margin}/{re.escape(entry.name)}( {re.escape(entry.argument)})? +\w"
            assert re.search(line, shown, re.MULTILINE), entry.name
    assert "--" not in told
    assert "off is the default, 300." in " ".join(told.split())
    assert "looks at" in told.split("/repeat-penalty ")[2]  # the window's help speaks of the penalty's command
    assert len({entry.name for entry in TABLE}) == len(TABLE)


def test_help_tells_what_is_kept_and_what_is_written(run):
    """Nobody need find out that a history file is written, that the text is kept, or what a pipe shows twice."""
    told = " ".join(run("play", "--help").out.split())
    assert "history file in your state folder" in told
    assert "The whole text is kept in memory." in told
    assert "/undo, /again and /new do not remove text that is already there" in told
    assert "/show writes the whole text again" in told
    assert "nothing else" not in told


def test_a_script_is_not_slowed_by_the_text_before(run, trained, monkeypatch):
    """Through a pipe the text is not put together for each line, as only a terminal shows its end again."""
    expected = play(run, trained, "Haus\n\n/again\n", "--length", 10).stdout
    monkeypatch.delattr(Conversation, "open_text")
    result = play(run, trained, "Haus\n\n/again\n", "--length", 10)
    assert (result.code, result.stdout) == (0, expected)


def test_quit_ends_a_script(run, trained):
    """Nothing after /quit is read."""
    result = play(run, trained, "/quit\nHaus\n")
    assert (result.code, result.stdout, result.err) == (0, b"", "")


def test_a_model_of_documents(run, tmp_path):
    """Every empty line is a document of its own, with the separator behind it; a typed beginning begins one."""
    names = tmp_path / "names.txt"
    names.write_text("anna\nberta\nclara\ndora\n" * 50)
    model = tmp_path / "names.npz"
    train = ("train", names, "--documents", "lines", "--hidden", 16, "--epochs", 8, "--threads", 1, "--quiet")
    assert run(*train, "-o", model).code == 0
    result = play(run, model, "\n\nbe\n/save saved.txt\n", "--length", 0)
    assert result.code == 0
    assert result.out.count("\n") == 3
    assert result.out.splitlines()[2].startswith("be")
    assert Path("saved.txt").read_bytes() == result.stdout


def test_a_model_of_bytes(run, tmp_path, folder):
    """Bytes are typed and written as they are, whether they are UTF-8 or not."""
    model = tmp_path / "bytes.npz"
    train = ("train", "corpus.txt", "--bytes", "--hidden", 8, "--epochs", 1, "--threads", 1, "--quiet")
    Path("corpus.txt").write_bytes(Path("corpus.txt").read_bytes() + b"\xff")
    assert run(*train, "-o", model).code == 0
    result = play(run, model, "Tür\n\udcff\n", "--length", 5)
    assert (result.code, len(result.stdout)) == (0, len("Tür".encode()) + 1 + 10)
    assert result.stdout[9:10] == b"\xff"


# In a process of its own
def test_lines_as_any_system_ends_them(launch, trained):
    """A byte order mark and CRLF, as some editors write them, are no part of what was typed; nor is a lone CR."""
    scripts = (b"Haus\n/temp 0.5\n\n im\n", b"\xef\xbb\xbfHaus\r\n/temp 0.5\r\n\r\n im\r\n", b"Haus\r/temp 0.5\r\r im")
    expected, *others = (
        finish(launch("play", trained, "--seed", 1, "--length", 10, stdin=subprocess.PIPE), script)
        for script in scripts
    )
    assert expected[0::2] == (0, "")
    assert len(expected[1].decode()) == 4 + 10 + 10 + 3 + 10
    assert others == [expected, expected]


def test_a_pipe_is_answered_line_by_line(launch, trained):
    """A program at the other end of two pipes gets each continuation when it has sent a line; its end is ours."""
    process = launch("play", trained, "--length", 10, stdin=subprocess.PIPE)
    for typed in (b"Haus\n", b"Frau\n"):
        process.stdin.write(typed)
        process.stdin.flush()
        assert process.stdout.read(4) == typed[:4]
        written = b""
        while len(written.decode("utf-8", "ignore")) < 10:
            written += process.stdout.read(1)
    assert finish(process) == (0, b"", "")


def test_a_reader_that_goes_away_and_ctrl_c_in_a_script(launch, trained):
    """Where no terminal is, a script ends like any filter: with 141, or 130, and not a word."""
    processes = [launch("play", trained, "--length", 0, stdin=subprocess.PIPE) for _ in range(2)]
    for process in processes:
        process.stdin.write(b"Haus\n")
        process.stdin.flush()
        assert process.stdout.read(100)
    processes[0].stdout.close()
    processes[0].stdout = None
    processes[1].send_signal(signal.SIGINT)
    assert [finish(process)[::2] for process in processes] == [(141, ""), (130, "")]


def test_streams_that_are_closed(launch, trained):
    """Without standard input, or output, one plain line says so."""
    for closed in ("stdin", "stdout"):
        code, _, err = finish(launch("play", trained, closed=closed))
        assert (code, err.count("\n")) == (1, 1)
        assert err.startswith("charrnn: error: ")
        assert "internal error" not in err


class Screen(Terminal):
    """A terminal with someone who types; its history is in the current folder."""

    def __init__(self, launch, trained, *options, columns=80, **env):
        home = {"XDG_STATE_HOME": str(Path("state").absolute()), **env}
        super().__init__(launch, columns, "play", trained, "--seed", 1, *options, env=home)
        self.mark = b"> " if env.get("TERM") == "dumb" else "› ".encode()
        self.await_prompt()

    def type(self, keys):
        """Press keys."""
        self.shown = b""
        os.write(self.screen, keys.encode())

    def enter(self, line):
        """Type a line and return what is shown from then to the next prompt, as a person sees it."""
        self.type(f"{line}\r")
        return self.await_prompt()

    def await_prompt(self):
        """Read until what is shown ends with a prompt."""
        end = time.monotonic() + PATIENCE
        while not ESCAPE.sub("", self.shown.decode("utf-8", "replace")).rstrip("\x0f").endswith(self.mark.decode()):
            assert time.monotonic() < end
            self.read_some()
        return self.plain()

    def read_some(self):
        """Read what there is, or wait for it."""
        self.shown += os.read(self.screen, 1 << 16)

    def insist(self, ask, until=None):
        """Ask for something, and again where that came in the moment between a prompt and readline's waiting."""
        ask()
        end = time.monotonic() + PATIENCE
        while until is None or until not in self.shown:
            assert time.monotonic() < end
            if not select.select([self.screen], [], [], 3.0)[0]:
                ask()
                continue
            try:
                self.read_some()
            except OSError:  # how Linux says that the program has ended
                break
        return self.plain()

    def plain(self):
        """Return what is shown without codes."""
        return ESCAPE.sub("", self.shown.decode("utf-8", "replace"))

    def quit(self):
        """Type Ctrl-D, again if the text is not saved; hold that the program ends well."""
        self.type("\x04")
        if "again ends" in self.read(until=b"again ends"):
            self.await_prompt()
            self.type("\x04")
        return self.finish()


def drawn(shown, columns):
    """Return the lines of a screen on which this was shown: what a terminal does with characters and codes."""
    lines, row, column = [[]], 0, 0
    for code, kind, character in re.findall(r"\x1b\[([?0-9;]*)([A-Za-z])|([^\x1b])", shown):
        number = int(code) if code.isdecimal() else 0
        if kind == "A":
            row -= number or 1
        elif kind == "C":
            column += number or 1
        elif kind in "JK" and kind:
            assert number == 0
            del lines[row][column:]
            if kind == "J":
                del lines[row + 1 :]
        elif kind:
            assert kind in "mhl"  # colors, and modes such as that of pasting
        elif character == "\r":
            column = 0
        elif character == "\b":
            column -= 1
        elif character == "\n":
            row += 1
        elif cells(character) == 0 and character >= " ":
            lines[row][column - 1] += character
        elif character >= " ":
            if column == columns:
                row, column = row + 1, 0
            lines += [[] for _ in range(row + 1 - len(lines))]
            lines[row][column : column + 1] = [character]
            column += 1
        lines += [[] for _ in range(row + 1 - len(lines))]
    return ["".join(line).rstrip() for line in lines]


TERMINALS = [(80, {}), (40, {}), (23, {}), (80, {"NO_COLOR": "1"})]


@pytest.mark.parametrize(("columns", "env"), TERMINALS, ids=str)
def test_on_a_terminal(launch, run, trained, columns, env):
    """The screen shows the text and nothing else, as if it were written in one go, with a mark where it can go on."""
    typed = ["Haus", " im Garten", "", "", " u\u0308ber" * 5, "Vögel"]
    screen = Screen(launch, trained, "--length", 33, "--unknown", "skip", columns=columns, **env)
    begun = len(drawn(screen.shown.decode(), columns)) - 1
    everything = screen.shown
    for line in typed:
        screen.enter(line)
        everything += screen.shown
    lines = drawn(everything.decode(), columns)[begun:]
    lines = lines if lines[-1] else lines[:-1]  # the mark is in the last column, and the space after it below
    screen.enter("/save text.txt")
    text = Path("text.txt").read_text(encoding="utf-8")
    assert text == play(run, trained, "\n".join(typed), "--length", 33, "--unknown", "skip").out
    expected = [row.rstrip() for line in text.split("\n") for row in rows(line, columns)]
    assert [*lines[:-1], lines[-1].removesuffix("›").rstrip()] == expected
    assert colors(everything.decode()) == []
    screen.quit()


def test_on_a_dumb_terminal(launch, trained):
    """A terminal that knows no codes gets none: each line goes on below, after the end of the text so far."""
    screen = Screen(launch, trained, "--length", 12, columns=40, TERM="dumb")
    first = screen.enter("Haus").replace("\r\n", "\n")
    assert first.startswith("Haus\nHaus")
    second = screen.enter(" im")
    screen.enter("/save text.txt")
    text = Path("text.txt").read_text(encoding="utf-8")
    assert text[:16] in first
    assert text[-12:] in second.replace("\r\n", "\n")
    assert b"\x1b[" not in screen.shown.replace(b"\x1b[?2004h", b"").replace(b"\x1b[?2004l", b"")
    screen.quit()


def test_history_and_completion(launch, trained):
    """The up arrow brings back a line, also of an earlier day; Tab completes a command; nobody else may read along."""
    screen = Screen(launch, trained, "--length", 5)
    screen.enter("Haus")
    screen.type("\x1b[A")
    screen.read(until=b"Haus")
    screen.type("\x15/rep\t\t\t")
    screen.read(until=b"repeat-window")
    screen.type("\x15/unk\t skip\r")
    screen.read(until=b"skip")  # before it there is the prompt of a line that was taken back
    screen.await_prompt()
    assert screen.enter("/unknown").count("unknown skip") == 1
    screen.quit()
    history = Path("state/charrnn/history")
    assert "Haus" in history.read_text().splitlines()
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    screen = Screen(launch, trained, "--length", 5)
    screen.type("\x1b[A" * 3)
    screen.read(until=b"Haus")
    screen.type("\x15")
    screen.quit()


def test_history_that_cannot_be_kept(launch, trained):
    """Where there is no folder for the history, all else works."""
    Path("state").touch()
    screen = Screen(launch, trained, "--length", 5)
    assert "Haus" in screen.enter("Haus")
    screen.quit()
    assert Path("state").read_bytes() == b""


def test_a_home_that_is_not_there_is_not_made(launch, trained):
    """The history is not kept then."""
    missing = Path("missing").absolute()
    caches = os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")
    home = {"HOME": str(missing), "XDG_STATE_HOME": str(missing / "state"), "XDG_CACHE_HOME": str(caches)}
    screen = Screen(launch, trained, "--length", 5, **home)
    assert "Haus" in screen.enter("Haus")
    screen.quit()
    assert not missing.exists()


@pytest.mark.parametrize("ending", ["\x04", "/quit\r"], ids=["Ctrl-D", "/quit"])
def test_a_text_that_is_not_saved_is_not_lost_at_once(launch, trained, ending):
    """To end takes twice while the text is not saved, also after more of it; /new says what is not saved."""
    warning = "the text is not saved; /save FILE keeps it, Ctrl-D again ends"
    screen = Screen(launch, trained, "--length", 5)
    for line in ("Haus", " im Garten"):
        screen.enter(line)
        screen.type(ending)
        assert warning in screen.await_prompt()
    screen.enter("/save text.txt")
    assert "is not saved" not in screen.enter("/new")
    screen.enter("Kind")
    assert "the text so far is not saved; /undo returns to it" in screen.enter("/new")
    screen.enter("/undo")
    screen.type(ending)
    assert warning in screen.await_prompt()
    screen.enter("/show")
    screen.type(ending)
    assert warning not in screen.finish()
    screen = Screen(launch, trained, "--length", 5)
    screen.enter("Haus")
    screen.enter("/save! text.txt")
    screen.type(ending)
    assert warning not in screen.finish()


def test_a_script_ends_at_once(run, trained):
    """Through a pipe a text is never said to be lost: it is on standard output."""
    for end in ("", "/new\n", "/quit\n"):
        assert play(run, trained, f"Haus\n{end}", "--length", 5).err == ""


def test_ctrl_c_stops_a_continuation(launch, trained):
    """Ctrl-C ends an endless continuation where it is shown; the next turn goes on from there, and nothing is lost."""
    screen = Screen(launch, trained, "--length", 0)
    screen.type("Haus\r")
    while len(screen.shown) < 3000:
        screen.read_some()
    time.sleep(1.0)  # the terminal falls behind, and what waits for it must not be thrown away
    os.write(screen.screen, b"\x03")
    screen.await_prompt()
    screen.shown = screen.shown.replace(b"^C", b"")  # it may stand within a character
    shown = screen.plain()
    screen.enter("/length 10")
    screen.enter("/save first.txt")
    first = Path("first.txt").read_text(encoding="utf-8")
    assert len(first) > 2000
    assert re.sub(r"\s", "", first) in re.sub(r"\s", "", shown)
    screen.enter(" und")
    screen.enter("/save second.txt")
    second = Path("second.txt").read_text(encoding="utf-8")
    assert second.startswith(first + " und")
    assert len(second) == len(first) + 14
    screen.quit()


def test_ctrl_c_at_the_prompt(launch, trained):
    """Ctrl-C clears what is being typed and tells how to quit."""
    screen = Screen(launch, trained, "--length", 5)
    screen.type("Haus")
    screen.read(until=b"Haus")
    screen.insist(lambda: os.write(screen.screen, b"\x03"), until=b"/quit.")
    screen.await_prompt()
    screen.enter("/show")
    screen.enter("/save text.txt")
    assert Path("text.txt").read_bytes() == b""
    screen.quit()


def test_signals_and_closed_windows(launch, trained):
    """A polite request to end, while it waits and while it writes, leaves the terminal as it was; so does a hang-up."""
    for name, line in (("SIGTERM", ""), ("SIGTERM", "Haus\r"), ("SIGHUP", "")):
        screen = Screen(launch, trained, "--length", 0)
        screen.type(line)
        while line and len(screen.shown) < 500:
            screen.read_some()
        shown = screen.insist(lambda screen=screen, name=name: screen.process.send_signal(getattr(signal, name)))
        assert screen.process.wait(PATIENCE) == 128 + getattr(signal, name)
        assert "Traceback" not in shown
        assert "error" not in shown
        screen.hang_up()
    for line in ("", "Haus\r"):
        screen = Screen(launch, trained, "--length", 0)
        screen.type(line)
        while line and len(screen.shown) < 500:
            screen.read_some()
        screen.hang_up()
        assert screen.process.wait(PATIENCE) in (1, 128 + signal.SIGHUP)


def test_no_file_commands_the_terminal(launch, run, tmp_path, folder):
    """Control characters that a model writes are made harmless on a terminal, and kept in the text."""
    (tmp_path / "evil.txt").write_text("a\x1b[31mb\x07" * 300)
    model = tmp_path / "evil.npz"
    train = ("train", tmp_path / "evil.txt", "--hidden", 16, "--epochs", 5, "--threads", 1, "--quiet")
    assert run(*train, "-o", model).code == 0
    screen = Screen(launch, model, "--length", 40)
    screen.enter("a")
    assert b"\x07" not in screen.shown
    assert b"\x1b[31m" not in screen.shown
    assert "�" in screen.plain()
    screen.enter("/save text.txt")
    assert b"\x1b" in Path("text.txt").read_bytes()
    screen.quit()
