"""Rules and defaults for texts that options name; apart, so that the command line starts fast."""

UNKNOWN = ("error", "skip", "replace")  # what to do with unknown characters: see `Vocabulary.encode`
NEAR = ("none", "forms", "case")  # which near forms of unknown characters are read: see `text.near_forms`
MARK = "mark"  # the rule that keeps their places, for scoring
SCORED_UNKNOWN = (*UNKNOWN, "charge")  # what scoring can do with them: see `reading.unknown`
UNKNOWN_BITS = 20.08746284125034  # that "charge" charges: log₂ 1,114,112, uniform over Unicode
MOST_RARE = 10**9  # times that a rare character can occur
LINES = "\n"  # the separator of documents that are lines
PARAGRAPHS = "\n\n"
FILES = "\x1c"  # in its place if files are documents: ASCII's file separator, which is no separator within a file
FRACTION = 0.1  # the share of a text that is held out for validation
USUAL_MOST = 200_000  # characters that are held out at most: a validation takes a fifth of the time between two
