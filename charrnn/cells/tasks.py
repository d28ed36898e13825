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
    use: str  # what a model does, and with which command
    reads_examples: bool = True  # whole examples, with labels, and not a text that predicts itself


TASKS = {
    task.name: task
    for task in (
        Task(
            "generate",
            "predict each next character of a text",
            ("softmax",),
            ("each",),
            "predicts each next character of a text; use charrnn sample to write with it",
            reads_examples=False,
        ),
        Task(
            "fill",
            "predict characters from both sides",
            ("softmax",),
            ("each",),
            "is bidirectional: it cannot write a text, or read one, from left to right; use charrnn fill to fill the "
            "gaps of a text",
            reads_examples=False,
        ),
        Task(
            "classify",
            "predict a label for a text or a sequence",
            ("softmax",),
            ("last", "mean"),
            "predicts a label for a whole text or sequence; use charrnn classify to classify with it",
        ),
        Task(
            "tag",
            "predict a label for each character or step",
            ("softmax",),
            ("each",),
            "predicts a tag for each character or step; use charrnn tag to tag with it",
        ),
        Task(
            "predict",
            "predict numbers",
            ("linear", "logistic"),
            ("last", "mean", "each"),
            "predicts numbers; use charrnn predict to predict with it",
        ),
    )
}
TEXT_TASKS = tuple(task.name for task in TASKS.values() if not task.reads_examples)


def task_named(name: str) -> Task:
    """Return a task by its name; raise CharrnnError if there is none."""
    if name not in TASKS:
        raise CharrnnError(f"unknown task {name!r:.60}; choose from {', '.join(TASKS)}")
    return TASKS[name]


def require_task(own: str, *allowed: str) -> None:
    """Raise CharrnnError, which names the right command, if a model's own task is not one of those allowed."""
    if own not in allowed:
        raise CharrnnError(f"this model {task_named(own).use}")
