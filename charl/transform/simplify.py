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
from math import copysign, prod
from typing import Any

import numpy as np

from charl.core.builder import result_dim
from charl.core.ir import Program, Statement, Value
from charl.core.op import Effect, Fault
from charl.transform.rewrite import (
    Rewriter,
    equal,
    rewrite_program,
    same_shape,
)
from charl.types import dtypes
from charl.types.dims import Dim, Unknown
from charl.types.dtypes import DType
from charl.types.types import BOOL, INT, String, Tensor

# Tensors with more elements than this are not computed ahead of time.
LARGEST_FOLDED = 64
# Folding these would trade a cheap statement for a large constant.
KEPT = {"broadcast", "iota", "string_repeat"}

Replacement = Value | tuple[Value, ...] | None
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


def is_number(r: Rewriter, value: Value, number: float) -> bool:
    """Whether a value is a scalar constant, or a tensor filled with one; 0.0 is not -0.0."""
    made = r.definition(value, "broadcast")
    if made is not None and not made.operands[0].rank:
        value = made.operands[0]
    known = r.constant(value)
    if isinstance(known, np.ndarray) or not isinstance(known, int | float | np.number):
        return False
    return bool(known == number and copysign(1, known) == copysign(1, number))


def is_float(value: Value) -> bool:
    return (
        isinstance(value.type, Tensor)
        and isinstance(value.type.dtype, DType)
        and (value.type.dtype.is_float)
    )


def filled(r: Rewriter, number: float, like: Value, s: Statement) -> Value | None:
    """A number in the type of the result; for tensors in the shape of an operand of that type."""
    type = s.results[0].type
    assert isinstance(type, Tensor) and isinstance(type.dtype, DType)
    scalar = r.emit_constant(number, Tensor(type.dtype))
    if not type.shape:
        return scalar
    if not fits(like, s):
        return None
    start = len(r.builder.block.statements)
    result: Value = r.builder("broadcast", scalar, *r.builder.sizes(like), axes=())
    r.learn(start)
    return result


def fits(value: Value, s: Statement) -> bool:
    """Whether a value can stand for the statement's only result."""
    result = s.results[0]
    return value.rank == result.rank and (
        not value.rank or any(o is value or same_shape(value, o) for o in s.operands)
    )


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
    full = [v for v in s.operands if v.rank and not _broadcast_scalar(r, v)]
    if not full or len(full) == len(s.operands) or not s.results[0].rank:
        return None
    operands = [_broadcast_scalar(r, v) or v for v in s.operands]
    if all(new is old for new, old in zip(operands, s.operands)):
        return None
    return r.emit_like(s, operands)


def _broadcast_scalar(r: Rewriter, value: Value) -> Value | None:
    made = r.definition(value, "broadcast")
    return None if made is None or made.operands[0].rank else made.operands[0]


# --- Movement ------------------------------------------------------------------------------------


def untransposed(r: Rewriter, s: Statement) -> Replacement:
    """Transposes compose; one that moves nothing goes."""
    x = s.operands[0]
    order = permutation(s)
    made = r.definition(x, "transpose")
    if made is not None:
        inner = permutation(made)
        composed = tuple(inner[axis] for axis in order)
        if composed == tuple(range(len(order))):
            return made.operands[0]
        return r.emit("transpose", made.operands[0], permutation=composed)
    return x if order == tuple(range(len(order))) else None


def permutation(s: Statement) -> tuple[int, ...]:
    count = s.operands[0].rank
    given = s.attributes.get("permutation")
    return tuple(range(count))[::-1] if given is None else tuple(a % count for a in given)


def reshaped(r: Rewriter, s: Statement) -> Replacement:
    """The last of several reshapes counts; one to the same shape goes."""
    x, *sizes = s.operands
    made = r.definition(x, "reshape")
    source = x if made is None else made.operands[0]
    wanted = [size.dim for size in sizes]
    if len(wanted) == source.rank and all(map(equal, wanted, source.shape)):
        return source
    return None if made is None else r.emit("reshape", source, *sizes)


def rebroadcast(r: Rewriter, s: Statement) -> Replacement:
    """Broadcasts compose; one to the same shape goes."""
    x, *sizes = s.operands
    axes = tuple(a % len(sizes) for a in s.attributes["axes"]) if sizes else ()
    wanted = [size.dim for size in sizes]
    if len(wanted) == x.rank and all(map(equal, wanted, x.shape)):
        return x
    made = r.definition(x, "broadcast")
    if made is None:
        return None
    count = len(made.operands) - 1
    inner = [a % count for a in made.attributes["axes"]]
    return r.emit("broadcast", made.operands[0], *sizes, axes=tuple(axes[a] for a in inner))


def sliced(r: Rewriter, s: Statement) -> Replacement:
    """A slice of everything."""
    x, *places = s.operands
    count = x.rank
    starts, sizes = places[:count], places[count:]
    whole = all(equal(start.dim, 0) for start in starts) and all(
        n == 1 for n in s.attributes["steps"]
    )
    return x if whole and all(equal(n.dim, m) for n, m in zip(sizes, x.shape)) else None


def slice_of_update(r: Rewriter, s: Statement) -> Replacement:
    """A slice of what slices were written into: one of them, or what was there before."""
    x, *places = s.operands
    wanted = _box(x, places, s)
    source = x
    while wanted is not None and (made := r.definition(source, "slice_update")) is not None:
        whole, value, *starts = made.operands
        written = _box(x, [*starts, *value.shape], made)
        if written is None:
            break
        if wanted == written:
            return value
        if not any(a.stop <= b.start or b.stop <= a.start for a, b in zip(wanted, written)):
            break
        source = whole
    return None if source is x else r.emit("slice", source, *places, **s.attributes)


def _box(x: Value, places: Sequence[Value | Dim], s: Statement) -> list[range] | None:
    """The indices along each axis of a slice by steps of 1 that certainly lies within x."""
    n = x.rank
    dims = [p.dim if isinstance(p, Value) else p for p in places]
    found = []
    for start, size, whole in zip(dims, dims[n:], x.shape):
        if not (isinstance(start, int) and isinstance(size, int) and isinstance(whole, int)):
            return None
        if not 0 <= start <= start + size <= whole:
            return None
        found.append(range(start, start + size))
    return found if all(step == 1 for step in s.attributes["steps"]) else None


def slice_of_number(r: Rewriter, s: Statement) -> Replacement:
    """A slice of a tensor that is one number everywhere is a smaller one."""
    x, *places = s.operands
    number = _broadcast_scalar(r, x)
    if number is None or _box(x, places, s) is None:
        return None
    return r.emit("broadcast", number, *places[x.rank :], axes=())


def reindexed(r: Rewriter, s: Statement) -> Replacement:
    """An element or row of a row is one of the whole: the row between need not be there."""
    x, *indices = s.operands
    made = r.definition(x, "index")
    if made is None or made.results[0].rank == 0:
        return None
    return r.emit("index", *made.operands, *indices)


def known_size(r: Rewriter, s: Statement) -> Replacement:
    """The size of a broadcast or reshape is one of its operands."""
    x = s.operands[0]
    axis: int = s.attributes["axis"] % x.rank
    for name in ("broadcast", "reshape"):
        made = r.definition(x, name)
        if made is not None:
            return made.operands[1 + axis]
    return None


def single(r: Rewriter, s: Statement) -> Replacement:
    """`concat` of one tensor."""
    return s.operands[0] if len(s.operands) == 1 else None


def unpadded(r: Rewriter, s: Statement) -> Replacement:
    x, _, *widths = s.operands
    return x if all(equal(width.dim, 0) for width in widths) else None


def identity(r: Rewriter, s: Statement) -> Replacement:
    return s.operands[0]


def not_reduced(r: Rewriter, s: Statement) -> Replacement:
    """A reduction over no axes, as a scalar's is."""
    x, axis = s.operands[0], s.attributes.get("axis")
    nothing = axis is not None and len(axis) == 0 if x.rank else True
    return x if nothing else None


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
