"""The table of tasks: what a network reads, where it predicts, and what."""

from dataclasses import dataclass

from charrnn.errors import CharrnnError

HEADS = ("softmax", "linear", "logistic")
POOLINGS = ("each", "last", "mean")


@dataclass(frozen=True)
class Task:
    """One task. Its losses are in `kernels/heads.py`, and for texts in `kernels/softmax.py`."""

    name: str
    description: str
    heads: tuple[str, ...]  # what the outputs are: a class, numbers, or numbers from 0 to 1; the first is the usual one
    poolings: tuple[str, ...]  # what predicts: each step, the last states, or the mean of all; the first is the usual
    reads_examples: bool = True  # whole examples, with labels, and not a text that predicts itself


TASKS = {
    task.name: task
    for task in (
        Task("generate", "predict each next character of a text", ("softmax",), ("each",), reads_examples=False),
        Task("fill", "predict characters from both sides", ("softmax",), ("each",), reads_examples=False),
        Task("classify", "predict a label for a text or a sequence", ("softmax",), ("last", "mean")),
        Task("tag", "predict a label for each character or step", ("softmax",), ("each",)),
        Task("predict", "predict numbers", ("linear", "logistic"), ("last", "mean", "each")),
    )
}


def task_named(name: str) -> Task:
    """Return a task by its name; raise CharrnnError if there is none."""
    if name not in TASKS:
        raise CharrnnError(f"unknown task {name!r:.60}; choose from {', '.join(TASKS)}")
    return TASKS[name]
