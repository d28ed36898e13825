"""What validates: by the command line and the library, told, kept for a resumed run, and whether it is fair."""

import random
from pathlib import Path

import numpy as np
import pytest

import charrnn
from charrnn import CharrnnError
from charrnn.model.team import Team
from charrnn.reading.scoring import score
from charrnn.text.holding_out import HeldOut
from charrnn.text.ingest import Corpus
from charrnn.text.pieces import Pieces
from charrnn.text.vocabulary import Vocabulary
from charrnn.training import text_data as module
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests.helpers.commands import TINY, enter, misused, refused
from tests.helpers.model_files import arrays_of, assert_same_file, meta_of

QUIET = (*TINY, "--no-samples")


def test_order_of_documents_makes_no_difference_to_the_command(folder, run, text):
    """Sorted lines give the model of shuffled ones, bit for bit; in their own order they do not."""
    lines = sorted(set(text.splitlines()))
    Path("sorted.txt").write_text("\n".join(lines), encoding="utf-8")
    random.Random(0).shuffle(lines)
    Path("shuffled.txt").write_text("\n".join(lines), encoding="utf-8")
    for order in ("sorted", "shuffled"):
        result = run("train", f"{order}.txt", "--documents", "lines", *QUIET, "--epochs", 2, "-o", f"{order}.npz")
        assert "documents, drawn at random)" in result.err
        assert enter("train", f"{order}.txt", "--documents", "lines", *QUIET, "--epochs", 2, "--no-shuffle",
                     "-o", f"{order}-as-read.npz") == 0  # fmt: skip
    mine, its = arrays_of("sorted.npz"), arrays_of("shuffled.npz")
    assert all((mine[name] == its[name]).all() for name in mine if name.startswith("param/"))
    mine, its = arrays_of("sorted-as-read.npz"), arrays_of("shuffled-as-read.npz")
    assert any((mine[name] != its[name]).any() for name in mine if name.startswith("param/"))
    assert meta_of("sorted-as-read.npz")["corpus"]["held_out"]["source"] == "its end"


def test_a_text_of_the_users_validates(folder, run, text):
    """Nothing else is held out; the header and info say so; its characters are in the vocabulary."""
    Path("other.txt").write_text(text[:700] + "Ω", encoding="utf-8")
    result = run("train", "corpus.txt", "--validate", "other.txt", *QUIET, "--epochs", 2, "-o", "typed.npz")
    assert result.code == 0
    assert "validated with other.txt: 701" in result.err
    model = charrnn.load("typed.npz")
    assert "Ω" in model.vocabulary.characters
    assert model.info["corpus"]["validation"]["characters"] == 701
    assert "other.txt" in run("info", "typed.npz").out
    best = min(record["val_loss"] for record in model.info["history"])
    assert model.score(Path("other.txt")).nats_per_char == pytest.approx(best, abs=1e-6)
    called = charrnn.train("corpus.txt", validate="other.txt", hidden=16, threads=1, epochs=2)
    called.finish()
    called.save("called.npz")
    assert_same_file("typed.npz", "called.npz")


@pytest.mark.parametrize(
    "options", [{"shuffle": False}, {"documents": "lines"}, {"documents": "lines", "shuffle": False}]
)
def test_a_text_of_the_users_validates_in_any_order(folder, text, options):
    """Documents or not, shuffled or not: all of it is read, and all of the other text trains."""
    Path("other.txt").write_text(text[:3000], encoding="utf-8")
    model = charrnn.train("corpus.txt", validate="other.txt", hidden=8, threads=1, epochs=2, **options).finish()
    best = min(record["val_loss"] for record in model.info["history"])
    assert model.score(Path("other.txt")).nats_per_char == pytest.approx(best, abs=1e-6)
    assert model.info["corpus"]["held_out"]["source"] == "other.txt"


def test_a_resumed_run_validates_with_the_same_text(folder, run, text):
    """It is read again, and must be unchanged."""
    Path("other.txt").write_text(text[:700], encoding="utf-8")
    validated = charrnn.train("corpus.txt", validate=Path("other.txt"), hidden=16, threads=1, epochs=2)
    next(validated)
    validated.save("half.npz")
    validated.finish()
    validated.save("whole.npz")
    assert enter("train", "--resume", "half.npz", "--quiet", "-o", "resumed.npz") == 0
    assert_same_file("whole.npz", "resumed.npz")
    Path("other.txt").write_text(text[:701], encoding="utf-8")
    refused(run("train", "--resume", "half.npz"), "other.txt", "validated with")
    Path("other.txt").unlink()
    refused(run("train", "--resume", "half.npz"), "other.txt")


def test_a_run_on_files_is_resumed_with_the_same_ends(folder, run, text):
    """If the same bytes are in other files, other parts would validate, and that is refused."""
    Path("texts").mkdir()
    for name, part in (("a.txt", text[:1000]), ("b.txt", text[1000:3000])):
        Path("texts", name).write_text(part, encoding="utf-8")
    result = run("train", "texts", *QUIET, "--epochs", 1, "-o", "half.npz")
    assert "(the ends of 2 files)" in result.err
    assert enter("train", "--resume", "half.npz", "--epochs", 2, "--quiet") == 0
    Path("texts/a.txt").write_text(text[:2000], encoding="utf-8")
    Path("texts/b.txt").write_text(text[2000:3000], encoding="utf-8")
    refused(run("train", "--resume", "half.npz", "--epochs", 3), "half.npz")


def test_what_contradicts_itself_is_refused(folder, run):
    """A text to validate with, and a share to hold out; one that cannot be read; a run that has its own."""
    misused(
        run("train", "corpus.txt", "--validate", "corpus.txt", "--val-fraction", 0.1), "--validate or --val-fraction"
    )
    refused(run("train", "corpus.txt", "--validate", "nowhere.txt"), "nowhere.txt cannot be read")
    refused(run("train", "-", "--validate", "-", stdin=b"abc\n" * 99), "only once")
    misused(run("train", "--resume", "a.npz", "--validate", "corpus.txt"), "keeps its own --validate")
    misused(run("train", "-", "--online", "--gradient", "rtrl", "--validate", "corpus.txt"), "--validate")
    with pytest.raises(CharrnnError, match=r"nowhere\.txt"):
        charrnn.train("corpus.txt", validate="nowhere.txt")


def test_a_run_of_an_older_version_is_resumed_as_it_was(folder, tmp_path):
    """Its file says nothing of shuffling: the end of its text validates, and documents keep their order."""
    options = ("--documents", "lines", *QUIET, "--quiet")
    assert enter("train", "corpus.txt", *options, "--epochs", 2, "--no-shuffle", "-o", "whole.npz") == 0
    assert enter("train", "corpus.txt", *options, "--epochs", 1, "--no-shuffle", "-o", "half.npz") == 0
    assert meta_of("half.npz")["training"]["shuffle"] is False
    old = {name: value for name, value in meta_of("half.npz")["training"].items() if name != "shuffle"}
    assert Settings.of(old).shuffle is False


@pytest.mark.slow
def test_the_end_of_a_text_predicts_new_text(monkeypatch):
    """Its validation loss is near to the loss on text that comes later; -s prints those of blocks from all over it."""
    text = "".join(path.read_text("utf-8") for path in sorted(Path(np.__file__).parent.rglob("*.py")))[:1_000_000]
    ids = Vocabulary.of(text).encode(text)
    known, new = ids[:800_000], ids[800_000:]
    size = known.size

    def held_out(count):
        length = size // 10 // count
        starts = np.arange(1, count + 1) * size // count - length
        between = np.concatenate([[0], starts[:-1] + length])
        held = Pieces.of(known, starts, np.full(count, length))
        return HeldOut(Pieces.of(known, between, starts - between), held.beginning(held.size), "")

    differences = {}
    for count in (1, 5, 50):
        monkeypatch.setattr(module, "hold_out", lambda *_, count=count, **__: held_out(count))
        with Team(2) as team:
            corpus = Corpus(known, Vocabulary.of(text), ("a text",), "")
            trainer = Trainer(TextData(Settings(hidden=96, epochs=3.0, shuffle=True), corpus), team)
            for _ in trainer.run():
                pass
            loss = score(charrnn.Model(trainer.checkpoint())._opened.network, new, team).nats_per_char
        differences[count] = trainer.best_loss - loss
        print(f"{count:3} blocks: validation {trainer.best_loss:.3f}, new text {loss:.3f}")  # noqa: T201
    assert abs(differences[1]) < 0.1
