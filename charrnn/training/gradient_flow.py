"""How far back the gradient of a network's loss reaches, the spectra of its recurrent matrices, and what is clipped."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.tasks import require_task
from charrnn.errors import CharrnnError
from charrnn.kernels.arguments import Windows
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.model.window import Window
from charrnn.text.streams import Streams, fit_streams
from charrnn.text.vocabulary import Ids
from charrnn.training.gradient_paths import Layer, Paths, add_means, add_products, deltas_of
from charrnn.training.learner import Learner
from charrnn.training.rules import UpdateOptions

Norms: TypeAlias = NDArray[np.float64]

WARM_UP_CHARACTERS = 64  # that a stream reads before its first place, at least, so that its state is typical
WINDOW_CHARACTERS = 4096  # of a window, in all its streams together; this bounds memory
FORGOTTEN = 0.01  # share of the gradient one character back; if less is left, the character is forgotten


@dataclass(frozen=True)
class Summary:
    """Norms of a gradient over many places, for each lag k = 0 … K; None if no document goes back that far."""

    mean: list[float | None]
    lower: list[float | None]  # quartile
    median: list[float | None]
    upper: list[float | None]

    @property
    def deepest(self) -> int:
        """The last lag with a value."""
        return max((k for k, value in enumerate(self.mean) if value is not None), default=0)

    @property
    def forgotten(self) -> int | None:
        """The first lag whose mean is below `FORGOTTEN` times the mean at lag 1, or None."""
        start = self.mean[1] or 0.0
        return next((k for k, v in enumerate(self.mean) if k > 1 and v is not None and v < FORGOTTEN * start), None)

    @property
    def left(self) -> float | None:
        """The mean at the last lag as a share of the mean at lag 1, or None."""
        last = self.mean[self.deepest]
        return last / self.mean[1] if self.deepest > 1 and last is not None and self.mean[1] else None

    @property
    def factor(self) -> float | None:
        """The factor from one lag to the next: a geometric mean."""
        return None if self.left is None else self.left ** (1.0 / (self.deepest - 1))


@dataclass(frozen=True)
class Spectrum:
    """A recurrent matrix: its spectral norm (largest singular value) and radius (largest |eigenvalue|)."""

    name: str
    norm: float | None  # None if the matrix is too large
    radius: float | None
    singular: list[float] | None = None  # from the largest to the smallest


@dataclass(frozen=True)
class Flow:
    """How far back a gradient reaches: norms of ∂L_t/∂h_{t−k} and of ∂L_t/∂c_{t−k}, [L, K+1, N], and paths of layers.

    Without cells c, there are no norms of them.
    """

    outputs: Norms
    cells: Norms | None
    paths: list[Paths]


class Probe:
    """Runs the backward pass over windows of text as training does, with a learning rate of 0.

    Raises CharrnnError for a network that does not generate a text.
    """

    def __init__(self, network: Network, team: Team) -> None:
        require_task(network.architecture.task, "generate")
        self.network, self.team = network, team

    def compile(self) -> None:
        """Compile all that is needed, with no windows."""
        self._learner(1, 1).compile()

    def state_gradients(self, ids: Ids, lags: int, samples: int, boundary: int | None = None) -> Norms:
        """Return the norms of ∂L_t/∂h_{t−k} that `flow` measures."""
        return self.flow(ids, lags, samples, boundary).outputs

    def flow(self, ids: Ids, lags: int, samples: int, boundary: int | None = None) -> Flow:
        """Measure ∂L_t/∂h_{t−k} and ∂L_t/∂c_{t−k} in each layer, and along which paths they flow.

        k = 0 … K, K = ``lags``, at N ≤ ``samples`` places t. L_t is the loss in nats of the character that follows
        place t, and h the state that a layer outputs; in a cell with more states, the gradient reaches h along all of
        them. The encoded text [M] is read in streams that start at places spread over it; the state is carried, and
        there is no dropout. NaN if the state belongs to another document than the character. Raises CharrnnError if the
        text is too short, or a gradient is not finite.
        """
        length = lags + 1
        warm = -(-WARM_UP_CHARACTERS // length)  # windows that are only read
        needed = length * (warm + 1)
        if ids.size <= needed:
            raise CharrnnError(
                f"the text has {ids.size:,} characters, but looking back {lags:,} characters needs at least "
                f"{needed + 1:,}; use a longer text or smaller --lags"
            )
        batch = max(1, min(WINDOW_CHARACTERS // length, samples, (ids.size - 1) // (4 * needed)))
        streams = Streams.plan(ids, batch, length, boundary)
        count = min((ids.size - 1) // (batch * length), warm + -(-samples // batch))  # no shorter window among them
        learner = self._learner(batch, length)
        paths = [Paths() for _ in range(self.network.architecture.layers)]
        outputs, cells = [], []
        for w in range(count):
            windows = Windows(*streams.span(w, 1))
            windows.targets[:, :-1] = -1  # one loss per stream
            layers = self._read(learner.window, windows.ids[0], paths) if w >= warm else []
            _go_back(learner, windows, fresh=w == 0, scale=1.0)
            if w >= warm:
                outputs.append(_norms(_output_gradients(learner.window), windows.ids[0]))
            if layers and layers[0].follows_cells:
                cells.append(_norms(_cell_gradients(learner.window, layers), windows.ids[0]))
        of_cells = np.concatenate(cells, axis=2)[:, :, :samples] if cells else None
        return Flow(np.concatenate(outputs, axis=2)[:, :, :samples], of_cells, paths)

    def _read(self, window: Window, ids: NDArray[np.int32], paths: list[Paths]) -> list[Layer]:
        """Read a window's ids [T, B] forward, and add to the paths; return the layers, whose gates are in the window.

        The backward pass starts from the same state, as this does not carry it on.
        """
        window.ids[:] = ids
        self.network.forward(window, 0, window.batch_size, len(ids))
        layers = [Layer(self.network, window, layer) for layer in range(len(paths))]
        lags = doubling(len(ids) - 1)
        for layer, own in zip(layers, paths, strict=True):
            add_means(own, layer, ids >= 0)
            add_products(own, layer, ids >= 0, lags)
        return layers

    def update_norms(
        self, ids: Ids, batch_size: int, seq_length: int, boundary: int | None = None, *, most: int = 100
    ) -> Norms:
        """Return the gradient norm of each window's mean loss [N].

        N ≤ ``most``. The windows are those of training: ``batch_size`` streams of ``seq_length`` steps, or as large as
        the text allows. The state is carried from window to window only if training carries it. The weights stay
        unchanged, and there is no dropout. Raises CharrnnError as `state_gradients` does.
        """
        batch, length = fit_streams(ids.size, batch_size, seq_length)
        streams = Streams.plan(ids, batch, length, boundary)
        learner = self._learner(batch, length)
        carries = self.network.architecture.carries
        counted = range(min(most, streams.windows))
        return np.array([_go_back(learner, Windows(*streams.span(w, 1)), fresh=w == 0 or not carries) for w in counted])

    def _learner(self, batch_size: int, seq_length: int) -> Learner:
        return Learner(self.network, self.team, batch_size, seq_length, optimizer=UpdateOptions("sgd"))


def _go_back(learner: Learner, windows: Windows, *, fresh: bool, scale: float | None = None) -> float:
    """Backpropagate through one window; return the norm of the whole gradient.

    The loss is the mean loss, or the sum times a scale. Raises CharrnnError if the norm is not finite.
    """
    done = learner.advance(
        windows,
        np.zeros(1),
        fresh=np.full((1, learner.window.batch_size), fresh),
        scales=None if scale is None else np.full(1, scale),
    )
    if not math.isfinite(done.grad_norm):
        raise CharrnnError("the gradient is NaN or infinity; the weights are too large")
    return done.grad_norm


def spectra(parameters: Mapping[str, NDArray[np.float32]], *, most_rows: int = 1024) -> list[Spectrum]:
    """Return the spectra of each recurrent matrix W and R.

    If P projects the state before it is fed back, the matrix is P W [H, H]. For a matrix with more than `most_rows`
    rows, the values are None: its eigenvalues would take minutes.
    """
    found = []
    for name, values in parameters.items():
        layer, _, own = name.partition(".")
        if own[0] not in "WR" or not layer.startswith("layer") or values.ndim != 2:
            continue
        matrix = values.astype(np.float64)
        if (projection := parameters.get(f"{layer}.P")) is not None:
            name, matrix = f"{layer}.P {own}", projection.astype(np.float64) @ matrix
        if matrix.shape[0] != matrix.shape[1]:  # of a cell of the user's own, which can have several gates in one
            continue
        if len(matrix) > most_rows:
            found.append(Spectrum(name, None, None))
            continue
        radius = float(np.abs(np.linalg.eigvals(matrix)).max())
        singular = np.linalg.svd(matrix, compute_uv=False).tolist()
        found.append(Spectrum(name, singular[0], radius, singular))
    return found


def summary(norms: Norms) -> Summary:
    """Summarize one layer's norms [K+1, N] over their places."""
    there = [values[~np.isnan(values)] for values in norms]

    def each(of: Callable[[Norms], Any]) -> list[float | None]:
        return [float(of(values)) if values.size else None for values in there]

    return Summary(each(np.mean), *(each(partial(np.quantile, q=share)) for share in (0.25, 0.5, 0.75)))


def doubling(most: int) -> list[int]:
    """Return the lags 0, 1, 2, 4, 8, … and `most`."""
    return [0, *(1 << k for k in range(most.bit_length()) if 1 << k < most), most]


def _output_gradients(window: Window) -> Norms:
    """Return ∂L/∂h [L, T, B, H] after a backward pass.

    Slot 0 is not a whole gradient: it lacks the part from the layer above.
    """
    return window.dh[:, 1:].astype(np.float64)


def _cell_gradients(window: Window, layers: list[Layer]) -> Norms:
    """Return ∂L/∂c [L, T, B, H] after a backward pass."""
    found = []
    for layer in layers:
        a = layer.architecture
        d_outputs = window.dh[layer.layer, 1:, :, : a.outputs].astype(np.float64)
        found.append(layer.cell_gradients(deltas_of(window, a, layer.layer), d_outputs)[1:])
    return np.array(found)


def _norms(gradients: Norms, ids: NDArray[np.int32]) -> Norms:
    """Return the norms [L, T, B] of gradients [L, T, B, H] over ids [T, B], with the norms of the last state first."""
    norms: Norms = np.sqrt(np.square(gradients).sum(axis=3))[:, ::-1]
    norms[:, np.logical_or.accumulate(ids[::-1] < 0)] = np.nan
    return norms
