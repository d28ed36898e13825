"""How everything is computed: the only package that imports numba.

Reading order: ``arguments`` (what kernels are given), ``activations``, ``product`` (of matrices), then a family of
cells, ``rnn``, ``lstm``, ``gru``: a forward and a backward scan over time each, whose signatures are in ``scans``.
Around them: ``inputs`` (what enters a layer, dropout), ``states``, ``softmax`` (and its loss), ``weight_gradients``,
``update`` (norm, clipping, optimizers), ``barrier`` (threads wait). What Python calls: ``forward_pass``,
``backward_pass``, ``training_loop`` (many steps), ``rtrl`` (the same in real time), ``drawing`` (a block of
characters). Below them is ``llvm``. Buffers are padded to whole vectors (see `padded`), so no loop has a remainder.
"""
