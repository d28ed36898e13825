"""Models that a command opens, and kernels that it has compiled."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charrnn.cells.architecture import Architecture
    from charrnn.model.model_file import Checkpoint
    from charrnn.model.network import Network
    from charrnn.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Model:
    """A model file that was opened."""

    path: str
    checkpoint: "Checkpoint"

    @property
    def vocabulary(self) -> "Vocabulary":
        """What its symbols are."""
        return self.checkpoint.vocabulary

    @property
    def architecture(self) -> "Architecture":
        """The sizes of its network."""
        return self.checkpoint.architecture

    @cached_property
    def network(self) -> "Network":
        """Its network, made when it is first needed: after all that may be refused."""
        from charrnn.model.network import Network

        return Network(self.checkpoint.architecture, self.checkpoint.parameters)

    def compile_reading(self) -> None:
        """Compile what reading a text needs."""
        compile_noticed(self.network, self.network.compile)

    def compile_sampling(self) -> None:
        """Compile what drawing characters needs, if it is not; raise CharrnnError for a bidirectional network."""
        from charrnn.model.bidirectional import require_left_to_right
        from charrnn.writing.sampler import compile_sampling

        require_left_to_right(self.architecture)
        if not self.network.is_compiled(sampling=True):  # else the first character is there sooner
            compile_noticed(self.network, partial(compile_sampling, self.network), sampling=True)


def open_model(path: str, *, left_to_right: bool = False) -> Model:
    """Load a model file; raise CharrnnError where that cannot be done, or the network does not read `left_to_right`."""
    from charrnn.model.bidirectional import require_left_to_right
    from charrnn.model.model_file import load

    checkpoint = load(path)
    if left_to_right:
        require_left_to_right(checkpoint.architecture)
    return Model(path, checkpoint)


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
