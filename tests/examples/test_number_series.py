"""A series of numbers, and what comes later in it."""

import io

import numpy as np
import pytest

from charrnn.examples.readers import read_examples
from tests.helpers.errors import failure

WEATHER = "date,temp,wind\n" + "".join(f"2024-01-{day:02},{day / 2},{day * day}\n" for day in range(1, 13))
DAYS = np.arange(1, 13)


@pytest.fixture
def write(tmp_path):
    """Return what writes a file and returns its name."""

    def writing(text, name="series.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return writing


def read(*paths, **options):
    """Read a series."""
    return read_examples(paths, task="predict", **options)


def test_a_column_is_predicted_from_itself(write):
    """The target of a step is the next value; the last step has none."""
    series = read(write(WEATHER), labels="temp")
    assert series.series
    assert series.per_step
    assert series.lengths.tolist() == [12]
    assert series.numbers.tolist() == [[day / 2] for day in DAYS]
    assert series.values[:-1].tolist() == [[day / 2] for day in DAYS[1:]]
    assert np.isnan(series.values[-1]).all()
    assert series.names == ("temp",)
    assert (series.record["examples"], series.record["steps"]) == (1, 12)


def test_several_columns_and_several_steps(write):
    """All columns of the next step, then all of the one after it; other columns are only read."""
    series = read(write(WEATHER), labels="wind,temp", ahead=2)
    assert series.numbers[2].tolist() == [9, 1.5]
    assert series.values[2].tolist() == [16, 2, 25, 2.5]
    assert np.isnan(series.values).sum(axis=1).tolist() == [0] * 10 + [4, 4]
    assert series.names == ("wind t+1", "temp t+1", "wind t+2", "temp t+2")
    assert series.record["ahead"] == 2
    beside = read(write(WEATHER), labels="temp", inputs="wind")
    assert beside.numbers[2].tolist() == [1.5, 9]
    assert beside.values[2].tolist() == [2]


def test_the_only_column_of_numbers_needs_no_name(write):
    """Dates are no numbers; a column that is only read does not count."""
    path = write("date;level\n" + "".join(f"1.{day}.;{day}\n" for day in DAYS))
    assert read(path).names == ("level",)
    assert read(write(WEATHER), inputs="wind").names == ("temp",)
    said = failure(read, write(WEATHER))
    assert said.endswith("has columns of numbers: temp, wind; name those to predict with --labels")


@pytest.mark.parametrize("text", ["{}", "{}\n", "\n\n{}\n\n", "level\n{}\n"])
def test_one_number_a_line(write, text):
    """With or without a header; blank lines are passed over."""
    series = read(write(text.format("\n".join(f" {day}e-1 " for day in DAYS)), "numbers.txt"))
    np.testing.assert_allclose(series.numbers[:, 0], DAYS / 10, rtol=1e-6)
    assert series.names == (("level",) if "level" in text else ())
    piped = read("-", stdin=io.BytesIO("\n".join(map(str, DAYS)).encode()))
    assert piped.numbers[:, 0].tolist() == DAYS.tolist()


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("1\n2\nx\n4\n5\n", {}, "line 3 of {path} has 'x', not a finite number"),
        ("level\n1\n2\n\nn/a\n5\n", {}, "line 5 of {path} has 'n/a' in the column 'level', not a finite number"),
        (WEATHER, {"labels": "temp,rain"}, "{path} has no column 'rain'; it has date, temp, wind"),
        (WEATHER, {"labels": "date"}, "line 2 of {path} has '2024-01-01' in the column 'date', not a finite number"),
        (WEATHER, {"labels": "temp", "ahead": 6}, "{path} has 12 steps, which are too few to predict 6 ahead: at"),
        ("a,b\nx,y\nz,w\n", {}, "{path} has no column of numbers only; it has a, b; name those to predict"),
        ("1,2\n3,4\n", {}, "{path} has no header"),
        ("", {}, "there is no text in {path}"),
    ],
)  # fmt: skip
def test_what_is_no_series_is_refused(write, text, options, said):
    """The message says where, and what to type instead."""
    path = write(text)
    assert said.format(path=path) in failure(read, path, **options)


def test_a_series_is_one_file(write, tmp_path):
    """Two series are no longer one."""
    path = write(WEATHER)
    assert "a series of numbers is one file, not" in failure(read, path, path, labels="temp")
    assert "name one file" in failure(read, str(tmp_path), labels="temp")
