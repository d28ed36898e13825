"""Line editing on a terminal: history, completion, and the terminal's settings meanwhile."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from charrnn.storage.caches import lacks_home

REMEMBERED = 1000  # lines of history


class LineEditor:
    """Line editing for `input`, with a history file and Tab completion of commands, if the system has it.

    `close` saves the history, if possible, and restores the terminal.
    """

    def __init__(self, history: Path, commands: Sequence[str]) -> None:
        self._history = history
        self._readline = _readline(history, commands)
        self._attributes = _keep_output_at_ctrl_c()

    @property
    def edits(self) -> bool:
        """Whether lines are edited here, not only by the terminal."""
        return self._readline is not None

    @property
    def takes_codes(self) -> bool:
        r"""Whether a prompt can contain terminal codes, between \1 and \2."""
        return self._readline is not None and not _is_libedit(self._readline)

    def close(self) -> None:
        """Save the history, and restore the terminal."""
        if self._attributes is not None:
            _set_attributes(self._attributes)
        if self._readline is None or lacks_home(self._history):
            return
        with suppress(OSError):
            self._history.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._history, os.O_CREAT | os.O_RDWR, 0o600))
            self._readline.write_history_file(self._history)
            self._history.chmod(0o600)  # readline creates a new file; what people type is private


def _keep_output_at_ctrl_c() -> list[Any] | None:
    """Let the terminal show pending output at Ctrl-C instead of discarding it.

    Returns the terminal's previous settings, or None without termios.
    """
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
    """Return the readline module with its history loaded, or None."""
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
