"""Simple methods beside a network: what it should beat, on the same examples."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.examples.dataset import Classes, Examples, Floats
from charrnn.kernels.arithmetic import exp, log

ORDERS = (1, 2, 3, 4)  # characters of the n-grams of naive Bayes
SMOOTHING = 0.1  # added to each count of an n-gram: the best of 1, 0.3, 0.1, 0.03 and 0.01 on surnames
MOST_CHARACTERS = 2_000_000  # to train on, so that it takes seconds
NGRAM = 4  # characters before one that is written; 5 are as good on sentences, and worse on names
MOST_WRITTEN = 500_000  # characters to train on, likewise
CONDITIONS = 0x10_0000  # characters that stand for conditions; private ones
MOST_CELLS = 20_000_000  # n-grams times classes; the most frequent n-grams are kept
BLOCK = 1_000_000  # characters that are classified at a time
LAGS = 32  # steps that the linear model sees at most
ROWS_PER_WEIGHT = 10  # steps to fit it to, for each of its weights
MOST_NUMBERS = 20_000_000  # that it is fitted to, the latest ones
START, END = "\2", "\3"  # around a text, so that n-grams know its beginning and its end

Codes = NDArray[np.uint64]


class LinearForecast(NamedTuple):
    """What a linear model predicts."""

    lags: int  # the steps that it sees, p
    values: Floats  # [T, M]


def same_as_last(series: Examples) -> Floats:
    """Return the forecast [T, M] that each predicted column stays as it is: ŷ_{t+k} = y_t."""
    ahead, columns = _horizon(series)
    assert series.numbers is not None
    return np.tile(series.numbers[:, :columns], ahead)


def copied(pairs: Examples) -> list[tuple[str, set[str]]]:
    """Return each text to translate as its own translation, with the texts that are right for it."""
    assert pairs.texts is not None
    assert pairs.translations is not None
    right: dict[str, set[str]] = {}
    for source, target in zip(pairs.texts, pairs.translations, strict=True):
        right.setdefault(source, set()).add(target)
    return list(right.items())


def linear_model(train: Examples, held_out: Examples) -> LinearForecast:
    """Return the forecast of a linear model with an intercept for the end of a series, [T, M].

    The model sees the last p steps: ŷ_t = b + Σ_{j<p} x_{t−j} W_j, fitted to the part to train on by least squares,
    without a penalty (the solution of least norm, if there are several). p is `LAGS`, or fewer: there are
    `ROWS_PER_WEIGHT` steps for each of the p·D weights of a target. The first steps held out see the end of the part
    to train on.
    """
    assert train.numbers is not None
    assert train.values is not None
    assert held_out.numbers is not None
    width = train.inputs
    known = int((~np.isnan(train.values).any(axis=1)).sum())
    lags = max(1, min(LAGS, known // (ROWS_PER_WEIGHT * width + 1)))
    rows = min(known - lags + 1, max(1, MOST_NUMBERS // (lags * width)))
    x = _lagged(train.numbers[:known], lags)[-rows:]
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    deviation[deviation == 0] = 1.0
    targets = train.values[:known][-rows:].astype(np.float64)
    offset = targets.mean(axis=0)
    weights = np.linalg.lstsq((x - mean) / deviation, targets - offset, rcond=None)[0]
    before = train.numbers[max(0, train.steps - lags + 1) :]
    seen = _lagged(np.concatenate([before, held_out.numbers]), lags)[-held_out.steps :]
    return LinearForecast(lags, ((seen - mean) / deviation @ weights + offset).astype(np.float32))


def naive_bayes(train: Examples, held_out: Examples, smoothing: float = SMOOTHING) -> NDArray[np.float64]:
    """Return the probabilities [N, K] of the classes of texts by multinomial naive Bayes over character n-grams.

    ln p(c | text) = ln p(c) + ¼ Σ_g ln((n_{c,g} + α) / (n_c + α G)) + constant, over the n-grams g of the text, of 1 to
    4 characters, its beginning and its end included; the quarter is there as each character is in n-grams of four
    lengths. n_{c,g} is how often g occurs in the texts of class c to train on, and n_c the sum over all G n-grams;
    those that do not occur there are left out. Of the texts to train on, the first `MOST_CHARACTERS` are read.
    (McCallum & Nigam 1998. It takes n-grams for independent, so its probabilities are too near 0 and 1.)
    """
    assert train.texts is not None
    assert train.classes is not None
    assert held_out.texts is not None
    count = max(1, int(np.searchsorted(np.cumsum(train.lengths), MOST_CHARACTERS, side="right")))
    classes, width = train.classes[:count], len(train.labels)
    codes, of_text = _ngrams(train.texts[:count])
    grams, place, total = np.unique(codes, return_inverse=True, return_counts=True)
    kept = np.sort(np.argsort(-total, kind="stable")[: MOST_CELLS // width])
    counts = np.bincount(place * width + classes[of_text], minlength=grams.size * width).reshape(-1, width)[kept]
    grams = grams[kept]
    weights = log(counts + smoothing) - log(counts.sum(axis=0) + smoothing * grams.size)
    prior = log((np.bincount(classes, minlength=width) + 1.0) / (count + width))
    scores = np.tile(prior, (held_out.count, 1))
    block = max(1, BLOCK * held_out.count // max(1, held_out.steps))
    for begin in range(0, held_out.count, block):
        part = slice(begin, begin + block)
        codes, of_text = _ngrams(held_out.texts[part])
        at = np.minimum(np.searchsorted(grams, codes), grams.size - 1)
        known = grams[at] == codes
        for k in range(width):
            sums = np.bincount(of_text[known], weights[at[known], k], minlength=len(scores[part]))
            scores[part, k] += sums / len(ORDERS)
    odds = exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float64)


def tags_of_characters(train: Examples, held_out: Examples) -> Classes:
    """Return the tag [steps] that each character has most often in the texts to train on.

    A character that does not occur there gets the most frequent tag.
    """
    assert train.texts is not None
    assert train.classes is not None
    assert held_out.texts is not None
    characters, place = np.unique(_code_points("".join(train.texts)), return_inverse=True)
    width = len(train.labels)
    counts = np.bincount(place * width + train.classes, minlength=characters.size * width).reshape(-1, width)
    asked = _code_points("".join(held_out.texts))
    at = np.minimum(np.searchsorted(characters, asked), characters.size - 1)
    usual = int(counts.sum(axis=0).argmax())
    return np.where(characters[at] == asked, counts.argmax(axis=1)[at], usual).astype(np.int32)


def loss_of_ngrams(train: Examples, held_out: Examples, order: int = NGRAM) -> float:
    """Return the mean loss of writing texts by interpolated n-grams of characters, in nats: see `ngram_losses`."""
    return float(ngram_losses(train, held_out, order).mean())


def ngram_losses(train: Examples, held_out: Examples, order: int = NGRAM) -> NDArray[np.float64]:
    """Return the losses of writing texts by interpolated n-grams of characters, those of all texts end to end, in nats.

    p(c | x) = (n(x c) + d(x) p(c | x without its first character)) / (n(x) + d(x)) for the `order` characters x before
    c, where n counts in the texts to train on, and d(x) is how many different characters follow x there; below all is
    the same probability for each character (Witten & Bell 1991). A text begins with a character that stands for its
    condition, if that is a name, and it ends with one that is predicted, too. What is to be translated is not seen. Of
    the texts to train on, the first `MOST_WRITTEN` characters are read.
    """
    texts = _written(train)
    count = max(1, int(np.searchsorted(np.cumsum([len(text) - 1 for text in texts]), MOST_WRITTEN, side="right")))
    symbols = {*"".join(text[1:] for text in (*texts, *_written(held_out)))}
    seen, all_seen, followers = Counter[str](), Counter[str](), Counter[str]()
    for text in texts[:count]:
        for k in range(1, len(text)):
            for begin in range(max(0, k - order), k + 1):
                gram = text[begin : k + 1]
                followers[gram[:-1]] += gram not in seen
                seen[gram] += 1
                all_seen[gram[:-1]] += 1
    found = []
    for text in _written(held_out):
        for k in range(1, len(text)):
            p = 1.0 / len(symbols)
            for begin in range(k, max(0, k - order) - 1, -1):
                gram = text[begin : k + 1]
                if total := all_seen[gram[:-1]]:
                    different = followers[gram[:-1]]
                    p = (seen[gram] + different * p) / (total + different)
            found.append(p)
    return -log(np.array(found))


def _written(examples: Examples) -> list[str]:
    """Return texts to write, each between the character that stands for its condition and the one at its end."""
    texts = examples.texts if examples.translations is None else examples.translations
    assert texts is not None
    begins = [0] * len(texts) if examples.classes is None else examples.classes.tolist()
    return [f"{chr(CONDITIONS + of)}{text}{END}" for of, text in zip(begins, texts, strict=True)]


def _horizon(series: Examples) -> tuple[int, int]:
    """Return how many steps ahead a series is predicted, and how many columns."""
    assert series.values is not None
    ahead = int(np.isnan(series.values[:, -1]).sum())
    return ahead, series.values.shape[1] // ahead


def _lagged(numbers: Floats, lags: int) -> NDArray[np.float64]:
    """Return the last steps at each step but the first ones, [T − lags + 1, lags · D]."""
    steps = len(numbers) - lags + 1
    return np.concatenate([numbers[j : j + steps] for j in range(lags)], axis=1).astype(np.float64)


def _code_points(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)


def _ngrams(texts: tuple[str, ...]) -> tuple[Codes, NDArray[np.int64]]:
    """Return a hash of each n-gram of some texts, and the number of its text."""
    symbols = _code_points("".join(f"{START}{text}{END}" for text in texts))
    lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 2
    of_text = np.repeat(np.arange(lengths.size), lengths)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(symbols.size)  # symbols from each one to its text's end
    inner = (left > 1) & (left < np.repeat(lengths, lengths))
    found, places = [], []
    codes = np.zeros(symbols.size, np.uint64)
    for order in ORDERS:
        codes = codes[: symbols.size - order + 1]
        codes = (codes ^ (codes >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) + symbols[order - 1 :] + np.uint64(1)
        whole = inner if order == 1 else left[: codes.size] >= order
        found.append(codes[whole])
        places.append(of_text[: codes.size][whole])
    return np.concatenate(found), np.concatenate(places)
