"""A vector of 16 floats as a Numba type, and the operations on it.

LLVM splits a vector that is wider than the processor's registers: 16 floats are one register of AVX-512, two of AVX2
and four of NEON. So a kernel is written once, its arithmetic is the same on all of them, and nothing depends on whether
the compiler decides to vectorize a loop.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

from charrnn.kernels.llvm.compiler import intrinsic
from charrnn.kernels.llvm.processor import FEATURES, X86

LANES = 16  # floats in a vector: 64 bytes, a cache line
ROUNDING = 1.5 * 2**23 + 127.0  # a float that is added to it is rounded to an integer

FLOAT = ir.FloatType()
INT32 = ir.IntType(32)
VECTOR = ir.VectorType(FLOAT, LANES)
INTEGERS = ir.VectorType(INT32, LANES)


BLOCK = 4096  # floats of a flat vector that one chain of additions sums; flat vectors are padded to whole blocks


def whole_blocks(size: int) -> int:
    """Round a number of floats up to whole blocks."""
    return -(-size // BLOCK) * BLOCK


def padded(size: int) -> int:
    """Round a number of floats up to whole vectors."""
    return -(-size // LANES) * LANES


class VectorType(types.Type):
    """The Numba type of 16 floats."""

    def __init__(self) -> None:
        super().__init__(name="Vector")


vector = VectorType()


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


def splat_value(builder: Any, scalar: Any) -> Any:
    """Emit a vector whose lanes all hold one scalar."""
    undefined = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, scalar, INT32(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(INTEGERS, [0] * LANES))


def call_llvm(builder: Any, name: str, *arguments: Any) -> Any:
    """Emit a call of an LLVM vector function, such as ``llvm.fma``."""
    kind = ir.FunctionType(VECTOR, [a.type for a in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"{name}.v{LANES}f32"), arguments)


def fma_value(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Emit a·b + c, rounded once if the processor supports that."""
    if X86 and not FEATURES.get("fma"):  # an x86 before 2013, where LLVM would call a slow library function
        return builder.fadd(builder.fmul(a, b), c)
    return call_llvm(builder, "llvm.fma", a, b, c)


def load_value(builder: Any, pointer: Any) -> Any:
    """Emit a load of 16 floats from any address."""
    value = builder.load(builder.bitcast(pointer, VECTOR.as_pointer()))
    value.align = 4
    return value


def store_value(builder: Any, value: Any, pointer: Any) -> None:
    """Emit a store of 16 floats to any address."""
    builder.store(value, builder.bitcast(pointer, VECTOR.as_pointer())).align = 4


def prefetch_value(builder: Any, pointer: Any) -> None:
    """Emit a prefetch of the cache line at an address.

    The address need not be valid.
    """
    byte_pointer = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte_pointer, INT32, INT32, INT32])
    prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
    read, nearest_cache, data = INT32(0), INT32(3), INT32(1)
    builder.call(prefetch, [builder.bitcast(pointer, byte_pointer), read, nearest_cache, data])


# Arithmetic on vectors, and between a vector and a number.


def _as_vector(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return value if kind == vector else splat_value(builder, context.cast(builder, value, kind, types.float32))


def _define_operator(python: Any, emit: Callable[..., Any]) -> None:
    pairs = [(vector, vector), (vector, types.float64), (types.float64, vector)]

    class Template(ConcreteTemplate):
        cases = [signature(vector, a, b) for a, b in pairs]  # noqa: RUF012

    infer_global(python)(Template)
    for a, b in pairs:

        @lower_builtin(python, a, b)
        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return emit(
                builder,
                *(_as_vector(context, builder, kind, value) for kind, value in zip(sig.args, args, strict=True)),
            )


_define_operator(operator.add, lambda builder, a, b: builder.fadd(a, b))
_define_operator(operator.sub, lambda builder, a, b: builder.fsub(a, b))
_define_operator(operator.mul, lambda builder, a, b: builder.fmul(a, b))
_define_operator(operator.truediv, lambda builder, a, b: builder.fdiv(a, b))


def _function(arity: int, emit: Callable[..., Any]) -> Any:
    """Make a kernel function of `arity` vectors (or numbers)."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return emit(builder, *(_as_vector(context, builder, k, v) for k, v in zip(sig.args, args, strict=True)))

    if arity == 1:
        return intrinsic(lambda typing, a: (vector(a), generate))
    if arity == 2:
        return intrinsic(lambda typing, a, b: (vector(a, b), generate))
    return intrinsic(lambda typing, a, b, c: (vector(a, b, c), generate))


def _choose(order: str) -> Callable[..., Any]:
    # In this form, a stays if it is NaN, as a clamp must not hide a NaN, and it is one instruction on x86.
    return lambda builder, a, b: builder.select(builder.fcmp_ordered(order, b, a), b, a)


def _chosen_at_least(builder: Any, x: Any, threshold: Any, value: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">=", x, threshold), value, ir.Constant(VECTOR, [0.0] * LANES))


def _power_of_two(builder: Any, n: Any) -> Any:
    bits = builder.bitcast(n, INTEGERS)
    return builder.bitcast(builder.shl(bits, ir.Constant(INTEGERS, [23] * LANES)), VECTOR)


splat = _function(1, lambda builder, a: a)
fma = _function(3, fma_value)  # a·b + c
fnma = _function(3, lambda builder, a, b, c: fma_value(builder, builder.fneg(a), b, c))  # c − a·b
minimum = _function(2, _choose("<"))
maximum = _function(2, _choose(">"))
chosen_at_least = _function(3, _chosen_at_least)  # (x, t, y): y where x ≥ t, else 0
absolute = _function(1, lambda builder, a: call_llvm(builder, "llvm.fabs", a))
with_sign = _function(2, lambda builder, a, b: call_llvm(builder, "llvm.copysign", a, b))  # |a| with the sign of b
square_root = _function(1, lambda builder, a: call_llvm(builder, "llvm.sqrt", a))
# 2ⁿ of ROUNDING + n, for an integer n from -126 to 127, or infinity for 128: the last bits of that number are those of
# n, with the bias of an exponent.
power_of_two = _function(1, _power_of_two)


# Memory.


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index_type: Any, index: Any) -> Any:
    indices = [
        context.cast(builder, value, kind, types.intp)
        for value, kind in zip(cgutils.unpack_tuple(builder, index), index_type.types, strict=True)
    ]
    struct = context.make_array(array_type)(context, builder, array)
    return cgutils.get_item_pointer(context, builder, array_type, struct, indices, wraparound=False)


@intrinsic
def address(typing: Any, array: Any, index: Any) -> Any:
    """Return the address of ``array[index]``; `index` is a tuple."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, sig.args[0], args[0], sig.args[1], args[1])
        return builder.ptrtoint(pointer, context.get_value_type(types.intp))

    return types.intp(array, index), generate


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """Return the 16 floats from ``array[index]`` on; `index` is a tuple."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return load_value(builder, _pointer(context, builder, sig.args[0], args[0], sig.args[1], args[1]))

    return vector(array, index), generate


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write 16 floats to where ``array[index]`` begins; `index` is a tuple."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = _as_vector(context, builder, sig.args[2], args[2])
        store_value(builder, value, _pointer(context, builder, sig.args[0], args[0], sig.args[1], args[1]))
        return context.get_dummy_value()

    return types.void(array, index, value), generate


def _reduction(combine: Callable[..., Any]) -> Any:
    """Make a function that folds a vector by halves.

    The order is the same on every processor.
    """

    @intrinsic
    def reduce(typing: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            (value,) = args
            width = LANES
            while width > 1:
                width //= 2
                half = ir.VectorType(INT32, width)
                low = builder.shuffle_vector(value, value, ir.Constant(half, list(range(width))))
                high = builder.shuffle_vector(value, value, ir.Constant(half, list(range(width, 2 * width))))
                value = combine(builder, low, high)
            return builder.extract_element(value, INT32(0))

        return types.float32(value), generate

    return reduce


lane_sum = _reduction(lambda builder, a, b: builder.fadd(a, b))
lane_maximum = _reduction(_choose(">"))
