"""An opened model: a checkpoint and its network. Commands and the library's `Model` use it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from charrnn.cells.architecture import Architecture
from charrnn.cells.tasks import TEXT_TASKS, require_task
from charrnn.errors import CharrnnError
from charrnn.library.conditioned import as_json, condition_of, in_words, lacking, listed, unconditional
from charrnn.library.keywords import Condition
from charrnn.model.model_file import Checkpoint
from charrnn.storage.files import shown
from charrnn.text.defaults import FILES, MARK
from charrnn.text.vocabulary import Ids, Vocabulary

if TYPE_CHECKING:  # what needs the kernels is imported when it is used: opening a model does not take the compiler
    from charrnn.model.network import Network
    from charrnn.model.team import Team
    from charrnn.reading.losses import Scored
    from charrnn.reading.scoring import Score
    from charrnn.writing.filling import Gapped


class OpenedModel:
    """A checkpoint and its network; ``path`` is the file that messages name, "" if there is none.

    If it is a model ``under`` a condition, its network is plain, and ``conditional`` is the model with conditions.
    """

    def __init__(self, checkpoint: Checkpoint, path: str = "") -> None:
        self.checkpoint, self.path = checkpoint, path
        self.conditional: OpenedModel | None = None
        self.condition: Condition | None = None

    def under(self, condition: Condition | None) -> OpenedModel:
        """Return the model that generates under a condition, as one without conditions; without one, a plain model.

        Raises CharrnnError for a model with conditions without one, for a condition of a model that has none, and for
        a condition that is not one of the model's.
        """
        if self.conditional is not None and condition is not None:
            return self.conditional.under(condition)
        if not self.architecture.conditions:
            if condition is not None:
                raise unconditional()
            return self
        targets = self.checkpoint.targets
        assert targets is not None
        if condition is None:
            raise lacking(targets)
        from charrnn.model.given import network_given

        given = condition if isinstance(condition, str | Mapping) else listed(condition)  # which can be an iterator
        network = network_given(self.network, condition_of(given, targets))
        checkpoint = replace(
            self.checkpoint,
            architecture=network.architecture,
            parameters=network.weights.named,
            resume=None,
            targets=None,
        )
        found = OpenedModel(checkpoint, self.path)
        found.network, found.conditional, found.condition = network, self, as_json(given)
        return found

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary: its symbols."""
        return self.checkpoint.vocabulary

    @property
    def architecture(self) -> Architecture:
        """The sizes of the network."""
        return self.checkpoint.architecture

    @cached_property
    def network(self) -> Network:
        """The network, made when it is first needed."""
        from charrnn.model.own_network import network_for

        return network_for(self.architecture, self.checkpoint.parameters, path=self.path)

    def known_characters(self, text: str) -> str:
        """Return a text without the characters that the model does not know; with an unknown symbol, it knows all."""
        if self.vocabulary.rare or self.vocabulary.byte_level:
            return text
        return "".join(filter(self._characters.__contains__, text))

    @cached_property
    def _characters(self) -> frozenset[str]:
        return frozenset(self.vocabulary.characters)

    def writer(self, *, allow_unknown: bool = False) -> Network:
        """Return the network as it writes: without the unknown symbol, unless that is allowed.

        Raises CharrnnError if it is allowed and there is none.
        """
        if allow_unknown and not self.vocabulary.rare:
            raise CharrnnError("the model has no unknown symbol: it was not trained with --rare")
        return self._writer if self.vocabulary.rare and not allow_unknown else self.network

    @cached_property
    def _writer(self) -> Network:
        return self.network.without(self.vocabulary.unknown_symbol)

    @property
    def words(self) -> list[str]:
        """What the network is, reads and predicts, in a few words each."""
        architecture, targets = self.architecture, self.checkpoint.targets
        numbers = f"{architecture.features:,} number{'s' * (architecture.features != 1)} a step"
        words = [architecture.description, numbers if architecture.features else f"{len(self.vocabulary):,} symbols"]
        if self.vocabulary.separator:
            words.append(self.vocabulary.documents)
        if architecture.conditions and targets is not None:
            words.append(f"generate, {in_words(targets, architecture.conditions)}")
        elif targets is not None:
            what = {"classify": "label", "tag": "tag"}.get(architecture.task, "number")
            words.append(f"{architecture.task} {architecture.targets:,} {what}{'s' * (architecture.targets != 1)}")
        return words

    @property
    def info(self) -> dict[str, Any]:
        """What the model is and how it was trained, as ``charrnn info --json`` prints it."""
        if self.conditional is not None:
            return {**self.conditional.info, "given": self.condition}
        targets = self.checkpoint.targets
        return {
            "task": self.architecture.task,
            "cell": self.architecture.cell,
            "hidden": self.architecture.hidden,
            "layers": self.architecture.layers,
            "options": self.architecture.options,
            "parameters": self.architecture.parameter_count(),
            "vocabulary": asdict(self.vocabulary),
            "targets": None if targets is None else targets.record(),
            "corpus": self.checkpoint.corpus,
            "training": self.checkpoint.training,
            "history": self.checkpoint.history,
        }

    def gapped(
        self, text: str, mark: str, unknown: str = "error", near: str = "none", *, where: str = "the text"
    ) -> Gapped:
        """Find the gaps of a text that is spelled as in the vocabulary; raise CharrnnError if it has none."""
        from charrnn.writing.filling import Gapped

        typed_mark = self.vocabulary.typed(mark)
        if not mark:
            raise CharrnnError("the mark is empty; give the character that stands for an unknown one")
        if not text:
            raise CharrnnError(f"{where} is empty")
        if typed_mark not in text:
            raise CharrnnError(f"{where} has no gap: the mark {mark!r:.60} is not in it; --mark sets another mark")
        return Gapped.of(text, typed_mark, self.vocabulary, unknown=unknown, near=near, where=where)

    def score_blocks(
        self, blocks: Iterable[Ids], team: Team, name: str, unknown: str = "error", *, alone: bool = False
    ) -> Iterator[Scored]:
        """Score a text in blocks, piece by piece, as `reading.losses.score_pieces` does.

        With ``alone``, each line is scored by itself, as `reading.losses.score_lines` does. Unknown characters are
        marked, unless they are an error, and treated as `reading.unknown` does. Raises CharrnnError, with the ``name``
        of the text, if the text is too short or a loss is not finite.
        """
        from charrnn.reading.unknown import Unknown

        if unknown == "error":
            return self._score_known(blocks, team, name, alone)
        marks = Unknown(self.vocabulary, unknown, alone=alone)
        return marks.put_back(self._score_known(marks.taken_out(blocks), team, name, alone))

    def _score_known(self, blocks: Iterable[Ids], team: Team, name: str, alone: bool) -> Iterator[Scored]:
        import numpy as np

        from charrnn.reading import losses, scoring

        boundary, enough, empty = self.vocabulary.boundary, False, True
        if alone and boundary is None:
            start, end = self.vocabulary.start_symbol, scoring.end_of_line(self.vocabulary)
            pieces = losses.score_lines(self.network, blocks, team, start, end)
        else:  # documents are scored by themselves anyway
            pieces = losses.score_pieces(self.network, blocks, team, boundary)
        given = 0 if alone else scoring.unpredicted(boundary)
        for ids, nats in pieces:
            empty = False
            if not enough and ids.size <= given:
                continue  # an error that says more may follow
            enough = True
            if not np.isfinite(nats).all():
                whose = f"the weights in {shown(self.path)}" if self.path else "the model's weights"
                raise CharrnnError(f"{whose} are so large that its predictions are not finite")
            yield ids, nats
        if empty:
            raise CharrnnError(f"there are only unknown characters in {name}")
        if not enough:
            raise CharrnnError(f"{name} has one character, but scoring needs two, because the first one is given")

    def score_lines(self, lines: Sequence[str], team: Team, unknown: str) -> list[Score]:
        """Score lines, or documents, each by itself; raise CharrnnError for a model for examples."""
        require_task(self.architecture.task, *TEXT_TASKS)
        from charrnn.reading import scoring
        from charrnn.text.ingest import read_string

        vocabulary, end = self.vocabulary, self.vocabulary.separator or "\n"
        if any((end in line and end != FILES) or (vocabulary.separator and not line) for line in lines):
            raise CharrnnError(f"a line to score contains {end!r}, which ends it, or is an empty document")
        if scoring.end_of_line(vocabulary) < 0:
            raise CharrnnError("the model does not know line feeds, so it cannot score lines")
        if not lines:
            return []
        texts = lines if vocabulary.separator == FILES else ["".join(line + end for line in lines)]
        rule = unknown if unknown == "error" else MARK
        blocks = chain.from_iterable(read_string(text, vocabulary, unknown=rule) for text in texts)
        pieces = self.score_blocks(blocks, team, "the text", unknown, alone=True)
        found = scoring.lines(pieces, vocabulary, alone=True)
        return [
            scoring.Score(line.nats, line.characters, line.unknown, line.unknown / (len(text) + 1))
            for line, text in zip(found, lines, strict=True)
        ]
