"""The dialogue of ``charrnn play``: text, and commands that start with a slash."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.options import EscapedText
from charrnn.cli.targets import refuse_existing, refuse_sources, require_text
from charrnn.errors import CharrnnError
from charrnn.text.defaults import NEAR, UNKNOWN
from charrnn.writing.controls import CONTROLS, Control, Controls

if TYPE_CHECKING:
    from charrnn.display.prompt import Pipe, Terminal
    from charrnn.writing.conversation import Conversation

TURN_LENGTH = 300  # characters of a continuation
UNBROKEN = "\N{NON-BREAKING HYPHEN}"


class Play:
    """Reads lines and carries them out, until the input ends or a line is /quit."""

    def __init__(self, conversation: "Conversation", screen: "Pipe | Terminal") -> None:
        self.conversation, self.screen = conversation, screen
        self.refused = 0  # number of lines
        self.over = False
        self._goes_on = True  # whether the next turn continues the text shown last
        self._kept = self._warned = b""  # the text that was saved last, and the one that a warning was about

    def run(self) -> int:
        """Read all lines; return how many were refused."""
        while not self.over:
            try:
                self.line(self.screen.ask(self._text_before()))
            except EOFError:
                self.quit()
            except KeyboardInterrupt:
                if not self.screen.on_terminal:
                    raise
                self.screen.say("To quit, press Ctrl-D or type /quit.")
            except CharrnnError as error:
                self.refused += 1
                self.screen.complain(_spelt_as_commands(str(error)))
        return self.refused

    def line(self, line: str) -> None:
        """Carry out a line.

        Raises CharrnnError if that fails.
        """
        if not line.startswith("/") or line.startswith("//"):
            self.turn(self.conversation.take(line.removeprefix("/") if line.startswith("//") else line))
            return
        name, _, argument = line[1:].partition(" ")
        entry = next((entry for entry in TABLE if entry.name == name), None)
        if entry is None:
            raise CharrnnError(f"unknown command {f'/{name}'[:60]!r}; /help lists the commands")
        if argument.strip() and not entry.argument:
            raise CharrnnError(f"/{name} takes no argument; to type text that starts with a slash, type two slashes")
        if entry.value is not None and not argument:
            self.screen.say(f"{entry.name} {entry.value(self)}")
        else:
            entry.action(self, argument)

    def turn(self, parts: Iterator[Any], *, answers: bool = True) -> None:
        """Show a turn while it is written; Ctrl-C ends it."""
        conversation, screen = self.conversation, self.screen
        text, typed = self._text_before(), conversation.last_typed
        screen.begin(text[: len(text) - len(typed)], typed, goes_on=self._goes_on, answers=answers)
        self._goes_on = True
        try:
            for part in parts:
                screen.write(conversation.vocabulary.decode_bytes(part))
                if screen.stopped:
                    break
        finally:
            parts.close()  # type: ignore[attr-defined]
            screen.end(conversation.vocabulary.ending if conversation.last_ended else None)

    def _text_before(self) -> bytes:
        """Return the text that the next turn continues.

        Empty for a pipe, which does not show it again, and can have many lines.
        """
        return self.conversation.open_text if self.screen.on_terminal else b""

    def help(self) -> None:
        """Print the commands."""
        self.screen.say(table_of_commands(max(self.screen.width - 1, 30)))

    def again(self) -> None:
        """Write the last continuation again."""
        parts = self.conversation.again()
        self._goes_on = False
        self.turn(parts, answers=False)

    def undo(self) -> None:
        """Remove the last turn."""
        self.conversation.undo()
        self._goes_on = False
        if not self.conversation.text:
            self.screen.say("The text is empty again.")

    def begin_anew(self) -> None:
        """Start another text."""
        if self._may_be_lost():
            self.screen.say("the text so far is not saved; /undo returns to it")
        self.conversation.begin_anew()
        self._goes_on = False

    def save(self, name: str, *, force: bool) -> None:
        """Write the whole text to a file."""
        from charrnn.storage.files import check_writable, replacing, shown

        path = os.path.expanduser(name.strip())  # noqa: PTH111  # pathlib's raises if there is no home
        if not path:
            raise CharrnnError("/save needs the name of a file")
        try:
            if not force:
                refuse_existing(path, "/save! replaces it")
            refuse_sources(path, [("-", "the text that is read")], "/save")
            check_writable(path, force=True)
            require_text(path)
            with replacing(path) as file:
                file.write(text := self.conversation.text)
            self._kept = text
        except ValueError:  # a name with a null in it
            raise CharrnnError(f"{shown(path)} is not a valid file name") from None
        self.screen.say(f"saved in {shown(path)}")

    def quit(self) -> None:
        """End; on a terminal, only the second time if the text is not saved."""
        if self._may_be_lost() and (text := self.conversation.text) != self._warned:
            self._warned = text
            self.screen.say("the text is not saved; /save FILE keeps it, Ctrl-D again ends")
        else:
            self.over = True

    def _may_be_lost(self) -> bool:
        """Return whether a text exists only on the terminal; through a pipe, its reader has it."""
        return self.screen.on_terminal and self.conversation.text not in (b"", self._kept)

    def set_control(self, control: Control, typed: str) -> None:
        """Set a control to a number, or turn it off."""
        value: Any = getattr(Controls, control.name)
        if typed.strip() != "off":
            try:
                value = float(typed)
            except ValueError:
                name = control.name.replace("_", " ")
                raise CharrnnError(f"the {name} must be a number or off, not {typed.strip()[:60]!r}") from None
            value = int(value) if control.whole and value.is_integer() else value
        self.conversation.controls = replace(self.conversation.controls, **{control.name: value})

    def control(self, control: Control) -> str:
        """Return a control's value as text."""
        value = getattr(self.conversation.controls, control.name)
        return "off" if value is None else f"{value:g}"

    def set_ending(self, **changes: Any) -> None:
        """Set where continuations end."""
        ending = replace(self.conversation.ending, **changes)
        ending.check(self.conversation.vocabulary)
        self.conversation.ending = ending

    def set_stop(self, typed: str) -> None:
        """Add a string to stop before, or remove all."""
        stops = self.conversation.ending.stops
        self.set_ending(stops=() if typed == "off" else (*stops, EscapedText().convert(typed, None, None)))

    def set_seed(self, typed: str) -> None:
        """Set the seed, or choose a new one."""
        from charrnn.writing.samples import fresh_seed

        most = 2**63 - 1
        self.conversation.seed = fresh_seed() if typed.strip() == "off" else _whole(typed, "seed", 0, most)

    def set_unknown(self, typed: str) -> None:
        """Set the rule for unknown characters."""
        rule = "error" if typed.strip() == "off" else typed.strip()
        if rule not in UNKNOWN:
            raise CharrnnError(f"/unknown takes one of {', '.join(UNKNOWN)}, not {rule[:60]!r}")
        self.conversation.unknown = rule

    def set_near(self, typed: str) -> None:
        """Set which near forms of unknown characters are read."""
        near = "forms" if typed.strip() == "off" else typed.strip()
        if near not in NEAR:
            raise CharrnnError(f"/near takes one of {', '.join(NEAR)}, not {near[:60]!r}")
        self.conversation.near = near

    def values(self) -> None:
        """Print all settings."""
        self.screen.say("\n".join(f"{entry.name:<15} {entry.value(self)}" for entry in TABLE if entry.value))


def _spelt_as_commands(sentence: str) -> str:
    """Return a sentence with commands in place of options."""
    return re.sub(r"(?<!\S)--(?=[a-z])", "/", sentence)


def _whole(typed: str, name: str, least: int, most: int = 10**15) -> int:
    try:
        number = int(typed)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        wanted = f"from {least} to {most}" if number > most else f"from {least} on"
        raise CharrnnError(f"the {name} must be a whole number {wanted}, not {typed.strip()[:60]!r}")
    return number


def _length(typed: str) -> int | None:
    return TURN_LENGTH if typed.strip() == "off" else _whole(typed, "length", 0) or None


def _lines(typed: str) -> int | None:
    return None if typed.strip() == "off" else _whole(typed, "number of lines", 1)


@dataclass(frozen=True)
class Command:
    """A row of the table of commands: /name argument, help, action, and for a setting, its value."""

    name: str
    argument: str
    help: str
    action: Callable[[Play, str], None]
    value: Callable[[Play], object] | None = None


def _control(control: Control) -> Command:
    name = "temp" if control.name == "temperature" else control.name.replace("_", "-")
    show = partial(Play.control, control=control)
    return Command(name, "NUMBER", control.help, lambda play, typed: play.set_control(control, typed), show)


TABLE = (
    Command("help", "", "Show this help.", lambda play, _: play.help()),
    Command(
        "line",
        "[TEXT]",
        "Type TEXT and a line break.",
        lambda play, typed: play.turn(play.conversation.take(f"{typed}\n")),
    ),
    Command("again", "", "Remove what the model wrote last, and let it write again.", lambda play, _: play.again()),
    Command("undo", "", "Remove the last turn: your text and the model's.", lambda play, _: play.undo()),
    Command("new", "", "Start a new text; /undo returns to this one.", lambda play, _: play.begin_anew()),
    Command("show", "", "Show the whole text.", lambda play, _: play.screen.show(play.conversation.text)),
    Command("save", "FILE", "Save the whole text to a new file.", lambda play, typed: play.save(typed, force=False)),
    Command(
        "save!",
        "FILE",
        "Save the whole text, replacing a file.",
        lambda play, typed: play.save(typed, force=True),
    ),
    Command("quit", "", "Quit, like Ctrl-D.", lambda play, _: play.quit()),
    *map(_control, CONTROLS),
    Command(
        "length",
        "NUMBER",
        f"Maximum number of characters per turn; 0 writes until Ctrl-C, off is the default, {TURN_LENGTH}.",
        lambda play, typed: play.set_ending(length=_length(typed)),
        lambda play: play.conversation.ending.length or 0,
    ),
    Command(
        "lines",
        "NUMBER",
        "Maximum number of lines per turn.",
        lambda play, typed: play.set_ending(lines=_lines(typed)),
        lambda play: play.conversation.ending.lines or "off",
    ),
    Command(
        "stop",
        "TEXT",
        r"End a turn before TEXT, in which \n is a line break; each /stop adds a TEXT.",
        lambda play, typed: play.set_stop(typed),
        lambda play: " ".join(map(repr, play.conversation.ending.stops)) or "off",
    ),
    Command(
        "seed",
        "NUMBER",
        "The same seed and the same lines from here on give the same text.",
        lambda play, typed: play.set_seed(typed),
        lambda play: play.conversation.seed,
    ),
    Command(
        "unknown",
        "RULE",
        f"What to do with unknown characters: {', '.join(UNKNOWN[:-1])} or {UNKNOWN[-1]}.",
        lambda play, typed: play.set_unknown(typed),
        lambda play: play.conversation.unknown,
    ),
    Command(
        "near",
        "FORMS",
        f"Which near forms of unknown characters to read: {', '.join(NEAR[:-1])} or {NEAR[-1]}.",
        lambda play, typed: play.set_near(typed),
        lambda play: play.conversation.near,
    ),
    Command("set", "", "Show all settings. Type off after a name to reset it.", lambda play, _: play.values()),
)


def table_of_commands(width: int) -> str:
    """Return the table of commands for help, in lines of so many columns at most."""
    formatter, rows = click.HelpFormatter(width=width), []
    for entry in TABLE:
        text = _spelt_as_commands(entry.help).replace("-", UNBROKEN)  # so that lines do not break within names
        rows.append((f"/{entry.name} {entry.argument}".rstrip(), text))
    formatter.write_dl(rows)
    return formatter.getvalue().replace(UNBROKEN, "-").rstrip("\n")
