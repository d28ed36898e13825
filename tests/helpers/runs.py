"""Runs of training as a whole."""

from dataclasses import replace

from charrnn.training import example_data, online, text_data
from charrnn.training.pace import Pace
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer

OFTEN = Pace(shortest_interval=1, longest_interval=400)  # several validations an epoch, and not always at its end
INTERVAL = 10  # steps of 5 streams of 8 characters between two of them


def set_pace(monkeypatch, **changes):
    """Let runs that are given no pace, as those of the command line, go at another one from here on."""
    pace = replace(text_data.DEFAULT_PACE, **changes)
    monkeypatch.setattr(text_data, "DEFAULT_PACE", pace)
    monkeypatch.setattr(example_data, "DEFAULT_PACE", pace)
    monkeypatch.setattr(online, "DEFAULT_PACE", pace)


def resumed_run(checkpoint, corpus, team, settings=None, pace=None):
    """Resume a run on a text, with its own settings or others."""
    return Trainer.resumed(checkpoint, TextData(settings or Settings.of(checkpoint.training), corpus, pace), team)


def finish(run):
    """Run to the end and return all records."""
    return list(run.run())


def state_of(run):
    """Return everything that a run or its checkpoint is but the clock, as bytes and progress."""
    checkpoint = run if hasattr(run, "resume") else run.checkpoint()
    resume = checkpoint.resume
    progress = {key: value for key, value in resume.progress.items() if key != "seconds"}
    arrays = [*checkpoint.parameters.values(), resume.weights, *resume.moments, resume.carried]
    if resume.influence is not None:
        arrays.append(resume.influence)
    return [array.tobytes() for array in arrays], progress
