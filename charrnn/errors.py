"""The exception whose message the user sees."""


class CharrnnError(Exception):
    """An error that the user can fix. Its message is one plain sentence without a final period.

    The command line prints it as ``charrnn: error: …`` and exits with code 1.
    """
