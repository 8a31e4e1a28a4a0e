"""Simplify: algebraic rules, constant folding, control flow on constants, known sizes.

`RULES` holds, for each op, functions that look at one statement and return the value to use instead
(a tuple for control flow), or None. Every rule is exact: it gives the bits the statement would have
given, so floats lose no NaN and no sign of zero (`x + 0.0` stays, as -0.0 + 0.0 is 0.0, but
`x - 0.0` and `x + -0.0` go; `x * 0` goes for integers only). A statement that would fail is never
computed ahead of time.

Values are replaced by equal ones here, which would change what a `gradient` is taken with respect
to: the pass runs after differentiation. A rule that needs more than a look at the operands and the
statements that made them belongs into a pass of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from charl.core.builder import result_dim
from charl.core.ir import Program, Statement, Value
from charl.core.op import Effect, Fault
from charl.transform.movement import (
    identity,
    known_size,
    not_reduced,
    rebroadcast,
    reindexed,
    reshaped,
    single,
    slice_of_number,
    slice_of_update,
    sliced,
    unpadded,
    untransposed,
)
from charl.transform.operands import (
    Replacement,
    broadcast_scalar,
    filled,
    fits,
    is_float,
    is_number,
)
from charl.transform.rewrite import (
    Rewriter,
    equal,
    rewrite_program,
)
from charl.types import dtypes
from charl.types.dims import Dim, Unknown
from charl.types.dtypes import DType
from charl.types.types import BOOL, INT, String, Tensor

# Tensors with more elements than this are not computed ahead of time.
LARGEST_FOLDED = 64
# Folding these would trade a cheap statement for a large constant.
KEPT = {"broadcast", "iota", "string_repeat"}

Simplification = Callable[[Rewriter, Statement], Replacement]


def simplify(program: Program) -> Program:
    return rewrite_program(program, lambda: simplified)


def simplified(r: Rewriter, statement: Statement) -> Sequence[Value] | None:
    """What to use instead of the statement's results; the rule of this pass."""
    folded = fold(r, statement)
    if folded is not None:
        return folded
    for rule in RULES.get(statement.op.name, ()):
        found = rule(r, statement)
        if found is not None:
            return found if isinstance(found, tuple) else (found,)
    if statement.op.elementwise:
        return _unstretched(r, statement)
    return None


# --- Constants -----------------------------------------------------------------------------------


def fold(r: Rewriter, s: Statement) -> Sequence[Value] | None:
    """The results as constants, when the operands are and the results are small."""
    op = s.op
    if len(s.results) == 1 and s.results[0].type == INT and op.name != "constant":
        dim = result_dim(op, s.operands, s.attributes)
        if isinstance(dim, int) and op.effect is Effect.PURE and _fits(dim):
            return (r.emit_constant(dim, INT),)
    if op.effect is not Effect.PURE or op.evaluate is None or op.name in KEPT or not s.operands:
        return None
    values = [r.constant(v) for v in s.operands]
    if any(v is None for v in values) or not all(_is_small(v) for v in s.results):
        return None
    try:
        with np.errstate(all="ignore"):
            operands = [_as_operand(v, operand) for v, operand in zip(values, s.operands)]
            found = op.bind([v.type for v in s.operands], s.attributes)(*operands)
    except Fault:
        return None
    results = found if len(s.results) > 1 else (found,)
    return tuple([r.emit_constant(v, old.type) for v, old in zip(results, s.results)])


def _fits(number: int) -> bool:
    return -(1 << 63) <= number < 1 << 63


def _is_small(value: Value) -> bool:
    if isinstance(value.type, String):
        return True
    if not isinstance(value.type, Tensor):
        return False
    sizes = [n for n in value.type.shape if isinstance(n, int)]
    return len(sizes) == len(value.type.shape) and prod(sizes) <= LARGEST_FOLDED


def _as_operand(value: Any, operand: Value) -> Any:
    """A constant's value as the interpreter holds it."""
    type = operand.type
    if not isinstance(type, Tensor):
        return value
    assert isinstance(type.dtype, DType)
    if type.shape:
        return np.asarray(value, type.dtype.numpy)
    if type.dtype.is_float:
        made = type.dtype.numpy.type(value)
        return float(made) if type.dtype == dtypes.FLOAT64 else made
    return bool(value) if type.dtype.kind == "bool" else int(value)


# --- Arithmetic ----------------------------------------------------------------------------------


def neutral(position: int, ints: int | None, floats: float | None = None) -> Simplification:
    """`op(x, e)` is x (position 1) or `op(e, x)` is x (position 0), for the element e given."""

    def rule(r: Rewriter, s: Statement) -> Replacement:
        element, x = s.operands[position], s.operands[1 - position]
        number = floats if is_float(x) else ints
        if number is None or not fits(x, s) or not is_number(r, element, number):
            return None
        return x

    return rule


def absorbing(position: int, number: int, result: int) -> Simplification:
    """`op(x, e)` is always `result`, for integers; the other operand gives the shape."""

    def rule(r: Rewriter, s: Statement) -> Replacement:
        element, x = s.operands[position], s.operands[1 - position]
        if is_float(x) or not is_number(r, element, number):
            return None
        return filled(r, result, x, s)

    return rule


def inverse(name: str) -> Simplification:
    """`op(op(x))` is x."""

    def rule(r: Rewriter, s: Statement) -> Replacement:
        made = r.definition(s.operands[0], name)
        return None if made is None else made.operands[0]

    return rule


def square(r: Rewriter, s: Statement) -> Replacement:
    """x ** 2 is x * x."""
    x, exponent = s.operands
    if not fits(x, s) or exponent.rank or not is_number(r, exponent, 2):
        return None
    return r.emit("mul", x, x)


def outer_product(r: Rewriter, s: Statement) -> Replacement:
    """A product whose sums have one term is arithmetic, which fuses; + 0.0 as sums begin there."""
    x, y = s.operands
    dtype = s.results[0].dtype
    if x.shape[-1] != 1 or y.shape[-2] != 1 or dtype.kind == "bool":
        return None
    n = x.rank
    start = len(r.builder.block.statements)
    b = r.builder
    sizes = [*(b.size(x, axis) for axis in range(n - 1)), b.size(y, n - 1)]
    left, right = (b("broadcast", v, *sizes, axes=tuple(range(n))) for v in (x, y))
    result: Value = b("mul", left, right)
    if dtype.is_float:
        result = b("add", result, 0.0)
    r.learn(start)
    return result


def first_power(r: Rewriter, s: Statement) -> Replacement:
    x, exponent = s.operands
    return x if fits(x, s) and is_number(r, exponent, 1) else None


def compared(holds: Callable[[int], bool]) -> Simplification:
    """A comparison of int scalars whose difference is known."""

    def rule(r: Rewriter, s: Statement) -> Replacement:
        a, b = s.operands
        if a.type != INT or b.type != INT:
            return None
        difference = 0 if a is b else _difference(a.dim, b.dim)
        return None if difference is None else r.emit_constant(holds(difference), BOOL)

    return rule


def _difference(left: Dim | None, right: Dim | None) -> int | None:
    if left is None or right is None or isinstance(left, Unknown) or isinstance(right, Unknown):
        return None
    difference = left - right
    return difference if isinstance(difference, int) else None


def either_operand(value: bool, result_is_other: bool) -> Simplification:
    """`and`, `or` with a constant: the other operand, or the constant itself."""

    def rule(r: Rewriter, s: Statement) -> Replacement:
        for element, other in (s.operands, s.operands[::-1]):
            known = r.constant(element)
            if element.rank or known is None or bool(known) is not value:
                continue
            chosen = other if result_is_other else element
            if fits(chosen, s):
                return chosen
        return None

    return rule


def chosen(r: Rewriter, s: Statement) -> Replacement:
    """`select` whose condition is known, or whose choices are one."""
    condition, a, b = s.operands
    if a is b and fits(a, s):
        return a
    known = None if condition.rank else r.constant(condition)
    choice = None if known is None else a if known else b
    return choice if choice is not None and fits(choice, s) else None


def uncast(r: Rewriter, s: Statement) -> Replacement:
    x = s.operands[0]
    return x if isinstance(x.type, Tensor) and x.type.dtype == s.attributes["dtype"] else None


def _unstretched(r: Rewriter, s: Statement) -> Sequence[Value] | None:
    """A scalar broadcast for an elementwise op: the op stretches it by itself."""
    full = [v for v in s.operands if v.rank and not broadcast_scalar(r, v)]
    if not full or len(full) == len(s.operands) or not s.results[0].rank:
        return None
    operands = [broadcast_scalar(r, v) or v for v in s.operands]
    if all(new is old for new, old in zip(operands, s.operands)):
        return None
    return r.emit_like(s, operands)


# --- Control -------------------------------------------------------------------------------------


def known_branch(r: Rewriter, s: Statement) -> Replacement:
    """`if` on a constant is the branch it takes."""
    known = r.constant(s.operands[0])
    if known is not None:
        return r.splice(s.blocks[0 if known else 1], ())
    return None


def known_rounds(r: Rewriter, s: Statement) -> Replacement:
    """A loop of no rounds or one."""
    low, high, step = (r.constant(v) for v in s.operands[:3])
    if low is None or high is None or not step:
        return None
    rounds = len(range(low, high, step))
    if rounds == 0:
        return s.operands[3:]
    if rounds == 1:
        return r.splice(s.blocks[0], (s.operands[0], *s.operands[3:]))
    return None


def passed_check(r: Rewriter, s: Statement) -> Replacement:
    return () if r.constant(s.operands[0]) else None


def proven_shape(r: Rewriter, s: Statement) -> Replacement:
    x, *sizes = s.operands
    proven = all(equal(size.dim, known) for size, known in zip(sizes, x.shape))
    return x if proven else None


RULES: dict[str, tuple[Simplification, ...]] = {
    "add": (neutral(1, 0, -0.0), neutral(0, 0, -0.0)),
    "sub": (neutral(1, 0, 0.0),),
    "mul": (neutral(1, 1, 1.0), neutral(0, 1, 1.0), absorbing(1, 0, 0), absorbing(0, 0, 0)),
    "div": (neutral(1, None, 1.0),),
    "floor_div": (neutral(1, 1),),
    "mod": (absorbing(1, 1, 0),),
    "pow": (first_power, square),
    "matmul": (outer_product,),
    "neg": (inverse("neg"),),
    "not": (inverse("not"),),
    "and": (either_operand(True, True), either_operand(False, False)),
    "or": (either_operand(False, True), either_operand(True, False)),
    "eq": (compared(lambda d: d == 0),),
    "ne": (compared(lambda d: d != 0),),
    "lt": (compared(lambda d: d < 0),),
    "le": (compared(lambda d: d <= 0),),
    "gt": (compared(lambda d: d > 0),),
    "ge": (compared(lambda d: d >= 0),),
    "select": (chosen,),
    "cast": (uncast,),
    "copy": (identity,),
    "stop_gradient": (identity,),
    "transpose": (untransposed,),
    "reshape": (reshaped,),
    "broadcast": (rebroadcast,),
    "slice": (sliced, slice_of_update, slice_of_number),
    "index": (reindexed,),
    "pad": (unpadded,),
    "concat": (single,),
    "dim": (known_size,),
    "reduce_sum": (not_reduced,),
    "reduce_prod": (not_reduced,),
    "reduce_min": (not_reduced,),
    "reduce_max": (not_reduced,),
    "if": (known_branch,),
    "for": (known_rounds,),
    "check": (passed_check,),
    "ensure_shape": (proven_shape,),
}
