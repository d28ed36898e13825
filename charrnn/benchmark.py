"""Speed, measured side by side in one run: this program and, where it is installed, PyTorch on the same work."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.settings import Settings
from charrnn.text import Corpus
from charrnn.training import Trainer
from charrnn.workers import Workers

ROUND_SECONDS = 0.4  # of work for one side before it is the next one's turn


@dataclass(frozen=True)
class Timing:
    """Characters a second of one side, a figure for each round."""

    name: str
    rates: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.rates)

    @property
    def best(self) -> float:
        """The fastest round."""
        return max(self.rates)


def alternate(sides: Mapping[str, Callable[[int], int]], rounds: int) -> list[Timing]:
    """Time all sides in turn, round after round, so that whatever else the machine does hits them alike.

    A side does so many steps of its work and returns how many characters that was; its first steps do not count.
    """
    steps = {}
    for name, side in sides.items():
        side(2)
        began = time.perf_counter()
        side(3)
        steps[name] = max(1, round(3 * ROUND_SECONDS / (time.perf_counter() - began)))
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            began = time.perf_counter()
            characters = side(steps[name])
            rates[name].append(characters / (time.perf_counter() - began))
    return [Timing(name, tuple(values)) for name, values in rates.items()]


def training_speed(
    corpus: Corpus, settings: Settings, team: Workers, *, rounds: int, against_torch: bool
) -> list[Timing]:
    """Return the training speeds of this program and, if asked for, of PyTorch in each of its ways.

    Raises CharrnnError where PyTorch is asked for and not installed.
    """
    trainer = Trainer(settings, corpus, team)
    trainer.compile()

    def ours(steps: int) -> int:
        characters, windows = 0, trainer.streams.windows
        while steps:
            part = min(steps, windows - trainer.state.step % windows)
            characters += trainer.advance(part).characters
            steps -= part
        return characters

    sides: dict[str, Callable[[int], int]] = {"charrnn": ours}
    if against_torch:
        for threads in sorted({1, team.size}):
            for one_hot in (False, True):
                name = f"PyTorch, {'one-hot' if one_hot else 'embedding'}, {threads} thread{'s' * (threads > 1)}"
                sides[name] = _torch_side(trainer, threads, one_hot=one_hot)
    return alternate(sides, rounds)


def _torch_side(trainer: Trainer, threads: int, *, one_hot: bool) -> Callable[[int], int]:
    """Return the same training as steps of PyTorch: its own cells, Adam and clipping, the same windows of text."""
    try:
        import torch
    except ImportError:
        raise CharrnnError("PyTorch is not installed here; pip install torch") from None
    settings, architecture, streams = trainer.settings, trainer.architecture, trainer.streams
    symbols, hidden = architecture.vocabulary, architecture.hidden
    torch.manual_seed(settings.seed)
    layer: Any = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[architecture.cell]
    network = layer(symbols if one_hot else hidden, hidden, architecture.layers)
    embedding = torch.nn.Embedding(symbols, hidden)
    output = torch.nn.Linear(hidden, symbols)
    parameters = [*network.parameters(), *output.parameters(), *([] if one_hot else embedding.parameters())]
    optimiser = torch.optim.Adam(parameters, lr=settings.lr)
    ids = np.zeros((settings.seq_length, settings.batch_size), np.int32)
    targets = np.zeros_like(ids)
    state: Any = None
    done = 0

    def side(steps: int) -> int:
        nonlocal state, done
        torch.set_num_threads(threads)
        for _ in range(steps):
            streams.window(done % max(1, streams.windows - 1), ids, targets)  # whole windows only
            x = torch.from_numpy(ids.astype(np.int64))
            y = torch.from_numpy(targets.astype(np.int64))
            inputs = torch.nn.functional.one_hot(x, symbols).float() if one_hot else embedding(x)
            h, state = network(inputs, state)
            state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
            loss = torch.nn.functional.cross_entropy(output(h).flatten(0, 1), y.flatten())
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, settings.clip or 1e9)
            optimiser.step()
            done += 1
        return steps * ids.size

    return side
