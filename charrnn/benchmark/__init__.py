"""The speed of this machine, measured in turns with other programs, and what cells learn and remember.

Reading order: ``timing`` (turns, medians, ratios), ``flop`` (what counts as work), ``sides`` (the work of this
program), ``pytorch`` (the same work in PyTorch), ``roof`` (the most that the processor and NumPy can do;
``matrix_product`` is its child process), ``speed`` (one network), ``suite`` (many networks, and how the time grows),
``processes`` (start-up, memory), ``rtrl_cost`` (real-time recurrent learning), ``recall`` (how far back cells
remember), ``comparison`` (cells with the same number of parameters), ``report`` (the results as rows of text).
"""
