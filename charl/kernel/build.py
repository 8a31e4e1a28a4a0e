"""From a `fused` statement to a kernel: one function over a stretch of the outermost loop.

    fn kernel(%low, %high, inputs..., outputs...)
    fn kernel(%low, %high, inputs..., %parts, %part)

The loops are those of the domain, the largest result's shape; other results have the shape of its
leading axes and are stored further out. Where all is elementwise, the domain is taken for one long
axis. The second form is that of a long reduction over the first axis (`reductions.py`): the stretch
leaves part number `part`, and the kernel `join` makes the result of all parts.

The pass that finds sweeps asks for a kernel, and so does who writes it: `Kernels` builds it once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from charl.core.builder import Builder
from charl.core.control import FUSED
from charl.core.ir import Block, Function, Statement, Value
from charl.kernel.blocks import PARTS
from charl.kernel.columns import Rows
from charl.kernel.folds import FOLDS
from charl.kernel.nest import Nest
from charl.kernel.reductions import is_column_fold, leaves_parts, reduce_part
from charl.kernel.schedule import has_parts, part_turns
from charl.ops.reduce import reduced_axes
from charl.records import field, record, replace
from charl.types.dims import Dim, Polynomial
from charl.types.dtypes import INT64
from charl.types.types import INT, Tensor


@record(eq=False)
class Kernel:
    """`function` takes the stretch of the outermost loop, the inputs (`inputs` are the program's
    values), and the outputs in the order of the fused statement's results. `outermost` is the
    number of turns of the outermost loop, None where the kernel is not to be split, and `inner` the
    elements of one turn; `cost` is the work of an element. `flat`: tensors are one long axis.
    `join` makes the result of the parts that stretches leave, where they do. `rows` is the leading
    size of the results, and `turns` those of the outermost loop for a row."""

    function: Function
    inputs: tuple[Value, ...]
    outermost: Dim | None
    inner: Dim
    cost: int
    flat: bool
    rows: Dim
    turns: Dim
    join: Kernel | None = None


def build(name: str, fused: Statement) -> Kernel:
    kernel, nest = construct(name, fused, ())
    if nest.again:
        _, nest = construct(name, fused, nest.again)
        kernel, _ = construct(name, fused, nest.loaded)
    return kernel


def named(kernel: Kernel, name: str) -> Kernel:
    """The same kernel under another name."""
    join = None if kernel.join is None else named(kernel.join, f"{name}.join")
    return replace(kernel, function=Function(name, kernel.function.body), join=join)


@record(eq=False)
class Kernels:
    """The kernels of fused statements, each built when it is first asked for."""

    built: dict[Statement, Kernel] = field(default_factory=dict)

    def of(self, fused: Statement) -> Kernel:
        if fused not in self.built:
            self.built[fused] = build("kernel", fused)
        return self.built[fused]

    def copied(self, old: Statement, new: Statement) -> None:
        """`new` is `old` with other values from outside: so is its kernel, if there is one."""
        if old in self.built:
            inputs = tuple(inputs_of(new.blocks[0]))
            self.built[new] = replace(self.built[old], inputs=inputs)


def construct(
    name: str, fused: Statement, kept: Collection[Value], *, whole: bool = False
) -> tuple[Kernel, Nest]:
    """The kernel, with the rows of these values kept, and how it went; `whole`: not in parts."""
    (block,) = fused.blocks
    inputs, flat = inputs_of(block), is_flat(block)
    definitions = {s.results[0]: s for s in block.statements}
    root = definitions[block.results[0]]
    outermost, inner = loops_of(block, root, flat)
    cost = sum(s.op.cost for s in block.statements)
    in_parts = not whole and leaves_parts(root) and has_parts(outermost, inner, cost)
    join = joining(f"{name}.join", root) if in_parts else None

    low, high, part = (Value(INT, name=text) for text in ("low", "high", "part"))
    given = {v: parameter(v, flat) for v in inputs}
    made = {v: parameter(v, flat) for v in block.results}
    if join is not None:
        made[root.results[0]] = Value(join.inputs[0].type, name="parts")
    parameters = (low, high, *given.values(), *made.values())
    body = Block(parameters if join is None else (*parameters, part))
    has_turns = isinstance(outermost, int) and outermost > 0
    beyond = (high,) if has_turns else ()
    nest = Nest(body, given, definitions, tuple(made.values()), kept, beyond)
    if join is not None:
        turns = part_turns(outermost, inner, cost) if isinstance(outermost, int) else None
        reduce_part(nest, root, made[root.results[0]], (low, high), part, turns)
    elif is_column_fold(root):
        Rows(nest, root, made[root.results[0]], (low, high)).write()
    else:
        shape = (product(domain(block)),) if flat else domain(block)
        store_all(nest, shape, [(v, made[v]) for v in block.results], low, high)
    if leaves_parts(root) and join is None:
        outermost = None
    function = Function(name, body)
    rows, *others = domain(block) or (1,)
    each = product(others) if flat else 1
    kernel = Kernel(function, tuple(inputs), outermost, inner, cost, flat, rows, each, join)
    return kernel, nest


def joining(name: str, root: Statement) -> Kernel:
    """The kernel that reduces the parts of a reduction."""
    (result,) = root.results
    parts = Value(Tensor(result.dtype, (PARTS, *result.shape)), name="parts")
    block = Block()
    block.results = (Builder(block)(root.op, parts, axis=(0,), keep_dims=False),)
    fused = Statement(FUSED, (parts,), {}, (block,), (result,))
    return construct(name, fused, (), whole=True)[0]


def loops_of(block: Block, root: Statement, flat: bool) -> tuple[Dim | None, Dim]:
    """The turns of the outermost loop, where threads may share it, and the elements of one."""
    if leaves_parts(root) or is_column_fold(root):
        first, *others = root.operands[0].shape
        return first, times(product(others), widest_fold(block, root))
    shape = domain(block)
    if flat:
        return product(shape), 1
    return shape[0] if shape else None, times(product(shape[1:]), widest_fold(block, None))


def widest_fold(block: Block, apart: Statement | None) -> Dim:
    """The elements that a reduction takes in for one of its own, at most; `apart` aside."""
    folds = [s for s in block.statements if s.op.name in FOLDS and s is not apart]
    sizes = [product([s.operands[0].shape[a] for a in reduced_axes(s)]) for s in folds]
    return max(sizes, key=lambda d: d if isinstance(d, int) else 64, default=1)


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


def domain(block: Block) -> tuple[Dim, ...]:
    """The shape of the result with the most axes."""
    return max((v.shape for v in block.results), key=len)


def is_flat(block: Block) -> bool:
    """Whether every element needs only the elements at its own place."""
    return all(
        s.op.elementwise or (s.op.name == "broadcast" and not s.operands[0].rank)
        for s in block.statements
    )


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
