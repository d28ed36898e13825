"""``charrnn trace``: tables, colors, pages and pictures of what units do."""

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from charrnn.cli.trace import read_traced
from charrnn.display.words import harmless
from charrnn.errors import CharrnnError
from charrnn.reading.features import FEATURES
from charrnn.text.vocabulary import TEXT_BLOCK, Vocabulary
from tests.helpers.commands import COLOR_CODES, enter, misused, on_a_terminal, refused
from tests.helpers.networks import capital_network

COLUMNS = ["feature", "unit", "correlation", "first_half", "help"]


@pytest.fixture
def traced(trained, folder, monkeypatch):
    """Work in a folder with a model and two texts."""
    Path("model.npz").write_bytes(trained.read_bytes())
    return folder


def test_a_line_for_each_feature(traced, run):
    """--tsv is tab-separated with a header, and says the same as --json; what is left out is said on stderr."""
    result = run("trace", "model.npz", "corpus.txt", "--tsv")
    assert result.code == 0
    header, *lines = (line.split("\t") for line in result.out.splitlines())
    assert header == COLUMNS
    names = [line[0] for line in lines]
    left_out = result.err.strip().partition(": left out, because the text has too little of it: ")[2].split(", ")
    assert sorted([*names, *left_out]) == sorted(feature.name for feature in FEATURES)
    assert {"capital", "space", "line position"} <= set(names)
    assert "digit" in left_out
    objects = [json.loads(line) for line in run("trace", "model.npz", "corpus.txt", "--json").out.splitlines()]
    for row, line in zip(objects, lines, strict=True):
        numbers = [float(line[2]), float(line[3])]
        assert list(row.values()) == [line[0], line[1], *numbers, line[4]]
    assert [list(row) for row in objects] == [COLUMNS] * len(lines)
    for row in objects:
        assert -1.0 <= row["correlation"] <= 1.0


def test_standard_input_and_length(traced, run, text):
    """A text may come from standard input; of either as much is read as --length says, and all with 0."""
    whole = run("trace", "model.npz", "corpus.txt", "--length", 0).out
    assert run("trace", "model.npz", "-", stdin=text.encode()).out == whole
    part = run("trace", "model.npz", "-", "--length", 1000, stdin=text.encode()).out
    assert part == run("trace", "model.npz", "-", stdin=text[:1000].encode()).out
    assert part != whole


def test_no_more_is_read_than_is_asked_for(traced, monkeypatch, capsys, text):
    """Of a text without end no more is read than --length takes, and with 0 all of one that ends."""
    asked, ends_after = 0, 5

    def read(_size):
        nonlocal asked
        asked += 1
        return text.encode() if asked <= ends_after else b""

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=SimpleNamespace(read=read)))
    outputs = []
    for length, expected in ((10, 1), (len(text), 1), (len(text) + 1, 2), (0, ends_after + 1)):
        asked = 0
        assert enter("trace", "model.npz", "-", "--unit", "h1", "--length", length, "--show", 99999) == 0
        assert asked == expected
        outputs.append(capsys.readouterr().out.count("\n") - 1)
    assert outputs == [10, len(text), len(text) + 1, 5 * len(text)]


def test_length_counts_what_is_read(traced, run, text):
    """Characters that are left out do not count as read."""
    with_unknown = "".join(f"漢{c}" for c in text).encode()
    expected = run("trace", "model.npz", "-", "--length", 1000, stdin=text.encode())
    result = run("trace", "model.npz", "-", "--length", 1000, "--unknown", "skip", stdin=with_unknown)
    assert result.out == expected.out
    assert "characters of standard input are unknown to the model and were skipped\n" in result.err


def test_a_unit_in_a_pipe(traced, run, text):
    """--unit lists index, character and value, with nothing in a line that could break it; so does --json."""
    result = run("trace", "model.npz", "corpus.txt", "--unit", "c3", "--show", 90, "--tsv")
    assert result.code == 0
    assert re.fullmatch(r"charrnn: c3: Correlation with “.+”: [+-]\d\.\d\d on the second half .*chosen\.\n", result.err)
    header, *rows = (line.split("\t") for line in result.out.split("\n")[:-1])
    assert header == ["index", "character", "value"]
    assert [int(row[0]) for row in rows] == list(range(1, 91))
    assert [row[1] for row in rows] == [c.replace("\n", "\\n") for c in text[:90]]
    assert "\\n" in [row[1] for row in rows]
    result = run("trace", "model.npz", "corpus.txt", "--unit", "c3", "--show", 90, "--json")
    objects = [json.loads(line) for line in result.out.splitlines()]
    assert "".join(row["character"] for row in objects) == text[:90]
    assert [row["value"] for row in objects] == [float(row[2]) for row in rows]
    plain = run("trace", "model.npz", "corpus.txt", "--unit", "c3", "--show", 3).out.splitlines()
    assert [line.split()[0] for line in plain] == ["index", "1", "2", "3"]


def test_a_unit_without_colors_on_a_terminal(traced, monkeypatch, capsys):
    """NO_COLOR, --json and --tsv each turn the colors off, as the help says of the two; the correlation is told."""
    command = ("trace", "model.npz", "corpus.txt", "--unit", "h2")
    for environment, options in (({"NO_COLOR": "1"}, ()), ({}, ("--json",)), ({}, ("--tsv",))):
        screen = on_a_terminal(monkeypatch, **environment)
        assert enter(*command, *options) == 0
        assert "\x1b" not in screen.getvalue()
        assert "h2: Correlation with “" in capsys.readouterr().err
    screen = on_a_terminal(monkeypatch)
    assert enter("trace", "--help") == 0
    assert "and with --json or --tsv, it lists the characters" in " ".join(screen.getvalue().split())


def test_a_unit_on_a_terminal(traced, monkeypatch, text):
    """On a terminal --unit writes the text itself in colors, and a line that says what they mean."""
    screen = on_a_terminal(monkeypatch)
    assert enter("trace", "model.npz", "corpus.txt", "--unit", "h2", "--show", 200) == 0
    written = COLOR_CODES.sub("", screen.getvalue())
    assert written.replace(" \n", "\n").startswith(text[:200])
    assert "h2:" in written
    assert "is blue" in written
    assert "second half" in written
    assert len(set(COLOR_CODES.findall(screen.getvalue()))) > 5


def test_the_table_on_a_terminal(traced, monkeypatch):
    """On a terminal the table is one to read, and stderr says how its units were chosen."""
    screen = on_a_terminal(monkeypatch, COLUMNS="90")
    assert enter("trace", "model.npz", "corpus.txt") == 0
    assert "\t" not in screen.getvalue()
    assert re.search(r"capital +[a-z]+\d+ +[+-]\d\.\d\d +[+-]\d\.\d\d  a capital letter", screen.getvalue())


class Page(HTMLParser):
    """What a browser would make of a page: its tags, and the texts of its blocks."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.headings, self.blocks, self.values = [], [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        """Note a tag; a block begins, or a character."""
        self.tags.append(tag)
        if dict(attrs).get("class") == "text":
            self.blocks.append("")
        elif tag == "i":
            self.values.append(float(dict(attrs)["title"]))

    def handle_endtag(self, tag):
        """Note the end of a block."""
        self.tags += ["/div"] * (tag == "div")

    def handle_data(self, data):
        """Add to the block that has begun, or to a heading."""
        if self.tags[-1:] == ["i"]:
            self.blocks[-1] += data
        elif self.tags[-1:] == ["h2"]:
            self.headings.append(data.strip()) if data.strip() else None


def test_a_page(traced, run, text):
    """--html writes a block for each unit of the table, with the text in it, and a value at each character."""
    table = run("trace", "model.npz", "corpus.txt", "--tsv").out
    result = run("trace", "model.npz", "corpus.txt", "--html", "units.html", "--show", 70, "--tsv")
    assert (result.code, result.out) == (0, table)
    source = Path("units.html").read_text(encoding="utf-8")
    page = Page(source)
    rows = [line.split("\t") for line in table.splitlines()[1:]]
    assert page.headings == [f"{row[1]}: {row[4]}" for row in rows]
    assert [block.replace("↵\n", "\n") for block in page.blocks] == [text[:70]] * len(rows)
    assert len(page.values) == 70 * len(rows)
    assert "script" not in page.tags
    assert "http" not in source
    assert f"{float(rows[0][2]):+.2f} on the second half" in source


def test_a_page_of_one_unit(traced, run):
    """With --unit the page has that unit alone, even of a text too short to compare it with anything."""
    assert run("trace", "model.npz", "-", "--unit", "f1", "--html", "unit.html", stdin=b"der").code == 0
    page = Page(Path("unit.html").read_text(encoding="utf-8"))
    assert (page.headings, page.blocks) == (["f1"], ["der"])


def test_nothing_in_a_text_is_html(tmp_path, monkeypatch, run):
    """A text of tags, entities, quotation marks and control characters is shown and does nothing."""
    from charrnn.model.model_file import Checkpoint, save

    monkeypatch.chdir(tmp_path)
    hostile = '<script>alert("1")</script>&amp;\'</i></div>\x00\x1b[2J\u202e$a$ $\\x$'
    vocabulary = Vocabulary.of(hostile)
    network = capital_network(vocabulary)
    save("<b>&.npz", Checkpoint(network.architecture, vocabulary, network.weights.named, {}, [], {}))
    Path("<i>.txt").write_text(hostile, encoding="utf-8")
    result = run("trace", "<b>&.npz", "<i>.txt", "--unit", "h3", "--html", "units.html")
    assert result.code == 0
    assert "\x1b" not in result.out
    source = Path("units.html").read_text(encoding="utf-8")
    page = Page(source)
    assert page.blocks == [harmless(hostile)]
    assert {"script", "b"}.isdisjoint(page.tags)
    assert "<title>&lt;b&gt;&amp;.npz reads &lt;i&gt;.txt</title>" in source


@pytest.mark.parametrize("show", [40, 400])
def test_a_picture(traced, run, show):
    """--png draws units as a picture, of the kind that its name says, and nothing else is left beside it."""
    pytest.importorskip("matplotlib")
    before = {path.name for path in traced.iterdir()}
    for name, magic in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.PDF", b"%PDF")):
        result = run("trace", "model.npz", "corpus.txt", "--png", name, "--show", show)
        assert result.code == 0
        assert Path(name).read_bytes().startswith(magic)
    assert {path.name for path in traced.iterdir()} == before | {"a.png", "a.svg", "a.PDF"}


def test_a_picture_of_odd_characters(tmp_path, monkeypatch, run):
    """Characters that no font has, or that matplotlib would take for formulas, are drawn as they are."""
    pytest.importorskip("matplotlib")
    from charrnn.model.model_file import Checkpoint, save

    monkeypatch.chdir(tmp_path)
    text = "$\\frac$ $$ _^{ 漢\U0001f600\x01\t\n"
    vocabulary = Vocabulary.of(text)
    network = capital_network(vocabulary)
    save("$x$_.npz", Checkpoint(network.architecture, vocabulary, network.weights.named, {}, [], {}))
    result = run("trace", "$x$_.npz", "-", "--unit", "h3", "--png", "a.svg", stdin=text.encode())
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--unit", "x1"), ("no unit 'x1'", "h1 to h16", "g1 to g16")),
        (("--html", "no/units.html"), ("no/units.html", "the folder no does not exist")),
        (("--png", "units.gif"), ("units.gif", ".png, .svg or .pdf")),
        (("--png", "png"), ("png", ".png, .svg or .pdf")),
        (("--png", "folder.png"), ("folder.png", "is a folder")),
    ],
)
def test_what_cannot_be_done_is_said(traced, run, options, words):
    """Each mistake is one sentence, and no file is there that was not before."""
    Path("folder.png").mkdir()
    before = sorted(traced.iterdir())
    refused(run("trace", "model.npz", "corpus.txt", *options), *words)
    assert sorted(traced.iterdir()) == before


def test_texts_that_cannot_be_read(traced, run):
    """An empty text, one that is not there, one too short to compare, and an unknown character are a sentence each."""
    refused(run("trace", "model.npz", "-"), "standard input")
    refused(run("trace", "model.npz", "none.txt"), "none.txt")
    refused(run("trace", "model.npz", "-", stdin=b"der das"), "too short")
    refused(run("trace", "model.npz", "-", stdin="der 漢".encode()), "漢", "--unknown skip")
    refused(run("trace", "model.npz", "-", "--unknown", "skip", stdin="漢漢".encode()), "only unknown characters")
    told = run("trace", "model.npz", "-", "--unknown", "skip", "--unit", "h1", "--tsv", stdin="d漢er".encode())
    assert [line.split("\t")[1] for line in told.out.splitlines()[1:]] == ["d", "e", "r"]
    assert "charrnn: 1 of 4 characters of standard input is unknown to the model and was skipped\n" in told.err


def test_odd_names_of_files(traced, run):
    """A name that is not UTF-8, or has a line feed, fits into a title, and into one line of an error."""
    pytest.importorskip("matplotlib")
    text = Path("corpus.txt").read_bytes()
    for name in ("b\udcffd.txt", "e\nm.txt"):
        Path(name).write_bytes(text)
        Path(f"{name}.npz").write_bytes(Path("model.npz").read_bytes())
        result = run("trace", f"{name}.npz", name, "--png", "a.svg", "--html", "a.html")
        assert (result.code, result.err.count("\n")) == (0, 2)
        title = re.search(r"<title>(.*)</title>", Path("a.html").read_text(encoding="utf-8"))[1]
        assert title == "{0}.npz&#x27; reads {0}&#x27;".format("&#x27;" + repr(name)[1:-1])
    Path("e\nm").write_text("")
    refused(run("trace", "model.npz", "e\nm"), r"'e\nm'")
    Path("e\nm").write_text("der das")
    refused(run("trace", "model.npz", "e\nm"), r"'e\nm' is too short")
    for name in ("e\nm.txt", "e\nm.html"):
        Path(name).write_bytes(text)
        result = run("trace", "model.npz", name, "--html", name)
        refused(result, f"{name!r} is the text that is read")
    assert repr("e\nm.txt") in run("trace", "model.npz", "corpus.txt", "--html", "e\nm.txt").err.splitlines()[-1]


@pytest.mark.parametrize("option", ["--html", "--png"])
def test_nothing_is_written_over_the_model(traced, run, option):
    """A page or picture does not replace the model, whatever that is called."""
    name = f"model.{option[2:]}"
    before = Path("model.npz").read_bytes()
    Path(name).write_bytes(before)
    Path(f"link.{option[2:]}").symlink_to(name)
    for target in (name, f"link.{option[2:]}"):
        result = run("trace", name, "corpus.txt", option, target)
        refused(result, f"{target} is the model that is read; name another file with {option}")
    assert Path(name).read_bytes() == before


@pytest.mark.parametrize("name", ["corpus.txt", "page", ""])
def test_a_page_is_not_written_over_a_text(traced, run, name):
    """A page's name must say that it is one, and the text to be read is not replaced."""
    before = Path("corpus.txt").read_bytes()
    result = run("trace", "model.npz", "corpus.txt", "--html", name)
    assert (result.code, result.stdout) == (1 if name == "corpus.txt" else 2, b"")
    Path("text.html").write_bytes(before)
    Path("link.html").symlink_to("text.html")
    result = run("trace", "model.npz", "link.html", "--html", "text.html")
    refused(result, "text.html is the text that is read; name another file with --html")
    assert Path("text.html").read_bytes() == before


def test_a_disk_that_fails_leaves_the_old_page(traced, run, monkeypatch):
    """Where writing fails the page that was there stays, and nothing is left beside it."""
    Path("units.html").write_text("old")
    before = sorted(traced.iterdir())

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    refused(run("trace", "model.npz", "corpus.txt", "--html", "units.html"), "units.html", "no space left")
    assert Path("units.html").read_text() == "old"
    assert sorted(traced.iterdir()) == before


def test_bytes(folder, run):
    """A model of bytes is traced byte by byte, whatever they are; those beyond ASCII count as small letters."""
    Path("binary").write_bytes(bytes(range(256)) * 8)
    options = ("--bytes", "--hidden", 4, "--epochs", 1, "--threads", 1, "--quiet")
    assert run("train", "binary", *options).code == 0
    result = run("trace", "model.npz", "binary", "--unit", "h1", "--show", 256, "--json")
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert [row["character"] for row in rows[:128]] == list(map(chr, range(128)))
    assert [row["character"] for row in rows[128:]] == [rf"\x{byte:x}" for byte in range(128, 256)]
    scored = run("eval", "model.npz", "binary", "--per-char", "--json").out.splitlines()
    assert [json.loads(line)["character"] for line in scored[:256]] == [row["character"] for row in rows]
    Path("umlauts").write_text("ÄÖÜ äöü " * 40, encoding="utf-8")
    result = run("trace", "model.npz", "umlauts")
    assert "capital," in result.err
    assert "word length" in result.out


def test_documents(folder, run):
    """A row is what the network reads: where a document begins, which is called nothing, but not where it ends."""
    Path("names").write_text("der--das--" * 30)
    options = ("--documents", "--", "--hidden", 4, "--epochs", 1, "--threads", 1, "--quiet")
    assert run("train", "names", *options).code == 0
    rows = run("trace", "model.npz", "names", "--unit", "h1", "--tsv", "--show", 11).out.splitlines()[1:]
    assert [row.split("\t")[1] for row in rows] == ["", *"der", "", *"das", ""]
    scored = run("eval", "model.npz", "names", "--per-char", "--tsv").out.splitlines()[1:9]
    assert [row.split("\t")[3] for row in scored] == [*"der", "--", *"das", "--"]


def test_what_is_not_read_may_hold_anything(traced, run, text):
    """A character that the model does not know, but after --length, is nothing to complain of."""
    stdin = f"{text[:1000]}漢".encode()
    result = run("trace", "model.npz", "-", "--length", 1000, stdin=stdin)
    assert result == run("trace", "model.npz", "-", stdin=text[:1000].encode())
    refused(run("trace", "model.npz", "-", "--length", 1001, stdin=stdin), "漢")


def test_a_text_too_long_to_be_traced(traced, run):
    """All of a text is read where it is short enough; else that is refused before much is read."""
    vocabulary = Vocabulary("\nabc")
    Path("long.txt").write_bytes(b"abc\n" * 100)
    assert read_traced("long.txt", vocabulary, 0, most=400).size == 400
    assert read_traced("long.txt", vocabulary, 100, most=400).size == 100
    for raw in (b"abc\n" * 100 + b"a", b"abc\n" * TEXT_BLOCK + b"\xff"):
        Path("long.txt").write_bytes(raw)
        with pytest.raises(CharrnnError, match=r"long\.txt is too long to be read whole; --length reads up to 400"):
            read_traced("long.txt", vocabulary, 0, most=400)
    assert run("trace", "model.npz", "corpus.txt", "--length", 0).code == 0
    misused(run("trace", "model.npz", "corpus.txt", "--length", 10_000_001), "--length")
