"""All compiled code; the only package that imports Numba.

Reading order: ``arguments`` (what kernels take), ``activations``, ``product`` (of matrices), then the families of
cells, ``rnn``, ``lstm``, ``gru`` and ``minimal``: each has a forward and a backward scan over time, with signatures in
``scans``. Around them: ``inputs`` (of a layer, and dropout), ``states``, ``softmax`` (and its loss),
``sampled_softmax``, ``weight_gradients``, ``update`` (norm, clipping, optimizers), ``picked_rows`` (of an embedding and
of a large V), ``barrier`` (for threads). Python calls ``forward_pass``, ``backward_pass``, ``training_loop`` (many
steps), ``rtrl`` (the same in real time) and ``drawing`` (a block of characters). ``examples_forward``,
``examples_backward`` and ``examples_loop`` are the same for whole examples with labels or numbers, with the losses of
``heads``, and ``joining`` for what both directions hand on. The layer below is ``llvm``. Buffers are padded to whole
vectors (see `padded`), so no vector loop needs a remainder.
"""
