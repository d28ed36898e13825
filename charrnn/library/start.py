"""How a run starts: new or resumed, from the weights of a model or not, on a text or on examples."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from charrnn.cells.own_cell import is_own
from charrnn.cells.tasks import task_named
from charrnn.errors import CharrnnError
from charrnn.library.example_preparation import (
    ExampleFiles,
    new_example_trainer,
    request_of,
    resumed_example_trainer,
)
from charrnn.library.keywords import DECIDED
from charrnn.library.preparation import Given, Say, Symbols, Texts, new_trainer, resumed_trainer, separator_of
from charrnn.library.signatures import PathOf, path_of
from charrnn.library.task_rules import COLUMNS, check_task, start_again
from charrnn.model.model_file import Checkpoint, load, reads_examples
from charrnn.model.team import Team
from charrnn.text.decoding import codec
from charrnn.training.rules import CHANGEABLE
from charrnn.training.trainer import Trainer


@dataclass(frozen=True)
class Start:
    """How a run starts, as `charrnn.train` is asked; None is not chosen."""

    resume: str | None = None
    source: Checkpoint | PathOf | None = None  # the model whose weights it starts from
    remap: bool = False
    documents: str | None = None
    encoding: str | None = None

    def trainer(self, texts: Texts | None, given: Given, team: Team, say: Say) -> Trainer[Any]:
        """Prepare the run; raise CharrnnError for options that contradict each other."""
        texts = self._with_encoding(texts)
        others = {
            "documents": self.documents,
            "encoding": self.encoding,
            "validate": (texts and texts.validate) or None,
        }
        chosen = {name: value for name, value in {**given, **others}.items() if value is not None}
        if self.resume is None:
            check_task({**chosen, "init_from": self.source is not None, "remap": self.remap})
        code = {"cell"} if is_own(chosen.get("cell", "")) else set()  # which a model file does not have
        self._check(texts, chosen.keys() - {"epochs", "seconds"} - (code if self.resume or self.source else set()))
        settings = {name: value for name, value in chosen.items() if name not in (*others, *COLUMNS)}
        byte_level, rare = settings.pop("bytes", False), settings.pop("rare", 0)
        if self.resume is not None:
            if reads_examples(self.resume):
                elsewhere = {"paths": texts.paths, "data": texts.data} if texts is not None else {}
                return resumed_example_trainer(self.resume, elsewhere, team, say, given=settings)
            return resumed_trainer(self.resume, texts or Texts(), team, say, given=settings)
        assert texts is not None
        if "given" in chosen or task_named(chosen.get("task", "generate")).reads_examples:
            columns = {name: chosen.get(name) for name in COLUMNS if name != "ahead"}
            request = request_of(texts.paths, chosen.get("task", "generate"), columns, chosen.get("ahead", 1))
            files = ExampleFiles(request, texts.known, texts.data, texts.validate, rare)
            return new_example_trainer(files, settings, team, say)
        if "task" in settings:
            settings["bidirectional"] = settings.pop("task") == "fill"
        symbols = Symbols(byte_level, separator_of(self.documents), rare)
        source = (
            self.source if isinstance(self.source, Checkpoint) or self.source is None else load(path_of(self.source))
        )
        return new_trainer(texts, settings, symbols, team, say, source=source, remap=self.remap)

    def _with_encoding(self, texts: Texts | None) -> Texts | None:
        """Return the texts, whose encoding is the one that was asked for."""
        if texts is None or self.encoding is None:
            return texts
        return replace(texts, known=replace(texts.known, encoding=texts.known.encoding or codec(self.encoding)))

    def _check(self, texts: Texts | None, given: Collection[str]) -> None:
        """Raise CharrnnError for options that contradict each other."""
        given = set(given)
        if self.resume is not None:
            if self.source is not None:
                raise CharrnnError("give resume or init_from, not both")
            if kept := given - set(CHANGEABLE):
                new = start_again(self.resume)
                raise CharrnnError(f"a resumed run keeps its own {', '.join(sorted(kept))}; start a new run {new}")
        elif texts is None:
            raise CharrnnError("give a text to train on, or its path")
        if self.source is not None and (decided := given & {*DECIDED, "task", "documents", "bytes"}):
            raise CharrnnError(f"with init_from, the model decides {', '.join(sorted(decided))}")
        if self.remap and self.source is None:
            raise CharrnnError("remap needs init_from")
