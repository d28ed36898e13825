"""Sentences that several commands print."""

from typing import TYPE_CHECKING

from charrnn.text.defaults import FILES, LINES, PARAGRAPHS, UNKNOWN_BITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charrnn.reading.copying import Copied
    from charrnn.text.survey import Skipped
    from charrnn.training.settings import Settings

DOCUMENTS = {"lines": LINES, "paragraphs": PARAGRAPHS, "files": FILES}  # the separators that words stand for
LARGE_VOCABULARY = 5_000  # symbols; above this, the output layer is larger than the rest of the network


def reading(size: int) -> str:
    """Return a note that a text of `size` bytes is read."""
    return f"reading {size / 1e9:.1f} GB of text, which takes a while"


def markup(found: "Sequence[Skipped]") -> str | None:
    """Return a note on files whose formatting is read as text; None if there are none."""
    if not found:
        return None
    more = f" (and {len(found) - 1:,} more)" if len(found) > 1 else ""
    return f"{found[0].path}{more} has formatting, which the network learns, too: it is {found[0].reason}"


def unknown(count: int, share: float, rule: str) -> str:
    """Return a sentence on a text's unknown characters."""
    done = {
        "error": "predicted as one symbol, �; which characters they are costs nothing, so the bits are too few",
        "skip": "skipped",
        "replace": "replaced",
        "charge": f"skipped, at {UNKNOWN_BITS:.2f} bits each",
    }[rule]
    if not count:
        return "0 characters are unknown"
    return f"{count:,} character{'s are' if count > 1 else ' is'} unknown ({100 * share:.2f} %) and {done}"


def near(count: int) -> str:
    """Return a sentence on the characters of a text that was scored in near forms."""
    return f"{count:,} other character{'s were' if count > 1 else ' was'} replaced by a near form that the model knows"


def many_symbols(symbols: int) -> str | None:
    """Return a warning of a large vocabulary; None if it is not large."""
    many = f"the text has {symbols:,} distinct characters, which makes the model large and slow"
    fewer = "--rare 5 leaves out those that occur fewer than 5 times, and --bytes needs only 256 symbols"
    return f"{many}; {fewer}" if symbols > LARGE_VOCABULARY else None


def none_rare(rare: int) -> str:
    """Return a note that no character is rare."""
    return f"no character occurs fewer than {rare} times, so the model has no unknown symbol"


def meant_documents(separator: str) -> str:
    """Return the end of a sentence on a separator that looks like lines, paragraphs or files; "" if it does not."""
    word = f"{separator.strip().lower().removesuffix('s')}s"
    return f"; to make each {word[:-1]} a document, use --documents {word}" if word in DOCUMENTS else ""


def short_text(characters: int, asked: "Settings", fitted: "Settings") -> str | None:
    """Return a note that a text is too short for its streams; None if it is not."""
    streams, length = fitted.batch_size, fitted.seq_length
    if (streams, length) == (asked.batch_size, asked.seq_length):
        return None
    these = f"{streams} stream{'s' * (streams > 1)} of {length} character{'s' * (length > 1)}"
    short = f"the text is short ({characters:,} characters)"
    return f"{short}; it is read in {these} instead of {asked.batch_size} of {asked.seq_length}"


def copied(found: "Copied", least: int, corpus: str) -> list[str]:
    """Return sentences on what is copied, in runs of `least` characters.

    The quoted run can contain any character.
    """
    told = [
        f"{100 * found.share:.1f} % copied: {found.copied:,} of {found.characters:,} characters are in {corpus}, "
        f"word for word, in runs of {least:,} or more"
    ]
    if found.longest:
        from charrnn.reading.copying import SHOWN

        cited = found.run.replace("\n", "↵").replace("\t", "⇥") + "…" * (found.longest > SHOWN)
        told.append(f"{found.longest:,} character{'s' * (found.longest > 1)} in the longest run: {cited}")
    return told
