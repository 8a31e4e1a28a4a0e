"""How large the integers of a function can get, and which of its checks therefore never fail.

One walk over a function gives every integer a range. A loop's counter lies between its bounds, what
is computed from ranges has a range (interval arithmetic), a sum that a loop adds a little to at
every turn is bounded by its turns, and anything else may be any integer of its width. What a
`while` only adds to, or only takes from, stays on that side of where it began, and within what its
condition says; when the condition's sides approach each other, the turns are bounded too.

Sizes are seldom known as numbers. But an integer that the compiler knows as a polynomial in sizes
and counters (`Value.dim`) is at most what the polynomial is when the counters are at their ends:
with i up to n - 2, the index i + 1 of a tensor of n elements is at most n - 1.

A *check* is a statement and the place of an operand: an index that must lie within its axis; the
place is 0 where the result of integer arithmetic must fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from charl.core.ir import Block, Function, Statement, Value
from charl.records import record
from charl.types import dims
from charl.types.dims import Dim, Known, Polynomial, Symbol
from charl.types.dtypes import BOOL, DType
from charl.types.types import BOOL as BOOL_TYPE
from charl.types.types import Tensor

Range = tuple[int, int]  # both ends belong to it
Check = tuple[Statement, int]

LARGEST = (1 << 63) - 1
# Ops that read or write an element or a row, with the place of the first index among the operands.
INDEXED = {"index": 1, "index_update": 2, "index_add": 2}


def _add(a: Range, b: Range) -> Range:
    return a[0] + b[0], a[1] + b[1]


def _sub(a: Range, b: Range) -> Range:
    return a[0] - b[1], a[1] - b[0]


def _mul(a: Range, b: Range) -> Range:
    products = [x * y for x in a for y in b]
    return min(products), max(products)


def _neg(a: Range) -> Range:
    return -a[1], -a[0]


def _abs(a: Range) -> Range:
    if a[0] >= 0:
        return a
    return max(0, -a[1]), max(-a[0], a[1])


def _floor_div(a: Range, b: Range) -> Range | None:
    if b[0] <= 0:
        return None
    quotients = [x // y for x in a for y in b]
    return min(quotients), max(quotients)


def _mod(a: Range, b: Range) -> Range | None:
    if b[0] <= 0:
        return None
    return a if a[0] >= 0 and a[1] < b[0] else (0, b[1] - 1)


def hull(ranges: Iterable[Range]) -> Range:
    """The least range that holds all of these."""
    lows, highs = zip(*ranges)
    return min(lows), max(highs)


# The range of a result that need not fit, from those of the operands; None says nothing.
RULES: dict[str, Callable[..., Range | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "neg": _neg,
    "abs": _abs,
    "floor_div": _floor_div,
    "mod": _mod,
    "minimum": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    "maximum": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "select": lambda _, a, b: hull((a, b)),
    "cast": lambda a: a,
}
# Comparisons as (the lesser, the greater, by how much at least): the places of the operands.
ORDERS = {"lt": (0, 1, 1), "le": (0, 1, 0), "gt": (1, 0, 1), "ge": (1, 0, 0)}
# Loops in loops further in than this are walked once, whatever is known of what they carry.
DEEPEST = 4
# Those whose result is checked to fit.
CHECKED = {"add", "sub", "mul", "neg", "abs", "cast"}


@record(frozen=False)
class Ranges:
    """`safe` are the checks that never fail, `turns` the most turns that a loop can take."""

    ranges: dict[Value, Range]
    safe: set[Check]
    turns: dict[Statement, int]


def integer_ranges(function: Function) -> Ranges:
    walk = Walk()
    walk.block(function.body)
    return Ranges(walk.ranges, walk.safe, walk.turns)


class Walk:
    """The walk. `extents` are the first and last values of counters that count upwards, as dims."""

    def __init__(self) -> None:
        self.ranges: dict[Value, Range] = {}
        self.safe: set[Check] = set()
        self.turns: dict[Statement, int] = {}
        self.extents: dict[Symbol, tuple[Dim | None, Dim | None]] = {}
        self.depth = 0

    def of(self, value: Value) -> Range:
        """The range of an integer or bool."""
        if isinstance(value.dim, int):
            return value.dim, value.dim
        return self.ranges.get(value) or whole(integer(value))

    def block(self, block: Block) -> None:
        for statement in block.statements:
            self.statement(statement)

    def statement(self, s: Statement) -> None:
        name = s.op.name
        if name == "for":
            self.loop(s)
        elif name == "while":
            self.while_loop(s)
        elif name == "constant" and s.results[0].type == BOOL_TYPE:
            self.ranges[s.results[0]] = int(s.attributes["value"]), int(s.attributes["value"])
        elif s.blocks:
            for block in s.blocks:
                self.block(block)
            if name == "if":
                for place, result in enumerate(s.results):
                    if integer(result):
                        self.ranges[result] = hull(self.of(b.results[place]) for b in s.blocks)
        elif name in INDEXED:
            self.indices(s)
        elif name in ("dim", "list_length"):
            self.ranges[s.results[0]] = 0, LARGEST
        elif name in RULES and integer(s.results[0]):
            self.arithmetic(s)

    def arithmetic(self, s: Statement) -> None:
        (result,) = s.results
        if any(not integer(v) for v in s.operands):
            return
        found = RULES[s.op.name](*map(self.of, s.operands))
        low, high = whole(integer(result))
        if found is None:
            return
        if s.op.name in CHECKED and low <= found[0] and found[1] <= high:
            self.safe.add((s, 0))
        self.ranges[result] = max(found[0], low), min(found[1], high)

    # --- Loops ----------------------------------------------------------------------------------

    def loop(self, s: Statement) -> None:
        low, high, step = map(self.of, s.operands[:3])
        (body,) = s.blocks
        counter = body.parameters[0]
        self.ranges[counter] = counted(low, high, step)
        symbol = dims.as_symbol(counter.dim)
        if symbol is not None and step[0] > 0:
            first, end = s.operands[0].dim, s.operands[1].dim
            last = None if end is None or isinstance(end, dims.Unknown) else end - 1
            self.extents[symbol] = first, last
        most = max(0, -(-(high[1] - low[0]) // step[0])) if step[0] > 0 else None
        self.block(body)
        if most is not None:
            self.turns[s] = most
            if not any(inner.blocks and inner.op.name != "if" for inner in body.statements):
                self.sums(s, most)

    def sums(self, s: Statement, turns: int) -> None:
        """What grows a little at every turn, by the turns there are at most; then the body once
        more, with what that tells."""
        body = s.blocks[-1]
        found = False
        count = len(s.results)
        initial = s.operands[len(s.operands) - count :]
        carries = body.parameters[len(body.parameters) - count :]
        for carried, start, last in zip(carries, initial, body.results):
            gain = integer(carried) and self.gain(body, carried, last)
            if gain:
                low, high = self.of(start)
                least, most = low + turns * min(0, gain[0]), high + turns * max(0, gain[1])
                smallest, largest = whole(integer(carried))
                if smallest <= least and most <= largest:
                    self.ranges[carried] = least, most
                    found = True
        if found:
            self.block(body)

    def gain(self, body: Block, start: Value, end: Value) -> Range | None:
        """How much more `end` is than `start`, which it was made from by adding."""
        gains: dict[Value, Range] = {start: (0, 0)}

        def follow(block: Block) -> None:
            for s in block.statements:
                name = s.op.name
                if name in ("add", "sub"):
                    a, b = s.operands
                    if a in gains and b not in gains and integer(b):
                        gains[s.results[0]] = RULES[name](gains[a], self.of(b)) or (0, 0)
                    elif name == "add" and b in gains and a not in gains and integer(a):
                        gains[s.results[0]] = _add(gains[b], self.of(a))
                elif name == "if":
                    for inner in s.blocks:
                        follow(inner)
                    for place, result in enumerate(s.results):
                        yielded = [b.results[place] for b in s.blocks]
                        if all(v in gains for v in yielded):
                            gains[result] = hull(gains[v] for v in yielded)

        follow(body)
        return gains.get(end)

    def while_loop(self, s: Statement) -> None:
        condition, body = s.blocks
        self.depth += 1
        self.block(condition)
        self.block(body)
        gains: dict[Value, Range] = {}
        for place, start in enumerate(s.operands):
            carried, looked_at = body.parameters[place], condition.parameters[place]
            gain = integer(carried) and self.gain(body, carried, body.results[place])
            if gain:
                lowest, largest = whole(integer(carried))
                low, high = self.of(start)
                self.ranges[carried] = self.ranges[looked_at] = (
                    low if gain[0] >= 0 else lowest,
                    high if gain[1] <= 0 else largest,
                )
                gains[looked_at] = gain
        if gains:
            for test in self.conjuncts(condition, condition.results[0]):
                self.holds(s, test, gains)
            if self.depth <= DEEPEST:
                self.block(condition)
                self.block(body)
        self.depth -= 1

    def conjuncts(self, block: Block, truth: Value) -> Iterator[Statement]:
        """Comparisons of which each holds if a result of the block does."""
        for s in block.statements:
            if truth in s.results:
                if s.op.name == "and":
                    for part in s.operands:
                        yield from self.conjuncts(block, part)
                elif s.op.name == "if" and self.of(s.blocks[1].results[0]) == (0, 0):
                    yield from self.conjuncts(block, s.operands[0])
                    yield from self.conjuncts(s.blocks[0], s.blocks[0].results[0])
                elif s.op.name in ORDERS and all(map(integer, s.operands)):
                    yield s

    def holds(self, loop: Statement, test: Statement, gains: dict[Value, Range]) -> None:
        """Enters what a comparison tells of each turn, and of how many there are."""
        condition, body = loop.blocks
        less, more, by = ORDERS[test.op.name]
        lesser, greater = test.operands[less], test.operands[more]
        inside = dict(zip(condition.parameters, body.parameters))
        start = dict(zip(condition.parameters, loop.operands))
        if any(v not in start and v in self.made_in(condition) for v in (lesser, greater)):
            return
        least, most = self.of(lesser)[0], self.of(greater)[1]
        if lesser in inside:
            low, high = self.of(inside[lesser])
            self.ranges[inside[lesser]] = low, min(high, most - by)
        if greater in inside:
            low, high = self.of(inside[greater])
            self.ranges[inside[greater]] = max(low, least + by), high
        if all(v in gains or v not in start for v in (lesser, greater)):
            nothing = 0, 0
            change = gains.get(greater, nothing)[1] - gains.get(lesser, nothing)[0]
            apart = self.of(start.get(greater, greater))[1] - self.of(start.get(lesser, lesser))[0]
            if change < 0:
                turns = max(0, -(-(apart - by + 1) // -change))
                self.turns[loop] = min(turns, self.turns.get(loop, turns))

    def made_in(self, block: Block) -> set[Value]:
        return {v for s in block.walk() for v in s.results}

    # --- Indices --------------------------------------------------------------------------------

    def indices(self, s: Statement) -> None:
        x = s.operands[0].type
        first = INDEXED[s.op.name]
        assert isinstance(x, Tensor)
        for axis, index in enumerate(s.operands[first:]):
            if self.within(index, x.shape[axis]):
                self.safe.add((s, first + axis))

    def within(self, index: Value, size: Dim) -> bool:
        """Whether an index is never negative and always less than a size."""
        low, high = self.of(index)
        if low < 0 or isinstance(size, dims.Unknown):
            return False
        if isinstance(size, int):
            return high < size
        left: Dim = size - 1 - index.dim if isinstance(index.dim, int | Polynomial) else size
        while isinstance(left, Polynomial):
            counters = [x for x in set(dims.symbols(left)) if x in self.extents]
            if not counters:
                break
            left = self.at_the_end(left, max(counters, key=lambda x: x.serial))
        return isinstance(left, int) and left >= 0

    def at_the_end(self, left: Polynomial, counter: Symbol) -> Dim:
        """The least that a polynomial can be, for all values of a counter."""
        parts = linear(left, counter)
        end = None
        if parts is not None and isinstance(parts[0], int):
            end = self.extents[counter][0 if parts[0] > 0 else 1]
        return dims.UNKNOWN if end is None else dims.substitute(left, {counter: end})


def counted(low: Range, high: Range, step: Range) -> Range:
    """The range of a counter, in a loop that turns at all."""
    if step[0] > 0:
        return low[0], max(low[0], high[1] - 1)
    if step[1] < 0:
        return min(low[1], high[0] + 1), low[1]
    return hull((low, high))


def linear(dim: Known, symbol: Symbol) -> tuple[Known, Known] | None:
    """(a, b) where the dim is a * symbol + b and the symbol is in neither; else None."""
    if not isinstance(dim, Polynomial):
        return 0, dim
    free, one = (dims.substitute(dim, {symbol: n}) for n in (0, 1))
    if isinstance(free, dims.Unknown) or isinstance(one, dims.Unknown):
        return None
    slope = one - free
    if symbol in dims.symbols(slope) or dim != slope * dims.of(symbol) + free:
        return None
    return slope, free


def integer(value: Value) -> DType | None:
    """The dtype of a scalar that is an integer or a bool."""
    type = value.type
    if isinstance(type, Tensor) and not type.shape and isinstance(type.dtype, DType):
        return None if type.dtype.is_float else type.dtype
    return None


def whole(dtype: DType | None) -> Range:
    """All integers of a dtype."""
    if dtype is None or dtype == BOOL:
        return 0, 1
    return -(1 << (dtype.bits - 1)), (1 << (dtype.bits - 1)) - 1
