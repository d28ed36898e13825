"""The exception and the warning whose messages the user sees."""


class CharrnnError(Exception):
    """An error that the user can fix. Its message is one plain sentence without a final period.

    The command line prints it as ``charrnn: error: …`` and exits with code 1.
    """


class UnknownWarning(UserWarning):
    """A note that characters of a text are unknown to a model, and were skipped or replaced.

    The command line prints it as ``charrnn: …``.
    """
