"""Simplification of what moves elements and leaves them as they are: transposes, reshapes,
broadcasts, slices, and reductions of nothing. The rules are in the table of `simplify.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from charl.core.ir import Statement, Value
from charl.transform.operands import Replacement, broadcast_scalar
from charl.transform.rewrite import Rewriter, equal
from charl.types.dims import Dim


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
    number = broadcast_scalar(r, x)
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
