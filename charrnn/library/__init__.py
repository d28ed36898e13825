"""The Python library's face: what ``import charrnn`` offers, and what the command line is made of."""
