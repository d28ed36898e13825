"""What may be done with an unknown character; `Vocabulary.encode` does it. Light, as the command line offers these."""

UNKNOWN = ("error", "skip", "replace")
