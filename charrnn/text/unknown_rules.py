"""The rules for unknown characters, which `Vocabulary.encode` follows; apart, so that the command line starts fast."""

UNKNOWN = ("error", "skip", "replace")
