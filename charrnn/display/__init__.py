"""The terminal output: the only package that imports rich. Results go to stdout, all else to stderr."""
