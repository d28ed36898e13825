"""The exception and the warning whose messages the user sees."""


class CharrnnError(Exception):
    """An error that the user can fix. Its message is one plain sentence without a final period.

    The command line prints it as ``charrnn: error: …`` and exits with code 1.
    """


class TextWarning(UserWarning):
    """A note on how a text is read: its encoding, and files that are left out.

    The command line prints it as ``charrnn: …``.
    """


class UnknownWarning(TextWarning):
    """A note that characters of a text are unknown to a model, and were skipped or replaced."""
