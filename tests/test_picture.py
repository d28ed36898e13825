"""The picture in the README is one that a page can show, and the drawing of it draws."""

import struct

import pytest
from rich.text import Text

from tests.picture import PICTURE, draw

pytest.importorskip("matplotlib")  # brings Pillow, which draws
Image = pytest.importorskip("PIL.Image")


def test_the_picture_is_sharp_and_small():
    """It is a PNG, wide enough for a sharp screen and quick to load."""
    data = PICTURE.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">I", data[16:20])[0] >= 1200
    assert len(data) < 100_000


def test_lines_are_drawn_in_their_colors(tmp_path):
    """A red line is red, and a second part makes the picture higher."""
    red, plain = [Text.from_ansi("\x1b[38;2;255;0;0m━━━━\x1b[0m")], [Text("plain")]
    files = tmp_path / "one.png", tmp_path / "two.png"
    draw([red], files[0], columns=20)
    draw([plain, plain], files[1], columns=20)
    one, two = (Image.open(file).convert("RGBA") for file in files)
    assert one.width == two.width
    assert one.height < two.height
    reds = [sum(r > 200 and g < 40 and b < 40 for _, (r, g, b, _) in image.getcolors()) for image in (one, two)]
    assert reds[0] > 0 == reds[1]
