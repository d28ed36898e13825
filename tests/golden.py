"""What the program computed when its results were last recorded: ``python -m tests.golden`` prints digests of it.

A change that only rearranges the code must leave every digest as it is. They are taken by way of the command line, so
they know nothing of the code's layout. All runs but some begin with weights that this file draws, which do not change
where a new network's first values are meant to.
"""

import hashlib
import io
import json
import os
import random
import sys
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np

from tests.helpers import ROOT
from tests.helpers.commands import enter
from tests.rows import ROWS, settings_of

SHAKESPEARE = ROOT / "models" / "shakespeare.npz"
SIZE = ("--hidden", 12)
SHORT = (*SIZE, "--epochs", 0.001, "--val-fraction", 0, "--lr", 1e-12)
NEW = "from first values"
GIVEN = {  # runs under conditions: what is given, and the conditions under which their networks write and read then
    "lstm": (("--cell", "lstm"), ("file", "the", "the=0.25,dog=0.75")),
    "gru, 2 layers, first step": (("--cell", "gru", "--layers", 2, "--given-at", "first"), ("label", "dog", "cat")),
    "rnn, numbers": (("--cell", "rnn", "--dropout", 0.2), ("words,letters", "2,8", "5.5,-1")),
}
WORDS = (
    "the a cat dog owl sees hears finds under over garden house old green street and then but. yes, no! very".split()
)
CONTROLS = {
    "plain": (),
    "cold": ("--temp", 0.6),
    "coldest": ("--temp", 0, "--count", 1),
    "top k": ("--top-k", 5),
    "top p": ("--top-p", 0.7),
    "min p": ("--min-p", 0.1),
    "penalty": ("--repeat-penalty", 1.5, "--repeat-window", 7),
    "all": ("--temp", 1.2, "--top-k", 9, "--top-p", 0.9, "--min-p", 0.01, "--repeat-penalty", 1.2),
    "ends": ("--stop", "a"),
}


BOTH = ("--bidirectional", "--layers", 2)
DISTURBED = ("--input-dropout", 0.2, "--noise", 0.3)
EXAMPLES = {
    "classify lstm": ("--task", "classify"),
    "classify gru, both sides": ("--task", "classify", "--cell", "gru", *BOTH, "--pooling", "mean", "--dropout", 0.3),
    "classify lstm-projection, apart": ("--task", "classify", "--cell", "lstm-projection", *BOTH, "--no-joined"),
    "classify clockwork, both sides": ("--task", "classify", "--cell", "clockwork", *BOTH),
    "classify rnn, embedding": ("--task", "classify", "--cell", "rnn", "--embedding", 6, "--class-weights", "balanced"),
    "tag lstm-fgr, both sides": (
        "--task",
        "tag",
        "--cell",
        "lstm-fgr",
        *BOTH,
        "--first-state",
        "learned",
        "--seq-length",
        16,
    ),
    "translate lstm, both sides, attention": ("--task", "translate", *BOTH, "--attention", "--dropout", 0.2),
    "translate clockwork": ("--task", "translate", "--cell", "clockwork", "--first-state", "learned"),
    "predict gru": ("--task", "predict", "--cell", "gru", "--labels", "level", "--ahead", 2, "--seq-length", 20),
    "predict gru, noise": ("--task", "predict", "--cell", "gru", "--labels", "level", "--seq-length", 20, *DISTURBED),
}


def make_examples(seed=4):
    """Make up a file for each task: lines of words with whether they have a cat, or a tag for each letter; a series."""
    choose = random.Random(seed)
    lines = [choose.choices(WORDS, k=choose.randint(1, 5)) for _ in range(60)]
    classified = "".join(f"{'cat' in words}\t{' '.join(words)}\n" for words in lines)
    tagged = "".join(
        "".join(words) + "\n" + "".join("." * (len(word) - 1) + "|" for word in words) + "\n\n" for words in lines
    )
    level, series = 0, "hour,level\n"
    for hour in range(200):
        level = level // 2 + choose.randint(-64, 64)
        series += f"{hour},{level / 64}\n"
    pairs = "".join(f"{' '.join(words)}\t{' '.join(words[::-1])}\n" for words in lines)
    return {"classify": classified, "tag": tagged, "predict": series, "translate": pairs}


def make_conditioned(folder, seed=6):
    """Make up lines of words in a file for each first word, in one file after it, and in a table with two numbers."""
    choose = random.Random(seed)
    lines = [[choose.choice(("the", "cat", "dog")), *choose.choices(WORDS, k=choose.randint(1, 4))] for _ in range(60)]
    (folder / "given").mkdir()
    for first in ("the", "cat", "dog"):
        own = "".join(" ".join(words) + "\n" for words in lines if words[0] == first)
        (folder / "given" / f"{first}.txt").write_text(own, encoding="utf-8")
    labelled = "".join(f"{words[0]}\t{' '.join(words)}\n" for words in lines)
    (folder / "given.tsv").write_text(labelled, encoding="utf-8")
    rows = "".join(f'"{" ".join(words)}",{len(words)}.5,{len("".join(words))}\n' for words in lines)
    (folder / "given.csv").write_text("text,words,letters\n" + rows, encoding="utf-8")


def make_text(characters, seed):
    """Make up lines of words."""
    choose, lines, size = random.Random(seed), [], 0
    while size < characters:
        lines.append(" ".join(choose.choices(WORDS, k=choose.randint(2, 7))) + "\n")
        size += len(lines[-1])
    return "".join(lines)


def flags(options):
    """Return options of a network as they are typed."""
    typed = []
    for name, value in settings_of(options).items():
        typed += [f"--{name.replace('_', '-')}", *([] if value is True else [value])]
    return typed


def networks():
    """Name each network by the options that make it."""
    found = {}
    for cell, options in ROWS:
        name = " ".join([cell, *map(str, options.values())])
        if "projection" in options:
            options = {"projection": 5}
        if "periods" in options:
            options = {"periods": (1, 2, 5)}
        own = ("--cell", cell, *flags(options))
        found[name] = own
        if cell != "irnn":  # the loss of two such layers runs away at once
            found[f"{name}, 2 layers"] = (*own, "--layers", 2)
        if cell not in ("lstm-nig", "lstm-nfg", "lstm-nog", "lstm-niaf", "lstm-noaf"):
            found[f"{name}, documents"] = (*own, "--documents", "lines")
    for cell in ("rnn", "lstm", "gru", "lstm-fgr", "gru-reset-before"):
        found[f"{cell}, both sides"] = ("--cell", cell, "--bidirectional")
        found[f"{cell}, both sides, 2 layers"] = ("--cell", cell, "--bidirectional", "--layers", 2)
        found[f"{cell}, learned state"] = ("--cell", cell, "--first-state", "learned", "--documents", "lines")
    found["lstm, embedding"] = ("--cell", "lstm", "--embedding", 6)
    found["gru, both sides, embedding"] = ("--cell", "gru", "--bidirectional", "--embedding", 6)
    found["gru, bytes"] = ("--cell", "gru", "--bytes")
    return found


def trainings():
    """Name each run by its network and its options."""
    found = {}
    for name in networks():
        more = ("--dropout", 0.3) if "2 layers" in name else ("--dropout", 0)
        found[name] = (name, *more, "--seq-length", 8) if "both" in name else (name, *more)
    for cell in ("rnn", "lstm", "gru"):
        found[f"{cell}, rtrl"] = (cell, "--gradient", "rtrl", "--batch-size", 2, "--epochs", 1)
        found[f"{cell}, rtrl, documents"] = (f"{cell}, documents", "--gradient", "rtrl", "--epochs", 1)
    for optimizer in ("adam", "rmsprop", "adagrad", "sgd"):
        found[f"lstm, {optimizer}"] = ("lstm", "--optimizer", optimizer, "--clip", 0.05, "--schedule", "exponential")
        found[f"gru, {optimizer}"] = ("gru", "--optimizer", optimizer, "--clip", 0, "--clip-value", 0.01)
    found["gru, constant"] = ("gru", "--schedule", "constant", "--warmup", 0, "--threads", 1, "--val-fraction", 0)
    found["lstm, patience"] = ("lstm", "--patience", 1, "--epochs", 30, "--lr", 0.3)
    found["lstm, runs away"] = ("lstm", "--lr", 100, "--clip", 0, "--epochs", 1, "--optimizer", "sgd")
    for network in ("lstm", "lstm-fgr, 2 layers", "clockwork (1, 2, 5)", "lstm-projection 4", "gru, both sides"):
        found[f"{network}, {NEW}"] = (network,)
    for network in ("lstm, embedding", "gru, both sides, embedding", "lstm, 2 layers"):
        found[f"{network}, sampled softmax"] = (network, "--sampled-softmax", 8, "--dropout", 0.3)
    found[f"lstm, sampled softmax, {NEW}"] = ("lstm", "--sampled-softmax", 8)
    found["gru, documents, sampled softmax"] = ("gru, documents", "--sampled-softmax", 8)
    found["gru, nesterov"] = ("gru", "--optimizer", "sgd", "--nesterov", "--momentum", 0.7)
    found["gru, no momentum"] = ("gru", "--optimizer", "sgd", "--momentum", 0)
    found["lstm, 2 layers, input dropout"] = ("lstm, 2 layers", "--input-dropout", 0.2)
    found["lstm, embedding, noise"] = ("lstm, embedding", "--input-dropout", 0.2, "--noise", 0.1)
    found[f"lstm, identity, {NEW}"] = ("lstm", "--recurrent-start", "identity", "--start-scale", 0.5)
    found[f"gru, random, {NEW}"] = ("gru", "--recurrent-start", "random", "--first-state", "random")
    found[f"clockwork, relu, {NEW}"] = ("clockwork (1, 2, 5)", "--activation", "relu")
    found["gru, online"] = ("gru, bytes", "--gradient", "rtrl", "--online")
    return found


def draw_weights(source, target):
    """Give a model file other weights, by nothing that depends on the machine."""
    with np.load(source) as file:
        arrays = {name: file[name] for name in file.files}
    rng = np.random.default_rng(11)
    for name, values in arrays.items():
        if name.startswith("param/"):
            arrays[name] = (0.75 * rng.random(values.shape) - 0.375).astype(np.float32)
    np.savez(target, **arrays)


def digest(*parts):
    """Return what stands for some bytes."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()[:16]


def typed(*arguments, stdin=b""):
    """Type a command; return what it prints on standard output."""
    out, err, before = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO(), sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = enter(*arguments)
    finally:
        sys.stdin = before
    assert code == 0, f"{arguments}: {err.getvalue()}"
    out.flush()
    return out.buffer.getvalue()


def of_model(path):
    """Return digests of all that a model file holds, but for what a clock says."""
    with np.load(path) as file:
        meta = json.loads(file["meta"].tobytes())
        arrays = {name: file[name].tobytes() for name in sorted(file.files) if name != "meta"}
    kinds = {"parameters": "param/", "weights": "state/weights", "moments": "state/moment"}
    kinds |= {"carried": "state/carried", "influence": "state/influence"}
    found = {
        kind: digest(*(name.encode() + values for name, values in arrays.items() if name.startswith(prefix)))
        for kind, prefix in kinds.items()
    }
    told = [*meta["history"], meta["progress"]]
    without_clock = [{name: value for name, value in record.items() if name != "seconds"} for record in told]
    found["told"] = digest(json.dumps(without_clock).encode())
    return found


class Golden:
    """Computes everything in a folder of its own, each network's first weights once."""

    def __init__(self, folder):
        self.folder = Path(folder)
        (self.folder / "corpus.txt").write_text(make_text(1500, 1), encoding="utf-8")
        (self.folder / "other.txt").write_text(make_text(700, 2), encoding="utf-8")
        for task, content in make_examples().items():
            (self.folder / f"{task}.csv").write_text(content, encoding="utf-8")
        make_conditioned(self.folder)
        self.networks, self.trainings = networks(), trainings()

    def start(self, network):
        """Return the model file of a network with first weights."""
        path = self.folder / f"{network}.npz"
        if not path.exists():
            made = ("train", "corpus.txt", *SHORT, *self.networks[network], "--slim", "--quiet", "--force")
            typed(*made, "-o", "made.npz")
            draw_weights("made.npz", path)
        return path

    def training(self, name):
        """Return digests of a trained network."""
        network, *options = self.trainings[name]
        output = self.folder / f"trained {name}.npz"
        begin = (*SIZE, *self.networks[network]) if name.endswith(NEW) else ("--init-from", self.start(network))
        command = (*begin, "--quiet", "--force", "-o", output)
        if "--online" in options:
            typed("train", "-", *options, *command, stdin=make_text(700, 3).encode())
        else:
            usual = {"--epochs": 2, "--batch-size": 4, "--seq-length": 8, "--threads": 2, "--seed": 5}
            usual = [word for option, value in usual.items() if option not in options for word in (option, value)]
            typed("train", "corpus.txt", *usual, *options, *command)
        return of_model(output)

    def examples(self, name):
        """Return digests of a network that is trained on examples from its first values."""
        task, *_ = name.split()
        usual = {"--hidden": 12, "--epochs": 3, "--batch-size": 8, "--threads": 2, "--seed": 5, "--dropout": 0}
        options = EXAMPLES[name]
        usual = [word for option, value in usual.items() if option not in options for word in (option, value)]
        output = self.folder / f"trained {name}.npz"
        typed("train", f"{task}.csv", *usual, *options, "--quiet", "--force", "-o", output)
        found = of_model(output)
        if task == "translate":
            written = typed("translate", output, "the cat", "--beam", 3, "-k", 2, "--json")
            found["written"] = digest(
                written, typed("translate", output, "the cat", "--temp", 1, "--seed", 4, "--json")
            )
        return found

    def given(self, name):
        """Return digests of a network that is trained under conditions, of what it writes, and of its scores."""
        options, (column, *conditions) = GIVEN[name]
        output = self.folder / f"given {name}.npz"
        source = {"file": "given", "label": "given.tsv"}.get(column, "given.csv")
        read = (source, "--given", column, *(() if source != "given.csv" else ("--texts", "text")))
        usual = (*SIZE, "--epochs", 3, "--batch-size", 8, "--threads", 2, "--seed", 5, "--quiet", "--force")
        typed("train", *read, *usual, *options, "-o", output)
        asked = [("--given", condition) for condition in conditions]
        writing = ("sample", output, "--count", 3, "--length", 60, "--seed", 3, "--json")
        reading = ("eval", output, "given/cat.txt", "--per-char", "--json", "--threads", 2)
        found = json.loads(typed("eval", output, source, "--held-out", "--json", "--threads", 2))
        found = [found["examples"], found["characters"], f"{found['nats_per_char']:.9g}"]
        return of_model(output) | {
            "samples": digest(*(typed(*writing, *condition) for condition in asked)),
            "scores": digest(*(typed(*reading, *condition) for condition in asked)),
            "eval": digest(json.dumps(found).encode()),
        }

    def samples(self, network, control):
        """Return a digest of samples, with their seeds and bits."""
        options = CONTROLS[control]
        count = () if "--count" in options else ("--count", 3)
        command = ("sample", self.start(network), *options, *count, "--length", 150, "--seed", 3, "--json")
        return digest(typed(*command, "--prime", "the old "))

    def scores(self, network):
        """Return a digest of each character's bits."""
        lines = typed("eval", self.start(network), "other.txt", "--per-char", "--json", "--threads", 2).splitlines()
        records = [json.loads(line) for line in lines]
        return digest(json.dumps(records).encode())

    def fillings(self, network):
        """Return a digest of the likeliest fillings, and of drawn ones."""
        command = ("fill", self.start(network), "the c_t sees __ old gar__n")
        return digest(typed(*command, "-k", 3), typed(*command, "--temp", 0.9, "--count", 2, "--seed", 4))

    def flow(self, network):
        """Return a digest of gradients by lag, and of those of whole steps."""
        command = ("gradients", self.start(network), "corpus.txt", "--lags", 6, "--samples", 20, "--threads", 2)
        record = json.loads(typed(*command, "--json"))
        rounded = [f"{value:.9g}" for layer in record["gradient"] for value in layer["mean"]]
        return digest(json.dumps([rounded, record["training"]["norms"]]).encode())

    def units(self, network):
        """Return a digest of what a unit is at each character."""
        return digest(typed("trace", self.start(network), "other.txt", "--unit", "h3", "--json"))

    def conversation(self):
        """Return a digest of a text that was written in turns."""
        lines = b"the old \n/temp 0.7\n\n/again\n/top-k 4\nand then\n/undo\n/show\n"
        return digest(typed("play", self.start("lstm"), "--seed", 2, "--length", 40, stdin=lines))

    def shipped(self):
        """Return a digest of what the shipped model writes and scores."""
        texts = typed("sample", SHAKESPEARE, "--temp", 0.8, "--length", 300, "--seed", 1)
        return digest(texts, typed("eval", SHAKESPEARE, "other.txt", "--json", "--unknown", "skip"))

    def names(self):
        """Return the name of everything that can be asked for."""
        left = [name for name in self.networks if "both" not in name]
        both = [name for name in self.networks if "both" in name]
        sampled = ("lstm", "gru, documents", "rnn, 2 layers", "gru, bytes")
        return [
            *(f"train {name}" for name in self.trainings),
            *(f"examples {name}" for name in EXAMPLES),
            *(f"given {name}" for name in GIVEN),
            *(f"score {name}" for name in self.networks),
            *(f"sample {name}: plain" for name in left if name not in sampled),
            *(f"sample {name}: {control}" for name in sampled for control in CONTROLS),
            *(f"fill {name}" for name in both),
            *(f"gradients {name}" for name in ("rnn", "lstm, 2 layers", "gru, documents", "lstm-fgr")),
            *(f"trace {name}" for name in ("rnn", "lstm, 2 layers", "gru, documents")),
            "play",
            "shipped",
        ]

    def compute(self, name):
        """Return the digest, or digests, of a name."""
        kind, _, rest = name.partition(" ")
        network, _, control = rest.partition(": ")
        with chdir(self.folder):
            if kind == "sample":
                return self.samples(network, control)
            plain = {
                "train": self.training,
                "examples": self.examples,
                "given": self.given,
                "score": self.scores,
                "fill": self.fillings,
            }
            plain |= {"gradients": self.flow, "trace": self.units}
            if kind in plain:
                return plain[kind](network)
            return self.conversation() if kind == "play" else self.shipped()


def main():
    """Print all digests as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        golden = Golden(folder)
        digests = {name: golden.compute(name) for name in golden.names()}
    sys.stdout.write(json.dumps(digests, indent=0) + os.linesep)


if __name__ == "__main__":
    main()
