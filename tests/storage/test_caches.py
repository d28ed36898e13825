"""The folder of caches is nobody else's, and compiled code that is kept there is whole or not used."""

import errno
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from charrnn.storage.caches import UNUSED, forget, private_folder
from tests.helpers.files import age

OWNED = pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders have no owner and no mode here")
XDG = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems do not look at these variables")
LINKS = pytest.mark.skipif(sys.platform == "win32", reason="not everybody may make links here")


# A folder of ours


@pytest.fixture
def base(tmp_path, monkeypatch):
    """Let the platform's folder of caches be in an empty folder; return charrnn's in it, which is not made yet."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "home" / "cache" / name)
    return tmp_path / "home" / "cache" / "charrnn"


def mode(path):
    """Return the permissions of a file or folder."""
    return path.stat().st_mode & 0o7777


@OWNED
@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077])
def test_a_folder_is_made_for_this_user_alone(base, umask):
    """Whatever else the user shares with others, the folder and all above it that had to be made is the user's."""
    outer = os.umask(umask)
    try:
        folder = private_folder("kernels", "some")
    finally:
        os.umask(outer)
    assert folder == base.resolve() / "kernels" / "some"
    assert {mode(place) for place in (folder, *folder.parents[:4])} == {0o700}
    assert private_folder("kernels", "some") == folder
    assert private_folder() == base.resolve()
    assert list(folder.iterdir()) == []


@OWNED
@pytest.mark.parametrize("place", ["", "kernels", "kernels/some"])
@pytest.mark.parametrize("writers", [0o770, 0o707, 0o777, 0o1777], ids=oct)
def test_a_folder_that_others_may_write_to_is_not_used(base, place, writers):
    """Others could put code there for this user to run."""
    assert private_folder("kernels", "some")
    (base / place).chmod(writers)
    assert private_folder("kernels", "some") is None
    (base / place).chmod(0o755)
    assert private_folder("kernels", "some")


@LINKS
@pytest.mark.parametrize("place", ["", "kernels", "kernels/some"])
@pytest.mark.parametrize("thing", ["a link", "a dangling link", "a file"])
def test_what_is_no_folder_is_not_used(base, tmp_path, place, thing):
    """A link in the place of a folder of ours leads who knows where, even if it is a good place at this moment."""
    path = base / place
    path.parent.mkdir(mode=0o700, parents=True)
    if thing == "a file":
        path.touch()
    else:
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        path.symlink_to(tmp_path / ("elsewhere" if thing == "a link" else "nowhere"))
    assert private_folder("kernels", "some") is None
    assert not (tmp_path / "elsewhere" / "some").exists()


def give_away(path, monkeypatch):
    """Make a folder somebody else's: only root can, so that any other user becomes somebody else instead."""
    if os.getuid() == 0:
        os.chown(path, 65534, 65534)
    else:
        stranger = os.getuid() + 1
        monkeypatch.setattr("os.getuid", lambda: stranger)


@OWNED
@pytest.mark.parametrize("place", ["", "kernels", "kernels/some"])
def test_the_folder_of_somebody_else_is_not_used(base, monkeypatch, place):
    """Its owner may change what is in it, whatever its mode."""
    assert private_folder("kernels", "some")
    give_away(base / place, monkeypatch)
    assert private_folder("kernels", "some") is None


@OWNED
def test_nothing_is_made_in_the_home_of_somebody_else(base, monkeypatch):
    """Who runs as root with another user's HOME leaves no folder there that this user could not write to."""
    base.parents[1].mkdir()
    give_away(base.parents[1], monkeypatch)
    assert private_folder("kernels") is None
    assert list(base.parents[1].iterdir()) == []


@OWNED
@pytest.mark.parametrize(("writers", "safe"), [(0o755, True), (0o775, True), (0o1777, True), (0o777, False)])
@pytest.mark.parametrize("above", ["the folder of caches", "what a link leads to"])
def test_nobody_else_can_swap_a_folder_above(base, tmp_path, above, writers, safe):
    """In a folder that all may write to, all may rename what is there, unless it is sticky, as /tmp is."""
    base.parents[1].mkdir()
    if above == "the folder of caches":
        base.parent.mkdir()
        base.parent.chmod(writers)
    else:
        (tmp_path / "disk" / "cache").mkdir(parents=True)
        (tmp_path / "disk").chmod(writers)
        base.parent.symlink_to(tmp_path / "disk" / "cache")
    assert (private_folder("kernels") is not None) == safe


def test_a_folder_that_takes_no_file_is_not_used(base, monkeypatch):
    """A disk may be read-only though the folder was made long ago."""
    assert private_folder("kernels")

    def refuse(**options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert private_folder("kernels") is None


@XDG
@pytest.mark.parametrize(
    ("home", "cache", "found"),
    [
        ("home", None, "home/.cache"),
        ("home", "", "home/.cache"),
        ("home", "mine", "mine"),
        ("home", "link", "home"),
        ("file", None, None),
        ("file/home", None, None),
        ("/proc/self", None, None),
        (None, None, None),
        ("missing", None, None),
        ("missing/one", "missing/one/cache", None),
        ("missing", "mine", "mine"),
        (None, "mine", "mine"),
        ("home", "file", None),
        ("home", "file/cache", None),
        ("home", "dangling", None),
        ("home", "dangling/cache", None),
        ("home", "loop", None),
        ("home", "x" * 300, None),
        ("home", "\udcff", "\udcff"),
    ],
)
def test_any_home(tmp_path, monkeypatch, home, cache, found):
    """No home, or a cache folder that cannot be, is no error."""
    (tmp_path / "home").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "link").symlink_to("home")
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.setattr("pwd.getpwuid", lambda user: {}["such a user"])  # as in a container, for a made-up user
    monkeypatch.chdir(tmp_path)
    for name, value in {"HOME": home, "XDG_CACHE_HOME": cache}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value and str(tmp_path / value))
    folder = private_folder("kernels")
    assert folder == (found and tmp_path.resolve() / found / "charrnn" / "kernels")
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("place", [".", "cache/charrnn", "~/.cache/charrnn"])
def test_a_relative_folder_is_not_used(tmp_path, monkeypatch, place):
    """Else there would be another cache wherever the program is started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: Path(place))
    assert private_folder("kernels") is None
    assert list(tmp_path.iterdir()) == []


def test_folders_and_files_of_the_past_are_removed(base):
    """What matches and was last changed long ago goes, with all that is in it; the rest stays."""
    ages = {"recent": 29, "old": 31}
    folders = {name: private_folder("kernels", name) for name in ages}
    for name, folder in folders.items():
        (folder / "sub").mkdir()
        (folder / "sub" / "code.nbc").touch()
        for day, temporary in enumerate((".a.1.tmp", ".b.2.tmp")):
            (folder / temporary).touch()
            age(folder / temporary, day)
        age(folder, ages[name])
    apart = private_folder("corpora")
    age(apart, 31)
    forget(folders["recent"], ".*.tmp", days=0.5)
    assert sorted(path.name for path in folders["recent"].iterdir()) == [".a.1.tmp", "sub"]
    age(folders["recent"], 29)
    forget(base / "kernels", "*", days=UNUSED)
    assert sorted(path.name for path in (base / "kernels").iterdir()) == ["recent"]
    assert apart.exists()
    shutil.rmtree(base)
    forget(base / "kernels", "*", days=UNUSED)  # another process may be faster


@LINKS
def test_what_a_link_leads_to_is_not_removed(base, tmp_path):
    """Only folders of ours are."""
    folder = private_folder("kernels", "used")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious").touch()
    (folder.parent / "link").symlink_to(tmp_path / "mine")
    age(tmp_path / "mine", 31)
    if os.utime in os.supports_follow_symlinks:
        os.utime(folder.parent / "link", (0, 0), follow_symlinks=False)
    forget(folder.parent, "*", days=UNUSED)
    assert (tmp_path / "mine" / "precious").exists()
