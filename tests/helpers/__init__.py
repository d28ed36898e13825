"""What tests of several rooms share that is no fixture: each file says what it helps with."""

from pathlib import Path

ROOT = Path(__file__).parents[2]  # of the project
