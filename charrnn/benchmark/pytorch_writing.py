"""A network that writes texts in PyTorch: for a text, with an encoder and a decoder, or under a condition.

It begins with the first weights of our network, except if it reads symbols through an embedding that ours does not
have. The encoder reads packed sequences where lengths differ: its last states are those at the end of each text. What
the decoder or a conditioned network reads can be packed or padded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from charrnn.benchmark import pytorch
from charrnn.benchmark.pytorch_examples import NONE, ROWS_AT_ONCE, STEPS_AT_ONCE, Group, Learner, Reader, Way, network
from charrnn.benchmark.pytorch_examples import ways as ways_of_reading
from charrnn.benchmark.timing import Side
from charrnn.cells.architecture import Architecture
from charrnn.model.example_batches import EncodedExamples, by_length
from charrnn.model.parameters import Array
from charrnn.training.example_data import ExampleData
from charrnn.training.trainer import Trainer

GATES = {"lstm": ("_i", "_f", "_g", "_o"), "gru": ("_r", "_z", "_n"), "rnn": ("",)}  # in PyTorch's order


def writes(architecture: Architecture) -> bool:
    """Return whether a network writes texts."""
    return architecture.encoder is not None or architecture.conditions > 0


def ways(data: ExampleData, threads: int) -> list[Way]:
    """Return the ways that compute what our network does."""
    if not writes(data.architecture):
        return ways_of_reading(data, threads)
    return [
        Way(threads, one_hot, packed, adam)
        for one_hot in (False, True)
        for packed in (False, True)
        for adam in pytorch.ADAMS
    ]


def learner_of(trainer: Trainer[ExampleData], way: Way) -> Learner:
    """Return a network for a run in PyTorch, in training."""
    return (Writer if writes(trainer.architecture) else Learner)(trainer, way)


def training_sides(trainer: Trainer[ExampleData], threads: int) -> dict[str, tuple[Way, Side]]:
    """Return sides that take training steps in PyTorch, by name; they count predictions.

    Raises CharrnnError if PyTorch is not installed.
    """
    found = ways(trainer.data, threads)
    return {way.name(trainer.architecture): (way, learner_of(trainer, way).advance) for way in found}


class Writer(Learner):
    """A network that writes texts, in training."""

    def parts(self) -> list[Any]:
        """Return all parts of a new network, with our first weights if it can have them."""
        torch, a = pytorch.require(), self.architecture
        parts = super().parts()
        if a.encoder is not None:
            self.encoder_inputs, self.encoder = network(a.encoder, self.way, self.trainer.settings.dropout)
            parts += [self.encoder_inputs, self.encoder]
        if a.attention:
            self.attended = torch.nn.Linear(2 * a.hidden, a.hidden, bias=False)  # context and state side by side
            parts.append(self.attended)
        if self.way.one_hot or a.embedding:
            self._begin(self.trainer.network.weights.named)
        return parts

    def outputs(self, reader: Reader, group: Group) -> tuple[Any, Group]:
        """Return the outputs [B, T, K] of a group of pieces, the longest first, and the places [B, T]."""
        utilities, attention = pytorch.require().nn.utils.rnn, self.architecture.attention
        x, lengths, places = reader.batch(group)
        x = self._conditioned(self.inputs(x), reader, group)
        state, memory, read = self._encoded(reader.sources, group) if reader.sources else (None, None, None)
        if self.way.packed:
            h, _ = self.layers(utilities.pack_padded_sequence(x, lengths, batch_first=True), state)
            h, _ = utilities.pad_packed_sequence(h, batch_first=True)
        else:
            h, _ = self.layers(x, state)
        h = self.dropout(h)
        if attention:
            h = self._attend(h, self.dropout(memory), read)
        return self.output(h), places

    def loss(self, reader: Reader, group: Group) -> tuple[Any, int]:
        """Return the mean loss of a group, and how many characters it predicts."""
        torch = pytorch.require()
        outputs, places = self.outputs(reader, group)
        predicts = torch.from_numpy(reader.predicting(group, places.shape[1]))
        targets = reader.targets[torch.from_numpy(places)].masked_fill_(~predicts, NONE)
        loss = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), ignore_index=NONE)
        return loss, int((targets >= 0).sum())

    def mean_loss(self, examples: EncodedExamples) -> float:
        """Return the mean loss of all characters of some texts, in nats."""
        torch, reader = pytorch.require(), Reader(examples, self.architecture)
        total, count = 0.0, 0
        self.module.eval()
        with torch.inference_mode():
            for group in by_length(examples.pieces.lengths, ROWS_AT_ONCE, STEPS_AT_ONCE):
                loss, predictions = self.loss(reader, group)
                total, count = total + float(loss) * predictions, count + predictions
        return total / count

    def _conditioned(self, x: Any, reader: Reader, group: Group) -> Any:
        """Return what the first layer reads [B, T, …]: x, and beside it the condition, at every step or the first."""
        torch = pytorch.require()
        if reader.given is None:
            return x
        given = reader.given[torch.from_numpy(group.copy())].unsqueeze(1)
        if self.architecture.given_at == "every":
            return torch.cat([x, given.expand(-1, x.shape[1], -1)], 2)
        pad = torch.nn.functional.pad
        return pad(given, (x.shape[2], 0, 0, x.shape[1] - 1)) + pad(x[:, 1:], (0, given.shape[2], 1, 0))

    def _encoded(self, sources: Reader, group: Group) -> tuple[Any, Any, Any]:
        """Read sources; return the decoder's first states, the encoder's outputs [B, S, I], and which are there."""
        torch = pytorch.require()
        utilities, both = torch.nn.utils.rnn, self.encoder.bidirectional
        x, lengths, _ = sources.batch(group)
        x, equal = self.encoder_inputs(x), bool((lengths == lengths[0]).all())
        if not equal:
            x = utilities.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        memory, last = self.encoder(x)
        if self.architecture.attention and not equal:
            memory, _ = utilities.pad_packed_sequence(memory, batch_first=True)
        states = [torch.cat([s[::2], s[1::2]], 2) if both else s for s in (last if type(last) is tuple else [last])]
        read = torch.arange(int(lengths.max())) < lengths[:, None]
        return tuple(states) if len(states) > 1 else states[0], memory, read

    def _attend(self, h: Any, memory: Any, read: Any) -> Any:
        """Return what the output layer reads, as `kernels.attention` defines it."""
        torch = pytorch.require()
        scores = torch.bmm(h, memory.transpose(1, 2)).masked_fill(~read[:, None], -torch.inf)
        context = torch.bmm(torch.softmax(scores, 2), memory)
        return torch.tanh(self.attended(torch.cat([context, h], 2)))

    def _begin(self, named: Mapping[str, Array]) -> None:
        """Take our parameters over; of PyTorch's two biases, it learns only what ours has."""
        torch, a = pytorch.require(), self.architecture
        with torch.no_grad():
            _give_layers(self.layers, a, named, "")
            if a.encoder is not None:
                _give_layers(self.encoder, a.encoder, named, "encoder.")
            if a.attention:
                both = named["attention.W_context"], named["attention.W_state"]
                self.attended.weight.copy_(_tensor(np.concatenate(both).T))
            self.output.weight.copy_(_tensor(named["output.V"].T))
            self.output.bias.copy_(_tensor(named["output.c"]))
            if a.embedding:
                self.inputs.weight.copy_(_tensor(named["embedding.E"]))
            if a.embedding and a.encoder is not None:
                self.encoder_inputs.weight.copy_(_tensor(named["encoder.embedding.E"]))


def _give_layers(layers: Any, architecture: Architecture, named: Mapping[str, Array], where: str) -> None:
    """Give layers in PyTorch our parameters, whose names begin so."""
    gates, H = GATES[architecture.cell], architecture.hidden
    for direction in range(architecture.directions):
        for k in range(architecture.layers):
            end, own = f"_l{k}" + "_reverse" * direction, f"{where}{'reverse.' * direction}layer{k}."
            U = np.concatenate([named[f"{own}U{gate}"] for gate in gates], axis=1)
            if k == 0 and architecture.conditions:
                U = np.concatenate([U, np.concatenate([named[f"given.W{gate}"] for gate in gates], axis=1)])
            W = np.concatenate([named[f"{own}W{gate}"] for gate in gates], axis=1)
            getattr(layers, "weight_ih" + end).copy_(_tensor(U.T))
            getattr(layers, "weight_hh" + end).copy_(_tensor(W.T))
            getattr(layers, "bias_ih" + end).copy_(_tensor(np.concatenate([named[f"{own}b{gate}"] for gate in gates])))
            second = getattr(layers, "bias_hh" + end).zero_()
            if architecture.cell == "gru":
                second[2 * H :] = _tensor(named[f"{own}b_hn"])
                second.register_hook(_last_third)
            else:
                second.requires_grad_(False)


def _last_third(gradient: Any) -> Any:
    """Return the gradient of a GRU's second bias, of which only that of n is learned."""
    kept = gradient.clone()
    kept[: 2 * len(kept) // 3] = 0.0
    return kept


def _tensor(values: Array) -> Any:
    return pytorch.require().from_numpy(np.ascontiguousarray(values))
