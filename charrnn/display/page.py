"""A page for a browser: a text for each unit, colored by the unit's values."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.display.color import Scale, ink
from charrnn.display.words import harmless

STYLE = """
body { margin: 2.5em auto; max-width: 58em; padding: 0 1.2em; font: 16px/1.5 system-ui, sans-serif; color: #222;
  background: #fff; color-scheme: light }
h1 { font-size: 1.5em } h2 { font-size: 1.1em; margin: 2em 0 .2em } p { margin: .2em 0 .6em; color: #555 }
.text { font: 14px/1.55 ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere;
  border: 1px solid #ddd; border-radius: 4px; padding: .8em 1em }
.text i { font-style: normal }
.scale { display: inline-block; width: 9em; height: .8em; margin: 0 .5em; border: 1px solid #ddd;
  vertical-align: -.1em }
"""


@dataclass(frozen=True)
class Block:
    """A unit on the page: a heading, a sentence about it, its value at each character [N], and its scale."""

    heading: str
    sentence: str
    values: NDArray[np.float32]
    scale: Scale


def page(title: str, introduction: str, text: str, blocks: Sequence[Block]) -> str:
    """Return an HTML page that shows a text [N] once per block.

    The text is escaped.
    """
    shades = {shade: None for block in blocks for shade in block.scale.shades()}
    names = {shade: f"s{k}" for k, shade in enumerate(shades)}
    rules = "\n".join(f".{name} {{ background: {_css(s)}; color: {_css(ink(s))} }}" for s, name in names.items())
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_escaped(title)}</title>",
        f"<style>{STYLE}{rules}\n</style></head><body>",
        f"<h1>{_escaped(title)}</h1>",
        f"<p>{_escaped(introduction)}</p>",
    ]
    for block in blocks:
        scale, shades_here = block.scale, block.scale.shades()
        gradient = ", ".join(map(_css, shades_here[:: len(shades_here) // 8]))
        bar = f'<span class="scale" style="background: linear-gradient(90deg, {gradient})"></span>'
        classes = [names[shade] for shade in shades_here]
        parts += [
            f"<h2>{_escaped(block.heading)}</h2>",
            f"<p>{_escaped(block.sentence)} {scale.low:.2f}{bar}{scale.high:.2f}</p>",
            f'<div class="text">{_colored(text, block, classes)}</div>',
        ]
    return "\n".join([*parts, "</body></html>\n"])


def _colored(text: str, block: Block, classes: Sequence[str]) -> str:
    """Return the characters with shades, and values as tooltips."""
    values = [f"{value:.2f}" for value in block.values]
    return "".join(
        f"<i class={classes[level]} title={value}>{'↵' if c == chr(10) else _escaped(c)}</i>{chr(10) * (c == chr(10))}"
        for c, level, value in zip(text, block.scale.levels(block.values).tolist(), values, strict=True)
    )


def _escaped(text: str) -> str:
    return html.escape(harmless(text))


def _css(color: tuple[int, int, int]) -> str:
    return f"#{bytes(color).hex()}"
