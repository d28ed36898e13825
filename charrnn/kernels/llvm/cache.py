"""Compiled code, kept on disk for the next run."""

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


@cache
def cache_folder() -> Path | None:
    """Return the folder for compiled kernels, made if need be, or None where there is no safe place for one.

    Its name is a hash of all that compiled code depends on: the sources of all kernels, the versions of what compiles
    them, and the processor, for a home folder may serve machines that differ.
    """
    made_with = sys.implementation.cache_tag, numba.__version__, llvmlite.__version__, np.__version__
    digest = hashlib.sha256(repr((made_with, cpu_target.target_context.codegen().magic_tuple())).encode())
    for source in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    folder = private_folder("kernels", digest.hexdigest()[:16])
    if folder is not None:
        with suppress(OSError):
            os.utime(folder)  # it is in use
    return folder


def has_compiled(module: str, kernel: str) -> bool:
    """Return whether a kernel, such as a family's scan, was compiled here before; if not, a run says why it waits."""
    folder = cache_folder()
    return folder is not None and any(folder.glob(f"{module}.{kernel}-*.nbc"))


class Kept(NullCache):
    """What was compiled of a kernel, on disk: one file a signature, a digest followed by Numba's pickle.

    A pickle can run code and object code can do anything, so nothing of a file is looked at before its digest is
    found right. Whatever else is there is as good as nothing: it is compiled anew, and written if that is possible.
    """

    def __init__(self, function: Any) -> None:
        self._function = function

    def has(self, sig: Any) -> bool:
        """Tell whether what was compiled for a signature before is there; that it is sound is seen on loading."""
        path = self._path(sig)
        return path is not None and path.is_file()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what was compiled for a signature before, or None."""
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
        """Keep what was compiled for a signature, if that is possible."""
        path = self._path(sig)
        if path is None or cres.library.has_dynamic_globals:  # addresses, which are others in the next process
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
    """Return a digest that only this content has, and only in this file."""
    digest = hashlib.blake2b(f"{path.parent.name}/{path.name} ".encode(), digest_size=_DIGEST)
    digest.update(content)
    return digest.digest()
