"""What happens to files with time."""

import os
import time


def age(path, days):
    """Make a file or folder look as if it was last changed so many days ago."""
    then = time.time() - days * 86400
    os.utime(path, (then, then))
