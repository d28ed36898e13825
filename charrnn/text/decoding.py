"""From bytes to text: the names of encodings, and decoding that tells where it fails."""

from __future__ import annotations

import codecs
import difflib
import io
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from encodings.aliases import aliases
from itertools import chain

from charrnn.errors import CharrnnError

UTF_8 = "utf-8"
_NAME = re.compile(r"[A-Za-z0-9][\w .:()-]{0,59}", re.ASCII)
_NO_TEXT = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}  # codecs that are no encodings
_SHOWN = {  # where a codec's name is not the usual one
    "cp932": "Shift_JIS (CP932)",
    "cp949": "EUC-KR (CP949)",
    "gb18030": "GB18030",
    "mac-roman": "Mac Roman",
    "mac-cyrillic": "Mac Cyrillic",
    "shift_jis": "Shift_JIS",
    "big5": "Big5",
    "big5hkscs": "Big5",
    "euc_jis_2004": "EUC-JP",
    "iso2022_jp_2": "ISO-2022-JP",
}


def codec(name: str) -> str:
    """Return the name that Python has for an encoding; raise CharrnnError if it has none."""
    found = None
    if _NAME.fullmatch(name):
        with suppress(LookupError, ValueError):
            found = codecs.lookup(name)
    if found is None or found.incrementaldecoder is None or found.name in _NO_TEXT or not found._is_text_encoding:
        near = difflib.get_close_matches(name.lower().replace("-", "_"), aliases, 1)
        meant = f"; did you mean {near[0].replace('_', '-')}?" if near else ", such as windows-1252, utf-16 or gb18030"
        raise CharrnnError(f"{name[:60]!r} is not the name of an encoding{meant}")
    return found.name


def is_encoding(name: str) -> bool:
    """Return whether a name is Python's for an encoding."""
    try:
        return codec(name) == name
    except CharrnnError:
        return False


def shown_encoding(name: str) -> str:
    """Return the name of an encoding for a message."""
    name = codec(name)
    if match := re.fullmatch(r"cp(125\d|874)", name):
        return f"Windows-{match[1]}"
    if match := re.fullmatch(r"cp(\d+)", name):
        return _SHOWN.get(name, f"IBM {match[1]}")
    return _SHOWN.get(name, name.upper().replace("ISO8859", "ISO-8859").replace("_", "-"))


def decoded(
    chunks: Iterable[bytes],
    where: str,
    encoding: str = UTF_8,
    *,
    newlines: bool = False,
    hear: Callable[[str], None] | None = None,
) -> Iterator[str]:
    """Decode a text that comes in chunks.

    With ``newlines``, a byte order mark is removed, and CRLF and lone CR become LF. ``hear`` gets the text before that.
    Raises CharrnnError after all text
    before the first byte that is not in the encoding; the message names that byte and, for UTF-8, what the file seems
    to be.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    line_feeds = io.IncrementalNewlineDecoder(None, translate=True)
    read, first, binary, wide = 0, True, False, False
    fault: UnicodeError | None = None
    for chunk, last in chain(((chunk, False) for chunk in chunks), [(b"", True)]):
        read += len(chunk)
        binary = binary or b"\0" in chunk
        try:
            text = decoder.decode(chunk, last)
        except UnicodeError as error:
            fault, last = error.with_traceback(None), True  # its frames would keep the file open
            # What comes before it is yielded first, except in a binary file, where it is not text either.
            text = ""
            if isinstance(fault, UnicodeDecodeError) and not (binary and encoding == UTF_8):
                text = fault.object[: fault.start].decode(encoding, "ignore")
        wide = wide or not text.isascii()
        if hear is not None:
            hear(text)
        if newlines:
            if first and text:
                text, first = text.removeprefix("\ufeff"), False
            text = line_feeds.decode(text, last)
        if text:
            yield text
        if fault:
            raise _fault(fault, where, encoding, read, binary=binary, wide=wide, at_end=not chunk) from None


def _fault(
    fault: UnicodeError, where: str, encoding: str, read: int, *, binary: bool, wide: bool, at_end: bool
) -> CharrnnError:
    """Return the error for a text of which so many bytes are read."""
    if not isinstance(fault, UnicodeDecodeError):
        return CharrnnError(f"{where} is not {shown_encoding(encoding)}: {fault}")
    at = read - len(fault.object) + fault.start
    place = f"(byte 0x{fault.object[fault.start]:02X} at offset {at})"
    if encoding != UTF_8:
        return CharrnnError(f"{where} is not {shown_encoding(encoding)} {place}; --encoding names another encoding")
    instead = "name its encoding with --encoding; only a model trained with --bytes reads any bytes"
    if binary:
        kind = "a binary file"
    elif wide and not at_end:
        kind, instead = "damaged", f"repair it with: iconv -c -f UTF-8 -t UTF-8 {where} > repaired.txt"
    else:
        end = "cut off within its last character, or " * at_end  # other faults show before the end
        kind = f"{end}in another encoding"
    return CharrnnError(f"{where} is not UTF-8 text {place} and seems to be {kind}; {instead}")
