"""What is computed: a row of a table for each cell, its parameters' shapes and first values. No Numba here."""
