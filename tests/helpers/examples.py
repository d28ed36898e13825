"""Batches of whole examples for networks and their naive twins."""

import numpy as np

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.kernels import examples_loop
from charrnn.kernels.arguments import Dropout
from charrnn.kernels.example_arguments import Batch
from charrnn.kernels.llvm.vector import padded
from charrnn.model.example_batches import EncodedExamples, Pieces
from charrnn.model.example_window import ExampleWindow
from charrnn.model.network import Network
from charrnn.model.team import Team
from tests import naive
from tests.rows import fitted

OPTIONS = {"clockwork": {"periods": (1, 2, 5)}, "lstm-projection": {"projection": 4}}


class ExampleCase:
    """A network with random parameters, a batch of random examples, and the same for its naive twin in float64.

    The batch has `rows`, of which those behind the examples have none, and its window has `spare` steps.
    """

    def __init__(
        self,
        task="classify",
        lengths=(4, 1, 3),
        *,
        cell="lstm",
        hidden=6,
        symbols=5,
        dropout=0.0,
        spare=2,
        rows=None,
        **options,
    ):
        symbols = 0 if options.get("features") else symbols
        targets = {} if task == "generate" else {"targets": 3}
        options = {**targets, **fitted(hidden, OPTIONS.get(cell, {})), **options}
        self.architecture = a = Architecture(cell, symbols, hidden, task=task, **options)
        twins = {"activation": a.activation, "periods": a.periods}
        self.options = {name: value for name, value in twins.items() if value is not None}
        rng = np.random.default_rng([len(lengths), hidden])
        parameters = initialize(a, 3)
        for values in parameters.values():
            if values.ndim == 1 or not values.any():
                values += (0.3 * rng.standard_normal(values.shape)).astype(np.float32)
        self.network = Network(a, parameters)
        self.parameters = {name: values.astype(np.float64) for name, values in parameters.items()}
        self.lengths, self.each = lengths, a.pooling == "each"
        self.given = rng.standard_normal((len(lengths), a.conditions)).astype(np.float32)
        if a.features:
            self.inputs = [rng.standard_normal((n, a.features)).astype(np.float32) for n in lengths]
        else:
            self.inputs = [rng.integers(0, symbols, n) for n in lengths]
        shapes = [(n,) if self.each else () for n in lengths]
        if a.head == "softmax":
            self.targets = [rng.integers(-1 if self.each else 0, a.predicted, shape) for shape in shapes]
        elif a.head == "linear":
            self.targets = [rng.standard_normal((*shape, a.targets)) for shape in shapes]
        else:
            self.targets = [rng.integers(0, 2, (*shape, a.targets)) for shape in shapes]
        rng = np.random.default_rng(len(lengths))
        self.weights = rng.random(len(lengths)) + 0.5
        self.scale = 0.37
        self.keys = np.arange(17, 17 + a.dropped_layers if dropout else 17, dtype=np.int32)
        self.rows = rows or len(lengths)
        self.window = ExampleWindow(a, self.rows, max(lengths) + spare, dropout=dropout, training=True)

    def batch(self):
        """Return the batch, as kernels read it."""
        a, T, B = self.architecture, self.window.seq_length, self.rows
        length, rows = max(self.lengths), T if self.each else 1
        ids = np.zeros((a.directions * T, B), np.int32)
        numbers = np.zeros((a.directions * T, B, padded(a.features)) if a.features else (0, 0, 0), np.float32)
        targets, values = np.full((rows, B), -1, np.int32), np.zeros((0, 0, 0), np.float32)
        if a.head != "softmax":
            values = np.zeros((rows, B, padded(a.targets)), np.float32)
        for b, (x, y) in enumerate(zip(self.inputs, self.targets, strict=True)):
            n = len(x)
            for stack in range(a.directions):
                places = T * stack + (length - n if stack else 0) + np.arange(n)
                if stack:
                    ids[T : T + length - n, b] = -1
                if a.features:
                    numbers[places, b, : a.features] = x[:: -1 if stack else 1]
                else:
                    ids[places, b] = x[:: -1 if stack else 1]
            where = slice(0, n if self.each else 1)
            if a.head == "softmax":
                targets[where, b] = y
            else:
                targets[where, b], values[where, b, : a.targets] = 0, y
        weights, ends = np.ones((rows, B), np.float32), np.zeros(B, np.int32)
        weights[:, : len(self.lengths)] = self.weights
        ends[: len(self.lengths)] = self.lengths
        dropout = Dropout(1.0 - self.window.dropout, self.keys)
        given = np.zeros((0, 0, 0), np.float32)
        if a.conditions:
            given = np.zeros((1, B, padded(a.conditions)), np.float32)
            given[0, : len(self.lengths), : a.conditions] = self.given
        return Batch(
            ids, numbers, ends, targets, values, weights, length, self.scale, dropout, given, *self.source_batch()
        )

    def source_batch(self):
        """Return what an encoder reads: nothing."""
        return np.zeros((0, self.rows), np.int32), np.zeros(self.rows, np.int32), 0

    def predict(self):
        """Return what the network predicts of each example: outputs [K] or [n, K]."""
        batch = self.batch()
        self.network.forward_examples(self.window, batch, 0, len(self.lengths))
        outputs = self.window.logits[:, :, : self.architecture.predicted]
        return [outputs[:n, b].copy() if self.each else outputs[0, b].copy() for b, n in enumerate(self.lengths)]

    def encoded(self):
        """Return the examples as a run has them, end to end, with all weights 1."""
        lengths, targets = np.array(self.lengths), self.targets if self.each else [np.array([y]) for y in self.targets]
        inputs, targets = np.concatenate(self.inputs), np.concatenate(targets)
        has_classes, reads_numbers = self.architecture.head == "softmax", self.architecture.features > 0
        return EncodedExamples(
            Pieces.whole(lengths.cumsum() - lengths, lengths, max(self.lengths)),
            ids=None if reads_numbers else inputs.astype(np.int32),
            numbers=inputs if reads_numbers else None,
            classes=targets.astype(np.int32) if has_classes else None,
            values=None if has_classes else targets.astype(np.float32),
        )

    def learn(self, threads=1, batch=None):
        """Go forward and back over its batch, or another one; return the gradient of every parameter by name."""
        network, window = self.network, self.window
        network.prepare_training(threads)
        for array in (window.z, window.states[:, :, 1:], *window.buffers[2:7], window.d_initial, *window.head[3:9]):
            array[:] = 7.0  # what an earlier batch left behind must not matter
        window.losses[: min(len(window.logits), max(self.lengths))] = 7.0
        window.head.joined[..., 2 * self.architecture.outputs :] = 0.0  # padding, which is never written
        network._prepare(reading=False)
        batch = self.batch() if batch is None else batch
        with Team(threads) as team:

            def job(worker):
                self.step(batch, team.member(worker), network._scratch[worker])

            team.run(job)
        return {name: values.copy() for name, values in network.gradient.named.items()}

    def step(self, batch, *member):
        """Do a member's share of a step."""
        network, window = self.network, self.window
        examples_loop.step(network._net, network._back, window.buffers, window.head, batch, *member)

    @property
    def masks(self):
        """The masks that were drawn, for each example, as the twin has them."""
        if not self.keys.size:
            return [None] * len(self.lengths)
        length, size, depth = max(self.lengths), self.architecture.outputs, self.architecture.layers
        drawn = self.window.masks[:, :length, :, :size].astype(np.float64)
        return [
            [mask[length - n :, b] if layer >= depth else mask[:n, b] for layer, mask in enumerate(drawn)]
            for b, n in enumerate(self.lengths)
        ]

    def twin_outputs(self, parameters=None):
        """Return what the twin predicts of each example."""
        a = self.architecture
        parameters = {**self.parameters, **(parameters or {})}
        if a.conditions:
            first = a.given_at == "first"
            return [
                naive.conditioned_outputs(a.cell, parameters, x, v, masks, first=first, **self.options)
                for x, v, masks in zip(self.inputs, self.given.astype(np.float64), self.masks, strict=True)
            ]
        options = {**self.options, "pooling": a.pooling, "joined": a.joined}
        return [
            naive.example_outputs(a.cell, parameters, x if a.features == 0 else x.astype(np.float64), masks, **options)
            for x, masks in zip(self.inputs, self.masks, strict=True)
        ]

    def twin_loss(self, parameters=None):
        """Return the twin's weighted sum of losses, times the scale."""
        losses = [
            naive.example_loss(outputs, target, self.architecture.head) * np.float32(weight)
            for outputs, target, weight in zip(self.twin_outputs(parameters), self.targets, self.weights, strict=True)
        ]
        return sum(losses) * self.scale

    def twin_loss_of(self, parameters):
        """Return the twin's loss for these parameters alone."""
        kept, self.parameters = self.parameters, parameters
        try:
            return self.twin_loss()
        finally:
            self.parameters = kept
