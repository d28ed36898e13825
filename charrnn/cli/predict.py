"""``charrnn predict``: predict numbers, for texts, for sequences of numbers, or after the end of a series."""

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.answer_options import (
    AnswerOptions,
    answer_options,
    answered,
    arrays_of,
    check_usage,
    refuse_text_options,
)
from charrnn.cli.models import compile_answering, open_model, team_of
from charrnn.cli.records import WRITE_NOW, Column, chosen, write
from charrnn.cli.targets import refuse_model_files
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.library.answering import Answering
    from charrnn.reading.answers import Forecast, Predicted

NUMBER = ".6g"


@click.command(short_help="Predict numbers: of texts, or of a series.")
@answer_options
@click.option("--all", "everything", is_flag=True, help="Of a series: print what is predicted after each step.")
@click.option(
    "--plot",
    type=click.Path(),
    metavar="FILE",
    help="Of a series: also draw its end and the prediction to FILE (.png, .svg or .pdf), which is replaced.",
)
def command(everything: bool, plot: str | None, **values: Any) -> None:
    """Predict numbers with a MODEL that was trained with --task predict.

    For a model of texts, a TEXT is given on the command line, or is a line of standard input (-). A model that reads
    sequences of numbers predicts for each example in an .npz file. A model of a series reads a table with the same
    columns as in training, of any length, and predicts the steps after its end. Predictions are in the units of the
    training data; if all numbers in it were 0 or 1, they are the probability of 1.

    \b
    Examples:
      charrnn predict stars.npz "A wonderful book"
      charrnn predict harbor.npz harbor.csv
      charrnn predict harbor.npz harbor.csv --all --tsv > predicted.tsv
      charrnn predict harbor.npz harbor.csv --plot harbor.png
    """
    options = AnswerOptions(**values)
    form = chosen(options.as_json, options.as_tsv)
    from charrnn.library.answering import Answering

    model = open_model(options.model)
    with team_of(options.threads) as team:
        answering = Answering(model, "predict", team)
        if not answering.targets.series:
            check_usage(options)
            if everything or plot is not None:
                raise CharrnnError("--all and --plot are for a model of a series")
            compile_answering(answering)
            if answering.architecture.features:
                _write_sequences(options, answering, form)
            else:
                _write_texts(answered(options, answering, answering.predict_texts), answering, form)
            return
        refuse_text_options(options)
        if len(options.texts) > 1:
            raise click.UsageError("Give one file with the series, or - for standard input.")
        if not options.texts and (sys.stdin is None or sys.stdin.isatty()):
            raise click.UsageError("Give the file with the series, or - for standard input.")
        (series,) = options.texts or ("-",)
        if plot is not None:
            from charrnn.display.plots import check_plottable

            check_plottable(plot)
            refuse_model_files(plot, "--plot", model, series)
        compile_answering(answering)
        forecast = answering.forecast(series, encoding=options.encoding)
        _write_series(forecast, form, everything=everything)
        if plot is not None:
            from charrnn.display.plots import plot_forecast

            plot_forecast(plot, forecast)


def _write_texts(found: "Iterator[Predicted | None]", answering: "Answering", form: str) -> None:
    """Write a record for each text: the numbers that are predicted, and itself."""
    if form == "json":
        for record in filter(None, found):
            click.echo(json.dumps({"text": record.text, "values": record.values}))
        return
    rows = (WRITE_NOW if record is None else (*record.values.values(), record.text) for record in found)
    write(rows, [*_value_columns(answering.value_names), Column("text")], form)


def _write_sequences(options: AnswerOptions, answering: "Answering", form: str) -> None:
    """Write a record for each sequence of numbers, or for each of its steps: its place, and what is predicted."""
    arrays = arrays_of(options)
    values = answering.values(answering.encode_numbers(arrays)).tolist()
    names, places = answering.value_names, [Column("example", 7, "d")]
    numbers: Iterator[tuple[int, ...]] = ((k,) for k in range(len(arrays)))
    if answering.architecture.pooling == "each":
        places.append(Column("step", 6, "d"))
        numbers = ((k, step) for k, array in enumerate(arrays) for step in range(len(array)))
    if form == "json":
        for number, row in zip(numbers, values, strict=True):
            where = {column.name: each for column, each in zip(places, number, strict=True)}
            click.echo(json.dumps({**where, "values": dict(zip(names, row, strict=True))}))
        return
    rows = ((*number, *row) for number, row in zip(numbers, values, strict=True))
    write(rows, [*places, *_value_columns(names)], form)


def _value_columns(names: list[str]) -> list[Column]:
    return [Column(name, max(10, len(name)), NUMBER, "") for name in names]


def _write_series(forecast: "Forecast", form: str, *, everything: bool) -> None:
    """Write the steps after the end of a series, or what is predicted after each step."""
    places, names, values = Column("ahead", 5, "d"), forecast.columns, forecast.next
    if everything:
        names = [f"{name}+{ahead + 1}" for ahead in range(forecast.ahead) for name in forecast.columns]
        places, values = Column("step", 8, "d"), forecast.all
    numbered = enumerate(values.tolist(), 0 if everything else 1)
    if form == "json":
        for number, row in numbered:
            click.echo(json.dumps({places.name: number, "values": dict(zip(names, row, strict=True))}))
        return
    write(((number, *row) for number, row in numbered), [places, *_value_columns(names)], form)
