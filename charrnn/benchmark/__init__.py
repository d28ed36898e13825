"""Speed on this machine, all sides of a comparison in turns within one run; and what cells learn and remember.

Reading order: ``timing`` (turns, medians, ratios), ``flop`` (what counts as work), ``sides`` (what this program does),
``pytorch`` (the same in PyTorch), ``roof`` (the most that the processor and NumPy can do; ``matrix_product`` is its
child process), ``speed`` (one network), ``suite`` (many networks, and how the time grows), ``processes`` (start-up,
memory), ``recall`` (how far back cells remember), ``comparison`` (cells with equally many parameters), ``report`` (all
of it as rows of text).
"""
