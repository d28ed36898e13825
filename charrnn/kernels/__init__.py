"""How everything is computed: the only room that imports numba.

Reading order: ``simd`` (a vector of 16 floats), ``gemm`` (products), ``activations``, then a family of cells,
``rnn``, ``lstm``, ``gru``: a forward and a backward scan over time each; ``output`` (softmax, loss) and ``update``
(norm, optimisers). Buffers are padded to whole vectors (see `padded`), so no loop has a remainder.
"""

from charrnn.kernels.compiler import is_warm, jit
from charrnn.kernels.simd import LANES, padded

__all__ = ["LANES", "is_warm", "jit", "padded"]
