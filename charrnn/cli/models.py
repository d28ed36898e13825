"""Opening models, compiling kernels with a message, and the team of --threads."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charrnn.library.answering import Answering
    from charrnn.library.opened import OpenedModel
    from charrnn.model.network import Network
    from charrnn.model.team import Team


def open_model(path: str, *tasks: str) -> "OpenedModel":
    """Open a model file.

    Raises CharrnnError if that fails, or if the model is for none of these tasks; without tasks, any model will do.
    """
    from charrnn.cells.tasks import require_task
    from charrnn.library.opened import OpenedModel
    from charrnn.model.model_file import load

    model = OpenedModel(load(path), path)
    if tasks:
        require_task(model.architecture.task, *tasks)
    return model


def open_writer(path: str, condition: str | None) -> "OpenedModel":
    """Open a model that generates a text, under the condition of --given; raise CharrnnError as `under` does."""
    return under(open_model(path, "generate"), condition)


def under(model: "OpenedModel", condition: str | None) -> "OpenedModel":
    """Return a model under the condition that was typed; see `OpenedModel.under`."""
    from charrnn.library.conditioned import typed_condition

    return model.under(None if condition is None else typed_condition(condition, model.checkpoint.targets))


def compile_reading(model: "OpenedModel") -> None:
    """Compile what reading a text needs."""
    compile_noticed(model.network, model.network.compile)


def compile_answering(answering: "Answering") -> None:
    """Compile what a model for examples needs."""
    network = answering.model.network
    compile_noticed(network, network.compile_examples)


def compile_sampling(model: "OpenedModel") -> None:
    """Compile what sampling needs."""
    from charrnn.writing import sampler

    if not model.network.is_compiled(sampling=True):  # loading the kernels now would delay the first character
        compile_noticed(model.network, partial(sampler.compile_sampling, model.network), sampling=True)


def compile_noticed(
    network: "Network",
    compile_all: Callable[[], None],
    *,
    training: bool = False,
    sampling: bool = False,
    quiet: bool = False,
) -> None:
    """Compile what a command needs, with a message if it takes time."""
    if network.is_compiled(training=training, sampling=sampling):
        compile_all()  # only loads the cached kernels
        return
    from charrnn.display.console import compiling

    with compiling(network, training=training, sampling=sampling, quiet=quiet):
        compile_all()


def team_of(threads: int | None) -> "Team":
    """Return the team of --threads; a note says if fewer can run."""
    from charrnn.model.team import Team

    return Team.of(threads, _note)


def _note(sentence: str) -> None:
    from charrnn.display.console import note  # imported here, as it is seldom needed

    note(sentence)
