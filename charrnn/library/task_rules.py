"""What a run can be asked for each task: the options that it has, and its usual sizes.

Options have the names of Python's keywords; messages spell them as the command line does. Neither NumPy nor Numba is
imported here, as the command line reads the table for its help.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from charrnn.cells.tasks import ASKED_TASKS, TASKS, TEXT_TASKS, task_named
from charrnn.errors import CharrnnError

# Defaults of a run on examples that differ from those of a run on a text.
USUAL = {"hidden": 128, "batch_size": 32, "seq_length": 1000}
TAGGED = {"seq_length": 256}  # steps of a piece, as each step predicts
SERIES = {"batch_size": 8, "seq_length": 64, "dropout": 0.0}

COLUMNS = ("labels", "texts", "inputs", "ahead", "given")  # what to read of a table of examples
EXAMPLE_TASKS = tuple(name for name in ASKED_TASKS if name not in TEXT_TASKS)
CONDITIONED = "generate --given"  # texts with conditions, which are examples, too
TASKS_OF = {  # the tasks that have an option
    **dict.fromkeys(("labels", "joined"), EXAMPLE_TASKS),
    "texts": (*EXAMPLE_TASKS, CONDITIONED),
    **dict.fromkeys(("given", "given_at"), (CONDITIONED,)),
    "attention": ("translate",),
    **dict.fromkeys(("input_dropout", "noise"), (*(name for name in ASKED_TASKS if name != "translate"), CONDITIONED)),
    **dict.fromkeys(("inputs", "ahead"), ("predict",)),
    "pooling": tuple(name for name in EXAMPLE_TASKS if len(TASKS[name].poolings) > 1),
    "class_weights": ("classify", "tag"),
    **dict.fromkeys(("documents", "bytes", "gradient", "sampled_softmax", "shuffle"), TEXT_TASKS),
    **dict.fromkeys(("online", "init_from", "remap", "samples"), TEXT_TASKS),
}
HARMLESS = {  # values that ask for nothing
    "ahead": 1,
    "input_dropout": 0.0,
    "noise": 0.0,
    "sampled_softmax": 0,
    "class_weights": "none",
    "gradient": "bptt",
    "shuffle": True,
}
SPELLED = {"gradient": "--gradient rtrl", "shuffle": "--no-shuffle"}  # the values that ask for something


def task_of(given: Mapping[str, Any]) -> str:
    """Return the name of the task that is asked for: with ``bidirectional`` alone, fill, and otherwise generate."""
    return given.get("task") or ("fill" if given.get("bidirectional") else "generate")


def check_task(given: Mapping[str, Any]) -> None:
    """Raise CharrnnError if the task of a new run does not have some of the given options."""
    name = task_of(given)
    task, asked = task_named(name), sorted(option for option, value in given.items() if _asks(option, value))
    if "bidirectional" in asked and ("given" in asked or (name == "generate" and "task" in asked)):
        raise CharrnnError("a --bidirectional network cannot generate a text; --task fill fills its gaps")
    if name == "generate" and "given" in asked:
        name = CONDITIONED
    for option in asked:
        tasks = TASKS_OF.get(option, (name,))
        if name in tasks:
            continue
        alike = [other for other in asked if TASKS_OF.get(other) == tasks]
        if tasks == TEXT_TASKS:
            raise CharrnnError(f"--task {name} has no {spelled(alike)}; leave that out")
        what = "--given" if tasks == (CONDITIONED,) and "given" not in asked else f"--task {_either(tasks)}"
        raise CharrnnError(f"{spelled(alike)} need{'s' * (len(alike) == 1)} {what}")
    if given.get("joined") is not None and "bidirectional" not in asked:
        raise CharrnnError("--joined needs --bidirectional: only then are there two directions to join")
    if (pooling := given.get("pooling")) is not None and pooling not in task.poolings:
        raise CharrnnError(f"--task {name} has no --pooling {pooling}; choose from {', '.join(task.poolings)}")


def start_again(resume: str) -> str:
    """Return how to start a new run instead of resuming this model's: only one on a text takes its weights over."""
    from charrnn.model import model_file

    with suppress(CharrnnError):  # it is opened later
        if model_file.reads_examples(resume):
            return "without --resume"
    return "with --init-from instead"


def defaults(option: str) -> str:
    """Return the defaults of an option for examples in words, such as "128 for examples"."""
    sizes: dict[str, dict[str, Any]] = {
        "for examples": USUAL,
        "with --task tag": TAGGED,
        "for a series of numbers": SERIES,
    }
    return "; ".join(f"{own[option]:,g} {what}" for what, own in sizes.items() if option in own)


def spelled(options: Iterable[str]) -> str:
    """Return options as the command line spells them."""
    return ", ".join(SPELLED.get(option, f"--{option.replace('_', '-')}") for option in options)


def _asks(option: str, value: Any) -> bool:
    """Return whether the value of an option asks for something; joined does whatever its value is."""
    if value is None or (value is False and option not in ("joined", "shuffle")):
        return False
    return option not in HARMLESS or HARMLESS[option] != value


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
