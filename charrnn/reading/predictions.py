"""What a network predicts of examples: a class, tags, or numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.kernels.arithmetic import exp, log, log_softmax
from charrnn.model.example_batches import EncodedExamples, Pieces, batches_of, by_length
from charrnn.model.example_window import ExampleWindow
from charrnn.model.network import Network
from charrnn.model.team import Team

Floats = NDArray[np.float64]

ROWS_AT_ONCE = 64  # examples that are read side by side
STEPS_AT_ONCE = 1 << 14  # of all of them; this bounds memory


def outputs_of(network: Network, examples: EncodedExamples, team: Team, *, finite: bool = True) -> NDArray[np.float32]:
    """Return a network's outputs: [P, K] of each piece, or [steps, K], of each step of all examples.

    They are before the softmax or the logistic function; those of steps that do not predict are NaN. Raises
    CharrnnError if an output must be ``finite`` and is not.
    """
    a, pieces = network.architecture, examples.pieces
    each = a.pooling == "each"
    steps = int((pieces.starts + pieces.lengths).max(initial=0))
    found = np.full((steps if each else pieces.count, a.predicted), np.nan, np.float32)
    for group, outputs in _outputs_of_groups(network, examples, team):
        if not each:
            found[group] = outputs[0, : group.size]
            continue
        for row, piece in enumerate(group.tolist()):
            first, last, start = (int(of[piece]) for of in (pieces.first, pieces.last, pieces.starts))
            found[start + first : start + last] = outputs[first:last, row]
    if finite and not np.isfinite(found).all(axis=1, where=predicting(pieces, each=each)[:, np.newaxis]).all():
        raise CharrnnError("the model's weights are so large that its predictions are not finite")
    return found


def step_losses(network: Network, examples: EncodedExamples, team: Team, *, finite: bool = True) -> Floats:
    """Return the loss of each step that predicts a class, in the order of all steps, in nats.

    A step without a target has no loss. Raises CharrnnError if a loss must be ``finite`` and is not.
    """
    losses, counts = losses_by_step(network, examples, team, finite=finite)
    return losses[counts]


def losses_by_step(
    network: Network, examples: EncodedExamples, team: Team, *, finite: bool = True
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the loss of each step of all examples, end to end, in nats, and which steps have one [steps]."""
    pieces, targets = examples.pieces, examples.targets
    found = np.full(targets.size, np.nan)
    counts = np.zeros(targets.size, np.bool_)
    for group, outputs in _outputs_of_groups(network, examples, team):
        for row, piece in enumerate(group.tolist()):
            first, last, start = (int(of[piece]) for of in (pieces.first, pieces.last, pieces.starts))
            where = slice(start + first, start + last)
            counts[where] = targets[where] >= 0
            if np.isfinite(outputs[first:last, row]).all():
                found[where] = losses_of(outputs[first:last, row], np.maximum(targets[where], 0), "softmax")
    if finite and not np.isfinite(found[counts]).all():
        raise CharrnnError("the model's weights are so large that its predictions are not finite")
    return found, counts


def _outputs_of_groups(
    network: Network, examples: EncodedExamples, team: Team
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield pieces of similar lengths, and the outputs [T, B, K] of their steps, or [1, B, K] of each piece."""
    a, pieces = network.architecture, examples.pieces
    lengths = pieces.lengths
    if examples.sources is not None:
        lengths = np.maximum(lengths, examples.sources.pieces.lengths)
    window: ExampleWindow | None = None
    for group in by_length(lengths, ROWS_AT_ONCE, STEPS_AT_ONCE):  # the longest first
        if window is None or group.size > window.batch_size:
            window = ExampleWindow(a, group.size, int(lengths[group].max()))
        _forward(network, window, examples, group, team)
        yield group, window.logits[:, :, : a.predicted]


def predicting(pieces: Pieces, *, each: bool) -> NDArray[np.bool_]:
    """Return which outputs are predicted: those of all pieces [P], or if ``each`` step predicts, of steps [steps]."""
    if not each:
        return np.ones(pieces.count, np.bool_)
    changes = np.zeros(int((pieces.starts + pieces.lengths).max(initial=0)) + 1, np.int64)
    np.add.at(changes, pieces.starts + pieces.first, 1)
    np.add.at(changes, pieces.starts + pieces.last, -1)
    return np.asarray(changes.cumsum()[:-1] > 0)


def _forward(
    network: Network, window: ExampleWindow, examples: EncodedExamples, group: NDArray[np.int64], team: Team
) -> None:
    """Read a group of pieces, a team's members some rows each."""
    (batch,) = batches_of(examples.batches([group], network.architecture, window.batch_size))

    def job(worker: int) -> None:
        first, last = team.share(group.size, worker)
        if first < last:
            network.forward_examples(window, batch, first, last)

    team.run(job)


def losses_of(outputs: NDArray[np.float32], targets: NDArray[np.generic], head: str) -> Floats:
    """Return the loss [N] of each row of outputs [N, K], as `kernels.heads` defines it for a head.

    Targets are classes [N] or values [N, K].
    """
    if head == "softmax":
        return -log_softmax(outputs)[np.arange(len(outputs)), targets.astype(np.int64)]
    o, y = outputs.astype(np.float64), targets.astype(np.float64)
    if head == "linear":
        return np.asarray(0.5 * np.square(o - y).sum(axis=1))
    softplus = np.maximum(o, 0.0) + log(1.0 + exp(-np.abs(o)))
    return np.asarray((softplus - y * o).sum(axis=1))


def probabilities(outputs: NDArray[np.float32], head: str) -> Floats:
    """Return the probabilities [N, K] that outputs [N, K] of a softmax or a logistic head stand for."""
    if head == "softmax":
        return np.asarray(exp(log_softmax(outputs)))
    return np.asarray(1.0 / (1.0 + exp(-outputs.astype(np.float64))))
