"""How far back the gradient of a network's loss reaches, and what its recurrent matrices and clipping tell about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.kernels.arguments import Plan, Windows
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.model.window import Window
from charrnn.text.streams import Streams, fit_streams
from charrnn.text.vocabulary import Ids
from charrnn.training.optimizer import Optimizer

Norms: TypeAlias = NDArray[np.float64]

WARM_UP = 64  # characters that a stream reads at least before its first place, so that the state is that of a reader
AT_ONCE = 4096  # steps of a window, in all its streams: what bounds memory
WINDOWS = 100  # windows whose gradients are compared with the limit of clipping
LARGEST = 1024  # rows of a matrix whose eigenvalues are computed: those of larger ones take minutes
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
        gradient = network.prepare_training(team.size)
        self._optimizer = Optimizer("sgd", network.weights, gradient, clip=None, clip_value=None)

    def compile(self) -> None:
        """Compile all that is needed, by going over no window."""
        nothing = np.zeros((0, 1, 1), np.int32)
        self._run(
            Window(self.network.architecture, 1, 1, training=True),
            Windows(nothing, nothing, np.zeros(0, np.int64)),
            1.0,
        )

    def window(self, streams: Streams) -> Window:
        """Return a window for streams of text."""
        return Window(self.network.architecture, streams.batch_size, streams.seq_length, training=True)

    def state_gradients(self, ids: Ids, lags: int, samples: int, boundary: int | None = None) -> Norms:
        """Return the norms of ∂L_t/∂h_{t−k} of each layer, for k = 0 … K, at N ≤ ``samples`` places t: [L, K+1, N].

        K is ``lags``. L_t is the loss in nats of the one character that follows place t, and h the state that a layer
        hands up; in a cell with more states, the gradient came to it along all of them. The encoded text [M] is read
        in streams that begin at places spread over it; the state is carried, and nothing is dropped. NaN where h
        belongs to another document than the character. Raises CharrnnError for a text too short, and where a gradient
        is no number.
        """
        length = lags + 1
        warm = -(-WARM_UP // length)  # windows that are only read
        needed = length * (warm + 1)
        if ids.size <= needed:
            raise CharrnnError(
                f"the text has {ids.size:,} characters, but to look back over {lags:,} takes {needed + 1:,} at least"
            )
        batch = max(1, min(AT_ONCE // length, samples, (ids.size - 1) // (4 * needed)))
        streams = Streams.plan(ids, batch, length, boundary)
        windows = min((ids.size - 1) // (batch * length), warm + -(-samples // batch))  # no shorter one among them
        window = self.window(streams)
        found = []
        for w in range(windows):
            text = Windows(*streams.span(w, 1))
            text.targets[:, :-1] = -1  # one loss a stream
            self._run(window, text, 1.0, anew=w == 0)
            if w >= warm:
                found.append(_norms(window, text.ids[0]))
        return np.concatenate(found, axis=2)[:, :, :samples]

    def update_norms(self, ids: Ids, batch_size: int, seq_length: int, boundary: int | None = None) -> Norms:
        """Return the norm of the gradient of the mean loss over each window [N], N ≤ `WINDOWS`.

        Windows are those of training: ``batch_size`` streams of ``seq_length`` steps, or as large as the text allows;
        but the weights stay as they are, and nothing is dropped. Raises CharrnnError as `state_gradients` does.
        """
        batch, length = fit_streams(ids.size, batch_size, seq_length)
        streams = Streams.plan(ids, batch, length, boundary)
        window = self.window(streams)
        norms = []
        for w in range(min(WINDOWS, streams.windows)):
            text = Windows(*streams.span(w, 1))
            counted = int(np.count_nonzero(text.targets >= 0))
            norms.append(self._run(window, text, 1.0 / max(1, counted), anew=w == 0))
        return np.array(norms)

    def _run(self, window: Window, text: Windows, scale: float, *, anew: bool = False) -> float:
        """Go over one window, or none; return the norm of the whole gradient of ``scale`` times the sum of losses."""
        count, batch = text.lengths.size, window.batch_size
        norms = np.zeros(count)
        plan = Plan(
            np.full(count, scale),
            np.zeros(count),
            np.ones(count),
            1.0,
            np.zeros((count, 0), np.int32),
            np.full((count, batch), anew),
            np.full(count, batch),
            np.zeros(count),
            norms,
        )
        self.network.train(self.team, window, self._optimizer.arguments, text, plan)
        if not np.isfinite(norms).all():
            raise CharrnnError("the weights are so large that the gradient is no number")
        return float(norms.sum())


def spectra(parameters: Mapping[str, NDArray[np.float32]]) -> list[Spectrum]:
    """Return the spectra of what multiplies a state on its way to the next step: each W of each layer, and each R.

    Where a state is projected by P before it goes back, that is P W: [H, H] as W is without a projection.
    """
    found = []
    for name, values in parameters.items():
        layer, _, own = name.partition(".")
        if own[0] not in "WR" or not layer.startswith("layer"):
            continue
        matrix = values.astype(np.float64)
        if (projection := parameters.get(f"{layer}.P")) is not None:
            name, matrix = f"{layer}.P {own}", projection.astype(np.float64) @ matrix
        if len(matrix) > LARGEST:
            found.append(Spectrum(name, None, None))
            continue
        radius = float(np.abs(np.linalg.eigvals(matrix)).max())
        found.append(Spectrum(name, float(np.linalg.norm(matrix, 2)), radius))
    return found


def summary(norms: Norms) -> Summary:
    """Summarise one layer's norms [K+1, N] over their places."""
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
