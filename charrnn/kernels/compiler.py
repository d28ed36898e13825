"""Numba, with its compiled code kept in a folder of our own."""

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding
import numba
import numba.extending
import platformdirs


@cache
def cache_folder() -> Path | None:
    """Return the folder for compiled kernels, made if need be, or None where there is no safe place for one.

    Numba does not notice an edit in another file, so the folder's name is a hash of all kernel sources and of the
    compiler's versions. Its files are pickles, which can run code when they are read: a folder that somebody else owns
    or may write to is not used.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(f"{sys.implementation.cache_tag} {numba.__version__} {llvmlite.__version__}".encode())
    for source in sources:
        digest.update(source.name.encode() + source.read_bytes())
    folder = platformdirs.user_cache_path("charrnn") / "kernels" / digest.hexdigest()[:16]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass  # a folder on a read-only disk shows itself only here
        status = folder.stat()
    except OSError:
        return None
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        return None
    return folder


def is_warm(family: str, scan: str) -> bool:
    """Tell whether a family's scan, forward or backward, was compiled here before; if not, a run says why it waits."""
    folder = cache_folder()
    return folder is not None and any(folder.rglob(f"{family}.{scan}*.nbc"))


@contextmanager
def _caching() -> Iterator[bool]:
    """Point Numba to the cache folder while it decorates a kernel, and tell whether there is one."""
    folder = cache_folder()
    config: Any = numba.config
    outer = config.CACHE_DIR
    try:
        config.CACHE_DIR = str(folder or "")
        yield folder is not None
    finally:
        config.CACHE_DIR = outer


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel: no GIL, no reordering of arithmetic, cached on disk where that is safe."""
    with _caching() as cached:
        compiled: Callable[..., Any] = numba.njit(function, nogil=True, error_model="numpy", cache=cached)
    return compiled


def shared(signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function now, and let kernels call it by its name: its code is not copied into each of them."""

    def decorate(function: Callable[..., Any]) -> Any:
        with _caching() as cached:
            compiled = numba.cfunc(signature, cache=cached)(function)
        llvmlite.binding.add_symbol(function.__name__, compiled.address)
        return compiled

    return decorate


def intrinsic(function: Callable[..., Any]) -> Any:
    """Make a function that emits LLVM callable from kernels (Numba's own, without its types)."""
    return numba.extending.intrinsic(function)
