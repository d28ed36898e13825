"""Batches of pairs of texts for an encoder and a decoder, and for their naive twins."""

import numpy as np

from charrnn.kernels import pairs_loop
from charrnn.kernels.example_arguments import Backs
from tests import naive
from tests.helpers.examples import ExampleCase


class PairCase(ExampleCase):
    """An encoder and a decoder with random parameters, and random pairs with sources of so many `sources` symbols."""

    def __init__(self, lengths=(4, 1, 3), sources=(2, 5, 3), *, hidden=12, targets=7, **options):
        self.sources = sources
        super().__init__("translate", lengths, hidden=hidden, targets=targets, spare=max(3, *sources), **options)
        rng = np.random.default_rng(len(lengths) + 1)
        self.inputs = [rng.integers(0, targets, n) for n in lengths]
        self.read = [rng.integers(0, self.architecture.vocabulary, n) for n in sources]

    def source_batch(self):
        """Return what the encoder reads."""
        S, D, length = self.window.seq_length, self.architecture.encoder.directions, max(self.sources)
        ids, ends = np.zeros((D * S, self.rows), np.int32), np.zeros(self.rows, np.int32)
        for b, source in enumerate(self.read):
            n = ends[b] = len(source)
            ids[:n, b] = source
            if D == 2:
                ids[S : S + length - n, b] = -1
                ids[S + length - n : S + length, b] = source[::-1]
        return ids, ends, length

    def learn(self, threads=1, batch=None):
        """Go forward and back; what an earlier batch left behind must not matter."""
        source = self.window.source
        for array in (source.z, source.states[:, :, 1:], *source.buffers[2:7], source.head.d_final):
            array[:] = 7.0
        padding = self.architecture.outputs
        for name, array in self.window.attention._asdict().items():
            array[..., : array.shape[-1] if name == "weights" else padding] = 7.0
        return super().learn(threads, batch)

    def step(self, batch, *member):
        """Do a member's share of a step."""
        network, window = self.network, self.window
        backs, encoder = Backs(network._back, network.encoder._back), network._encoder(window)
        pairs_loop.step(network._net, backs, window.buffers, window.head, encoder, batch, *member)

    @property
    def source_masks(self):
        """The masks that were drawn for the encoder, for each pair."""
        if not self.keys.size:
            return [None] * len(self.sources)
        a, length = self.architecture.encoder, max(self.sources)
        drawn = self.window.source.masks[:, :length, :, : a.outputs].astype(np.float64)
        return [
            [mask[length - n :, b] if layer >= a.layers else mask[:n, b] for layer, mask in enumerate(drawn)]
            for b, n in enumerate(self.sources)
        ]

    def twin_outputs(self, parameters=None):
        """Return what the twin predicts of each pair."""
        a = self.architecture
        parameters = {**self.parameters, **(parameters or {})}
        pairs = zip(self.read, self.inputs, self.source_masks, self.masks, strict=True)
        return [naive.pair_outputs(a.cell, parameters, *pair, joined=a.joined, **self.options) for pair in pairs]
