"""What must hold before a loop's first turn for its checks never to fail.

A loop that only computes and changes elements may be written twice, behind a *guard* that is looked
at once: a version with no more checks than those that depend on what is read from memory, and the
version that checks at every turn and tells where it failed. This file finds the guard of such a
loop; `ranges` has found the checks that need none.

    small    the integers that come from outside lie between -bound and bound; then interval
             arithmetic shows what fits. A bound of 2^60 leaves room for sums, 2^30 for products.
    inside   an index a * counter + b, with a and b from outside, lies within its axis when it does
             for the first and the last counter.
"""

from __future__ import annotations

from charl.core.ir import Block, Statement, Value
from charl.records import record
from charl.transform.ranges import CHECKED, INDEXED, Check, Range, Ranges, Walk, integer, linear
from charl.types import dims
from charl.types.dims import Dim, Known, Polynomial, Symbol
from charl.types.types import INT, Tensor

BOUNDS = 1 << 60, 1 << 30


@record
class Inside:
    """The index `slope * counter + rest` of a check lies within a size: a dim, or the length of a
    list."""

    check: Check
    slope: Dim
    rest: Dim
    size: Dim | Value


@record
class Guard:
    """`names` are symbols for integers from outside that have none of their own."""

    bound: int
    small: tuple[Value, ...]
    safe: frozenset[Check]
    inside: tuple[Inside, ...]
    names: dict[Symbol, Value]


def guard_of(loop: Statement, known: Ranges) -> Guard | None:
    """The guard of a `for` without inner loops, where it would spare a check."""
    found = [_Fitting(loop, known, bound) for bound in BOUNDS]
    best = max(found, key=lambda fitting: len(fitting.spared))
    inside = _Insides(loop, known, best.bound)
    conditions = inside.conditions(loop.blocks[0])
    if not best.spared and not conditions:
        return None
    small = {**best.small, **dict.fromkeys(loop.operands[:3])}
    names = {symbol: value for value, symbol in inside.symbols.items()}
    return Guard(best.bound, tuple(small), frozenset(best.spared), conditions, names)


class _Fitting(Walk):
    """The walk over the loop alone, where what comes from outside is small. `small` are the
    integers of which that was assumed."""

    def __init__(self, loop: Statement, known: Ranges, bound: int) -> None:
        super().__init__()
        self.known, self.bound = known, bound
        self.small: dict[Value, None] = {}
        self.inner = {v for s in loop.blocks[0].walk() for v in s.results}
        self.inner.update(loop.blocks[0].parameters)
        self.loop(loop)
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
    outside and the counter; `symbols` are those made here."""

    def __init__(self, loop: Statement, known: Ranges, bound: int) -> None:
        (body,) = loop.blocks
        self.known, self.bound = known, bound
        self.found: list[Inside] = []
        self.inner = {v for s in body.walk() for v in s.results} | set(body.parameters)
        self.symbols: dict[Value, Symbol] = {}
        self.polynomials: dict[Value, Known] = {}
        self.lists: dict[Value, Value] = {}  # a list of the body: one of the same length outside
        self.counter = dims.as_symbol(body.parameters[0].dim) or Symbol("counter")
        self.polynomials[body.parameters[0]] = dims.of(self.counter)
        self.lists.update(zip(body.parameters[1:], loop.operands[3:]))
        self.defined = {
            symbol for v in self.inner if (symbol := dims.as_symbol(v.dim)) is not None
        } - {self.counter}

    def conditions(self, body: Block) -> tuple[Inside, ...]:
        """Those of lists only where the loop does not change how long they are."""
        self.block(body)
        changed = {
            self.lists[parameter]
            for parameter, result in zip(body.parameters[1:], body.results)
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
        parts = linear(index, self.counter)
        if parts is not None and all(map(self.computable, (*parts, index))):
            self.found.append(Inside(check, *parts, size))

    def computable(self, dim: Dim) -> bool:
        """Whether no overflow is possible when all symbols are small."""
        if not isinstance(dim, Polynomial):
            return True
        if any(not isinstance(atom, Symbol) for monomial, _ in dim.terms for atom in monomial):
            return False
        most: int = sum(abs(c) * self.bound ** len(m) for m, c in dim.terms)
        return most < 1 << 63
