"""What checks every change fails where it would check nothing."""

import shutil
import subprocess

import pytest

from tests.helpers import ROOT

CI = ROOT / ".ci" / "run"
TESTS = "python3 -m venv --without-pip .venv && echo '<testcase ><testcase ><skipped >' > ../tests.xml"


@pytest.mark.skipif(not (CI.exists() and shutil.which("git") and shutil.which("bash")), reason="needs a clone and git")
@pytest.mark.parametrize(
    ("blocks", "error"),
    [
        ({"try": "true"}, "README.md has no commands after <!-- test -->"),
        ({"tests": TESTS, "try": "true"}, "README.md has no commands after <!-- test -->"),
        ({"test": TESTS}, "README.md has no commands after <!-- try -->"),
        ({"try": "true", "test": ""}, "README.md has no commands after <!-- test -->"),
        ({"try": "false", "test": TESTS}, None),
        ({"try": "true", "test": "true"}, "tests.xml"),
        ({"try": "true", "test": TESTS}, "only 1 tests ran"),
    ],
    ids=["no test", "another name", "no try", "empty", "a failure", "no tests", "one test"],
)
def test_the_check_of_changes_fails_where_it_checks_nothing(tmp_path, blocks, error):
    """It ends at once if a marker of the README has gone, if no tests are run, and if only few are."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(CI, tmp_path / ".ci")
    page = "".join(f"<!-- {name} -->\n```sh\n{command}\n```\n\n" for name, command in blocks.items())
    (tmp_path / "README.md").write_text(page)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", tmp_path)
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "a")):
        subprocess.run([*git, *command], check=True)
    ended = subprocess.run([tmp_path / ".ci" / "run"], capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert (error or "false") in ended.stderr
    assert "=== lint" not in ended.stdout
