"""A network that reads whole examples in PyTorch: the same batches, losses, optimizer and learning rates.

Those that write texts are in `pytorch_writing`.

The variants, of which the fastest counts: one thread or all; characters one-hot or through a learned embedding, as wide
as ours or else as the network; packed sequences, in which each example ends where it ends, or padded batches, which
oneDNN's LSTM takes too; Adam in one call for all parameters (``foreach``) or in one kernel (``fused``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.benchmark import pytorch
from charrnn.cells.architecture import Architecture
from charrnn.model.example_batches import EncodedExamples, by_length
from charrnn.training.example_data import ExampleData
from charrnn.training.trainer import Trainer

ROWS_AT_ONCE, STEPS_AT_ONCE = 256, 1 << 16  # of examples that are read to be judged
NONE = -1  # the target where nothing is predicted

Group = NDArray[np.int64]


@dataclass(frozen=True)
class Way:
    """One way to write the network in PyTorch."""

    threads: int
    one_hot: bool
    packed: bool
    adam: str

    def name(self, architecture: Architecture) -> str:
        """Return what tells this way from the others."""
        inputs = [] if architecture.features else ["one-hot" if self.one_hot else "embedding"]
        order = "packed" if self.packed else "padded"
        return ", ".join(["PyTorch", *inputs, order, self.adam, f"{self.threads} thread{'s' * (self.threads > 1)}"])


def ways(data: ExampleData, threads: int) -> list[Way]:
    """Return the ways that compute what our network does.

    Padded batches do not in two directions, unless all examples have the same length; then nothing needs packing.
    """
    lengths = np.concatenate([data.train.pieces.lengths, data.validation.pieces.lengths])
    equal = bool((lengths == lengths[0]).all())
    orders = (False,) if equal else (True,) if data.architecture.bidirectional else (False, True)
    inputs = (False,) if data.architecture.features else (False, True)
    return [Way(threads, one, order, adam) for one in inputs for order in orders for adam in pytorch.ADAMS]


class Reader:
    """Encoded examples as tensors, and batches of them."""

    def __init__(self, examples: EncodedExamples, architecture: Architecture) -> None:
        torch = pytorch.require()
        self.examples, self.architecture = examples, architecture
        steps = examples.ids if examples.numbers is None else examples.numbers
        assert steps is not None
        self.steps = torch.from_numpy(steps.astype(np.int64) if examples.numbers is None else steps)
        self.weights = None if examples.weights is None else torch.from_numpy(examples.weights)
        self.given = None if examples.given is None else torch.from_numpy(examples.given)
        self.sources: Reader | None = None
        if architecture.encoder is not None and examples.sources is not None:
            self.sources = Reader(examples.sources, architecture.encoder)

    @cached_property
    def targets(self) -> Any:
        """What is to be predicted, which the sources of an encoder do not have."""
        targets = self.examples.targets
        return pytorch.require().from_numpy(targets.astype(np.int64) if targets.ndim == 1 else targets)

    def batch(self, group: Group) -> tuple[Any, Any, Group]:
        """Return inputs [B, T, …], lengths [B] and where they are among all steps [B, T]; padding repeats steps."""
        torch = pytorch.require()
        starts, lengths = self.examples.pieces.starts[group], self.examples.pieces.lengths[group]
        places = starts[:, np.newaxis] + np.minimum(np.arange(lengths.max()), lengths[:, np.newaxis] - 1)
        return self.steps[torch.from_numpy(places)], torch.from_numpy(lengths), places

    def predicting(self, group: Group, longest: int) -> NDArray[np.bool_]:
        """Return which steps of a batch predict [B, T]."""
        pieces, steps = self.examples.pieces, np.arange(longest)
        after = steps >= pieces.first[group][:, np.newaxis]
        return np.asarray(after & (steps < pieces.last[group][:, np.newaxis]))


class Learner:
    """A network in PyTorch, in training."""

    def __init__(self, trainer: Trainer[ExampleData], way: Way) -> None:
        """Make a network of a run's sizes."""
        torch = pytorch.require()
        self.trainer, self.way, self.step = trainer, way, 0
        self.architecture, settings = trainer.architecture, trainer.settings
        torch.manual_seed(settings.seed)
        self.module = torch.nn.ModuleList(self.parts())
        self.parameters = [p for p in self.module.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(self.parameters, lr=settings.lr, **{way.adam: True})
        self.train = Reader(trainer.data.train, self.architecture)

    def parts(self) -> list[Any]:
        """Return all parts of a new network, with PyTorch's own first weights."""
        torch, a, dropout = pytorch.require(), self.architecture, self.trainer.settings.dropout
        self.inputs, self.layers = network(a, self.way, dropout)
        self.output = torch.nn.Linear(a.directions * a.hidden, a.predicted)
        self.dropout = torch.nn.Dropout(dropout)
        return [self.inputs, self.layers, self.output, self.dropout]

    def outputs(self, reader: Reader, group: Group) -> tuple[Any, Group]:
        """Return the outputs of a group of pieces, the longest first: [B, K] or [B, T, K], and the places [B, T]."""
        torch = pytorch.require()
        x, lengths, places = reader.batch(group)
        x, pooling = self.inputs(x), self.architecture.pooling
        if self.way.packed:
            packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
            h, state = self.layers(packed)
            if pooling != "last":
                h, _ = torch.nn.utils.rnn.pad_packed_sequence(h, batch_first=True)
        else:
            h, state = self.layers(x)
        if pooling == "last":
            last = state[0] if isinstance(state, tuple) else state  # [D·L, B, H]
            if self.architecture.bidirectional:
                h = torch.cat([last[-2], last[-1]], 1)
            elif self.way.packed:
                h = last[-1]
            else:
                h = h[torch.arange(len(lengths)), lengths - 1]
        h = self.dropout(h)
        if pooling == "mean":
            read = (torch.arange(h.shape[1]) < lengths[:, None]).unsqueeze(2)
            h = (h * read).sum(1) / lengths[:, None]
        return self.output(h), places

    def loss(self, reader: Reader, group: Group) -> tuple[Any, int]:
        """Return the mean loss of a group, as `kernels.heads` defines it, and how many predictions it has."""
        outputs, places = self.outputs(reader, group)
        torch, each = pytorch.require(), self.architecture.pooling == "each"
        targets = reader.targets[torch.from_numpy(places if each else group)]
        if each:
            predicts = torch.from_numpy(reader.predicting(group, places.shape[1]))
            outputs, targets = outputs[predicts], targets[predicts]
        known = targets >= 0 if targets.ndim == 1 else torch.isfinite(targets).all(1)
        if not bool(known.all()):
            outputs, targets = outputs[known], targets[known]
        losses = _LOSSES[self.architecture.head](torch, outputs, targets)
        if reader.weights is not None:
            losses = losses * reader.weights[targets]
        return losses.mean(), len(losses)

    def groups(self, steps: int) -> Iterator[Group]:
        """Yield the pieces of the next batches, those of our run, the longest first."""
        of_run = self.trainer.data.steps
        for _ in range(steps):
            number, place = divmod(self.step, of_run.per_epoch)
            examples, groups = of_run.epoch(number)
            self.train.examples = examples  # a series is cut at other places in each epoch
            group = groups[place]
            self.step += 1
            yield group[np.argsort(-examples.pieces.lengths[group], kind="stable")]

    def advance(self, steps: int) -> int:
        """Take training steps; return how many predictions they were."""
        torch = pytorch.require()
        torch.set_num_threads(self.way.threads)
        settings, done = self.trainer.settings, 0
        self.module.train()
        for group in self.groups(steps):
            if not group.size:
                continue
            loss, predictions = self.loss(self.train, group)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if settings.clip:
                torch.nn.utils.clip_grad_norm_(self.parameters, settings.clip)
            self.optimizer.param_groups[0]["lr"] = self.trainer.steps.rate(self.step, 0.0)
            self.optimizer.step()
            done += predictions
        return done

    def judged(self, examples: EncodedExamples) -> NDArray[np.float32]:
        """Return the outputs of examples: [P, K], or [steps, K] with NaN where nothing is predicted."""
        torch, pieces = pytorch.require(), examples.pieces
        reader, each = Reader(examples, self.architecture), self.architecture.pooling == "each"
        rows = len(reader.steps) if each else pieces.count
        found = np.full((rows, self.architecture.targets), np.nan, np.float32)
        self.module.eval()
        with torch.inference_mode():
            for group in by_length(pieces.lengths, ROWS_AT_ONCE, STEPS_AT_ONCE):
                outputs, places = self.outputs(reader, group)
                if each:
                    predicts = reader.predicting(group, places.shape[1])
                    found[places[predicts]] = outputs.numpy()[predicts]
                else:
                    found[group] = outputs.numpy()
        return found


def network(architecture: Architecture, way: Way, dropout: float) -> tuple[Any, Any]:
    """Return the input layer and the recurrent layers, which read a condition beside what comes from it."""
    torch = pytorch.require()
    symbols, hidden, width = architecture.symbols(0), architecture.hidden, architecture.features
    kind: Any = getattr(torch.nn, pytorch.LAYERS[architecture.cell])

    class OneHot(torch.nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def forward(self, ids: Any) -> Any:
            return torch.nn.functional.one_hot(ids, symbols).float()

    inputs: Any = torch.nn.Identity()
    if symbols and not width:
        width = symbols if way.one_hot else architecture.embedding or hidden
        inputs = OneHot() if way.one_hot else torch.nn.Embedding(symbols, width)
    layers = kind(
        width + architecture.conditions,
        hidden,
        architecture.layers,
        batch_first=True,
        dropout=dropout if architecture.layers > 1 else 0.0,
        bidirectional=architecture.directions == 2,
    )
    return inputs, layers


def _of_classes(torch: Any, outputs: Any, targets: Any) -> Any:
    return torch.nn.functional.cross_entropy(outputs, targets, reduction="none")


def _of_numbers(torch: Any, outputs: Any, targets: Any) -> Any:
    return 0.5 * ((outputs - targets) ** 2).sum(1)


def _of_shares(torch: Any, outputs: Any, targets: Any) -> Any:
    return torch.nn.functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none").sum(1)


_LOSSES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "softmax": _of_classes,
    "linear": _of_numbers,
    "logistic": _of_shares,
}
