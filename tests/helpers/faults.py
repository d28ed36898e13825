"""A stream that does not take what is written to it, and a command that meets it in a process of its own.

A process that has loaded all forks one for each command and fault, so that hundreds of them take seconds.
"""

import fcntl
import json
import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

LIMIT = 1 << 24  # bytes, as many as a file may have at a size limit: more than a command keeps
ROOM = 3  # bytes below the limit
FILLING = b"." * 4096  # of a pipe, before a command writes to it
STDOUT, STDERR = 1, 2
FAULTS = ("full disk", "size limit", "closed reader", "stopped reader", "non-blocking pipe", "closed stream")


def play_out(rows, results):
    """Run each row of a JSON file in the current folder, well and with every fault; write what came of it.

    A row is the descriptor of the stream at fault, a command's arguments, and what it reads. The last rows' files are
    the first rows' work: rows with arguments alone are run once, to prepare.
    """
    from charrnn.cli import run

    found = []
    for number, arguments, data in json.loads(Path(rows).read_text(encoding="utf-8")):
        Path("stdin").write_text(data, encoding="utf-8")
        _connect(0, os.open("stdin", os.O_RDONLY))
        kept = os.dup(STDOUT), os.dup(STDERR)
        for stream in (STDOUT, STDERR):
            _connect(stream, os.open(os.devnull, os.O_WRONLY))
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        run(list(arguments))  # from here on, all is loaded and compiled
        for stream, descriptor in zip((STDOUT, STDERR), kept, strict=True):
            _connect(stream, descriptor)
        found.append({fault: _outcome(number, arguments, fault) for fault in ("", *FAULTS)} if number else {})
    Path(results).write_text(json.dumps(found), encoding="utf-8")


def _connect(number, descriptor):
    os.dup2(descriptor, number)
    os.close(descriptor)


def _outcome(number, arguments, fault):
    """Return a command's exit code, and the bytes that arrived through the stream at fault and the other one."""
    writer, reader = _opened(fault)
    child = os.fork()
    if not child:
        _connect(0, os.open("stdin", os.O_RDONLY))
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        _connect(STDOUT + STDERR - number, os.open("other", os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
        if writer is None:
            os.close(number)
            setattr(sys, {STDOUT: "stdout", STDERR: "stderr"}[number], None)  # as Python has it
        else:
            _connect(number, writer)
        if fault == "size limit":
            resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        _end_with(arguments)
    if writer is not None:
        os.close(writer)
    arrived = b""
    if reader is not None:
        arrived = _read_late(reader, child)
        os.close(reader)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if fault in ("", "size limit"):
        arrived = Path("kept").read_bytes().lstrip(b"\0")
    return code, *(data.decode("latin-1") for data in (arrived, Path("other").read_bytes()))  # a byte is a character


def _end_with(arguments):
    """Run a command and end as Python does, which flushes its own streams, but without the second it takes."""
    from charrnn.cli import main

    try:
        main(arguments)
    except SystemExit as end:
        code = end.code
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            code = 120
    os._exit(code)


def _opened(fault):
    """Return what is written to, and what is read from, if it is a pipe with a reader."""
    if fault == "closed stream":
        return None, None
    if fault == "full disk":
        return os.open("/dev/full", os.O_WRONLY), None
    if fault in ("", "size limit"):
        file = os.open("kept", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        os.truncate(file, LIMIT - ROOM if fault else 0)
        return file, None
    reader, writer = os.pipe()
    if fault == "closed reader":
        os.close(reader)
        return writer, None
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, len(FILLING))
    if fault == "non-blocking pipe":
        os.set_blocking(writer, False)
        assert os.write(writer, FILLING) == len(FILLING)
    return writer, reader


def _read_late(reader, child):
    """Read all, but not before a command waits for it; it is stopped meanwhile, and continued, as with Ctrl-Z."""
    until = time.monotonic() + 0.2
    while time.monotonic() < until and not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGSTOP)
        os.kill(child, signal.SIGCONT)
    arrived = b""
    while select.select([reader], [], [], 60.0)[0] and (piece := os.read(reader, 1 << 16)):
        arrived += piece
    return arrived.removeprefix(FILLING)
