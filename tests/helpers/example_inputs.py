"""Small files of examples, one form for each task, and models that are trained on them."""

import math
from pathlib import Path

import numpy as np

from tests.helpers.commands import enter

NAMES = {
    "Irish": "O'Brien O'Neill Brady Kelly Murphy Walsh Byrne Doyle Kavanagh Nolan O'Connor O'Shea",
    "Italian": "Rossi Bianchi Ferrari Esposito Romano Colombo Ricci Marino Greco Bruno Gallo Conti",
    "Japanese": "Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Kato Yoshida Abe",
}
OPTIONS = {  # of train, for the files that `write_inputs` writes into a folder
    "classify": ("names", "--task", "classify"),
    "tag": ("tagged.txt", "--task", "tag"),
    "predict": ("sea.csv", "--task", "predict", "--labels", "level", "--inputs", "wind", "--ahead", 3),
    "classify numbers": ("waves.npz", "--task", "classify"),
    "predict of texts": ("lengths.csv", "--task", "predict", "--texts", "word", "--labels", "length,vowels"),
}
TINY = ("--hidden", 8, "--seq-length", 40, "--batch-size", 8, "--threads", 1)


def write_inputs(folder):
    """Write a file or a folder for each of OPTIONS."""
    folder = Path(folder)
    (folder / "names").mkdir()
    for language, names in NAMES.items():
        (folder / "names" / f"{language}.txt").write_text("\n".join(names.split()) + "\n")
    words = [name for names in NAMES.values() for name in names.split() if name.isalpha()]
    tags = ["".join("V" if c in "aeiou" else "C" for c in word) for word in words]
    (folder / "tagged.txt").write_text("".join(f"{w}\n{t}\n\n" for w, t in zip(words, tags, strict=True)))
    (folder / "pairs.tsv").write_text("".join(f"{word}\t{word[::-1]}\n" for word in words))
    hours = [f"{t},{math.sin(t / 5):.3f},{math.cos(t / 7):.3f}" for t in range(400)]
    (folder / "sea.csv").write_text("\n".join(["hour,level,wind", *hours]) + "\n")
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    waves = np.sin(np.arange(20) * (1.0 + labels[:, np.newaxis]) / 3) + 0.1 * rng.standard_normal((60, 20))
    np.savez(folder / "waves.npz", x_train=waves.astype(np.float32), y_train=labels)
    rows = [f"{word},{len(word)},{sum(c in 'aeiou' for c in word)}" for word in words]
    (folder / "lengths.csv").write_text("\n".join(["word,length,vowels", *rows]) + "\n")


def train_on(folder, task, output, *options):
    """Train a small model on the inputs in a folder; return its path."""
    source, *rest = OPTIONS[task]
    output = Path(folder) / output
    asked = (Path(folder) / source, *rest, *TINY, *(() if "--epochs" in options else ("--epochs", 2)), *options)
    assert enter("train", *asked, "--quiet", "-o", output) == 0
    return output
