"""Lines of several texts, scored by several models, and which model probably wrote each."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from charrnn.cli.eval_output import EXACT, line_or_document
from charrnn.cli.records import Column, fitting, write
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from charrnn.library.opened import OpenedModel
    from charrnn.reading.scoring import Line


def compare_lines(
    models: "Sequence[OpenedModel]",
    sources: "Sequence[str]",
    lines_of: "Callable[[str], list[list[Line]]]",
    *,
    unchanged: bool,
    all_count: bool,
    form: str,
) -> None:
    """Print each line of every text by every model, with the models' probabilities if there are several.

    ``lines_of`` returns the lines of a text by each model. Models are compared on a line if they predict the same
    number of its characters, and know all of them unless unknown ones are charged (``all_count``), if the texts are
    ``unchanged`` by near forms.
    """
    from charrnn.reading.scoring import posterior
    from charrnn.storage.files import shown

    several = len(models) > 1
    kinds = {(line_or_document(model.vocabulary), model.network.architecture.bidirectional) for model in models}

    def rows() -> Iterator[tuple[Any, ...]]:
        for text in sources:
            found = lines_of(text)
            if len({len(lines) for lines in found}) > 1:
                raise CharrnnError(f"the models do not divide {shown(text)} into the same lines")
            for scored in zip(*found, strict=True):
                alike = len(kinds) == 1 and len({line.characters for line in scored}) == 1
                alike = alike and unchanged and (all_count or not any(line.unknown for line in scored))
                chances = posterior([line.nats for line in scored]) if alike else [None] * len(models)
                for model, line, chance in zip(models, scored, chances, strict=True):
                    figures = line.number, line.characters, line.unknown, line.bits, line.bits_per_char
                    yield model.path, text, *figures, *((chance,) if several else ()), line.text

    columns = (
        fitting("model", [model.path for model in models]),
        fitting("file", sources),
        Column("line" if len(kinds) > 1 else line_or_document(models[0].vocabulary), 8, "d"),
        Column("characters", 10, ",", "d"),
        Column("unknown", 7, ",", "d"),
        Column("bits", 10, ".2f", EXACT),
        Column("bits_per_char", 9, ".4f", EXACT),
        *([Column("probability", 11, ".4f", EXACT)] if several else []),
        Column("text"),
    )
    write(rows(), columns, form)
