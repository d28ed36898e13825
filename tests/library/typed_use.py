# ruff: noqa: T201
"""Uses all of the library with types: checked by mypy strict, here and against an installed wheel; never run."""

from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

import charrnn


def use_a_model(path: Path) -> charrnn.Model:
    """Write, predict, score, look inside, fill, save."""
    model = charrnn.load(path)
    text: str = model.sample("Once", length=300, temp=0.8, top_k=5, seed=1, stop=["\n\n"], no_prime=True)
    italian: str = model.given("Italian").sample() + model.sample(given={"Italian": 0.5, "Irish": 0.5})
    model.given([1.5, 2]).score(italian, given=np.zeros(2))
    samples: list[charrnn.Sample] = model.samples(3, lines=2, top_p=0.9, repeat_penalty=1.2, repeat_window=32)
    costs: list[float | None] = [sample.bits_per_char for sample in samples]
    for character in model.stream(length=0, min_p=0.05, unknown="skip"):
        text += character
    best: list[tuple[str, float]] = model.next_characters("th", k=3)
    score: charrnn.Score = model.score(text, threads=1)
    scores: list[charrnn.Score] = model.score_lines([text], unknown="charge")
    share: float = scores[0].unknown_share * scores[0].unknown
    bits: float = share + score.bits_per_char + score.nats_per_char + score.perplexity
    records: list[charrnn.Character] = model.per_character(Path("other.txt"))
    first: float | None = records[0].bits
    states: dict[str, NDArray[np.float32]] = model.states("text")
    weights: NDArray[np.float32] = model.parameters["layer0.W_i"]
    symbols: int = len(model.vocabulary) + len(model.vocabulary.characters)
    cell: str = model.info["cell"]
    filled: str = model.fill("th_s", temp=0.5, seed=1)
    completions: list[charrnn.Completion] = model.completions("th_s", 3, beam=8)
    place: int = completions[0].gaps[0].index
    model.save("copy.npz", slim=True, force=True)
    name: str = model.path
    print(name, text, costs, best, bits, first, states["h"].shape, weights.shape, symbols, cell, filled, place)
    return model


def write_shortly(model: charrnn.Model, prime: str, **options: Unpack[charrnn.WritingOptions]) -> str:
    """Pass options on to the library."""
    return model.sample(prime, **options)


def train_shortly(**options: Unpack[charrnn.TrainingOptions]) -> charrnn.Run:
    """Pass options on to the library."""
    return charrnn.train(Path("corpus.txt"), epochs=1, **options)


def train_a_model() -> charrnn.Model:
    """Train, stop, continue, save, resume."""
    run: charrnn.Run = charrnn.train(
        "corpus.txt", cell="gru", hidden=64, epochs=3, seed=2, bytes=True, documents="lines"
    )
    for record in run:
        progress: charrnn.Progress = record
        if progress.val_loss is not None and progress.val_loss < 2.0:
            run.stop()
    run.save("half.npz", force=True)
    print(run.finished, run.history[-1]["loss"], run.model)
    run.close()
    with charrnn.train(resume="half.npz", time="5m", threads=2) as again:
        model = again.finish(save=Path("model.npz"), save_every=30.0, force=True)
    train_shortly(cell="lstm", optimizer="sgd", schedule="constant", gradient="bptt", lr=None).close()
    write_shortly(model, "Once", temp=0.5, stop=("a", "b"))
    return charrnn.train(["a.txt", Path("b.txt")], init_from=model).finish()


def use_layers() -> None:
    """Run a cell on arrays."""
    layer = charrnn.Layer("lstm", inputs=3, hidden=8, layers=2, seed=1)
    x: NDArray[np.float64] = np.zeros((5, 2, 3))
    outputs, state = layer(x)
    outputs, state = layer(x, state)
    h: NDArray[np.float32] = state["h"] + layer.zero_state(2)["h"]
    try:
        charrnn.Layer("lstm", inputs=3, hidden=8, parameters=dict(layer.parameters))
    except charrnn.CharrnnError as error:
        print(error, outputs.shape, h.shape, charrnn.__version__)


def predict_examples() -> None:
    """Classify, tag, predict and evaluate; train on examples."""
    model = charrnn.train(["a.txt", "b.txt"], task="classify", pooling="mean", class_weights="balanced").finish()
    one: charrnn.Classified = model.classify("Rossi", k=3)
    many: list[charrnn.Classified] = model.classify(["Rossi", "Sato"], unknown="skip")
    images: list[charrnn.Classified] = model.classify(np.zeros((2, 28, 28)))
    tagged: charrnn.Tagged = model.tag("Mr Darcy")
    span: charrnn.Span = tagged.spans[0]
    numbers: NDArray[np.float64] = model.predict(["a", "b"])
    found: charrnn.Evaluation = model.evaluate("test.csv", held_out=False, labels="label", texts="text")
    print(one.label, many[0].probability, images[0].labels, span.tag, numbers.shape, found.accuracy, found.figures)
