"""What is computed: the table of cells, and the shapes and initial values of their parameters. No Numba here."""
