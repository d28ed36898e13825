"""A text that a person and a network write in turns."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.model.network import Network
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.controls import Controls
from charrnn.writing.sampler import Sampler
from charrnn.writing.samples import Ending, samples, seeds

SNAPSHOTS = 32  # last turns whose state is kept; to return to an earlier one, its text is read again


@dataclass(eq=False)
class Turn:
    """What was typed [n], and the parts of what was written after it [n].

    `opening` [≤ 1] is the symbol before a text: it is read first and never shown. `ended` is "end" if the model ended
    the document, "new" if the person started a new text, else None. `sampler` has read everything before `written`.
    """

    opening: NDArray[Any]
    typed: NDArray[Any]
    written: list[NDArray[Any]] = field(default_factory=list)
    ended: str | None = None
    sampler: Sampler | None = None


class Conversation:
    """A text that grows by turns: the network reads what was typed, after all previous text, and continues it.

    `controls` and `ending` apply to what is written next. The continuations are drawn with seeds derived from the first
    seed, so the same seed and the same turns give the same text. The first continuation is the sample with this seed
    and the typed text as its prime, except if a separator was typed: it does not end a document here, and its
    characters are like any others. `unknown` and `near` decide about typed characters that are not in the model's
    vocabulary, as in `Vocabulary.encode` and `Vocabulary.near_forms`.
    """

    def __init__(
        self,
        network: Network,
        vocabulary: Vocabulary,
        *,
        seed: int = 0,
        controls: Controls | None = None,
        ending: Ending | None = None,
        unknown: str = "error",
        near: str = "none",
        snapshots: int = SNAPSHOTS,
    ) -> None:
        self.network, self.vocabulary = network, vocabulary
        self.controls = Controls() if controls is None else controls
        self.ending = Ending(length=1) if ending is None else ending
        self.unknown, self.near = unknown, near
        self.snapshots = snapshots
        self.seed = seed
        self._turns: list[Turn] = []

    @property
    def seed(self) -> int:
        """The seed from which the continuations' seeds are derived; setting it derives them again."""
        return self._seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self._seed, self._seeds = seed, seeds(seed)

    def take(self, text: str = "") -> Iterator[NDArray[np.int32]]:
        """Read what was typed, and yield its continuation.

        The text can be empty. The continuation comes in parts [n]. A caller that stops taking parts stops the turn: the
        parts that were yielded have been written, and no more. Raises CharrnnError for unknown characters; the
        conversation is then unchanged.
        """
        near = self.vocabulary.near_forms(self.near)
        typed = self.vocabulary.encode(text, unknown=self.unknown, near=near, where="what was typed", documents=False)
        turn = Turn(typed[:0], typed)
        if (not self._turns or self._turns[-1].ended) and (self.vocabulary.boundary is not None or not typed.size):
            turn.opening = np.array([self.vocabulary.start_symbol])
        self._turns.append(turn)
        return self._write(turn)

    def again(self) -> Iterator[NDArray[np.int32]]:
        """Remove the last continuation and yield another one.

        Raises CharrnnError if there is none.
        """
        if not self._turns or self._turns[-1].ended == "new":
            raise CharrnnError("there is no continuation to write again")
        last = self._turns.pop()
        self._turns.append(Turn(last.opening, last.typed, sampler=last.sampler))
        return self._write(self._turns[-1])

    def undo(self) -> Turn:
        """Remove the last turn and return it.

        A `begin_anew` is a turn, too. Raises CharrnnError if there is none.
        """
        if not self._turns:
            raise CharrnnError("there is nothing to undo")
        return self._turns.pop()

    def begin_anew(self) -> None:
        """Start a new text, independent of this one."""
        if self._turns and self._turns[-1].ended != "new":
            nothing = np.zeros(0, np.int32)
            self._turns.append(Turn(nothing, nothing, ended="new"))

    @property
    def last_typed(self) -> bytes:
        """What was typed in the last turn, as UTF-8 or raw bytes."""
        return self.vocabulary.decode_bytes(self._turns[-1].typed) if self._turns else b""

    @property
    def last_ended(self) -> bool:
        """Whether the model ended the document in the last turn."""
        return bool(self._turns) and self._turns[-1].ended == "end"

    @property
    def text(self) -> bytes:
        """All that was typed and written, as UTF-8 or raw bytes, with the separator after each ended document."""
        begin = next((k + 1 for k in range(len(self._turns) - 1, -1, -1) if self._turns[k].ended == "new"), 0)
        parts = [np.zeros(0, np.int64)]
        for turn in self._turns[begin:]:
            parts += [turn.typed, *turn.written]
            if turn.ended == "end":
                parts.append(np.array([len(self.vocabulary)]))  # as in an encoded text
        return self.vocabulary.decode_bytes(np.concatenate(parts))

    @property
    def open_text(self) -> bytes:
        """The text that the next turn continues: in documents, the document that has not ended."""
        turns = reversed(list(self._open_turns()))
        parts = [part for turn in turns for part in (turn.typed, *turn.written)]
        return self.vocabulary.decode_bytes(np.concatenate([np.zeros(0, np.int64), *parts]))

    def sampler(self) -> Sampler:
        """Return a sampler that has read the open text.

        It remembers as many of the last characters as the controls need.
        """
        unread: list[NDArray[Any]] = []
        opening: NDArray[Any] = np.zeros(0, np.int32)
        sampler: Sampler | None = None
        for turn in self._open_turns():
            unread[:0] = turn.written
            if turn.sampler is not None and turn.sampler.controls.repeat_window >= self.controls.repeat_window:
                sampler = turn.sampler.fork([0])
                break
            unread.insert(0, turn.typed)
            opening = turn.opening
        if sampler is None:
            sampler = Sampler(self.network, controls=self.controls)
            for symbol in opening:
                sampler.begin(symbol)
        if any(part.size for part in unread):
            sampler.read(np.concatenate(unread))
        return sampler

    def _open_turns(self) -> Iterator[Turn]:
        """Yield the turns of the open text in reverse.

        The open text starts after the last document that ended, or at the last new text.
        """
        return takewhile(lambda turn: not turn.ended, reversed(self._turns))

    def _write(self, turn: Turn) -> Iterator[NDArray[np.int32]]:
        """Yield what the network writes in the last turn."""
        seed = next(self._seeds)
        turn.sampler = self.sampler()
        if len(self._turns) > self.snapshots:
            self._turns[-self.snapshots - 1].sampler = None
        sampler = turn.sampler.fork([0])
        sampler.controls = self.controls
        try:
            for piece in samples(sampler, self.vocabulary, self.ending, seed=seed):
                if piece.symbols.size:
                    turn.written.append(piece.symbols.astype(self.vocabulary.dtype))  # the smallest type, as it is kept
                turn.ended = "end" if piece.ended == "end" else None
                yield piece.symbols
        finally:
            if self._turns[-1:] == [turn] and not (turn.typed.size or turn.written or turn.ended):
                self._turns.pop()  # stopped before anything was written
