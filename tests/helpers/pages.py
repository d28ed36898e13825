"""Read a page in Markdown: its blocks of code, the commands in them, its links and its headings."""

import re
import shlex
from collections import Counter
from dataclasses import dataclass, field

from tests.helpers import ROOT

PATTERNS = (
    "README.md",
    "charrnn/README.md",
    "charrnn/*/README.md",
    "models/README.md",
    "tests/README.md",
    "corpora/README.md",
)
PAGES = sorted({str(path.relative_to(ROOT)) for pattern in PATTERNS for path in ROOT.glob(pattern)})
ENDS = {"|", "||", "&&", "&", ";", "(", ")"}  # of a command
REDIRECTIONS = {"<", ">", ">>", "2>"}


@dataclass
class Page:
    """A page's blocks of code by language (``indented`` for those without a fence), and its prose."""

    prose: str
    blocks: list[tuple[str, str]] = field(default_factory=list)

    def lines(self, *languages):
        """Return the lines of all blocks in these languages; a backslash at a line's end joins it to the next."""
        text = "\n".join(block for language, block in self.blocks if language in languages)
        return [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]

    @property
    def spans(self):
        """Return what stands between backquotes in the prose."""
        return [re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", self.prose)]

    @property
    def links(self):
        """Return the target of every link and image."""
        return re.findall(r"\]\(([^()\s]+)\)", self.prose) + re.findall(r'(?:src|href)="([^"]+)"', self.prose)

    @property
    def anchors(self):
        """Return the anchor that GitHub gives each heading."""
        seen, found = Counter(), set()
        for heading in re.findall(r"^#{1,6} +(.+?)\s*$", self.prose, re.MULTILINE):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
            slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
        return found


def read_page(name):
    """Return a page, given its path in the project."""
    return parse((ROOT / name).read_text(encoding="utf-8"))


def parse(text):
    """Split a page into prose and blocks of code."""
    prose, blocks, language, block = [], [], None, []
    before = ""
    for line in [*text.splitlines(), ""]:
        fenced = language not in (None, "indented")
        if fenced and line.startswith("```"):
            blocks.append((language, "\n".join(block)))
            language = None
        elif fenced:
            block.append(line)
        elif line.startswith("```"):
            language, block = line[3:].strip() or "text", []
        elif line.startswith("    ") and (language == "indented" or not before.strip()):
            if language is None:
                language, block = "indented", []
            block.append(line[4:])
        else:
            if language == "indented":
                blocks.append((language, "\n".join(block)))
                language = None
            prose.append(line)
        before = line
    assert language is None, "a block of code has no end"
    return Page("\n".join(prose), blocks)


def commands(line):
    """Return the words of each ``charrnn`` command in a line that is typed in a shell."""
    lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found, current = [], []
    words = iter([*lexer, ";"])
    for word in words:
        if word in ENDS:
            if current[:1] == ["charrnn"]:
                found.append(current[1:])
            current = []
        elif word in REDIRECTIONS:
            next(words)
        else:
            current.append(word)
    return found
