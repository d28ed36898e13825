"""Sides take turns, and what is told of them is what was done by the time."""

from itertools import count

from charrnn.benchmark.timing import Comparison, Timing, Turns, alternate, fastest


class Clock:
    """A clock that stands still but for what sides do, and sides that take so many seconds a step."""

    def __init__(self):
        self.now, self.turns = 0.0, []

    def _rest(self, _):
        self.now += 1000.0  # must not be measured

    def rounds(self, count):
        """Return so many rounds by this clock."""
        return Turns(count, clock=lambda: self.now, rest=self._rest)

    def side(self, name, *seconds, done=1):
        """Make a side: a step takes the first time in the first turn, and so on; the last one from then on."""
        turn = count()

        def work(steps):
            self.turns.append((name, steps))
            self.now += steps * seconds[min(next(turn), len(seconds) - 1)]
            return steps * done

        return work


def test_sides_take_turns():
    """Each round is one turn of each side, in the same order, none twice in a row."""
    clock = Clock()
    alternate({name: clock.side(name, 0.1) for name in "abc"}, clock.rounds(4))
    assert "".join(name for name, _ in clock.turns[-12:]) == 4 * "abc"


def test_a_turn_is_as_long_for_slow_sides_as_for_fast_ones():
    """As many steps as take the seconds of a round; at least one."""
    clock = Clock()
    alternate({"fast": clock.side("fast", 0.001), "slow": clock.side("slow", 100.0)}, clock.rounds(1))
    assert clock.turns[-2:] == [("fast", round(Turns(1).seconds / 0.001)), ("slow", 1)]


def test_steps_can_be_given():
    """A side is then called for so many steps, once untimed and once a round."""
    clock = Clock()
    alternate({"process": clock.side("process", 0.5)}, clock.rounds(3), steps=1)
    assert clock.turns == 4 * [("process", 1)]


def test_rates_are_work_by_time():
    """What a side says that it did, by the time that passed while it did it; its first steps do not count."""
    clock = Clock()
    timings = alternate({"a": clock.side("a", 99.0, 0.5, 0.25, 1.0, done=10)}, clock.rounds(3), steps=2)
    assert timings["a"].rates == (20.0, 40.0, 10.0)
    assert (timings["a"].median, timings["a"].best) == (20.0, 40.0)


def test_the_others_best_way_counts():
    """A ratio of medians is against the greatest median of the others, one of bests against their best round."""
    ours, steady, wild = (
        Timing("us", (6.0, 8.0, 10.0)),
        Timing("steady", (4.0, 4.0, 4.0)),
        Timing("wild", (1.0, 2.0, 5.0)),
    )
    compared = Comparison(ours, (steady, wild))
    assert compared.fastest is steady
    assert (compared.ratio_of_medians, compared.ratio_of_bests) == (2.0, 2.0)
    assert Comparison(ours, ()).as_dict()["ratio_of_medians"] is None


def test_the_fastest_is_found_by_a_trial():
    """Of several ways the fastest remains, though something else slows it for a while."""
    clock = Clock()
    sides = {str(seconds): clock.side("", seconds) for seconds in (0.3, 0.1, 0.4, 0.2)}
    sides["slowed"] = clock.side("", 0.05, 0.05, 0.6, 0.05)
    assert fastest(sides, clock.rounds(7)) == {"slowed": sides["slowed"]}
