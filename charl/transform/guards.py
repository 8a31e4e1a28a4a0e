"""What must hold before a loop's first turn for its checks never to fail.

A loop that only computes and changes elements may be written twice, behind a *guard* that is looked
at once: a version with no more checks than those that depend on what is read from memory, and the
version that checks at every turn and tells where it failed. This file finds the guard of such a
loop; `ranges` has found the checks that need none.

    small    the integers that come from outside lie between -bound and bound; then interval
             arithmetic shows what fits. A bound of 2^60 leaves room for sums, 2^30 for products.
    inside   an index a * counter + b, with a and b from outside, lies within its axis when it does
             for the first and the last counter.
    turns    a `while` takes no more than so many turns, and need not look for Ctrl-C.

What counts in a `while` are the integers that it only adds to, or only takes from. They begin where
they begin, and go no further than the condition lets them: with `low < high`, one of which grows
while the other shrinks, both stay between what they were at first.
"""

from __future__ import annotations

from charl.core.ir import Block, Statement, Value
from charl.records import record
from charl.transform.ranges import (
    CHECKED,
    INDEXED,
    ORDERS,
    Check,
    Range,
    Ranges,
    Walk,
    integer,
    linear,
)
from charl.types import dims
from charl.types.dims import Dim, Known, Polynomial, Symbol
from charl.types.types import INT, Tensor

BOUNDS = 1 << 60, 1 << 30
# A `while` of no more turns than this is over before anybody has waited for it.
MOST_TURNS = 1 << 24
Extent = tuple[Known | None, Known | None]  # the least and the most that an integer can be


@record
class Inside:
    """The index of a check lies within a size, a dim or the length of a list, if none of `least` is
    negative, and all of `most` are less than that size."""

    check: Check
    least: tuple[Dim, ...]
    most: tuple[Dim, ...]
    size: Dim | Value


@record
class Guard:
    """`names` are symbols for integers from outside that have none of their own; `turns` is how
    many turns a `while` takes at most, where that is known."""

    bound: int
    small: tuple[Value, ...]
    safe: frozenset[Check]
    inside: tuple[Inside, ...]
    names: dict[Symbol, Value]
    turns: Dim | None = None


def guard_of(loop: Statement, known: Ranges) -> Guard | None:
    """The guard of a loop without inner loops, where it would spare a check."""
    turns = _Insides(loop, known, BOUNDS[0]).turns
    found = [_Fitting(loop, known, bound, turns is not None) for bound in BOUNDS]
    best = max(found, key=lambda fitting: len(fitting.spared))
    inside = _Insides(loop, known, best.bound)
    conditions = inside.conditions()
    if not best.spared and not conditions and inside.turns is None:
        return None
    bounds = loop.operands[:3] if loop.op.name == "for" else ()
    small = {**best.small, **dict.fromkeys(bounds)}
    names = {symbol: value for value, symbol in inside.symbols.items()}
    safe = frozenset(best.spared)
    return Guard(best.bound, tuple(small), safe, conditions, names, inside.turns)


def made_in(loop: Statement) -> set[Value]:
    """What the blocks of a loop make, their parameters included."""
    made = {v for block in loop.blocks for v in block.parameters}
    return made | {v for block in loop.blocks for s in block.walk() for v in s.results}


class _Fitting(Walk):
    """The walk over the loop alone, where what comes from outside is small. `small` are the
    integers of which that was assumed."""

    def __init__(self, loop: Statement, known: Ranges, bound: int, ends: bool) -> None:
        super().__init__()
        self.known, self.bound = known, bound
        self.small: dict[Value, None] = {}
        self.inner = made_in(loop)
        self.statement(loop)
        if ends:
            self.sums(loop, MOST_TURNS)
        self.spared = {check for check in self.safe - known.safe if check[0].op.name in CHECKED}

    def of(self, value: Value) -> Range:
        if value in self.inner or isinstance(value.dim, int):
            return super().of(value)
        low, high = self.known.ranges.get(value) or super().of(value)
        if integer(value) is None or (-self.bound <= low and high <= self.bound):
            return low, high
        self.small[value] = None
        return max(low, -self.bound), min(high, self.bound)


class _Insides:
    """Collects the conditions for the indices of a loop. Integers are polynomials in symbols from
    outside and in what counts; `extents` are the least and the most that those can be, `symbols`
    what was made here for integers from outside."""

    def __init__(self, loop: Statement, known: Ranges, bound: int) -> None:
        self.loop, self.known, self.bound = loop, known, bound
        self.found: list[Inside] = []
        self.inner = made_in(loop)
        self.symbols: dict[Value, Symbol] = {}
        self.polynomials: dict[Value, Known] = {}
        self.lists: dict[Value, Value] = {}  # a list of the body: one of the same length outside
        self.extents: dict[Symbol, Extent] = {}
        self.turns: Dim | None = None
        self.defined = {symbol for v in self.inner if (symbol := dims.as_symbol(v.dim)) is not None}
        body = loop.blocks[-1]
        self.carried = body.parameters[len(body.parameters) - len(loop.results) :]
        self.initial = loop.operands[len(loop.operands) - len(loop.results) :]
        self.lists.update(zip(self.carried, self.initial))
        if loop.op.name == "for":
            self.enter_counter()
        else:
            self.enter_carried()

    def enter_counter(self) -> None:
        low, high = map(self.polynomial, self.loop.operands[:2])
        step = self.loop.operands[2].dim
        if low is None or high is None:
            return
        counter = self.loop.blocks[0].parameters[0]
        downwards = isinstance(step, int) and step < 0
        self.extents[self.counting(counter)] = (high + 1, low) if downwards else (low, high - 1)

    def enter_carried(self) -> None:
        """What only grows or only shrinks, and how the condition bounds it."""
        condition, body = self.loop.blocks
        walk = Walk()
        walk.ranges = self.known.ranges
        gains: dict[Value, Range] = {}
        ends: dict[Value, Extent] = {}
        for carried, start, last in zip(self.carried, self.initial, body.results):
            gain = walk.gain(body, carried, last) if carried.type == INT else None
            first = self.polynomial(start)
            if gain is not None and first is not None:
                gains[carried] = gain
                ends[carried] = first if gain[0] >= 0 else None, first if gain[1] <= 0 else None
        inside = dict(zip(condition.parameters, body.parameters))
        for test in walk.conjuncts(condition, condition.results[0]):
            less, more, by = ORDERS[test.op.name]
            lesser, greater = (inside.get(test.operands[n], test.operands[n]) for n in (less, more))
            least, most = self.extent(lesser, ends)[0], self.extent(greater, ends)[1]
            if lesser in ends and most is not None:
                ends[lesser] = ends[lesser][0], most - by
            if greater in ends and least is not None:
                ends[greater] = least + by, ends[greater][1]
            nothing = 0, 0
            nearer = gains.get(lesser, nothing)[0] - gains.get(greater, nothing)[1]
            if least is not None and most is not None and nearer > 0:
                turns = most - least + 1 - by
                if self.computable(turns):
                    self.turns = turns
        for carried, extent in ends.items():
            self.extents[self.counting(carried)] = extent

    def extent(self, value: Value, ends: dict[Value, Extent]) -> Extent:
        """The least and the most that one side of the condition can be."""
        if value in ends:
            return ends[value]
        same = self.polynomial(value)
        return same, same

    def counting(self, value: Value) -> Symbol:
        """The symbol of something that counts."""
        symbol = dims.as_symbol(value.dim) or Symbol("counter")
        self.polynomials[value] = dims.of(symbol)
        self.defined.discard(symbol)
        return symbol

    def conditions(self) -> tuple[Inside, ...]:
        """Those of lists only where the loop does not change how long they are."""
        body = self.loop.blocks[-1]
        self.block(body)
        changed = {
            self.lists[parameter]
            for parameter, result in zip(self.carried, body.results)
            if self.list_outside(result) is not self.lists[parameter]
        }
        return tuple(x for x in self.found if x.size not in changed)

    def block(self, block: Block) -> None:
        for s in block.statements:
            self.statement(s)

    def statement(self, s: Statement) -> None:
        name, operands = s.op.name, s.operands
        if name == "if":
            for block in s.blocks:
                self.block(block)
            for place, result in enumerate(s.results):
                origins = {self.list_outside(b.results[place]) for b in s.blocks}
                if len(origins) == 1 and (origin := origins.pop()) is not None:
                    self.lists[result] = origin
        elif name in ("add", "sub", "mul"):
            a, b = map(self.polynomial, operands)
            if a is not None and b is not None:
                whole = a + b if name == "add" else a - b if name == "sub" else a * b
                self.polynomials[s.results[0]] = whole
        elif name in INDEXED:
            type = operands[0].type
            assert isinstance(type, Tensor)
            for place in range(INDEXED[name], len(operands)):
                self.index(s, place, type.shape[place - INDEXED[name]])
        elif name in ("list_get", "list_set"):
            origin = self.list_outside(operands[0])
            if origin is not None:
                self.index(s, 1, origin)
                if name == "list_set":
                    self.lists[s.results[0]] = origin

    def list_outside(self, xs: Value) -> Value | None:
        return self.lists.get(xs) if xs in self.inner else xs

    def polynomial(self, value: Value) -> Known | None:
        if value in self.polynomials:
            return self.polynomials[value]
        if value.type != INT:
            return None
        if isinstance(value.dim, int | Polynomial):
            return None if self.defined.intersection(dims.symbols(value.dim)) else value.dim
        if value in self.inner:
            return None
        symbol = self.symbols.setdefault(value, Symbol("outside"))
        return dims.of(symbol)

    def index(self, s: Statement, place: int, size: Dim | Value) -> None:
        check = s, place
        index = self.polynomial(s.operands[place])
        if check in self.known.safe or index is None or isinstance(size, dims.Unknown):
            return
        ends = self.ends(index)
        if ends is not None and all(self.computable(end) for side in ends for end in side):
            self.found.append(Inside(check, *ends, size))

    def ends(self, index: Known) -> tuple[tuple[Known, ...], tuple[Known, ...]] | None:
        """The least and the most that an index can be; both ends for each where it is not known
        which is which."""
        counting = [x for x in dict.fromkeys(dims.symbols(index)) if x in self.extents]
        if not counting:
            return (index,), (index,)
        parts = linear(index, counting[0])
        if parts is None or len(counting) > 1:
            return None
        slope, rest = parts
        first, last = self.extents[counting[0]]
        if first is None or last is None:
            return None
        ends = slope * first + rest, slope * last + rest
        if not isinstance(slope, int):
            return ends, ends
        return (ends[:1], ends[1:]) if slope >= 0 else (ends[1:], ends[:1])

    def computable(self, dim: Dim) -> bool:
        """Whether no overflow is possible when all symbols are small."""
        if not isinstance(dim, Polynomial):
            return True
        if any(not isinstance(atom, Symbol) for monomial, _ in dim.terms for atom in monomial):
            return False
        most: int = sum(abs(c) * self.bound ** len(m) for m, c in dim.terms)
        return most < 1 << 63
