"""Run the tests in environments that differ from this one, and print a table: ``python -m tests.environments``.

Each environment has a clone of the last commit, a virtual environment, and a home folder of its own (Linux).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.helpers import ROOT

NOBODY = 65534  # the user and group


@dataclass(frozen=True)
class Environment:
    """What differs: a `prefix` of the command, `variables`, the Python, or the versions of the dependencies."""

    prefix: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable
    lowest: bool = False


ENVIRONMENTS = {
    "plain": Environment(),
    "unbuffered": Environment(variables={"PYTHONUNBUFFERED": "1"}),
    "locale": Environment(variables={"LC_ALL": "C"}),
    "one-core": Environment(prefix=("taskset", "-c", "0")),
    "other-user": Environment(
        prefix=("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        python="/usr/bin/python3",  # one in a home folder cannot be read by others
    ),
    "lowest": Environment(lowest=True),
    "python3.11": Environment(python="python3.11"),
    "python3.12": Environment(python="python3.12"),
    "python3.13": Environment(python="python3.13"),
}
ELSEWHERE = ("LC_", "PYTEST_", "PYTHON", "XDG_")  # beginnings of variables that would change what is tested


def lowest() -> str:
    """Return constraints for pip: the lowest versions of the dependencies that pyproject.toml allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return "".join(f"{dependency.replace('>=', '==')}\n" for dependency in project["dependencies"])


def prepare(environment: Environment, folder: Path) -> None:
    """Make a clone with a virtual environment and a home, below a folder; raise RuntimeError if that fails."""
    (folder / "home").mkdir()
    (folder / "constraints.txt").write_text(lowest() if environment.lowest else "", encoding="utf-8")
    install = ("install", "-q", "-c", folder / "constraints.txt", "-e", f"{folder / 'clone'}[test]")
    for command in (
        ("git", "clone", "-q", ROOT, folder / "clone"),
        (environment.python, "-m", "venv", folder / "venv"),
        (folder / "venv" / "bin" / "pip", *install),
    ):
        if (ended := _done(command)).returncode:
            raise RuntimeError(ended.stdout[-1000:])
    if "setpriv" in environment.prefix:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def run(environment: Environment, folder: Path, arguments: Sequence[str]) -> ElementTree.Element:
    """Run the tests in a prepared folder; return pytest's report as JUnit has it."""
    venv, report = folder / "venv" / "bin", folder / "report.xml"
    variables = {name: value for name, value in os.environ.items() if not name.startswith(ELSEWHERE)}
    variables |= {"HOME": str(folder / "home"), "PATH": f"{venv}{os.pathsep}{os.environ['PATH']}"}
    command = [*environment.prefix, venv / "python", "-m", "pytest", "-n", "auto", f"--junit-xml={report}", *arguments]
    variables |= environment.variables
    ended = _done(command, cwd=folder / "clone", env=variables)
    if not report.exists():
        raise RuntimeError(ended.stdout[-1000:])
    (suite,) = ElementTree.parse(report).getroot()
    return suite


def _done(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(command, **streams, check=False, encoding="utf-8", errors="replace", **options)


def tell(name: str, arguments: Sequence[str]) -> int:
    """Run the tests in an environment and print its row; return how many failed, or 1 if they cannot run."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        try:
            prepare(ENVIRONMENTS[name], Path(place))
            suite = run(ENVIRONMENTS[name], Path(place), arguments)
        except (OSError, RuntimeError) as fault:
            sys.stdout.write(f"{name:12} cannot run: {fault}\n")
            return 1
    counts = {what: int(suite.attrib[what]) for what in ("tests", "failures", "errors", "skipped")}
    failed, minutes = counts["failures"] + counts["errors"], (time.monotonic() - began) / 60
    passed = counts["tests"] - failed - counts["skipped"]
    sys.stdout.write(f"{name:12} {passed:6} {failed:6} {counts['skipped']:7} {minutes:7.1f}\n")
    for case in suite:
        if case.find("failure") is not None or case.find("error") is not None:
            sys.stdout.write(f"  {case.attrib['classname']}::{case.attrib['name']}\n")
    sys.stdout.flush()
    return failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, epilog="Give pytest's arguments after --.")
    parser.add_argument("environments", nargs="*", metavar="ENVIRONMENT", help=f"of {', '.join(ENVIRONMENTS)}")
    typed = sys.argv[1:]
    cut = typed.index("--") if "--" in typed else len(typed)
    names = parser.parse_args(typed[:cut]).environments
    if unknown := set(names) - set(ENVIRONMENTS):
        parser.error(f"there is no environment {', '.join(sorted(unknown))}")
    sys.stdout.write(f"{'':12} {'passed':>6} {'failed':>6} {'skipped':>7} {'minutes':>7}\n")
    sys.stdout.flush()
    raise SystemExit(1 if sum(tell(name, typed[cut + 1 :]) for name in names or ENVIRONMENTS) else 0)
