"""A loop in LLVM code, with values carried from round to round in registers."""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

INT = ir.IntType(64)


def emit_loop(
    builder: Any,
    start: Any,
    stop: Any,
    step: int,
    values: Sequence[Any],
    body: Callable[[Any, list[Any]], list[Any]],
) -> list[Any]:
    """Emit a loop over k; return the values after it.

    k goes from `start`, while it is below `stop`, by `step`. ``body(k, values)`` emits one round and returns the new
    values; it must not add blocks. The loop can have no rounds.
    """
    before = builder.block
    round_, after = builder.append_basic_block("round"), builder.append_basic_block("after")
    builder.cbranch(builder.icmp_signed("<", start, stop), round_, after)
    builder.position_at_end(round_)
    k = builder.phi(INT)
    k.add_incoming(start, before)
    carried = [builder.phi(value.type) for value in values]
    changed = body(k, list(carried))
    k_next = builder.add(k, INT(step))
    k.add_incoming(k_next, round_)
    for phi, first, value in zip(carried, values, changed, strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(value, round_)
    builder.cbranch(builder.icmp_signed("<", k_next, stop), round_, after)
    builder.position_at_end(after)
    merged = [builder.phi(value.type) for value in values]
    for phi, first, value in zip(merged, values, changed, strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(value, round_)
    return merged
