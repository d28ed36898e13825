"""The same network, text, optimizer and clipping in PyTorch, in each variant that can be its fastest.

The variants: one thread or all; a learned embedding, as wide as ours or else as the network, or one-hot input; for
training, Adam in one call for all parameters (``foreach``) or in one kernel (``fused``); for sampling from an LSTM,
oneDNN's kernels, which are PyTorch's default and the fastest in training, or PyTorch's own. Every variant flushes
denormal numbers to zero, as this program does, and reads windows that are already in memory.
"""

from typing import Any

import numpy as np

from charrnn.benchmark.timing import Side
from charrnn.cells.architecture import Architecture
from charrnn.errors import CharrnnError
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer

WINDOWS = 256  # windows in memory, at most
ADAMS = ("foreach", "fused")
LAYERS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}  # names of the layers in torch.nn


def require() -> Any:
    """Import and return torch.

    Raises CharrnnError if PyTorch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise CharrnnError("PyTorch is not installed; install it with: pip install torch") from None
    torch.set_flush_denormal(True)
    return torch


def training_sides(trainer: Trainer[TextData], threads: int) -> dict[str, Side]:
    """Return sides that take training steps in PyTorch, by variant.

    They count characters. Raises CharrnnError if PyTorch is not installed.
    """
    windows = _windows(trainer)
    return {
        f"{_way(threads, one_hot)}, {adam}": _training_side(trainer, windows, threads, one_hot, adam)
        for one_hot in (False, True)
        for adam in ADAMS
    }


def sampling_sides(architecture: Architecture, streams: int, threads: int, *, onednn: bool = True) -> dict[str, Side]:
    """Return sides that sample in PyTorch, by variant.

    They count characters. Without `onednn`, PyTorch uses its own kernels, which are faster for sampling from an LSTM.
    Raises CharrnnError if PyTorch is not installed.
    """
    name = "" if onednn else ", no oneDNN"
    return {
        _way(threads, one_hot) + name: _sampling_side(architecture, streams, threads, one_hot, onednn)
        for one_hot in (False, True)
    }


def _way(threads: int, one_hot: bool) -> str:
    return f"PyTorch, {'one-hot' if one_hot else 'embedding'}, {threads} thread{'s' * (threads > 1)}"


def _windows(trainer: Trainer[TextData]) -> list[tuple[Any, Any]]:
    """Return inputs and targets [T, B] of the first whole windows."""
    torch = require()
    streams = trainer.data.streams
    whole = streams.steps // streams.batch_size // streams.seq_length
    windows = []
    for w in range(min(whole, WINDOWS)):
        ids = np.zeros((streams.seq_length, streams.batch_size), np.int32)
        targets = np.zeros_like(ids)
        streams.window(w, ids, targets)
        windows.append((torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(targets.astype(np.int64))))
    return windows


def _network(architecture: Architecture, *, one_hot: bool) -> tuple[Any, Any, Any]:
    """Return the input layer, the recurrent layers and the output layer."""
    torch = require()
    symbols, hidden = architecture.vocabulary, architecture.hidden
    kind: Any = getattr(torch.nn, LAYERS[architecture.cell])

    class OneHot(torch.nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def forward(self, ids: Any) -> Any:
            return torch.nn.functional.one_hot(ids, symbols).float()

    numbers = architecture.embedding or hidden
    inputs = OneHot() if one_hot else torch.nn.Embedding(symbols, numbers)
    layers = kind(symbols if one_hot else numbers, hidden, architecture.layers)
    return inputs, layers, torch.nn.Linear(hidden, symbols)


def _training_side(
    trainer: Trainer[TextData], windows: list[tuple[Any, Any]], threads: int, one_hot: bool, adam: str
) -> Side:
    torch = require()
    settings = trainer.settings
    torch.manual_seed(settings.seed)
    inputs, layers, output = _network(trainer.architecture, one_hot=one_hot)
    parameters = [p for part in (inputs, layers, output) for p in part.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=settings.lr, **{adam: True})
    state: Any = None
    done = 0

    def side(steps: int) -> int:
        nonlocal state, done
        torch.set_num_threads(threads)
        characters = 0
        for _ in range(steps):
            ids, targets = windows[done % len(windows)]
            h, state = layers(inputs(ids), state)
            state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
            loss = torch.nn.functional.cross_entropy(output(h).flatten(0, 1), targets.flatten())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if settings.clip:
                torch.nn.utils.clip_grad_norm_(parameters, settings.clip)
            optimizer.step()
            characters += ids.numel()
            done += 1
        return characters

    return side


def _sampling_side(architecture: Architecture, streams: int, threads: int, one_hot: bool, onednn: bool) -> Side:
    torch = require()
    torch.manual_seed(0)
    inputs, layers, output = (part.eval() for part in _network(architecture, one_hot=one_hot))
    state: Any = None
    ids = torch.zeros((1, streams), dtype=torch.int64)

    def side(steps: int) -> int:
        nonlocal state, ids
        torch.set_num_threads(threads)
        torch.backends.mkldnn.enabled = onednn
        try:
            with torch.inference_mode():
                for _ in range(steps):
                    h, state = layers(inputs(ids), state)
                    ids = torch.multinomial(torch.softmax(output(h[0]), 1), 1).T
                    ids.tolist()  # a sampled character is written at once
        finally:
            torch.backends.mkldnn.enabled = True
        return steps * streams

    return side
