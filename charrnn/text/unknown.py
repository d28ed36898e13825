"""What may be done with a character outside the vocabulary. Light: the command line offers these rules."""

UNKNOWN = ("error", "skip", "replace")
