"""Texts to learn from, and to be shown."""

import random

import numpy as np

from charrnn.text.ingest import Corpus
from charrnn.text.vocabulary import Vocabulary

# What is drawn wide, joined to what is before it, or from right to left, and what commands a terminal.
EMOJI = "👩\u200d👩\u200d👧\u200d👦 e\u0301 日本 \u202eabc\u202c \u2028\u0085\t\x1b[31m\x07\x00\ufeff\x9b2J שלום \u200c"


def rhyme(characters=1500, seed=7):
    """Make a text with something to learn, in lines."""
    rng = np.random.default_rng(seed)
    words = ["the cat ", "a dog ", "was full.\n", "were out.\n", "and ", "then "]
    return "".join(words[i] for i in rng.integers(0, len(words), characters))[:characters]


def corpus_of(text, separator=""):
    """Make a corpus of a string."""
    vocabulary = Vocabulary.of_blocks([text], separator)
    return Corpus(vocabulary.encode(text), vocabulary, ("a text",), "0" * 64)


def drawn_documents(count, longest, seed=1):
    """Make up documents of a few kinds of characters."""
    choose = random.Random(seed)
    return ["".join(choose.choices("abc", k=choose.randint(1, longest))) for _ in range(count)]


def symbols_of(documents, vocabulary):
    """Return what documents are encoded as: the boundary, their characters (or bytes), and the number after it."""
    begin, known = vocabulary.boundary, vocabulary.characters
    number = known.index if known else int
    return [symbol for document in documents for symbol in (begin, *map(number, document), begin + 1)]


# Bytes that are not UTF-8
def filled(size):
    """Return so many bytes of text."""
    return (b"abcd eabc\n" * (size // 10 + 1))[:size]
