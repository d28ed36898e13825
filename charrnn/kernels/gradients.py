"""The weights' gradients over a window, each thread some columns: every sum runs over all rows in their order."""

from charrnn.kernels.barrier import wait
from charrnn.kernels.compiler import jit
from charrnn.kernels.gemm import PANEL, multiply_transposed_add, share
from charrnn.kernels.simd import LANES, load, store


@jit
def add_row_sums(db, dz, first, last, rows):
    """Add the sum over rows of dz [R, Z] to db [Z], for the panels `first` to `last` of columns."""
    for j in range(first * PANEL, min(last * PANEL, db.shape[0]), LANES):
        total = load(db, (j,))
        for r in range(rows):
            total = total + load(dz, (r, j))
        store(db, (j,), total)


@jit
def add_picked_rows(dU, ids, dz, first, last, rows):
    """Add each row of dz [R, ≥G] to the row of dU [V, G] that ids [R] picked, for some panels of columns."""
    begin, end = first * PANEL, min(last * PANEL, dU.shape[1])
    for r in range(rows):
        symbol = ids[r]
        for j in range(begin, end, LANES):
            store(dU, (symbol, j), load(dU, (symbol, j)) + load(dz, (r, j)))


@jit
def add_first_layer(dU, dW, db, ids, dz, h, rows, worker, scratch, meeting):
    """Add a worker's columns of the first layer's gradients: ∇U = Σ x_tᵀ δ_t, ∇W = Σ h_{t-1}ᵀ δ_t, ∇b = Σ δ_t.

    dz [R, Z] is δ for all steps and streams, h [≥R, H] begins with h_{-1}, ids [R]. W fed the last columns of z. Waits
    first, for δ comes from all workers.
    """
    wait(meeting)
    add_picked_rows(dU, ids, dz, *share(dU.shape[1], worker, meeting[1]), rows)
    add_recurrent(dW, db, dz, h, rows, worker, scratch, meeting[1])


@jit
def add_deeper_layer(dU, dW, db, x, dz, h, rows, worker, scratch, workers):
    """Add a worker's columns of a deeper layer's gradients; x [≥R, N] is what came from below."""
    first, last = share(dU.shape[1], worker, workers)
    multiply_transposed_add(dU, x, dz, 0, rows, first, last, scratch)
    add_recurrent(dW, db, dz, h, rows, worker, scratch, workers)


@jit
def add_recurrent(dW, db, dz, h, rows, worker, scratch, workers):
    """Add a worker's columns of the gradients that every layer has."""
    first, last = share(dW.shape[1], worker, workers)
    multiply_transposed_add(dW, h, dz, dz.shape[1] - dW.shape[1], rows, first, last, scratch)
    first, last = share(db.shape[0], worker, workers)
    add_row_sums(db, dz, first, last, rows)


@jit
def add_output(dV, dc, x, d_logits, rows, worker, scratch, workers):
    """Add a worker's columns of the output's gradients: ∇V = Σ x_tᵀ δᵒ_t, ∇c = Σ δᵒ_t."""
    # The last worker takes the first panels here, as shares that do not come out even favour the last one above.
    first, last = share(dV.shape[1], workers - 1 - worker, workers)
    multiply_transposed_add(dV, x, d_logits, 0, rows, first, last, scratch)
    add_row_sums(dc, d_logits, first, last, rows)
