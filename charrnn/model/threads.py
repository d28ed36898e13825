"""How many threads a process can run at once: its processors, and the share of them that its control groups allow."""

import math
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from charrnn.errors import CharrnnError


def usable_threads(threads: int | None, tell: Callable[[str], None]) -> int:
    """Return how many threads to run: those asked for (None: as many as possible), but no more than can run at once.

    More would only wait for each other, as the result does not depend on their number; `tell` gets a sentence then.
    Raises CharrnnError for a number below 1.
    """
    most = processors()
    if threads is None:
        return most
    if threads < 1:
        raise CharrnnError(f"the number of threads must be 1 or more, not {threads}")
    if threads > most:
        tell(f"--threads {threads} is lowered to {most}: this process can use {most} processor{'s' * (most > 1)}")
    return min(threads, most)


def processors(root: Path = Path("/")) -> int:
    """Return the number of processors that this process can use.

    Its affinity limits it, and in a container the quota of time of its control groups, read from files below `root`.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [_quota(folder) for folder in _groups(root)]
    return max(1, math.ceil(min(affinity, *quotas, math.inf)))


def _groups(root: Path) -> Iterator[Path]:
    """Yield the folders of this process's control groups that can limit its processors, and of all groups above.

    A line of /proc/self/cgroup is "0::PATH" in version 2, and "NUMBER:CONTROLLERS:PATH" in version 1. In a container,
    the path can be the host's: only the folder where the groups are mounted exists then, and is that of the container.
    """
    try:
        listed = (root / "proc/self/cgroup").read_text("utf-8", "surrogateescape")
    except OSError:  # not Linux
        return
    for controllers, path in re.findall(r"^\d+:([^:\n]*):(.*)$", listed, re.MULTILINE):
        if controllers and "cpu" not in controllers.split(","):
            continue
        for mount in (controllers,) if controllers else ("", "unified"):
            folder = root / "sys/fs/cgroup" / mount
            yield folder
            for name in path.split("/"):
                folder /= name
                yield folder


def _quota(folder: Path) -> float:
    """Return a control group's quota, in processors; infinity without one."""
    try:
        if (folder / "cpu.max").exists():  # version 2
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        share = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # such as "max"
        return math.inf
    return share if share > 0 else math.inf
