"""Models that a command opens, and kernels that it has compiled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from charrnn.model.network import Network
    from charrnn.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Model:
    """A model file that was opened: its network, what its symbols are, and the settings that it was trained with."""

    path: str
    network: "Network"
    vocabulary: "Vocabulary"
    training: Mapping[str, Any]

    def compile_reading(self) -> None:
        """Compile what reading a text needs."""
        compile_noticed(self.network, self.network.compile)

    def compile_sampling(self) -> None:
        """Compile what drawing characters needs; raise CharrnnError for a bidirectional network."""
        from charrnn.model.bidirectional import require_left_to_right
        from charrnn.writing.sampler import compile_sampling

        require_left_to_right(self.network.architecture)
        compile_noticed(self.network, partial(compile_sampling, self.network), sampling=True)


def open_model(path: str, *, left_to_right: bool = False) -> Model:
    """Load a model file; raise CharrnnError where that cannot be done, or the network does not read `left_to_right`."""
    from charrnn.model.bidirectional import require_left_to_right
    from charrnn.model.model_file import load
    from charrnn.model.network import Network

    checkpoint = load(path)
    if left_to_right:
        require_left_to_right(checkpoint.architecture)
    network = Network(checkpoint.architecture, checkpoint.parameters)
    return Model(path, network, checkpoint.vocabulary, checkpoint.training)


def compile_noticed(
    network: "Network",
    compile_all: Callable[[], None],
    *,
    training: bool = False,
    sampling: bool = False,
    quiet: bool = False,
) -> None:
    """Compile what a command needs of a network, and say so where that takes its time."""
    if network.is_compiled(training=training, sampling=sampling):
        compile_all()  # which only loads what was kept
        return
    from charrnn.display.console import compiling

    with compiling(network, training=training, sampling=sampling, quiet=quiet):
        compile_all()
