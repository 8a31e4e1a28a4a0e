"""From a `fused` statement to a kernel: one function over a stretch of the outermost loop.

    fn kernel(%low, %high, inputs..., outputs...)

The loops are those of the domain, the largest result's shape; other results have the shape of its
leading axes and are stored further out. Where all is elementwise, the domain is taken for one long
axis. A reduction over leading axes, alone among reductions, is computed by rows: the result is
filled with the neutral element, then every row of the operand is added to it, so that memory is
read in order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from charl.core.control import LOAD
from charl.core.ir import Block, Function, Statement, Value
from charl.kernel.folds import FOLDS, wide
from charl.kernel.nest import Nest
from charl.ops.reduce import reduced_axes
from charl.records import record
from charl.types.dims import Dim, Polynomial
from charl.types.dtypes import INT64
from charl.types.types import INT, Tensor


@record(eq=False)
class Kernel:
    """`function` takes the stretch of the outermost loop, the inputs (`inputs` are the program's
    values), and the outputs in the order of the fused statement's results. `outermost` is the
    number of turns of the outermost loop, None where the kernel is not to be split, and `inner` the
    elements of one turn; `cost` is the work of an element. `flat`: tensors are one long axis."""

    function: Function
    inputs: tuple[Value, ...]
    outermost: Dim | None
    inner: Dim
    cost: int
    flat: bool


def build(name: str, fused: Statement) -> Kernel:
    kernel, nest = construct(name, fused, ())
    if nest.again:
        _, nest = construct(name, fused, nest.again)
        kernel, _ = construct(name, fused, nest.loaded)
    return kernel


def construct(name: str, fused: Statement, kept: Collection[Value]) -> tuple[Kernel, Nest]:
    """The kernel, with the rows of these values kept, and how it went."""
    (block,) = fused.blocks
    definitions = {s.results[0]: s for s in block.statements}
    inputs = inputs_of(block)
    flat = is_flat(block)
    low, high = Value(INT, name="low"), Value(INT, name="high")
    shape = domain(block)
    given = {v: parameter(v, flat) for v in inputs}
    made = {v: parameter(v, flat) for v in block.results}
    body = Block((low, high, *given.values(), *made.values()))
    nest = Nest(body, given, definitions, tuple(made.values()), kept)
    cost = sum(s.op.cost for s in block.statements)
    if flat:
        size: Dim = 1
        for dim in shape:
            size = times(size, dim)
        shape = (size,)
    last = definitions[block.results[0]]
    if is_column_fold(last):
        assert len(block.results) == 1
        column_fold(nest, last, made[block.results[0]], low, high)
        outermost = None if 0 in reduced_axes(last) else last.operands[0].shape[0]
        inner = product(last.operands[0].shape[1:])
    else:
        store_all(nest, shape, [(v, made[v]) for v in block.results], low, high)
        outermost = shape[0] if shape else None
        extra = [reduced_size(s) for s in block.statements if s.op.name in FOLDS]
        inner = times(
            product(shape[1:]), max(extra, key=lambda d: d if isinstance(d, int) else 64, default=1)
        )
    function = Function(name, body)
    return Kernel(function, tuple(inputs), outermost, inner, cost, flat), nest


def inputs_of(block: Block) -> list[Value]:
    """What the block uses from outside, in order."""
    inside = {v for s in block.statements for v in s.results}
    used = dict.fromkeys(v for s in block.statements for v in s.operands)
    return [v for v in used if v not in inside]


def parameter(value: Value, flat: bool) -> Value:
    """The kernel's own value for an input or output."""
    assert isinstance(value.type, Tensor)
    type = value.type
    if flat and type.shape:
        type = Tensor(type.dtype, (product(type.shape),))
    return Value(type, value.dim, value.name)


def times(a: Dim, b: Dim) -> Dim:
    assert isinstance(a, int | Polynomial) and isinstance(b, int | Polynomial)
    return a * b


def product(shape: Sequence[Dim]) -> Dim:
    total: Dim = 1
    for dim in shape:
        total = times(total, dim)
    return total


def reduced_size(statement: Statement) -> Dim:
    shape = statement.operands[0].shape
    return product([shape[a] for a in reduced_axes(statement)])


def domain(block: Block) -> tuple[Dim, ...]:
    """The shape of the result with the most axes."""
    return max((v.shape for v in block.results), key=len)


def is_flat(block: Block) -> bool:
    """Whether every element needs only the elements at its own place."""
    return all(
        s.op.elementwise or (s.op.name == "broadcast" and not s.operands[0].rank)
        for s in block.statements
    )


def is_column_fold(statement: Statement) -> bool:
    """Whether it is a reduction that leaves the last axis."""
    if statement.op.name not in FOLDS or not FOLDS[statement.op.name].combine:
        return False
    (x,) = statement.operands
    axes = reduced_axes(statement)
    result = statement.results[0].dtype
    return bool(axes) and x.rank - 1 not in axes and wide(result) == result


def store_all(
    nest: Nest,
    shape: Sequence[Dim],
    results: Sequence[tuple[Value, Value]],
    low: Value,
    high: Value,
) -> None:
    """The loops of the domain; each result is stored where all its indices are known."""
    longest = max(results, key=lambda pair: pair[0].rank)[1]

    def level(axis: int, index: list[Value]) -> None:
        for value, target in results:
            if rank_of(target) == axis or (axis == 0 and not rank_of(target)):
                place = index_of(nest, target, index)
                nest.store(target, nest.element(value, place), place)
        if axis == len(shape):
            return
        first, stop = (
            (low, high) if axis == 0 else (nest.constant(0, INT64), nest.size_in(longest, axis))
        )

        def turn(i: Value, carried: Sequence[Value]) -> Sequence[Value]:
            level(axis + 1, [*index, i])
            return ()

        nest.loop(first, stop, (), turn)

    def rank_of(target: Value) -> int:
        """The loops that a result's index needs: axes of size 1 at the end need none."""
        sizes = list(target.shape)
        while sizes and sizes[-1] == 1 and shape[len(sizes) - 1] != 1:
            sizes.pop()
        return len(sizes)

    level(0, [])


def index_of(nest: Nest, target: Value, index: Sequence[Value]) -> list[Value]:
    zero = nest.constant(0, INT64)
    n = target.rank
    return [*index[:n], *(zero for _ in range(n - len(index)))]


Body = Callable[[list["Value | None"]], None]


def column_fold(nest: Nest, statement: Statement, target: Value, low: Value, high: Value) -> None:
    """Loops: the kept axes before the first reduced one, then all others, in memory's order."""
    (x,) = statement.operands
    fold = FOLDS[statement.op.name]
    axes = reduced_axes(statement)
    n, first = x.rank, axes[0]
    keep = statement.attributes.get("keep_dims", False)
    zero = nest.constant(0, INT64)
    stop = {a: nest.size(x, a) for a in range(n)}
    (neutral,) = fold.initial(nest, x.dtype)

    def place(index: Sequence[Value | None]) -> list[Value]:
        found = []
        for axis in range(n):
            value = index[axis]
            if axis in axes:
                if keep:
                    found.append(zero)
            else:
                assert value is not None
                found.append(value)
        return found

    def loops(order: Sequence[int], index: list[Value | None], body: Body) -> None:
        if not order:
            body(index)
            return
        axis, *rest = order

        def turn(i: Value, carried: Sequence[Value]) -> Sequence[Value]:
            inner = [*index]
            inner[axis] = i
            loops(rest, inner, body)
            return ()

        bounds = (low, high) if axis == 0 and 0 not in axes else (zero, stop[axis])
        nest.loop(*bounds, (), turn)

    def fill(index: list[Value | None]) -> None:
        nest.store(target, neutral, place(index))

    def take_in(index: list[Value | None]) -> None:
        at = place(index)
        old = nest.levels[-1].builder(LOAD.name, target, *at)
        nest.depths[old] = len(nest.levels) - 1
        full = [i for i in index if i is not None]
        (new,) = fold.step(nest, (old,), nest.element(x, full), full)
        nest.store(target, new, at)

    def rows(index: list[Value | None]) -> None:
        if fold.needs_elements:
            nest.require_elements(x, axes)
        loops([a for a in range(first, n) if a not in axes], index, fill)
        loops(list(range(first, n)), index, take_in)

    loops(list(range(first)), [None] * n, rows)
