"""Editing of the lines that are typed on a terminal: history, completion, and how the terminal is set meanwhile."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

REMEMBERED = 1000  # lines of history


class LineEditor:
    """What makes `input` edit lines, with a history file and commands that Tab completes, where the system can do it.

    `close` keeps the history, where that is possible, and leaves the terminal as it was.
    """

    def __init__(self, history: Path, commands: Sequence[str]) -> None:
        self._history = history
        self._readline = _readline(history, commands)
        self._attributes = _keep_output_at_ctrl_c()

    @property
    def edits(self) -> bool:
        """Whether lines are edited here, and not by the terminal alone."""
        return self._readline is not None

    @property
    def takes_codes(self) -> bool:
        r"""Whether a prompt may hold codes, between \1 and \2, which say what takes no room on the screen."""
        return self._readline is not None and not _is_libedit(self._readline)

    def close(self) -> None:
        """Write the history, and set the terminal as it was."""
        if self._attributes is not None:
            _set_attributes(self._attributes)
        if self._readline is None:
            return
        with suppress(OSError):
            self._history.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._history, os.O_CREAT | os.O_RDWR, 0o600))
            self._readline.write_history_file(self._history)
            self._history.chmod(0o600)  # it is written anew, and what people type is nobody else's business


def _keep_output_at_ctrl_c() -> list[Any] | None:
    """Let a terminal show what was written before Ctrl-C, which it would throw away; return how it was set before."""
    try:
        import termios
    except ImportError:
        return None
    before = termios.tcgetattr(sys.stdin.fileno())
    changed = before.copy()
    changed[3] |= termios.NOFLSH
    _set_attributes(changed)
    return before


def _set_attributes(attributes: list[Any]) -> None:
    import termios

    with suppress(OSError, termios.error):  # the terminal may be gone
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, attributes)


def _is_libedit(readline: ModuleType) -> bool:
    return "libedit" in (readline.__doc__ or "")


def _readline(history: Path, commands: Sequence[str]) -> ModuleType | None:
    """Return the module that edits lines, with its history, or None where there is none."""
    try:
        import readline
    except ImportError:
        return None
    readline.set_completer(_completer(readline.get_line_buffer, commands))
    readline.set_completer_delims(" ")
    readline.parse_and_bind("bind ^I rl_complete" if _is_libedit(readline) else "tab: complete")
    readline.set_history_length(REMEMBERED)
    with suppress(OSError):
        readline.read_history_file(history)
    return readline


def _completer(line: Callable[[], str], commands: Sequence[str]) -> Callable[[str, int], str | None]:
    def complete(word: str, number: int) -> str | None:
        fitting = [f"{name} " for name in commands if name.startswith(word)] if re.fullmatch(r"/\S*", line()) else []
        return fitting[number] if number < len(fitting) else None

    return complete
