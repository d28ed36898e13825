"""Turns: all sides of a comparison are timed in each round, and their medians compared."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter, sleep
from typing import Any, TypeAlias

TRIAL_ROUNDS = 3

# Does a number of steps of its work, and returns how much that was: characters, FLOP or processes.
Side: TypeAlias = Callable[[int], int]


@dataclass(frozen=True)
class Turns:
    """How the sides take turns."""

    rounds: int
    seconds: float = 0.2  # of work in a turn
    rest_seconds: float = 0.02  # between two turns: threads of the previous side can still be spinning
    clock: Callable[[], float] = perf_counter
    rest: Callable[[float], None] = sleep


@dataclass(frozen=True)
class Timing:
    """How much one side does per second, in each round."""

    name: str
    rates: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rates)

    @property
    def best(self) -> float:
        """The fastest round."""
        return max(self.rates)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {"name": self.name, "median": self.median, "best": self.best, "rounds": list(self.rates)}


@dataclass(frozen=True)
class Comparison:
    """One side and others doing the same work; of the others, the fastest counts."""

    ours: Timing
    theirs: tuple[Timing, ...]

    @property
    def fastest(self) -> Timing | None:
        """The other side with the highest median; None if there are no others."""
        return max(self.theirs, key=lambda timing: timing.median, default=None)

    @property
    def ratio_of_medians(self) -> float | None:
        """Our median divided by the highest of theirs: more than 1 if we are faster."""
        return None if self.fastest is None else self.ours.median / self.fastest.median

    @property
    def ratio_of_bests(self) -> float | None:
        """Our best round divided by the best round of the others."""
        return self.ours.best / max(timing.best for timing in self.theirs) if self.theirs else None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {
            "sides": [timing.as_dict() for timing in (self.ours, *self.theirs)],
            "fastest_other": self.fastest and self.fastest.name,
            "ratio_of_medians": self.ratio_of_medians,
            "ratio_of_bests": self.ratio_of_bests,
        }


def alternate(sides: Mapping[str, Side], turns: Turns, *, steps: int | None = None) -> dict[str, Timing]:
    """Time all sides in turns.

    So other work on the machine affects all sides. A turn is `steps` steps or, by default, the number that takes the
    time of a turn. The first steps of each side are not timed.
    """
    for side in sides.values():
        side(1)  # what only the first step does: compile, allocate, read from disk
    numbers = {name: steps or _steps_of_a_turn(side, turns) for name, side in sides.items()}
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(turns.rounds):
        for name, side in sides.items():
            turns.rest(turns.rest_seconds)
            began = turns.clock()
            done = side(numbers[name])
            rates[name].append(done / (turns.clock() - began))
    return {name: Timing(name, tuple(values)) for name, values in rates.items()}


def _steps_of_a_turn(side: Side, turns: Turns) -> int:
    steps = 1
    while True:
        began = turns.clock()
        side(steps)
        seconds = turns.clock() - began
        if seconds >= turns.seconds / 8:
            return max(1, round(steps * turns.seconds / seconds))
        steps *= 2


def fastest(sides: Mapping[str, Side], turns: Turns) -> dict[str, Side]:
    """Return the fastest side, by the best of a few rounds."""
    tried = alternate(sides, replace(turns, rounds=TRIAL_ROUNDS))
    name = max(tried, key=lambda name: tried[name].best)
    return {name: sides[name]}
