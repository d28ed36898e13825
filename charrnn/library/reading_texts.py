"""What a model of texts reads: the part of `Model` that scores texts, and shows its states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from charrnn.cells.tasks import require_task
from charrnn.library.keywords import Condition, Near, ScoredUnknown, Unknown
from charrnn.library.one_text import Text, read, require_unknown, scored
from charrnn.library.opened import OpenedModel
from charrnn.library.signatures import public
from charrnn.library.terms import warn

if TYPE_CHECKING:  # what needs NumPy and the kernels is imported when it is used
    import numpy as np
    from numpy.typing import NDArray

    from charrnn.reading.scoring import Character, Score


class Reading:
    """Methods of a model of texts that read a text and write none.

    A model that was trained with conditions reads it under the one that is ``given``: see `Model.given`.
    """

    _opened: OpenedModel

    @public
    def score(
        self,
        text: Text,
        *,
        unknown: ScoredUnknown = "error",
        near: Near = "none",
        encoding: str | None = None,
        given: Condition | None = None,
        threads: int | None = None,
    ) -> Score:
        """Return how well the model predicts a text: bits and nats per character, and perplexity.

            model.score("It was a dark and stormy night.").bits_per_char

        The first character is given and not counted. ``unknown`` can also be "charge": each unknown character then
        costs 20.1 bits, so that models with different vocabularies can be compared. Raises CharrnnError for a text of
        fewer than two characters.
        """
        from charrnn.model.team import Team
        from charrnn.reading.scoring import total

        model = self._opened.under(given)
        with Team.of(threads, warn) as team:
            forms, vocabulary = model.vocabulary.near_forms(near), model.vocabulary
            pieces = scored(model, text, unknown, forms, encoding, team)
            return total(pieces, vocabulary.boundary, vocabulary.unknown_symbol, near=forms)

    @public
    def score_lines(
        self,
        lines: Sequence[str],
        *,
        unknown: ScoredUnknown = "error",
        given: Condition | None = None,
        threads: int | None = None,
    ) -> list[Score]:
        r"""Score many lines, each by itself and side by side, which is fast.

            model.score_lines(["To be or not to be", "that is the question"])

        A line is predicted after a line feed, with its own: its score is that of ``"\n" + line + "\n"``. For a model
        of documents, it is that of the document. Raises CharrnnError if a line contains what ends it.
        """
        from charrnn.model.team import Team

        with Team.of(threads, warn) as team:
            return self._opened.under(given).score_lines(lines, team, unknown)

    @public
    def per_character(
        self,
        text: Text,
        *,
        unknown: ScoredUnknown = "error",
        near: Near = "none",
        encoding: str | None = None,
        given: Condition | None = None,
        threads: int | None = None,
    ) -> list[Character]:
        """Return a record of each character of a text: its position and its bits.

        The records make a table: ``pandas.DataFrame(model.per_character(text))``.
        """
        from charrnn.model.team import Team
        from charrnn.reading.scoring import Character, characters

        model = self._opened.under(given)
        with Team.of(threads, warn) as team:
            pieces = scored(model, text, unknown, model.vocabulary.near_forms(near), encoding, team)
            found = characters(pieces, model.vocabulary)
            return [Character(*fields) for fields in found]

    @public
    def states(
        self,
        text: Text,
        *,
        unknown: Unknown = "error",
        near: Near = "forms",
        encoding: str | None = None,
        given: Condition | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Return all states and gates after each of N characters, as arrays [N, H].

        The names are the cell's: an LSTM has h, c, i, f, o and g, and in its second layer 2.h and so on;
        `lstm-projection` has r [N, R]. Raises CharrnnError for a bidirectional model.
        """
        import numpy as np

        from charrnn.reading import tracing

        model = self._opened.under(given)
        require_task(model.architecture.task, "generate")
        require_unknown(unknown)
        vocabulary = model.vocabulary
        blocks = read(text, vocabulary, unknown, vocabulary.near_forms(near), encoding)
        ids = np.concatenate([np.zeros(0, vocabulary.dtype), *blocks])
        found = tracing.states(model.network, ids)
        if vocabulary.boundary is None:
            return found
        return {name: values[ids < vocabulary.boundary] for name, values in found.items()}
