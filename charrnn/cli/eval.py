"""``charrnn eval``: measure how well models predict texts."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from charrnn.cells.tasks import TEXT_TASKS, require_task
from charrnn.cli.cell_option import own_cell_option
from charrnn.cli.eval_options import EvalOptions
from charrnn.cli.models import compile_reading, open_model, team_of, under
from charrnn.cli.options import (
    Input,
    Whole,
    condition_option,
    copied_options,
    encoding_option,
    given,
    model_argument,
    scored_unknown_options,
    threads_option,
)
from charrnn.cli.records import Column, chosen, fitting, format_options, write
from charrnn.cli.targets import refuse_stdout
from charrnn.errors import CharrnnError
from charrnn.text.defaults import MARK

if TYPE_CHECKING:
    from charrnn.library.opened import OpenedModel
    from charrnn.model.team import Team
    from charrnn.reading.losses import Scored
    from charrnn.reading.scoring import Score
    from charrnn.text.near_forms import NearForms


@click.command(short_help="Measure how well a model predicts a text.")
@model_argument
@own_cell_option
@click.argument("texts", nargs=-1, type=Input(), metavar="[TEXT…]")
@click.option(
    "-m", "--model", "others", multiple=True, type=Input(), metavar="MODEL", help="Score with this model too."
)
@click.option("--per-line", is_flag=True, help="Print the bits of each line, or of each document.")
@click.option(
    "--alone",
    is_flag=True,
    help="With --per-line or --top: score each line by itself, as if nothing came before it but a line feed.",
)
@click.option("--per-char", is_flag=True, help="Print the bits of each character.")
@click.option(
    "--top",
    type=Whole(min=1),
    metavar="N",
    help="Print the N lines, or documents, with the most bits per character; empty ones are left out.",
)
@copied_options
@click.option(
    "--held-out",
    is_flag=True,
    help="Of a model for examples: evaluate only those that validated its training run.",
)
@click.option(
    "--labels",
    metavar="COLUMN",
    help="Of such a model and a table: the column to predict, or with the conditions.  [as in training]",
)
@click.option("--texts", "texts_column", metavar="COLUMN", help="And the column with the texts.  [as in training]")
@click.option(
    "--beam",
    type=Whole(1, 64),
    default=1,
    show_default=True,
    help="Of a model that translates: texts side by side, as in charrnn translate.",
)
@condition_option
@format_options
@threads_option
@scored_unknown_options
@encoding_option
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Measure how well MODEL predicts a text: a file, a folder, or standard input (-), of any length.

    Fewer bits per character mean that the model predicts the text better. The first character is given, not predicted.
    A model trained with --documents also predicts the first character of each document, and its end, which counts as
    one more character. A bidirectional model predicts each character from both sides, so its bits cannot be compared
    with the bits of other models.

    A model for labels, tags, numbers or translations (--task) is given files like those of its training run, and is
    measured by accuracy, macro F1 and log loss in nats, by the mean squared error and R², or by the share of exact
    translations and the character error rate. --held-out evaluates the examples that validated the run, when given its
    files.

    A model that was trained with conditions (train --given) is given files with conditions as in its training run, and
    is measured by the nats per character of their texts, also for each condition; or with --given, it scores texts
    under that condition, as any other model.

    Several texts are scored separately. With -m, every model scores every text, and the best model for each text, with
    the fewest bits per character, is marked. If each model was trained on one author, this suggests who wrote the text.
    No model is marked if the models did not predict the same number of characters, if one skipped or replaced unknown
    characters, or read them in near forms, or if only some are bidirectional. With --unknown charge, models with
    different vocabularies can be compared.

    --per-char, --top and --copied examine one text with one model, --per-line also several. With -m, it prints each
    model's probability of having written the line (Bayes: 2^-bits, divided by its sum over the models). With --alone,
    each line is scored by itself: equal lines get equal bits. A line includes the line feed that ends
    it. Lines and positions count all characters; an unknown one is shown as �, and has no bits if it is skipped. Only
    the first 65,536 characters of a line are printed. With --tsv, a tab, line feed, carriage return or backslash in the
    text is printed as \\t, \\n, \\r or \\\\, and other characters that can end a line as \\x0c or \\u2028.

    \b
    Examples:
      charrnn eval model.npz other.txt
      charrnn eval model.npz -m better.npz other.txt corpus.txt
      cat chapter*.txt | charrnn eval model.npz - --top 10
      charrnn eval model.npz other.txt --per-char --tsv > surprises.tsv
      charrnn eval model.npz -m better.npz other.txt --per-line --alone
      charrnn eval model.npz story.txt --copied corpus.txt
      charrnn eval surnames.npz names/*.txt --held-out
      charrnn eval surnames.npz --given Italian names.txt
    """
    options = EvalOptions(given=given(ctx), **values)
    form = _check_usage(options)
    from charrnn.cli.eval_output import copied, per_char, per_line, whole
    from charrnn.reading.scoring import lines

    models = [open_model(path) for path in options.models]
    if models[0].architecture.reads_examples and options.condition is None:
        from charrnn.cli.eval_examples import evaluate

        evaluate(models, options, form)
        return
    models = list(_under(models, options))
    if of_examples := {"held_out", "labels", "texts_column", "beam"} & options.given:
        raise CharrnnError(
            f"--{min(of_examples).split('_column')[0].replace('_', '-')}: only for labels, tags or numbers, and for "
            "examples with conditions, without --given"
        )
    if any(map(_reads_both_sides, models)):
        from charrnn.display.console import note

        note("a bidirectional model predicts each character from both sides, so its bits are not comparable to others")
    with team_of(options.threads) as team:
        if options.per_line and (len(models) > 1 or len(options.sources) > 1):
            _compare_lines(models, options, team, form)
            return
        if len(models) > 1 or len(options.sources) > 1:
            _compare(models, options, team, form)
            return
        (model,), (text,) = models, options.sources
        near = model.vocabulary.near_forms(options.near)
        pieces = _scored(model, text, None, near, options, team)
        if options.per_char:
            per_char(pieces, model.vocabulary, form)
        elif options.per_line or options.top:
            per_line(lines(pieces, model.vocabulary, alone=options.alone), model.vocabulary, options.top, form)
        elif options.copied is not None:
            copied(
                pieces,
                model.vocabulary,
                options.unknown,
                (options.copied, options.encoding),
                options.copied_run,
                form,
                near,
            )
        else:
            whole(pieces, model.vocabulary, options.unknown, form, near)


def _check_usage(options: EvalOptions) -> str:
    """Return the output format.

    Raises click.UsageError for options that contradict each other, and for no text.
    """
    form = chosen(options.as_json, options.as_tsv)
    if not options.texts and (sys.stdin is None or sys.stdin.isatty()):
        raise click.UsageError("Give a text to score, or - for standard input.")
    if not options.texts:
        refuse_stdout("-")
    closer = {
        "--per-line": options.per_line,
        "--per-char": options.per_char,
        "--top": options.top,
        "--copied": options.copied is not None,
    }
    asked = [option for option, value in closer.items() if value]
    if len(asked) > 1:
        raise click.UsageError(f"Give {asked[0]} or {asked[1]}, not both.")
    if asked not in ([], ["--per-line"]) and (len(options.models) > 1 or len(options.sources) > 1):
        raise click.UsageError(f"{asked[0]} takes one text and one model.")
    if options.alone and not (options.per_line or options.top):
        raise click.UsageError("--alone needs --per-line or --top.")
    if "copied_run" in options.given and options.copied is None:
        raise click.UsageError("--copied-run needs --copied.")
    if [*options.sources, options.copied].count("-") > 1:
        raise click.UsageError("Standard input (-) can be read only once.")
    return form


def _under(models: "list[OpenedModel]", options: EvalOptions) -> "Iterator[OpenedModel]":
    """Yield models that can read texts: those with conditions under the one of --given, which one of them needs."""
    conditional = any(model.architecture.conditions for model in models)
    for model in models:
        with options.naming(model.path):
            require_task(model.architecture.task, *TEXT_TASKS)
            own = model.architecture.conditions or not conditional
            found = under(model, options.condition if own else None)
        compile_reading(found)
        yield found


def _reads_both_sides(model: "OpenedModel") -> bool:
    return model.network.architecture.bidirectional


def _scored(
    model: "OpenedModel",
    text: str,
    source: BinaryIO | None,
    near: "NearForms | None",
    options: EvalOptions,
    team: "Team",
) -> "Iterator[Scored]":
    """Score a text, piece by piece, as `OpenedModel.score_blocks` does."""
    from charrnn.text.ingest import name_of, read_stream

    rule = options.unknown
    blocks = read_stream(
        text,
        model.vocabulary,
        unknown=MARK if rule != "error" else rule,
        near=near,
        encoding=options.encoding,
        source=source,
    )
    return model.score_blocks(blocks, team, name_of(text), rule, alone=options.alone)


def _compare_lines(models: "list[OpenedModel]", options: EvalOptions, team: "Team", form: str) -> None:
    """Print each line of every text by every model."""
    from charrnn.cli.eval_lines import compare_lines
    from charrnn.reading.scoring import Line, lines
    from charrnn.text.ingest import read_again

    def lines_of(text: str) -> list[list[Line]]:
        with read_again(text, len(models)) as source:
            found = []
            for model in models:
                with options.naming(model.path):
                    near = model.vocabulary.near_forms(options.near)
                    pieces = _scored(model, text, source, near, options, team)
                    found.append(list(lines(pieces, model.vocabulary, alone=options.alone)))
            return found

    unchanged, all_count = options.near == "none", options.unknown == "charge"
    compare_lines(models, options.sources, lines_of, unchanged=unchanged, all_count=all_count, form=form)


def _compare(models: "list[OpenedModel]", options: EvalOptions, team: "Team", form: str) -> None:
    """Print the figures of every text by every model.

    With several models, the best one for each text is marked.
    """
    from charrnn.cli.eval_output import columns_of, figures
    from charrnn.display.console import note
    from charrnn.text.ingest import read_again

    several, unlike, near = len(models) > 1, False, options.near != "none"

    def rows() -> Iterator[tuple[Any, ...]]:
        nonlocal unlike
        for text in options.sources:
            with read_again(text, len(models)) as source:
                scores = [_score(model, text, source, options, team) for model in models]
            best = min(score.bits_per_char for score in scores)
            alike = _alike(models, scores, options.unknown)
            unlike = unlike or (several and not alike)
            for model, score in zip(models, scores, strict=True):
                marks = (alike and score.bits_per_char == best,) if several else ()
                yield model.path, text, *figures(score, near), *marks

    names = fitting("model", options.models), fitting("text", options.sources)
    write(rows(), [*names, *columns_of(near), *([Column("best")] if several else [])], form)
    if unlike:
        note(
            "no model is marked as the best if the models predicted different numbers of characters, or skipped or "
            "replaced some, or only some are bidirectional; --unknown charge counts all characters"
        )


def _alike(models: "list[OpenedModel]", scores: "list[Score]", unknown: str) -> bool:
    """Return whether scores of a text can be compared: all count the same characters, and read from the same sides."""
    kinds = {(score.characters, _reads_both_sides(model)) for score, model in zip(scores, models, strict=True)}
    replaced = any(score.near or (score.unknown and unknown != "charge") for score in scores)
    return len(kinds) == 1 and not replaced


def _score(model: "OpenedModel", text: str, source: BinaryIO | None, options: EvalOptions, team: "Team") -> "Score":
    """Score a text with a model."""
    from charrnn.reading.scoring import total

    with options.naming(model.path):
        near = model.vocabulary.near_forms(options.near)
        pieces = _scored(model, text, source, near, options, team)
        return total(pieces, model.vocabulary.boundary, model.vocabulary.unknown_symbol, near=near)
