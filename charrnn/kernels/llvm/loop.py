"""A loop that is emitted, with values that go from round to round in registers."""

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
    """Emit a loop over k from `start`, while it is below `stop`, by `step`; return the values after it.

    ``body(k, values)`` emits a round and returns what the values are then; it makes no blocks of its own. There may be
    no round at all.
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
