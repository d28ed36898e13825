"""Character-level recurrent networks for a CPU: train on any text, write more like it."""

__version__ = "0.1.0"
