"""The table of other environments says where tests fail and where they cannot run."""

from xml.etree import ElementTree

from tests import environments

REPORT = """
<testsuite tests="5" failures="1" errors="1" skipped="1">
<testcase classname="a" name="good"/><testcase classname="b" name="bad"><failure/></testcase>
<testcase classname="c" name="worse"><error/></testcase></testsuite>
"""


def test_the_lowest_versions_are_those_of_the_project():
    """Each dependency is held at the version that it must at least have."""
    lines = environments.lowest().splitlines()
    assert len(lines) >= 5
    assert all("==" in line and ">" not in line for line in lines)


def test_rows_of_the_table(monkeypatch, capsys):
    """Failures are counted and named; an environment that cannot be made is a failure, with the reason."""
    monkeypatch.setattr(environments, "prepare", lambda environment, folder: None)
    monkeypatch.setattr(environments, "run", lambda *_: ElementTree.fromstring(REPORT))
    assert environments.tell("locale", ()) == 2
    row, *failed = capsys.readouterr().out.splitlines()
    assert row.split()[:4] == ["locale", "2", "2", "1"]
    assert failed == ["  b::bad", "  c::worse"]

    def refuse(environment, folder):
        raise RuntimeError("no room")

    monkeypatch.setattr(environments, "prepare", refuse)
    assert environments.tell("locale", ()) == 1
    assert capsys.readouterr().out == "locale       cannot run: no room\n"
