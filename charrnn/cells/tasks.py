"""The table of tasks: what a network reads, where it predicts, and what."""

from dataclasses import dataclass

from charrnn.errors import CharrnnError

HEADS = ("softmax", "linear", "logistic")
POOLINGS = ("each", "last", "mean")
GIVEN_AT = ("every", "first")  # steps at which a condition is read; the first one is a step of its own
MAXIMUM_CONDITIONS = 65_536  # numbers of a condition


@dataclass(frozen=True)
class Task:
    """One task. Its losses are in `kernels/heads.py`, and for texts in `kernels/softmax.py`."""

    name: str
    description: str
    heads: tuple[str, ...]  # what the outputs are: a class, numbers, or numbers from 0 to 1; the first is the usual one
    poolings: tuple[str, ...]  # what predicts: each step, the last states, or the mean of all; the first is the usual
    use: str  # what a model does, and with which command
    reads_examples: bool = True  # whole examples, with labels, and not a text that predicts itself
    is_part: bool = False  # of a network for another task, and none that can be asked for


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
        Task(
            "translate",
            "write a text for a text",
            ("softmax",),
            ("each",),
            "writes a text for each text that it reads; use charrnn translate to translate with it",
        ),
        Task(
            "encode", "read a text for a network that writes one", ("softmax",), ("each",), "only reads", is_part=True
        ),
    )
}
ASKED_TASKS = tuple(task.name for task in TASKS.values() if not task.is_part)
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


def check_pairs(features: int, hidden: int, projection: int | None, *, both: bool) -> None:
    """Raise CharrnnError for sizes that an encoder and a decoder cannot have."""
    if features:
        raise CharrnnError("a network that translates reads symbols, not numbers")
    if both and (hidden % 2 or (projection or 0) % 2):
        raise CharrnnError(
            "in both directions, an encoder has half of the hidden size, and of a projection, in each: use even numbers"
        )


def checked_step(task: str, conditions: int, given_at: str) -> str:
    """Return at which step a condition is read, by default at every one; raise CharrnnError if there can be none."""
    if not conditions:
        if given_at:
            raise CharrnnError("a network without a condition reads it at no step")
        return ""
    if task != "generate":
        raise CharrnnError(f"the task {task} has no condition; generate has")
    if not 1 <= conditions <= MAXIMUM_CONDITIONS:
        raise CharrnnError(f"a condition has from 1 to {MAXIMUM_CONDITIONS:,} numbers, not {conditions:,}")
    if given_at and given_at not in GIVEN_AT:
        raise CharrnnError(f"unknown step {given_at!r:.60} for a condition; choose from {', '.join(GIVEN_AT)}")
    return given_at or GIVEN_AT[0]
