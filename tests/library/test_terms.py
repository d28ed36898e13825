"""Messages in Python's terms."""

import re
import warnings
from pathlib import Path

import pytest

import charrnn
from charrnn.library.terms import in_python
from tests.helpers import ROOT


@pytest.mark.parametrize(
    ("typed", "called"),
    [
        ("already exists; use --force to replace it", "already exists; use force=True to replace it"),
        (
            "use --unknown skip to leave it out, or --unknown replace to replace it",
            'use unknown="skip" to leave it out, or unknown="replace" to replace it',
        ),
        ("--task tag has no --no-shuffle", "task tag has no shuffle=False"),
        ("leave out --held-out and give them", "leave out held_out=True and give them"),
        ("add --remap to extend it", "add remap=True to extend it"),
        ("--init-from starts a new run", "init_from starts a new run"),
        ("give a larger --epochs", "give a larger epochs"),
        ("--epochs 4 trains it to 4 epochs", "epochs=4 trains it to 4 epochs"),
        ("--time 1.5m trains it", 'time="1.5m" trains it'),
        ("--mark sets another mark", "mark=… sets another mark"),
        ("--stop '€' can never end a text", "stop='€' can never end a text"),
        ('--stop "it\'s" can never end a text', 'stop="it\'s" can never end a text'),
        ("--stop '--force' can never end a text", "stop='--force' can never end a text"),
        ("--lines 3 can never end a text", "lines=3 can never end a text"),
        ("a model trained with --bytes, which", "a model trained with bytes=True, which"),
        ("such as --given 'Irish'; it knows", "such as given='Irish'; it knows"),
        ("such as --given 1.5,-2e-05, not", "such as given=[1.5,-2e-05], not"),
        ("such as --given 2.5; a condition", "such as given=2.5; a condition"),
        ("try --lr 1e-05", "try lr=1e-05"),
        ("use a smaller --hidden", "use a smaller hidden"),
        ("(--gradient rtrl) is for one layer", '(gradient="rtrl") is for one layer'),
        ("train with: charrnn train --bidirectional", "train with: train(bidirectional=True)"),
        ("use charrnn fill to fill the gaps", "use fill() to fill the gaps"),
        ("its place: charrnn train CORPUS --resume a b.npz", "its place: train(corpus, resume='a b.npz')"),
        ("with: charrnn train 'a b' --init-from m.npz -o new.npz", "with: train(corpus, init_from='m.npz')"),
        ("weights with --init-from m.npz -o new.npz", "weights with init_from='m.npz'"),
        (
            "m.npz was trained on standard input; give the same text again as CORPUS",
            "m.npz was trained on a text in memory; give it again: train(text, resume=…)",
        ),
        ("a--force.npz is not a model", "a--force.npz is not a model"),
        (
            "it is an online run; continue it with: … | charrnn train - --resume m.npz --online",
            "it is an online run; continue it with: … | charrnn train - --resume m.npz --online",
        ),
    ],
)
def test_an_option_is_spelled_as_in_python(typed, called):
    """Whatever a message of the rooms below names; a piped command has no other spelling."""
    assert in_python(typed) == called
    assert in_python(called) == called


def test_a_text_in_memory_is_the_text():
    """Not standard input, whose place it takes."""
    assert in_python("the text in standard input has one", in_memory=True) == "the text has one"
    assert in_python("standard input is not UTF-8", in_memory=True) == "the text is not UTF-8"


def test_every_option_that_the_rooms_below_name_is_one_of_the_librarys():
    """So that what a message advises can be typed in Python; a few belong to the command line alone."""
    known = {*charrnn.TrainingOptions.__annotations__, *charrnn.WritingOptions.__annotations__}
    known |= {"force", "init_from", "remap", "resume", "documents", "epochs", "time", "threads", "mark", "encoding"}
    known |= {"held_out", "beam"}  # of evaluate
    found = set()
    for room in ("cells", "library", "model", "reading", "storage", "text", "training", "writing"):
        for path in (ROOT / "charrnn" / room).glob("*.py"):
            for line in path.read_text(encoding="utf-8").splitlines():
                if not re.search(r"^\s*#|``", line) and path.name != "terms.py":
                    found |= set(re.findall(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)", line))
    only_typed = {"help", "lags", "online", "no_shuffle"}  # the last is shuffle=False
    assert {name.replace("-", "_") for name in found} - known <= only_typed


def test_a_warning_points_at_the_callers_line(folder, text):
    """However deep below what is called it arises."""
    model = charrnn.train("corpus.txt", hidden=4, epochs=1).finish()
    rows = "left\tab\nright\tba\n" * 9
    Path("rows.tsv").write_text(rows)
    classifier = charrnn.train("rows.tsv", task="classify", hidden=4, epochs=1, seq_length=2).finish()
    for call in (
        lambda: classifier.classify(["ab漢"], unknown="skip"),
        lambda: classifier.classify("abb"),
        lambda: charrnn.train(text[:300], hidden=4, epochs=1).close(),
        lambda: model.score("corpus.txt", unknown="skip"),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        assert [Path(warning.filename).name for warning in caught] == ["test_terms.py"]
