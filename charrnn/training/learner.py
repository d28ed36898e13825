"""A network in training, as used by runs on a text, online runs and measurements of gradients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import first_values
from charrnn.kernels.arguments import Picked, Plan, Rooms, Windows
from charrnn.kernels.example_arguments import Batches, Head
from charrnn.kernels.llvm.vector import padded
from charrnn.model.example_batches import EncodedExamples, Pieces
from charrnn.model.example_window import ExampleWindow
from charrnn.model.influence import Influence
from charrnn.model.model_file import Resume
from charrnn.model.network import Network
from charrnn.model.own_network import network_for
from charrnn.model.parameters import Array, Parameters
from charrnn.model.team import Team
from charrnn.model.window import Window
from charrnn.training.disturbance import Disturbance, nothing
from charrnn.training.optimizer import Optimizer
from charrnn.training.picks import Draw, picked
from charrnn.training.rules import UpdateOptions
from charrnn.training.settings import Settings

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Advance:
    """The results of N steps."""

    losses: Numbers  # the sum of each window's losses, in nats
    predictions: NDArray[np.int64]  # characters in each sum
    rates: Numbers  # learning rates
    norms: Numbers  # of the gradients, before clipping

    @property
    def steps(self) -> int:
        """The number of steps."""
        return self.losses.size

    @property
    def characters(self) -> int:
        """The number of characters predicted in total."""
        return int(self.predictions.sum())

    @property
    def loss(self) -> float:
        """The mean loss in nats per character; 0 if nothing was predicted."""
        return float(self.losses.sum() / max(1, self.characters))

    @property
    def learning_rate(self) -> float:
        """The learning rate of the last step."""
        return float(self.rates[-1])

    @property
    def grad_norm(self) -> float:
        """The gradient norm of the last step, before clipping."""
        return float(self.norms[-1])


class Learner:
    """A network that a team trains, with its optimizer and the state that it carries from window to window.

    Each training step takes one window of text: `batch_size` streams of up to `seq_length` steps.
    """

    def __init__(
        self,
        network: Network,
        team: Team,
        batch_size: int,
        seq_length: int,
        *,
        optimizer: UpdateOptions,
        dropout: float = 0.0,
        sampled: bool = False,
        influence: Influence | None = None,
    ) -> None:
        """Prepare to train a network; if `sampled`, each step's softmax is over a `Draw`.

        Then the network must have been made for `picking`; else this raises ValueError.
        """
        architecture = network.architecture
        reads_examples = architecture.reads_examples
        if sampled and not network.weights.picking:
            raise ValueError("a sampled softmax needs a network for picking")
        self.network, self.team, self.influence = network, team, influence
        self._sampled, self._picks = sampled, sampled or (architecture.embedding > 0 and not reads_examples)
        self.gradient = network.prepare_training(team.size, influence, picking=self._picks)
        window = ExampleWindow if reads_examples else Window
        self.window = window(architecture, batch_size, seq_length, dropout=dropout, training=True)
        self.optimizer = Optimizer(
            optimizer,
            network.weights,
            self.gradient,
            read=self.window.ids.size if self._picks else 0,
            candidates=padded(architecture.vocabulary) if sampled else 0,
            targets=self.window.targets.shape,
        )

    @classmethod
    def of(cls, settings: Settings, architecture: Architecture, team: Team, longest: int | None = None) -> "Learner":
        """Make a learner from settings; its windows have the ``longest`` length that it trains on, by default theirs.

        Its weights are zero until `begin`, and it takes hardly any memory yet. Raises CharrnnError if the settings ask
        for real-time recurrent learning and the network cannot do it.
        """
        batch, length = settings.batch_size, longest or settings.seq_length
        in_real_time = settings.gradient == "rtrl"
        influence = Influence(architecture, batch, length, team.size) if in_real_time else None
        return cls(
            network_for(architecture, picking=settings.sampled_softmax > 0),
            team,
            batch,
            length,
            optimizer=settings.update_options,
            dropout=settings.dropout,
            sampled=settings.sampled_softmax > 0,
            influence=influence,
        )

    def begin(self, initial: Mapping[str, Array] | None, settings: Settings, biases: Array | None = None) -> None:
        """Give the network its first values: `initial` ones, or those that the settings determine and, if given, c."""
        if initial:
            self.network.assign(initial.items())
            return
        recurrent, scale = settings.recurrent_start or "", settings.start_scale
        self.network.assign(first_values(self.network.architecture, settings.seed, recurrent=recurrent, scale=scale))
        if biases is not None:
            self.network.assign([("output.c", biases)])

    @property
    def nbytes(self) -> int:
        """The bytes of weights, moments and buffers."""
        influence = 0 if self.influence is None else self.influence.nbytes
        return self.network.nbytes + self.window.nbytes + influence + self.optimizer.nbytes

    def compile(self) -> None:
        """Compile all that a step needs, by taking no steps."""
        B, T = self.window.batch_size, self.window.seq_length
        windows: Windows | Batches
        if isinstance(self.window, ExampleWindow):
            windows = EncodedExamples(Pieces.none()).batches([], self.network.architecture, B)
        else:
            ids, targets = (np.zeros((0, steps, B), np.int32) for steps in (len(self.window.ids), T))
            windows = Windows(ids, targets, np.zeros(0, np.int64))
        self.advance(windows, np.zeros(0), fresh=np.zeros((0, B), np.bool_))

    def advance(
        self,
        windows: Windows | Batches,
        rates: Numbers,
        *,
        fresh: NDArray[np.bool_],
        updates: int = 0,
        draws: Sequence[Draw] = (),
        dropout_keys: NDArray[np.int32] | None = None,
        disturbance: Disturbance | None = None,
        full_rows: NDArray[np.int64] | None = None,
        scales: Numbers | None = None,
    ) -> Advance:
        """Take one training step per window, at its learning rate [N].

        A step uses the gradient of the mean loss, or of the sum of the losses times its scale [N]. Streams that are
        `fresh` [N, B] start from the initial state. `updates` counts the updates since the moments were zero. A
        learner whose softmax is `sampled` needs `draws` [N]. By default there is no dropout and no other disturbance,
        and all streams take all steps of a window; `Plan` explains the rest. Stops after a step whose gradient norm is
        not finite.
        """
        count = windows.lengths.size
        predictions = np.count_nonzero(windows.targets >= 0, axis=(1, 2))
        means = np.where(predictions > 0, 1.0 / np.maximum(1, predictions), 0.0)
        plan = Plan(
            scales=means if scales is None else scales,
            rates=rates,
            updates=np.arange(1.0, count + 1.0) + updates,
            keep=1.0 - self.window.dropout,
            keys=np.zeros((count, 0), np.int32) if dropout_keys is None else dropout_keys,
            sample=self.network.softmax_sample(self.optimizer.rooms.own if self._sampled else None),
            fresh=fresh,
            full_rows=np.full(count, self.window.batch_size) if full_rows is None else full_rows,
            losses=np.zeros(count),
            norms=np.zeros(count),
            **(disturbance or nothing(count))._asdict(),
        )
        rooms, optimizer = self.optimizer.rooms, self.optimizer.arguments
        more: tuple[Rooms, Picked] | tuple[Head] | tuple[()] = ()
        if isinstance(self.window, ExampleWindow):
            more = (self.window.head,)
        elif self._picks and isinstance(windows, Windows):
            more = rooms, picked(windows, draws)
        if draws and isinstance(windows, Windows):
            windows = windows._replace(targets=np.array([draw.targets for draw in draws]))
        done = self.network.train(self.team, self.window, optimizer, windows, plan, more)
        return Advance(plan.losses[:done], predictions[:done], rates[:done], plan.norms[:done])

    def next_epoch(self) -> None:
        """Pass the state of each stream to the next stream.

        The next stream continues the text where this one ended.
        """
        self.window.next_epoch()
        if self.influence is not None:
            self.influence.next_epoch()

    def is_finite(self) -> bool:
        """Return whether no saved value is NaN or infinity."""
        moments = (moment.flat for moment in self.optimizer.moments)
        arrays = (self.network.weights.flat, *moments, self.window.states[:, :, 0])
        finite = all(bool(values.min() > -np.inf and values.max() < np.inf) for values in arrays)
        return finite and (self.influence is None or self.influence.is_finite())

    def start_over(self, weights: Array) -> None:
        """Start over from other weights, a flat vector.

        All other state is reset.
        """
        self.network.weights.flat[:] = weights
        self.optimizer.start_over()
        self.window.states[:] = 0.0  # no NaN must remain in any slot
        self.network.begin(self.window, 0, self.window.batch_size)
        if self.influence is not None:
            self.influence.begin()
        self.network.pack()

    def snapshot(self, progress: dict[str, Any], weights: Parameters | None = None) -> Resume:
        """Copy all that a run needs to resume.

        The weights are the network's unless others are given.
        """
        return Resume(
            progress=progress,
            weights=(weights or self.network.weights).concatenated(),
            moments=tuple(moment.concatenated() for moment in self.optimizer.moments),
            carried=self.window.carried(),
            influence=None if self.influence is None else self.influence.carried(),
        )

    def restore(self, resume: Resume) -> None:
        """Restore a snapshot.

        Raises ValueError if it is from another network or optimizer.
        """
        if (self.influence is None) != (resume.influence is None):
            raise ValueError("only real-time recurrent learning has an influence")
        self.network.weights.assign_concatenated(resume.weights)
        for moment, values in zip(self.optimizer.moments, resume.moments, strict=True):
            moment.assign_concatenated(values)
        self.window.assign_carried(resume.carried)
        if self.influence is not None and resume.influence is not None:
            self.influence.assign_carried(resume.influence)
        self.network.pack()
