"""Legs of a run: from the step on at which it was resumed with other settings."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from charrnn.errors import CharrnnError
from charrnn.model.model_file import Checkpoint, Resume
from charrnn.training.learner import Learner
from charrnn.training.rules import CHANGEABLE
from charrnn.training.settings import Settings

MOST = 1000  # legs that a file can list


def stored_legs(training: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the legs that a file's settings list; raise CharrnnError if they are not legs."""
    legs = training.get("legs", [])
    names = {"epoch", *CHANGEABLE}
    if not (isinstance(legs, list) and len(legs) <= MOST and all(isinstance(leg, dict) for leg in legs)):
        raise CharrnnError("the legs of the run are not a list of settings")
    if not all(name in names and type(value) in (int, float, str) for leg in legs for name, value in leg.items()):
        raise CharrnnError("the legs of the run are not a list of settings")
    return legs


def changes(old: Settings, new: Settings) -> dict[str, Any]:
    """Return the settings of a new leg that differ from those of the leg before."""
    return {name: getattr(new, name) for name in CHANGEABLE if getattr(new, name) != getattr(old, name)}


def fitted(resume: Resume, learner: Learner) -> Resume:
    """Return the state to resume from with the batch size of a learner: other streams start from the initial state."""
    if resume.carried.shape[2:3] == (learner.window.batch_size,):
        return resume
    learner.network.begin(learner.window, 0, learner.window.batch_size)
    influence = None if learner.influence is None else learner.influence.carried()
    return replace(resume, carried=learner.window.carried(), influence=influence)


def rescaled(checkpoint: Checkpoint, ratio: float) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the progress and the history of a run whose epochs have another number of steps.

    Raises KeyError, TypeError or ValueError if they cannot be those of a run.
    """
    progress = dict(checkpoint.resume.progress) if checkpoint.resume else {}
    steps = ("step", "best_step", "moments_begin")
    history = [{**entry, "step": round(entry["step"] * ratio)} for entry in checkpoint.history]
    return {**progress, **{name: round(progress[name] * ratio) for name in steps}}, history
