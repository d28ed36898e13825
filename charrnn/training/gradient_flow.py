"""How far back the gradient of a network's loss reaches, and what its recurrent matrices and clipping tell about it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.kernels.arguments import Windows
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.model.window import Window
from charrnn.text.streams import Streams, fit_streams
from charrnn.text.vocabulary import Ids
from charrnn.training.learner import Learner

Norms: TypeAlias = NDArray[np.float64]

WARM_UP_CHARACTERS = 64  # that a stream reads at least before its first place, to have the state of a reader
WINDOW_CHARACTERS = 4096  # of a window, in all its streams: what bounds memory
FORGOTTEN = 0.01  # of the gradient one character back: where no more is left, a character can teach nothing


@dataclass(frozen=True)
class Summary:
    """Norms of a gradient over many places, for each lag k = 0 … K; None where no document goes so far back."""

    mean: list[float | None]
    lower: list[float | None]  # quartile
    median: list[float | None]
    upper: list[float | None]

    @property
    def deepest(self) -> int:
        """The last lag that there is a number for."""
        return max((k for k, value in enumerate(self.mean) if value is not None), default=0)

    @property
    def forgotten(self) -> int | None:
        """The first lag beyond 1 at which the mean is below `FORGOTTEN` of that at lag 1; None where there is none."""
        start = self.mean[1] or 0.0
        return next((k for k, v in enumerate(self.mean) if k > 1 and v is not None and v < FORGOTTEN * start), None)

    @property
    def left(self) -> float | None:
        """The mean at the last lag as a share of that at lag 1; None where there are not both, or nothing at lag 1."""
        last = self.mean[self.deepest]
        return last / self.mean[1] if self.deepest > 1 and last is not None and self.mean[1] else None

    @property
    def factor(self) -> float | None:
        """By what the mean is multiplied from one lag to the next, on the (geometric) average from lag 1 on."""
        return None if self.left is None else self.left ** (1.0 / (self.deepest - 1))


@dataclass(frozen=True)
class Spectrum:
    """A recurrent matrix: its spectral norm (largest singular value) and radius (largest |eigenvalue|)."""

    name: str
    norm: float | None  # None where it is too large a matrix
    radius: float | None


class Probe:
    """Goes back over windows of text as training does, with a learning rate of 0, so that the weights stay.

    Raises CharrnnError for a bidirectional network.
    """

    def __init__(self, network: Network, team: Team) -> None:
        if network.architecture.bidirectional:
            raise CharrnnError(
                "a bidirectional network reads a text from both its ends, so that none of its states is so many "
                "characters before"
            )
        self.network, self.team = network, team

    def compile(self) -> None:
        """Compile all that is needed, by going over no window."""
        self._learner(1, 1).compile()

    def state_gradients(self, ids: Ids, lags: int, samples: int, boundary: int | None = None) -> Norms:
        """Return the norms of ∂L_t/∂h_{t−k} of each layer, for k = 0 … K, at N ≤ ``samples`` places t: [L, K+1, N].

        K is ``lags``. L_t is the loss in nats of the one character that follows place t, and h the state that a layer
        hands up; in a cell with more states, the gradient came to it along all of them. The encoded text [M] is read
        in streams that begin at places spread over it; the state is carried, and nothing is dropped. NaN where h
        belongs to another document than the character. Raises CharrnnError for a text too short, and where a gradient
        is not finite.
        """
        length = lags + 1
        warm = -(-WARM_UP_CHARACTERS // length)  # windows that are only read
        needed = length * (warm + 1)
        if ids.size <= needed:
            raise CharrnnError(
                f"the text has {ids.size:,} characters, but to look back over {lags:,} takes {needed + 1:,} at least"
            )
        batch = max(1, min(WINDOW_CHARACTERS // length, samples, (ids.size - 1) // (4 * needed)))
        streams = Streams.plan(ids, batch, length, boundary)
        count = min((ids.size - 1) // (batch * length), warm + -(-samples // batch))  # no shorter window among them
        learner = self._learner(batch, length)
        found = []
        for w in range(count):
            windows = Windows(*streams.span(w, 1))
            windows.targets[:, :-1] = -1  # one loss a stream
            _go_back(learner, windows, fresh=w == 0, scale=1.0)
            if w >= warm:
                found.append(_norms(learner.window, windows.ids[0]))
        return np.concatenate(found, axis=2)[:, :, :samples]

    def update_norms(
        self, ids: Ids, batch_size: int, seq_length: int, boundary: int | None = None, *, most: int = 100
    ) -> Norms:
        """Return the norm of the gradient of the mean loss over each window [N], N ≤ ``most``.

        Windows are those of training: ``batch_size`` streams of ``seq_length`` steps, or as large as the text allows;
        but the weights stay as they are, and nothing is dropped. Raises CharrnnError as `state_gradients` does.
        """
        batch, length = fit_streams(ids.size, batch_size, seq_length)
        streams = Streams.plan(ids, batch, length, boundary)
        learner = self._learner(batch, length)
        counted = range(min(most, streams.windows))
        return np.array([_go_back(learner, Windows(*streams.span(w, 1)), fresh=w == 0) for w in counted])

    def _learner(self, batch_size: int, seq_length: int) -> Learner:
        return Learner(self.network, self.team, batch_size, seq_length, optimizer="sgd")


def _go_back(learner: Learner, windows: Windows, *, fresh: bool, scale: float | None = None) -> float:
    """Go over one window; return the norm of the whole gradient, of the mean loss or of the sum times a scale.

    Raises CharrnnError where that is not finite.
    """
    done = learner.advance(
        windows,
        np.zeros(1),
        fresh=np.full((1, learner.window.batch_size), fresh),
        scales=None if scale is None else np.full(1, scale),
    )
    if not math.isfinite(done.grad_norm):
        raise CharrnnError("the weights are so large that the gradient is no number")
    return done.grad_norm


def spectra(parameters: Mapping[str, NDArray[np.float32]], *, most_rows: int = 1024) -> list[Spectrum]:
    """Return the spectra of what multiplies a state on its way to the next step: each W of each layer, and each R.

    Where a state is projected by P before it goes back, that is P W: [H, H] as W is without a projection. Of a matrix
    with more rows there are no numbers: its eigenvalues would take minutes.
    """
    found = []
    for name, values in parameters.items():
        layer, _, own = name.partition(".")
        if own[0] not in "WR" or not layer.startswith("layer"):
            continue
        matrix = values.astype(np.float64)
        if (projection := parameters.get(f"{layer}.P")) is not None:
            name, matrix = f"{layer}.P {own}", projection.astype(np.float64) @ matrix
        if len(matrix) > most_rows:
            found.append(Spectrum(name, None, None))
            continue
        radius = float(np.abs(np.linalg.eigvals(matrix)).max())
        found.append(Spectrum(name, float(np.linalg.norm(matrix, 2)), radius))
    return found


def summary(norms: Norms) -> Summary:
    """Summarize one layer's norms [K+1, N] over their places."""
    there = [values[~np.isnan(values)] for values in norms]

    def each(of: Callable[[Norms], Any]) -> list[float | None]:
        return [float(of(values)) if values.size else None for values in there]

    return Summary(each(np.mean), *(each(partial(np.quantile, q=share)) for share in (0.25, 0.5, 0.75)))


def _norms(window: Window, ids: NDArray[np.int32]) -> Norms:
    """Return the norms in a window of ids [T, B] that went back: [L, T, B], those of the last state first."""
    # What is left in slot 0 is no whole gradient: it lacks what went up from that state to the layer above.
    norms: Norms = np.sqrt(np.square(window.dh[:, 1:], dtype=np.float64).sum(axis=3))[:, ::-1]
    norms[:, np.logical_or.accumulate(ids[::-1] < 0)] = np.nan
    return norms
