"""Cells that users write: a step in NumPy, its derivatives, and what a model file says about it.

`cell_file` loads a user's file; nothing else in the program runs a user's code. `step` calls the function and checks
what it returns. `variable` and `derivatives` differentiate it.
"""
