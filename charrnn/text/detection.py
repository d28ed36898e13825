"""The encoding of a file, found from its bytes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from unicodedata import category

from charrnn.text import formats
from charrnn.text.decoding import UTF_8, codec

MARKS = (  # byte order marks other than UTF-8's; the longer ones first, as a shorter one is their prefix
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
# What is looked for. In a test with 1,500 texts in 40 languages, each 300 to 20,000 bytes long, chardet found 98 %.
SINGLE_BYTES = (
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874"),
    *("iso8859-1", "iso8859-2", "iso8859-5", "iso8859-7", "iso8859-9", "iso8859-13", "iso8859-15", "iso8859-16"),
    *("koi8-r", "koi8-u", "mac-roman", "mac-cyrillic", "cp437", "cp850", "cp852", "cp866"),
)
MULTIPLE_BYTES = ("cp932", "shift_jis", "euc_jis_2004", "euc-kr", "cp949", "gb18030", "big5", "big5hkscs")
USUAL = "cp1252"
FEW = 3  # bytes beyond ASCII; so few say nothing about other encodings of one byte a character
LEAST_CONFIDENCE = 0.1  # below it, chardet is often wrong; 99 % of its right answers are above it
JAPANESE = "iso2022_jp_2"
ESCAPES = re.compile(rb"\x1b\$[@B]")  # of Japanese in seven bits
BEGINNING = 1 << 16  # bytes that show what a file is if it has NULs
BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
PORTION = 1 << 12  # bytes of a sample from one block, at most
PORTIONS = 64  # of them, at most
BINARY = "a binary file"
UNCERTAIN = "in an encoding that cannot be told with certainty; --encoding names it"
DAMAGED = "damaged: not all of it is UTF-8"


@dataclass(frozen=True)
class Finding:
    """What was found about a file."""

    encoding: str  # to read it with; "" if it cannot be read as text at all
    reason: str = ""  # why it is left out of a folder
    markup: str = ""  # what formatting a text has, and how to remove it
    guessed: bool = False  # whether another encoding is possible


def examine(blocks: Iterable[bytes], name: str = "", *, whole: bool = True) -> Finding:
    """Find the encoding of a file from its content, or from its beginning if that is not the ``whole``.

    Byte order marks are certain, and UTF-8 that has more than ASCII; other encodings are guessed from a sample of the
    lines with bytes beyond ASCII, from all over the file. Memory is bounded. The same bytes give the same result on
    every machine.
    """
    blocks = iter(blocks)
    head = next(blocks, b"")
    if advice := formats.formatted(name, head):
        return Finding("", advice)
    markup = formats.markup(name, head) or ""
    if encoding := next((encoding for mark, encoding in MARKS if head.startswith(mark)), ""):
        return Finding(encoding, "", markup)
    scan = _Scan()
    scan.read(head)
    if scan.nul and (encoding := _wide(head[:BEGINNING])):
        return Finding(encoding, "", markup, guessed=True)
    for block in blocks:
        if scan.nul and not scan.is_utf8:
            break
        scan.read(block)
    scan.end(whole=whole)
    if scan.nul:
        return Finding(UTF_8, BINARY)
    if scan.is_utf8:
        return Finding(JAPANESE if scan.escapes else UTF_8, "", markup, guessed=not scan.wide)
    if scan.is_damaged:
        return Finding(UTF_8, DAMAGED)
    encoding = _guess(scan)
    return Finding(encoding or UTF_8, "" if encoding else UNCERTAIN, markup, guessed=True)


class _Scan:
    """One pass over a file: whether it is UTF-8, which bytes it has, and a sample of its bytes beyond ASCII."""

    def __init__(self) -> None:
        self.is_utf8, self.nul, self.escapes = True, False, False
        self.wide = False  # whether a block of UTF-8 had more than ASCII
        self.unseen = bytes(range(256))
        self._decoder = codecs.getincrementaldecoder(UTF_8)()
        self._portions: list[bytes] = []
        self._rest = b""  # the beginning of a line
        self._blocks, self._stride = 0, 1  # of blocks, each stride-th gives a portion

    def read(self, block: bytes) -> None:
        """Take the next block."""
        self.nul = self.nul or b"\0" in block
        self.escapes = self.escapes or ESCAPES.search(block) is not None
        if self.is_utf8 and not (block.isascii() and not self._decoder.getstate()[0]):
            try:
                self.wide = not self._decoder.decode(block).isascii() or self.wide
            except UnicodeDecodeError:
                self.is_utf8 = False
        if self.is_utf8:
            return
        self.unseen = self.unseen.translate(None, block)
        lines = (self._rest + block).split(b"\n")
        self._rest = lines.pop() if len(lines) > 1 and len(lines[-1]) < PORTION else b""  # the next block goes on
        if self._blocks % self._stride == 0 and (portion := _striking(lines)):
            self._portions.append(portion)
        self._blocks += 1
        if len(self._portions) > PORTIONS:
            self._portions, self._stride = self._portions[::2], 2 * self._stride

    def end(self, *, whole: bool) -> None:
        """Take the end; only the end of the ``whole`` file can be within a character."""
        if self.is_utf8 and whole and (rest := self._decoder.getstate()[0]):
            self._rest, self.is_utf8 = rest, False
            self.unseen = self.unseen.translate(None, rest)
        if portion := _striking([self._rest]):
            self._portions.append(portion)

    @property
    def sample(self) -> bytes:
        """Lines with bytes beyond ASCII."""
        return b"\n".join(self._portions)

    @property
    def seen(self) -> bytes:
        """The bytes that occur after the last block of UTF-8, in order."""
        return bytes(sorted(set(range(256)) - set(self.unseen)))

    @property
    def is_damaged(self) -> bool:
        """Whether it was UTF-8, as most of its characters beyond ASCII still are."""
        if self.wide:
            return True
        text = self.sample.decode(errors="replace")
        wrong = text.count("\N{REPLACEMENT CHARACTER}")
        return sum(character > "\x7f" for character in text) > 2 * wrong


def _striking(lines: Sequence[bytes]) -> bytes:
    """Return the first lines with bytes beyond ASCII, about a `PORTION`."""
    found: list[bytes] = []
    size = 0
    for line in lines:
        if not line.isascii():
            begin = max(0, next(BEYOND_ASCII.finditer(line)).start() - 100)
            found.append(line if len(line) <= PORTION else line[begin:][:PORTION])
            size += len(found[-1])
            if size >= PORTION:
                break
    return b"\n".join(found)


def _wide(head: bytes) -> str:
    """Return the encoding of two or four bytes a character that a file's beginning is in, or ""."""
    best, most = "", 0
    for encoding in WIDE:
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
        blanks = sum(map(text.count, " \n\r\t"))  # their bytes in the wrong order are rare characters
        strange = sum(category(character) in ("Cc", "Cn", "Co") for character in text) - blanks
        if blanks > most and "\0" not in text and 100 * strange <= len(text):
            best, most = encoding, blanks
    return best


def _guess(scan: _Scan) -> str:
    """Return the most probable encoding of a sample, or "" if none is probable enough."""
    import chardet

    sample, seen = scan.sample, scan.seen
    beyond = len(sample) - len(sample.translate(None, bytes(range(128, 256))))
    controls = any(0x80 <= byte < 0xA0 for byte in seen)  # in ISO 8859, these bytes are no characters
    guesses = chardet.detect_all(
        sample,
        ignore_threshold=True,
        compat_names=False,
        include_encodings=(*SINGLE_BYTES, *MULTIPLE_BYTES),
        max_bytes=max(1, len(sample)),
    )
    for guess in guesses:
        encoding = codec(str(guess["encoding"]))
        if guess["confidence"] <= LEAST_CONFIDENCE:
            break
        if encoding in map(codec, MULTIPLE_BYTES):
            text = sample.decode(encoding, "replace")  # a sample can begin and end within a character
            if text.count("\N{REPLACEMENT CHARACTER}") <= 2 + len(sample) // 1000:
                return encoding
        elif not (controls and encoding.startswith("iso8859")) and (text := _decoded(seen, encoding)):
            usual = _decoded(seen, USUAL) == text
            return USUAL if usual else encoding if beyond > FEW else ""
    return ""


def _decoded(data: bytes, encoding: str) -> str:
    """Return bytes as text, or "" if they are not in this encoding."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return ""
