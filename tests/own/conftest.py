"""Fixtures for cells of one's own: their files, and a process to which none was given before."""

import pytest

from charrnn.cells.own_cell import DECLARED
from charrnn.own.cell_file import GIVEN
from tests.helpers.own_cells import CELLS


@pytest.fixture(autouse=True)
def _nothing_given():
    """Let each test begin and end without cells that another one has given."""
    for given in (DECLARED, GIVEN):
        given.clear()
    yield
    for given in (DECLARED, GIVEN):
        given.clear()


@pytest.fixture
def mycell(tmp_path, monkeypatch):
    """Go to a folder with a student's file, mycell.py, and return its path."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mycell.py"
    path.write_text(CELLS, encoding="utf-8")
    return path
