"""What a cell's family is: three kernels of these signatures, each compiled for a value of the cell's flags."""

from numba import types

from charrnn.kernels.arguments import BUFFERS, FLOATS, INTEGER, LAYER_WEIGHTS, MEMBER, PART, WEIGHTS

# Through time, forward: z [T, B, Z], states, the layer, its weights, which part of the window, flags.
FORWARD_SCAN = types.void(FLOATS[3], FLOATS[5], INTEGER, LAYER_WEIGHTS, PART, INTEGER)
# And back: with dh and d_others after the states.
BACKWARD_SCAN = types.void(FLOATS[3], FLOATS[5], FLOATS[4], FLOATS[5], INTEGER, LAYER_WEIGHTS, PART, INTEGER)
# What it adds to the gradients beside those of U, W and b, for a member's columns, once all rows have gone back: the
# gradient, what the way back has left, the layer, the member, steps, scratch, flags.
EXTRA_GRADIENTS = types.void(WEIGHTS, BUFFERS, INTEGER, MEMBER, INTEGER, FLOATS[1], INTEGER)
