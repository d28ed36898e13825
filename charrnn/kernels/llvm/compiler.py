"""How kernels use Numba."""

import sys
import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any, cast

import llvmlite.binding
import numba
import numba.extending
import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.registry import CPUDispatcher
from numba.core.typing.templates import ConcreteTemplate, infer_global
from numba.extending import lower_builtin, typeof_impl
from numba.np.numpy_support import from_dtype, map_layout

from charrnn.errors import CharrnnError
from charrnn.kernels.llvm.cache import Kept

_numbas_typeof_array = typeof_impl.dispatch(np.ndarray)


@typeof_impl.register(np.ndarray)
def _typeof_array(array: Any, context: Any) -> Any:
    """Return an array's type without importing numpy.ma.

    Numba does the same, but imports numpy.ma only to refuse its arrays, which delays short runs.
    """
    if "numpy.ma" in sys.modules:
        return _numbas_typeof_array(array, context)
    return types.Array(from_dtype(array.dtype), array.ndim, map_layout(array), readonly=not array.flags.writeable)


# No GIL, and no reordering of arithmetic (there is no fastmath).
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
_INSIDE = _OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def _njit(function: Callable[..., Any], **options: Any) -> Any:
    """Let Numba compile a function when it is first needed; raise CharrnnError if Numba must not compile."""
    compiled = numba.njit(function, **options)
    if compiled is function:
        raise CharrnnError("charrnn computes only with compiled code; unset NUMBA_DISABLE_JIT")
    return compiled


class _Entry(CPUDispatcher):
    """A kernel that Python calls."""

    def __call__(self, *arguments: Any) -> Any:
        _link()
        return super().__call__(*arguments)


class _Inside(CPUDispatcher):
    """A kernel without the code that converts Python's arguments; a call from Python compiles it again."""

    def __call__(self, *arguments: Any) -> Any:
        if not hasattr(self, "_from_python"):
            self._from_python = _njit(self.py_func, **_OPTIONS)
        _link()
        return self._from_python(*arguments)


def entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel that Python calls, at its first call.

    It is cached on disk if that is safe.
    """
    compiled: Any = _njit(function, **_OPTIONS)
    compiled._cache = Kept(function)
    compiled.__class__ = _Entry
    return cast(Callable[..., Any], compiled)


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel that only kernels call.

    That is half the work, as the other half is code that converts Python's arguments.
    """
    compiled: Any = _njit(function, **_INSIDE)
    compiled.__class__ = _Inside
    return cast(Callable[..., Any], compiled)


class Separate:
    """A kernel that is compiled by itself, for one signature, and never copied into its callers.

    Numba would compile it again within each caller. Instead, they call it by name if it was made with `shared`, or by
    its ``address``, through `call`, so that one caller serves all kernels of a kind.
    """

    def __init__(self, function: Callable[..., Any], signature: Any) -> None:
        self.signature = signature
        self.symbol = f"{function.__module__}.{function.__name__}"
        self.__name__ = function.__name__
        self.__module__ = function.__module__
        self.__doc__ = function.__doc__
        self._function = function
        self._called: Any = None
        self._addresses: dict[int, int] = {}

    def address(self, last: int) -> int:
        """Return the address of the code for a cell's flags.

        `last`, the value of the last argument, is constant in that code, so testing it costs nothing. The code is
        compiled, or read from disk, at the first request.
        """
        _link()
        with _linking:  # otherwise two threads that both ask would both compile
            if last not in self._addresses:
                self._addresses[last] = self._compile(self._signature_for(last))
            return self._addresses[last]

    def is_compiled(self, last: int) -> bool:
        """Return whether this machine has compiled `address(last)` before."""
        return last in self._addresses or Kept(self._function).has(self._signature_for(last))

    def _signature_for(self, last: int) -> Any:
        return self.signature.return_type(*self.signature.args[:-1], types.literal(last))

    @cached_property
    def compiled_address(self) -> int:
        """The address of the code for any arguments; all kernels that it calls must be linked already."""
        return self._compile(self.signature)

    def _compile(self, signature: Any) -> int:
        compiled: Any = _njit(self._function, **_INSIDE)
        compiled._cache = Kept(self._function)
        compiled.compile(signature)
        (result,) = compiled.overloads.values()
        address: int = result.library.get_pointer_to_function(result.fndesc.mangled_name)
        return address

    def __call__(self, *arguments: Any) -> Any:
        """Compile the kernel again for Python, and call it."""
        if self._called is None:
            self._called = _njit(self._function, **_OPTIONS)
        _link()
        return self._called(*arguments)


_unlinked: list[Separate] = []  # shared kernels in the order of definition: each calls earlier ones only
_linking = threading.RLock()


def _link() -> None:
    """Let compiled code call all shared kernels by name."""
    with _linking:
        while _unlinked:
            kernel = _unlinked[0]
            llvmlite.binding.add_symbol(kernel.symbol, kernel.compiled_address)
            _unlinked.pop(0)


def separate(signature: Any) -> Callable[[Callable[..., Any]], Separate]:
    """Compile a kernel by itself, when its address is requested.

    Its last argument is the flags.
    """
    return lambda function: Separate(function, signature)


def shared(signature: Any) -> Callable[[Callable[..., Any]], Separate]:
    """Compile a kernel by itself, to be called by name.

    It is compiled when any kernel is first called.
    """

    def decorate(function: Callable[..., Any]) -> Separate:
        kernel = Separate(function, signature)
        _unlinked.append(kernel)

        class Template(ConcreteTemplate):
            cases = [signature]  # noqa: RUF012

        infer_global(kernel, typing_key=kernel.symbol)(Template)

        @lower_builtin(kernel.symbol, *signature.args)
        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            kind = context.call_conv.get_function_type(signature.return_type, signature.args)
            callee = cgutils.get_or_insert_function(builder.module, kind, kernel.symbol)
            return _emit_call(context, builder, callee, sig, args)

        return kernel

    return decorate


def _emit_call(context: Any, builder: Any, function: Any, sig: Any, args: Any) -> Any:
    _, result = context.call_conv.call_function(builder, function, sig.return_type, sig.args, args)
    return result


@numba.extending.intrinsic
def call(typing: Any, address: Any, arguments: Any) -> Any:
    """Call a `Separate` kernel that returns nothing.

    The types of the arguments must be those of its signature.
    """

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kinds = sig.args[1].types
        function_type = context.call_conv.get_function_type(types.void, kinds)
        function = builder.inttoptr(args[0], function_type.as_pointer())
        values = cgutils.unpack_tuple(builder, args[1])
        _emit_call(context, builder, function, types.void(*kinds), values)
        return context.get_dummy_value()

    return types.void(address, arguments), generate


def intrinsic(function: Callable[..., Any]) -> Any:
    """Make a function that emits LLVM code callable from kernels.

    This is Numba's decorator, without its types.
    """
    return numba.extending.intrinsic(function)
