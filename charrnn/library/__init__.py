"""The Python library: what ``import charrnn`` offers, and what the command line uses."""
