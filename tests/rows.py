"""Which cells a test is run for: every row where that is cheap, else one of each kind."""

from charrnn.cells.table import CELLS

PLAIN = ("rnn", "lstm", "gru")  # of each family with a W
KINDS = (*PLAIN, "lstm-fgr", "gru-reset-before", "mingru")  # and those that carry other states, or have other matrices
# Every row of the table, with options of its own.
ROWS = [
    *((cell, {}) for cell in CELLS if cell not in ("clockwork", "lstm-projection")),
    ("rnn", {"activation": "relu"}),
    ("rnn", {"activation": "sigmoid"}),
    ("clockwork", {"periods": (1, 2, 5)}),
    ("lstm-projection", {"projection": 4}),
]
# A clockwork network with other activations, where a test is about one step or one window of it.
CLOCKS = [("clockwork", {"periods": (1, 2, 5), "activation": activation}) for activation in ("relu", "sigmoid")]
NAMES = [" ".join([cell, *map(str, options.values())]) for cell, options in ROWS]
CLOCK_NAMES = [" ".join([cell, *map(str, options.values())]) for cell, options in CLOCKS]


def fitted(hidden, options):
    """Return options that go with a hidden size: a projection below it, and periods that it can be shared out among."""
    options = dict(options)
    if "projection" in options:
        options["projection"] = max(1, hidden // 2)
    if "periods" in options:
        groups = max(count for count in (1, 2, 3, 4, 5) if hidden % count == 0)
        options["periods"] = (1, 2, 5, 6, 9)[:groups]
    return options


def settings_of(options):
    """Return options of an architecture as settings have them."""
    return {name: ",".join(map(str, value)) if name == "periods" else value for name, value in options.items()}
