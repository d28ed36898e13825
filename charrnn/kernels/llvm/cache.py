"""The cache of compiled code on disk, for the next run."""

import hashlib
import os
import pickle
import shutil
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.registry import cpu_target
from numba.core.serialize import dumps

from charrnn.errors import CharrnnError
from charrnn.storage.caches import UNUSED, forget, private_folder
from charrnn.storage.files import replacing


def cache_folder() -> Path | None:
    """Return the folder for compiled kernels.

    It is created if necessary; the result is None if there is no safe place for it. Its name is a hash of all that
    compiled code depends on: the sources of all kernels, the versions of what compiles them, Numba's settings, and the
    processor, because different machines can share a home folder.
    """
    settings = {name: value for name, value in vars(numba.config).items() if name.isupper() and name not in _HARMLESS}
    return _folder_for(repr(sorted(settings.items())))  # each time, as a program can change a setting


# Settings that differ from shell to shell and never change code. All others count, as any can.
_HARMLESS = {"NUMBA_NUM_THREADS", "NUMBA_DEFAULT_NUM_THREADS", "GDB_BINARY"}


@cache
def _folder_for(settings: str) -> Path | None:
    made_with = sys.implementation.cache_tag, numba.__version__, llvmlite.__version__, np.__version__, settings
    digest = hashlib.sha256(repr((made_with, cpu_target.target_context.codegen().magic_tuple())).encode())
    for source in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    folder = private_folder("kernels", digest.hexdigest()[:16])
    if folder is not None:
        with suppress(OSError):
            os.utime(folder)  # marks it as in use
    return folder


def has_compiled(module: str, kernel: str) -> bool:
    """Return whether a kernel was compiled on this machine before.

    If it was not, a run can say why it has to wait.
    """
    folder = cache_folder()
    return folder is not None and any(folder.glob(f"{module}.{kernel}-*.nbc"))


class Kept(NullCache):
    """The compiled code of a kernel on disk: one file per signature, a digest followed by Numba's pickle.

    A pickle can run code, and object code can do anything, so a file's content is used only after its digest is found
    correct. Any other file counts as missing: the kernel is compiled again, and written if possible.
    """

    def __init__(self, function: Any) -> None:
        self._function = function

    def has(self, sig: Any) -> bool:
        """Return whether a file exists for a signature; loading verifies it."""
        path = self._path(sig)
        return path is not None and path.is_file()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the code stored for a signature, or None."""
        path = self._path(sig)
        if path is None:
            return None
        try:
            content = path.read_bytes()
        except OSError:
            return None
        digest, pickled = content[:_DIGEST], content[_DIGEST:]
        if digest != _digest(path, pickled):
            return None
        target_context.refresh()
        return CompileResult._rebuild(target_context, *pickle.loads(pickled))

    def save_overload(self, sig: Any, cres: Any) -> None:
        """Store the code compiled for a signature, if possible."""
        path = self._path(sig)
        if path is None or cres.library.has_dynamic_globals:  # addresses, which differ in the next process
            return
        pickled = dumps(cres._reduce())
        with suppress(OSError, CharrnnError):
            if path.is_dir():
                shutil.rmtree(path)
            with replacing(path) as file:
                file.write(_digest(path, pickled) + pickled)
        forget(path.parent, ".*.tmp", days=1 / 24)
        forget(path.parent.parent, "*", days=UNUSED)

    def _path(self, sig: Any) -> Path | None:
        folder, code = cache_folder(), self._function.__code__
        if folder is None:
            return None
        key = hashlib.sha256(f"{sig} {code.co_firstlineno} ".encode() + code.co_code).hexdigest()[:16]
        return folder / f"{self._function.__module__.rpartition('.')[2]}.{code.co_name}-{key}.nbc"


_DIGEST = 64  # bytes


def _digest(path: Path, content: bytes) -> bytes:
    """Return a digest of a content together with its file's name.

    A file that is copied to another name does not match.
    """
    digest = hashlib.blake2b(f"{path.parent.name}/{path.name} ".encode(), digest_size=_DIGEST)
    digest.update(content)
    return digest.digest()
