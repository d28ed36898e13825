"""The signatures of the three kernels of a cell's family, each compiled once for each value of the flags."""

from numba import types

from charrnn.kernels.arguments import BUFFERS, FLOATS, INTEGER, LAYER_WEIGHTS, MEMBER, PART, WEIGHTS

# Forward through time: z [T, B, Z], states, the layer, its weights, the part of the window, flags.
FORWARD_SCAN = types.void(FLOATS[3], FLOATS[5], INTEGER, LAYER_WEIGHTS, PART, INTEGER)
# Backward through time: the same, with dh and d_others after the states.
BACKWARD_SCAN = types.void(FLOATS[3], FLOATS[5], FLOATS[4], FLOATS[5], INTEGER, LAYER_WEIGHTS, PART, INTEGER)
# Gradients of parameters besides U, W and b, for a member's columns, after the backward pass of all rows: the
# gradient, the buffers that this pass has filled, the layer, the member, steps, scratch, flags.
EXTRA_GRADIENTS = types.void(WEIGHTS, BUFFERS, INTEGER, MEMBER, INTEGER, FLOATS[1], INTEGER)
