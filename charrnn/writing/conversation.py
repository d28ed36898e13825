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

SNAPSHOTS = 32  # last turns whose state is kept; where an earlier one is gone back to, its text is read again


@dataclass(eq=False)
class Turn:
    """What was typed [n], and the parts of what was written after it [n].

    `opening` [≤ 1] is what a text begins after: read before all else, and never shown. `ended` is "end" where the model
    ended the document, "new" where the person began another text, else None. `sampler` has read all before `written`.
    """

    opening: NDArray[Any]
    typed: NDArray[Any]
    written: list[NDArray[Any]] = field(default_factory=list)
    ended: str | None = None
    sampler: Sampler | None = None


class Conversation:
    """A text that grows by turns: what is typed is read after all that was before, and the network goes on from it.

    `controls` and `ending` hold for what is written next. Continuations are drawn with seeds that follow from the first
    one, so that the same seed and the same turns give the same text; the first is what a sample with that seed and what
    was typed as its prime would be, but where a separator was typed: it ends no document here, and its characters are
    as known or unknown as any. `unknown` says what becomes of typed characters that the model does not know, as in
    `Vocabulary.encode`.
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
        snapshots: int = SNAPSHOTS,
    ) -> None:
        self.network, self.vocabulary = network, vocabulary
        self.controls = Controls() if controls is None else controls
        self.ending = Ending(length=1) if ending is None else ending
        self.unknown = unknown
        self.snapshots = snapshots
        self.seed = seed
        self._turns: list[Turn] = []

    @property
    def seed(self) -> int:
        """The seed that those of the continuations follow from; once set, they follow anew."""
        return self._seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self._seed, self._seeds = seed, seeds(seed)

    def take(self, text: str = "") -> Iterator[NDArray[np.int32]]:
        """Read what was typed, perhaps nothing, and yield what the network writes after it, in parts [n].

        Whoever stops taking parts stops the turn: what was yielded has been written, and no more. Raises CharrnnError,
        and leaves all as it was, for characters that the model does not know.
        """
        typed = self.vocabulary.encode(text, unknown=self.unknown, where="what was typed", documents=False)
        turn = Turn(typed[:0], typed)
        if (not self._turns or self._turns[-1].ended) and (self.vocabulary.boundary is not None or not typed.size):
            turn.opening = np.array([self.vocabulary.start_symbol])
        self._turns.append(turn)
        return self._write(turn)

    def again(self) -> Iterator[NDArray[np.int32]]:
        """Take back the last continuation and yield another one. Raises CharrnnError where there is none."""
        if not self._turns or self._turns[-1].ended == "new":
            raise CharrnnError("there is no continuation to be written again")
        last = self._turns.pop()
        self._turns.append(Turn(last.opening, last.typed, sampler=last.sampler))
        return self._write(self._turns[-1])

    def undo(self) -> Turn:
        """Take back the last turn, or the last `begin_anew`, and return it. Raises CharrnnError where there is none."""
        if not self._turns:
            raise CharrnnError("there is nothing to be taken back")
        return self._turns.pop()

    def begin_anew(self) -> None:
        """Begin a new text, which knows nothing of this one."""
        if self._turns and self._turns[-1].ended != "new":
            nothing = np.zeros(0, np.int32)
            self._turns.append(Turn(nothing, nothing, ended="new"))

    @property
    def last_typed(self) -> bytes:
        """What was typed in the last turn, in UTF-8 or as raw bytes."""
        return self.vocabulary.decode_bytes(self._turns[-1].typed) if self._turns else b""

    @property
    def last_ended(self) -> bool:
        """Whether the model ended the document in the last turn."""
        return bool(self._turns) and self._turns[-1].ended == "end"

    @property
    def text(self) -> bytes:
        """All that was typed and written, in UTF-8 or as raw bytes, with the separator after each ended document."""
        begin = next((k + 1 for k in range(len(self._turns) - 1, -1, -1) if self._turns[k].ended == "new"), 0)
        parts = [np.zeros(0, np.int64)]
        for turn in self._turns[begin:]:
            parts += [turn.typed, *turn.written]
            if turn.ended == "end":
                parts.append(np.array([len(self.vocabulary)]))  # as in a text that is encoded
        return self.vocabulary.decode_bytes(np.concatenate(parts))

    @property
    def open_text(self) -> bytes:
        """What the next turn goes on from: the text, or where texts are documents, the one that has not ended."""
        turns = reversed(list(self._open_turns()))
        parts = [part for turn in turns for part in (turn.typed, *turn.written)]
        return self.vocabulary.decode_bytes(np.concatenate([np.zeros(0, np.int64), *parts]))

    def sampler(self) -> Sampler:
        """Return a sampler that has read the open text, and knows as much of it as the controls ask for."""
        unread: list[NDArray[Any]] = []
        sampler: Sampler | None = None
        for turn in self._open_turns():
            unread[:0] = turn.written
            if turn.sampler is not None and turn.sampler.controls.repeat_window >= self.controls.repeat_window:
                sampler = turn.sampler.fork([0])
                break
            unread[:0] = [turn.opening, turn.typed]
        if sampler is None:
            sampler = Sampler(self.network, controls=self.controls)
        if any(part.size for part in unread):
            sampler.read(np.concatenate(unread))
        return sampler

    def _open_turns(self) -> Iterator[Turn]:
        """Yield the turns since a document ended or a new text began, the last one first."""
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
                    turn.written.append(piece.symbols.astype(self.vocabulary.dtype))  # kept, so as small as it can be
                turn.ended = "end" if piece.ended == "end" else None
                yield piece.symbols
        finally:
            if self._turns[-1:] == [turn] and not (turn.typed.size or turn.written or turn.ended):
                self._turns.pop()  # stopped before anything was there
