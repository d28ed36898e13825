"""Train for hours and watch memory, threads and open files: ``python -m tests.endurance 2h`` (Linux)."""

import argparse
import os
import pty
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SAMPLES = 60  # looks at the run, evenly spread
GROWTH = 1.03  # of the memory from the second quarter of the run to the last that is no more than noise
OPTIONS = ("--hidden", "64", "--patience", "0", "--threads", "2")  # small, and so with the most steps a second


def look(pid: int) -> dict[str, int]:
    """Return a process's resident memory in kB, and how many threads and open files it has (Linux)."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return {"kB": int(status["VmRSS"].split()[0]), "threads": int(status["Threads"]), "files": files}


def train(
    seconds: float, folder: Path, options: tuple[str, ...] = OPTIONS, samples: int = SAMPLES
) -> list[dict[str, int]]:
    """Train for so many seconds, as in a terminal; return what was seen at some moments after the first tenth."""
    charrnn = [sys.executable, "-m", "charrnn"]
    subprocess.run([*charrnn, "corpus", "fables", "--characters", "300000", "-o", folder / "text.txt"], check=True)
    ours, theirs = pty.openpty()
    command = [*charrnn, "train", "text.txt", "--time", f"{seconds:.0f}s", "--log", "log.jsonl", *options]
    run = subprocess.Popen(command, cwd=folder, stderr=theirs)
    os.close(theirs)
    threading.Thread(target=drain, args=(ours,), daemon=True).start()
    seen = []
    try:
        log = folder / "log.jsonl"
        while run.poll() is None and not (log.exists() and log.stat().st_size):  # reading, compiling
            time.sleep(0.05)
        time.sleep(seconds / 10)
        for _ in range(samples):
            time.sleep(0.85 * seconds / samples)
            seen.append(look(run.pid))
            say(f"{len(seen)} of {samples}: " + ", ".join(f"{value:,} {what}" for what, value in seen[-1].items()))
        if run.wait(timeout=60 + seconds):
            raise SystemExit("the run failed")
    finally:
        if run.poll() is None:
            run.send_signal(signal.SIGKILL)
            run.wait()
    return seen


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def drain(terminal: int) -> None:
    """Read what is shown, so that the run never waits for a reader."""
    try:
        while os.read(terminal, 1 << 16):
            pass
    except OSError:  # the other side was closed
        pass


def grown(seen: list[dict[str, int]]) -> list[str]:
    """Say what has grown."""
    quarter = len(seen) // 4
    second, last = seen[quarter : 2 * quarter], seen[-quarter:]
    found = []
    for what, allowed in (("kB", GROWTH), ("threads", 1.0), ("files", 1.0)):
        before, after = (min(one[what] for one in part) for part in (second, last))  # a save opens a file now and then
        say(f"{what}: {before:,.0f} in the second quarter, {after:,.0f} in the last")
        if after > allowed * before:
            found.append(what)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("time", help="such as 2h, 10m or 60s")
    given = parser.parse_args().time
    with tempfile.TemporaryDirectory() as place:
        found = grown(train(float(given[:-1]) * {"s": 1, "m": 60, "h": 3600}[given[-1]], Path(place)))
    raise SystemExit(f"grown: {', '.join(found)}" if found else 0)
