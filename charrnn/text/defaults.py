"""Rules and defaults for texts that options name; apart, so that the command line starts fast."""

UNKNOWN = ("error", "skip", "replace")  # what to do with unknown characters: see `Vocabulary.encode`
FRACTION = 0.1  # the share of a text that is held out for validation
USUAL_MOST = 200_000  # characters that are held out at most: a validation takes a fifth of the time between two
