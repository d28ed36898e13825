"""How everything is computed: the only room that imports numba.

Reading order: ``simd`` (a vector of 16 floats), ``activations``, ``gemm`` (products), then a family of cells, ``rnn``,
``lstm``, ``gru``: a forward and a backward scan over time each. Around them: ``inputs`` (what enters a layer, dropout),
``output`` (softmax, loss), ``gradients`` (the weights'), ``update`` (norm, optimizers). What Python calls: ``passes``
(a whole network forward), ``training`` (many steps), ``rtrl`` (the same in real time), ``sampling`` (a block of
characters). Below them: ``barrier`` (threads wait), ``compiler`` (Numba) and ``cache`` (what it compiled, on disk);
aside, ``peak`` (the most the processor can do). Buffers are padded to whole vectors (see `padded`), so no loop has a
remainder.
"""
