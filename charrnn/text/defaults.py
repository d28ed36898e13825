"""Rules and defaults for texts that options name; apart, so that the command line starts fast."""

import math

UNKNOWN = ("error", "skip", "replace")  # what to do with unknown characters: see `Vocabulary.encode`
MARK = "mark"  # the rule that keeps their places, for scoring
SCORED_UNKNOWN = (*UNKNOWN, "charge")  # what scoring can do with them: see `reading.unknown`
UNKNOWN_BITS = math.log2(1_114_112)  # that "charge" charges: uniform over Unicode
FRACTION = 0.1  # the share of a text that is held out for validation
USUAL_MOST = 200_000  # characters that are held out at most: a validation takes a fifth of the time between two
