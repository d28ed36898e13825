"""The picture in the README: ``python -m tests.picture [FILE [TIME]]`` trains and samples in a terminal, and draws it.

TIME is how long to train: half a minute is enough if nothing else runs, a busy machine needs two (``2m``).
It needs tmux, whose screens a program can read, and the plot extra: Pillow and the font come with matplotlib.
"""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

from tests.helpers import ROOT

PICTURE = ROOT / "charrnn" / "cli" / "picture.png"
TRAIN = "charrnn train corpora/fables.txt --time {duration} -o fables.npz --force"
TIME = "30s"
SAMPLE = "charrnn sample fables.npz --temp 0.8 --length 300 --seed 1"
COLUMNS, ROWS = 116, 50  # enough for the longest line, and for all lines without scrolling
PATIENCE = 300  # seconds
NEARLY_DONE = re.compile(r" [89]\d%  epoch ")  # the status beside the bar
PROMPT, PROMPT_COLOR = "$", "38;2;40;200;64"  # red, green and blue after 38;2

FONT_SIZE, CELL, LINE = 25, 15, 36  # pixels; a character of DejaVu Sans Mono is 0.6 of its size wide
MARGIN, BAR, CORNER, DOT = 36, 60, 18, 9
BACKGROUND, TITLE_BAR, RULE, TITLE, FOREGROUND = "#181a20", "#2c2f39", "#4a4e5a", "#8a8f9c", "#d8dbe2"
DOTS = ("#ff5f57", "#febc2e", "#28c840")
SHADES = 128  # colors in the file

Lines = Sequence[Text]


class Terminal:
    """A shell in tmux, in a folder with the corpora, whose kernels are compiled before its first prompt."""

    def __init__(self, folder: Path) -> None:
        self.tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        setup = folder / "setup.sh"
        program = f"PYTHONPATH={shlex.quote(str(ROOT))} {shlex.quote(sys.executable)} -m charrnn"
        before = f"{{ {TRAIN.format(duration='1s')}; {SAMPLE}; }} >before.txt 2>&1"
        prompt = f"PS1=$(printf '\\033[1;{PROMPT_COLOR}m{PROMPT}\\033[0m ')"
        setup.write_text(f'charrnn() {{ {program} "$@"; }}\n{before}\n{prompt}\n')
        work = folder / "work"
        work.mkdir()
        (work / "corpora").symlink_to(ROOT / "corpora")
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        shell = ["env", "-u", "NO_COLOR", "TERM=xterm-256color", "COLORTERM=truecolor", f"ENV={setup}", "sh", "-i"]
        self.call("new-session", "-d", *size, "-c", str(work), shlex.join(shell))

    def call(self, *arguments: str) -> str:
        """Run a command of tmux; return its output."""
        return subprocess.run([*self.tmux, *arguments], check=True, capture_output=True, text=True).stdout

    def wait(self, reached: Callable[[str], object]) -> Lines:
        """Wait until the screen's last line satisfies a condition; return its lines in their colors."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            screen = Text.from_ansi(self.call("capture-pane", "-e", "-p"))
            screen.rstrip()
            lines = screen.split("\n")
            if reached(lines[-1].plain):
                return lines
            time.sleep(0.1)
        sys.exit(f"nothing came for {PATIENCE} seconds; the terminal shows:\n{self.call('capture-pane', '-p')}")

    def prompt(self) -> Lines:
        """Wait for the prompt; return the screen."""
        return self.wait(lambda last: last.strip() == PROMPT)

    def type(self, command: str) -> None:
        """Type a command at the prompt, and Enter."""
        self.prompt()
        self.call("send-keys", command, "Enter")
        self.wait(lambda last: last.strip() != PROMPT)


def record(duration: str = TIME) -> tuple[Lines, Lines]:
    """Train and sample; return the screen when training is nearly done, and the lines that follow."""
    with tempfile.TemporaryDirectory() as folder:
        shell = Terminal(Path(folder))
        try:
            shell.type(TRAIN.format(duration=duration))
            training = shell.wait(NEARLY_DONE.search)
            shell.type(SAMPLE)
            return training, shell.prompt()[len(training) - 1 :]  # the next line takes the place of the bar
        finally:
            shell.call("kill-server")


def shade(style: Style) -> tuple[int, ...]:
    """Return the color of text in a style, as red, green and blue."""
    color = style.color if style.color and not style.color.is_default else Color.parse(FOREGROUND)
    front, back = color.get_truecolor(SVG_EXPORT_THEME), Color.parse(BACKGROUND).get_truecolor()
    return tuple((f + b) // 2 if style.dim else f for f, b in zip(front, back, strict=True))


def draw(parts: Sequence[Lines], file: Path, *, columns: int = COLUMNS) -> None:
    """Draw a terminal's window to a PNG: the lines of each part, and a rule between two parts."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    plain, bold = (ImageFont.truetype(fonts / f"DejaVuSansMono{kind}.ttf", FONT_SIZE) for kind in ("", "-Bold"))
    rows = sum(map(len, parts)) + len(parts) - 1
    width, height = columns * CELL + 2 * MARGIN, BAR + rows * LINE + 2 * MARGIN - (LINE - FONT_SIZE)
    image = Image.new("RGB", (width, height), BACKGROUND)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, width, BAR), TITLE_BAR)
    pen.text((width // 2, BAR // 2), "charrnn", TITLE, plain.font_variant(size=20), anchor="mm")
    for number, color in enumerate(DOTS):
        pen.circle((MARGIN + DOT + 32 * number, BAR // 2), DOT, color)
    console, y = Console(), BAR + MARGIN
    for part in parts:
        if part is not parts[0]:
            pen.line((MARGIN, y + LINE // 3, width - MARGIN, y + LINE // 3), RULE, 2)
            y += LINE
        for line in part:
            for column, character in enumerate(line.plain):
                style = line.get_style_at_offset(console, column)
                pen.text((MARGIN + column * CELL, y), character, shade(style), bold if style.bold else plain)
            y += LINE
    shape = Image.new("L", (2 * width, 2 * height))  # twice as large, to be smooth when made smaller
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, 2 * width - 1, 2 * height - 1), 2 * CORNER, 255)
    image.putalpha(shape.resize(image.size))
    image.quantize(SHADES, Image.Quantize.FASTOCTREE).save(file, optimize=True)


def main(file: str | Path = PICTURE, duration: str = TIME) -> None:
    """Record a terminal and draw it."""
    if shutil.which("tmux") is None:
        sys.exit("tmux was not found; install it with your system's package manager")
    if importlib.util.find_spec("matplotlib") is None:
        sys.exit("matplotlib was not found; install it with: pip install '.[plot]'")
    draw(record(duration), Path(file))


if __name__ == "__main__":
    main(*sys.argv[1:])
