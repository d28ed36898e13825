"""Start the program in a process of its own, as a shell does, and wait for it."""

import os
import subprocess
import sys
import threading
import time

PATIENCE = 120.0  # seconds that a process may take on a busy machine before a test gives up on it

# Beginnings of names in the environment that would change what is tested, wherever the tests are run.
ELSEWHERE = ("PYTHONUTF8", "PYTHONUNBUFFERED", "PYTHONCO", "PYTHONIO", "LC_")
ELSEWHERE += ("NO_COLOR", "FORCE_COLOR", "TTY_", "COLUMNS", "LINES")

# What a process does before it becomes the program: it has the signals as an interactive shell leaves them, whatever
# they are here, but for those to ignore; it closes streams; it takes a terminal as its own.
LAUNCH = """if True:
    import os, signal, sys
    ignored, closed, terminal, *arguments = sys.argv[1:]
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN if name in ignored.split() else signal.SIG_DFL)
    if terminal:
        import fcntl, termios
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for stream in closed.split():
        os.close(("stdin", "stdout", "stderr").index(stream))
    os.execv(sys.executable, [sys.executable, "-m", "charrnn", *arguments])
    """


def start(*arguments, ignored="", closed="", terminal=False, env=None, **streams):
    """Start the program: its arguments, what Popen takes, and what is to be otherwise than in a plain pipe."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith(ELSEWHERE)}
    surroundings |= {"TERM": "xterm-256color", **(env or {})}
    for name in ("stdin", "stdout", "stderr"):
        streams.setdefault(name, subprocess.DEVNULL if name == "stdin" else subprocess.PIPE)
    command = [sys.executable, "-c", LAUNCH, ignored, closed, "terminal" if terminal else "", *map(str, arguments)]
    return subprocess.Popen(command, env=surroundings, start_new_session=terminal, **streams)


def clear_up(process):
    """Leave nothing of a process behind."""
    if process.poll() is None:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def finish(process, data=None):
    """Hand a process what it is to read, and wait for it: (exit code, its stdout, its stderr as text)."""
    out, err = process.communicate(data, timeout=PATIENCE)
    return process.returncode, out, (err or b"").decode("utf-8")


def until(condition, process):
    """Wait for a condition, as long as a process runs."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < end
        time.sleep(0.02)


def until_line(process, beginning):
    """Read stderr up to a line that begins so; return what was read."""
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    read = b""
    for line in process.stderr:
        read += line
        if line.startswith(beginning.encode()):
            break
    else:
        raise AssertionError(f"{beginning!r} was never written, but {read!r}")
    watchdog.cancel()
    return read.decode("utf-8")
