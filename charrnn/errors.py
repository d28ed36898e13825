"""The one exception that a user may cause."""


class CharrnnError(Exception):
    """Something the user can mend: its text is one plain sentence, without a final full stop.

    The command line prints it as ``charrnn: error: …`` and ends with exit code 1.
    """
