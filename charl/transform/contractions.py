"""Matrix products without the stretching around them.

A product of a stack of matrices and one matrix is written as a product of two stacks, the matrix
broadcast; and the gradient of that matrix as a stack of products that is then summed. Both are one
contraction, which BLAS does as one large product:

    matmul x[b, m, k], broadcast w[k, n]            ->  contract x, w over k
    reduce_sum (matmul x[b, m, k], y[b, k, n]) of b  ->  contract x, y over b and k

Invariant: every statement gives what it gave, but for the order of the sums. So this is no rule of
`simplify`, whose rules keep every bit. What may fail stays: sizes must be provably equal where the
stack's were compared. A product that others use, too, is not summed apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from charl.core.ir import Function, Program, Statement, Value
from charl.ops.contract import PRODUCTS
from charl.records import record
from charl.transform.rewrite import Rewriter, equal, rewrite, same_shape


def contractions(program: Program) -> Program:
    return Program({n: _function(f) for n, f in program.functions.items()}, program.entry)


def _function(function: Function) -> Function:
    uses: Counter[Value] = Counter(function.body.results)
    multiplies = False
    for statement in function.body.walk():
        uses.update(statement.operands)
        for block in statement.blocks:
            uses.update(block.results)
        multiplies = multiplies or statement.op.name in PRODUCTS
    if not multiplies:
        return function

    def rule(r: Rewriter, s: Statement) -> Sequence[Value] | None:
        match s.op.name:
            case "matmul":
                found = unstretched(r, s)
            case "reduce_sum" if uses[s.operands[0]] == 1:
                found = summed(r, s)
            case _:
                return None
        if found is None:
            return None
        uses[found] = uses[s.results[0]]
        return (found,)

    return rewrite(function, rule)


@record
class View:
    """A value as a smaller tensor with its axes stretched and permuted: for each axis of the value
    the axis of `source`, None where it is stretched."""

    source: Value
    axes: tuple[int | None, ...]


def view_of(r: Rewriter, value: Value) -> View:
    view = View(value, tuple(range(value.rank)))
    while True:
        made = r.definitions.get(view.source)
        if made is None or not made.operands or not made.operands[0].rank:
            return view
        if made.op.name == "transpose":
            n = view.source.rank
            given = made.attributes.get("permutation")
            order = list(range(n))[::-1] if given is None else [a % n for a in given]
            axes = tuple(None if a is None else order[a] for a in view.axes)
        elif made.op.name == "broadcast" and _only_adds_axes(made):
            n = view.source.rank
            given = [a % n for a in made.attributes["axes"]]
            inner = {axis: place for place, axis in enumerate(given)}
            axes = tuple(None if a is None else inner.get(a) for a in view.axes)
        else:
            return view
        view = View(made.operands[0], axes)


def _only_adds_axes(made: Statement) -> bool:
    x, (result,) = made.operands[0], made.results
    axes = made.attributes["axes"]
    return all(equal(n, result.shape[a]) for n, a in zip(x.shape, axes))


def unstretched(r: Rewriter, s: Statement) -> Value | None:
    """`matmul` with a stretched operand as a contraction of what was stretched. A view that is only
    permuted stays an operand: products read those as they lie."""
    a, b = s.operands
    n = a.rank
    left, right = view_of(r, a), view_of(r, b)
    if None not in left.axes:
        left = View(a, tuple(range(n)))
    if None not in right.axes:
        right = View(b, tuple(range(n)))
    if left.source is a and right.source is b:
        return None
    if not all(equal(x, y) for x, y in zip(a.shape[:-2], b.shape[:-2])):
        return None
    if not equal(a.shape[-1], b.shape[-2]):
        return None
    pairs = list(zip(left.axes[:-2], right.axes[:-2]))
    places = (left.axes[-2], left.axes[-1], right.axes[-2], right.axes[-1])
    if None in places or (None, None) in pairs:
        return None
    both = [i for i, (x, y) in enumerate(pairs) if x is not None and y is not None]
    # The result's axes: those of both sides, then what is left of each, in the order of its memory.
    kept_left = [i for i in (*range(n - 2), n - 2) if i not in both and left.axes[i] is not None]
    kept_right = [i for i in (*range(n - 2), n - 1) if i not in both and right.axes[i] is not None]
    kept_left.sort(key=lambda i: left.axes[i] or 0)
    kept_right.sort(key=lambda i: right.axes[i] or 0)
    if [*both, *kept_left, *kept_right] != list(range(n)):
        return None
    found = r.emit(
        "contract",
        left.source,
        right.source,
        left_batch=tuple(left.axes[i] for i in both),
        right_batch=tuple(right.axes[i] for i in both),
        left_axes=(left.axes[-1],),
        right_axes=(right.axes[-2],),
    )
    return found if _same_type(found, s) else None


def summed(r: Rewriter, s: Statement) -> Value | None:
    """A sum over axes that both sides of a product have, taken by the product."""
    (x,) = s.operands
    made = r.definition(x, "matmul") or r.definition(x, "contract")
    axis = s.attributes.get("axis")
    if made is None or axis is None or s.attributes.get("keep_dims", False):
        return None
    gone = sorted(a % x.rank for a in ((axis,) if isinstance(axis, int) else axis))
    a, b = made.operands
    n, m = a.rank, b.rank
    if made.op.name == "matmul":
        lb = rb = tuple(range(n - 2))
        la, ra = (n - 1,), (m - 2,)
    else:
        lb, la = (tuple(i % n for i in made.attributes[f"left_{k}"]) for k in ("batch", "axes"))
        rb, ra = (tuple(i % m for i in made.attributes[f"right_{k}"]) for k in ("batch", "axes"))
    if not gone or gone[-1] >= len(lb):
        return None
    kept = [i for i in range(len(lb)) if i not in gone]
    found = r.emit(
        "contract",
        a,
        b,
        left_batch=tuple(lb[i] for i in kept),
        right_batch=tuple(rb[i] for i in kept),
        left_axes=(*(lb[i] for i in gone), *la),
        right_axes=(*(rb[i] for i in gone), *ra),
    )
    return found if _same_type(found, s) else None


def _same_type(value: Value, s: Statement) -> bool:
    (result,) = s.results
    return value.dtype == result.dtype and same_shape(value, result)
