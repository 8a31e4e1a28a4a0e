"""How much memory the tensors of a program take at most, and which they are; found without a run.

The analysis walks through the program as the run will and does the same bookkeeping: a statement
makes its results, then lets go of the operands that end there (`transform/ownership.py`); a call
hands its arguments over; what two values share is counted once. Sizes are polynomials in the sizes
of the program, so that one walk answers for all of them; of two peaks that differ by their sizes,
both are kept. What the backend does with the memory of each statement's results is told by
`stores`.

Of a loop's turns the first are walked, until nothing changes from one to the next; a size that
counts with the turns is taken at the end where it is largest. Of an `if` both branches are walked,
and the walk goes on from the one that ends with more. So the figure is what a run reaches, or a
bound that it may stay below. What it cannot know it tells: `notes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from charl.core.builder import CONTEXT, result_dim
from charl.core.control import FUSED
from charl.core.ir import Block, Function, Program, Statement, Value
from charl.core.places import shown_at, span_of_result
from charl.records import record
from charl.source import Span
from charl.transform.in_place import InPlace, plan_in_place
from charl.transform.ownership import Ownership, plan_ownership
from charl.types import dims, types
from charl.types.dims import Atom, Dim, FloorDiv, Known, Polynomial, Symbol
from charl.types.types import Box, List, Tensor, Type, is_scalar

# Turns of a loop that are walked when it does not settle down.
MOST_TURNS = 8


@record
class Placed:
    """The result lies where `operand` does. `over`: only if the operand ends here and nobody else
    holds it, else in memory of its own."""

    operand: Value
    over: bool = False


@record
class Elsewhere:
    """The result lies in memory that is not the program's to make: in a list, in the module."""


@record
class Storage:
    """Where a statement's results lie, None for memory of their own; what it needs on the way, so
    many bytes for each element of a value; and of a sweep the values that end with it and that its
    statements may be written over."""

    results: Sequence[Placed | Elsewhere | None]
    on_the_way: Sequence[tuple[Value, int]] = ()
    ending: Sequence[Value] = ()


# The storage of a statement; the values are those that end with it.
Stores = Callable[[Statement, Sequence[Value]], Storage]


@record(frozen=False, eq=False)
class Buffer:
    """Memory that holds `value`, which the program makes at `span`."""

    size: Known
    shape: tuple[Dim, ...]
    value: Value
    span: Span | None

    @property
    def type(self) -> Type:
        if isinstance(self.value.type, Tensor):
            return Tensor(self.value.type.dtype, self.shape)
        return self.value.type


@record
class Peak:
    """`buffers` are what takes the memory, when the program has reached `span`."""

    size: Known
    buffers: tuple[Buffer, ...]
    span: Span | None


@record
class Footprint:
    """`peaks` are the largest; more than one where sizes decide between them. `open` are the sizes
    in them that no argument of the program gives, and where they come up."""

    peaks: tuple[Peak, ...]
    open: dict[Symbol, Span | None]
    notes: tuple[str, ...]


def footprint(program: Program, stores: Callable[[Function], Stores]) -> Footprint:
    """Of the program's entry, its arguments included."""
    walk = _Walk(program, stores)
    entry = program.functions[program.entry]
    for parameter in entry.body.parameters:
        walk.make(parameter, entry.span)
    walk.function(entry)
    mentioned = [s for p in walk.peaks for s in dims.symbols(p.size) if s not in walk.given]
    found = {s: walk.origins[s] for s in mentioned}
    return Footprint(tuple(walk.peaks), found, tuple(walk.notes))


def symbols_of(value: Value) -> Iterator[Symbol]:
    for dim in (value.dim, *value.shape):
        if dim is not None:
            yield from dims.symbols(dim)


def is_counted(value: Value) -> bool:
    return not is_scalar(value.type)


def holds_tensors(type: Type) -> bool:
    """Whether it is a list or enum value that may hold tensors."""
    if isinstance(type, List):
        element = type.element
        return holds_tensors(element) or (isinstance(element, Tensor) and bool(element.shape))
    return isinstance(type, Box)


class _Walk:
    """`held` is the memory of each value, `holders` how many hold it, `live` what all takes.
    `bounds` are the least and the largest that a symbol may be, in the symbols of the program."""

    def __init__(self, program: Program, stores: Callable[[Function], Stores]) -> None:
        self.program, self.stores_of = program, stores
        entry = program.functions[program.entry]
        self.given = {s for v in entry.body.parameters for s in symbols_of(v)}
        self.held: dict[Value, Buffer] = {}
        self.holders: dict[Buffer, int] = {}
        self.live: Known = 0
        self.bounds: dict[Symbol, tuple[Known, Known]] = {}
        self.peaks: list[Peak] = []
        self.notes: dict[str, None] = {}
        self.origins: dict[Symbol, Span | None] = {}
        self.known: dict[str, tuple[Ownership, InPlace, Stores]] = {}
        self.under_way: list[str] = []
        self.calls: list[Span | None] = []
        self.plan, self.in_place = Ownership(), InPlace()
        self.stores: Stores = lambda statement, dying: Storage(())

    # --- Sizes ----------------------------------------------------------------------------------

    def bound(self, dim: Dim, largest: bool = True) -> Known:
        """The largest, or the least, that a size may be."""
        if not isinstance(dim, Polynomial):
            return dim if isinstance(dim, int) else dims.symbol("?")
        total: Known = 0
        for monomial, coefficient in dim.terms:
            product: Known = coefficient
            for atom in monomial:
                product = product * self.bound_of_atom(atom, largest == (coefficient > 0))
            total = total + product
        return total

    def bound_of_atom(self, atom: Atom, largest: bool) -> Known:
        if isinstance(atom, Symbol):
            return self.bounds[atom][largest] if atom in self.bounds else dims.of(atom)
        a, b = self.bound(atom.numerator, largest), self.bound(atom.denominator, not largest)
        if isinstance(atom, FloorDiv):
            return a // b
        if (a, b) == (atom.numerator, atom.denominator):
            return a % b
        return self.bound(atom.denominator) - 1 if largest else 0

    def learn(self, value: Value, like: Value) -> None:
        """The sizes that only this value tells, which is `like` under another name."""
        pairs = [
            (dim, (self.bound(size, False), self.bound(size)))
            for dim, size in zip(value.shape, like.shape)
        ]
        if value.dim is not None and like.dim is not None:
            pairs.append((value.dim, (self.bound(like.dim, False), self.bound(like.dim))))
        for dim, bounds in pairs:
            symbol = dims.as_symbol(dim)
            if symbol is not None and symbol not in self.given and bounds[1] != dim:
                self.bounds[symbol] = bounds

    def infer(self, statement: Statement) -> None:
        """The sizes of results that were lost on the way to Core, from those of the operands."""
        if statement.op is FUSED:
            for part in statement.blocks[0].statements:
                self.infer(part)
            return
        symbols = [dims.as_symbol(d) for v in statement.results for d in (v.dim, *v.shape)]
        if statement.blocks or all(s is None or s in self.given for s in symbols):
            return
        exact = {s: low for s, (low, high) in self.bounds.items() if low == high}
        operands = [
            Value(
                types.substitute(v.type, exact), dims.substitute(v.dim, exact) if v.dim else v.dim
            )
            for v in statement.operands
        ]
        known = {s for v in operands for s in symbols_of(v)}
        found = statement.op.rule(CONTEXT, operands, statement.attributes)
        size = result_dim(statement.op, operands, statement.attributes)
        for value, type in zip(statement.results, found):
            pairs = [(value.dim, size), *zip(value.shape, Value(type).shape)]
            for dim, better in pairs:
                symbol = dims.as_symbol(dim)
                if symbol is None or better is None or symbol in self.given:
                    continue
                if known.issuperset(dims.symbols(better)) and better != dim:
                    self.bounds[symbol] = self.bound(better, False), self.bound(better)

    # --- Memory ---------------------------------------------------------------------------------

    def make(self, value: Value, span: Span | None, of_its_own: bool = True) -> None:
        if not is_counted(value):
            return
        shape = tuple(self.bound(dim) for dim in value.shape)
        size: Known = 0
        if isinstance(value.type, Tensor) and of_its_own:
            size = value.dtype.bits // 8
            for dim in shape:
                size = size * dim
        for symbol in dims.symbols(size):
            self.origins.setdefault(symbol, span)
        self.held[value] = Buffer(size, shape, value, self.users_own(span))
        self.hold(self.held[value])
        if holds_tensors(value.type):
            self.notes["what lists and enum values hold is not counted"] = None

    def users_own(self, span: Span | None) -> Span | None:
        """The place, or the innermost call under way that is not the library's."""
        for around in (span, *reversed(self.calls)):
            place = shown_at(around)
            if place is not None and not place.source.library:
                return around
        return span

    def hold(self, buffer: Buffer) -> None:
        self.holders[buffer] = 1
        self.live = self.live + buffer.size
        if any(dims.at_least(peak.size, self.live) for peak in self.peaks):
            return
        held = tuple(b for b in self.holders if b.size != 0)
        peak = Peak(self.live, held, buffer.span)
        self.peaks = [p for p in self.peaks if not dims.at_least(self.live, p.size)]
        self.peaks.append(peak)

    def retain(self, value: Value) -> None:
        self.holders[self.held[value]] += 1

    def release(self, value: Value) -> None:
        self.let_go(self.held[value])

    def let_go(self, buffer: Buffer) -> None:
        self.holders[buffer] -= 1
        if not self.holders[buffer]:
            del self.holders[buffer]
            self.live = self.live - buffer.size

    def take(self, value: Value, dying: list[Value]) -> Buffer:
        """The value's memory, with a hold on it that is the statement's own."""
        if value in dying:
            dying.remove(value)
        else:
            self.retain(value)
        return self.held[value]

    def own(self, value: Value, span: Span | None) -> Buffer:
        """The memory that was taken, or other memory where somebody else holds that."""
        buffer = self.held[value]
        if self.holders[buffer] == 1:
            return buffer
        copy = Buffer(buffer.size, buffer.shape, value, span)
        self.hold(copy)
        self.let_go(buffer)
        return copy

    # --- Functions and blocks -------------------------------------------------------------------

    def function(self, function: Function) -> None:
        """Walks through a function whose parameters are held."""
        if function.name not in self.known:
            plan = plan_ownership(function, is_counted)
            in_place = plan_in_place(function, plan)
            self.known[function.name] = plan, in_place, self.stores_of(function)
        before = self.plan, self.in_place, self.stores
        self.plan, self.in_place, self.stores = self.known[function.name]
        self.under_way.append(function.name)
        self.block(function.body)
        self.under_way.pop()
        self.plan, self.in_place, self.stores = before

    def block(self, block: Block) -> bool:
        """Whether its end is reached; its results are then held by whoever gets them."""
        for value in self.plan.unneeded.get(block, ()):
            self.release(value)
        for statement in block.statements:
            if statement.op.name == "fail":
                return False
            self.statement(statement)
        for value, moved in zip(block.results, self.plan.moved[block]):
            if is_counted(value) and not moved:
                self.retain(value)
        return True

    def statement(self, statement: Statement) -> None:
        dying = list(self.plan.dying.get(statement, ()))
        match statement.op.name:
            case "if":
                self.branches(statement)
            case "for":
                self.turns(statement, dying, statement.operands[3:])
            case "while":
                self.turns(statement, dying, statement.operands)
            case "scan":
                self.scan(statement)
            case "sweep":
                self.sweep(statement, dying)
            case "call" | "custom_call":
                self.call(statement, dying)
            case _:
                self.plain(statement, dying)
        for value in dying:
            self.release(value)
        for value in self.plan.outlived.get(statement, ()):
            self.release(value)
        for value in self.plan.unused.get(statement, ()):
            self.release(value)

    def plain(self, statement: Statement, dying: list[Value]) -> None:
        self.infer(statement)
        storage = self.stores(statement, dying)
        alone = {v for v in dying if self.holders[self.held[v]] == 1}
        for position, (value, place) in enumerate(zip(statement.results, storage.results)):
            span = span_of_result(statement, position)
            if place is None or not is_counted(value):
                self.make(value, span)
            elif isinstance(place, Elsewhere):
                self.make(value, span, of_its_own=False)
            elif not place.over:
                self.held[value] = self.take(place.operand, dying)
            elif place.operand in alone:
                dying.remove(place.operand)
                self.release(place.operand)
                self.make(value, span)
            else:
                self.make(value, span)
        self.pass_by(statement, storage.on_the_way)

    def pass_by(self, statement: Statement, needed: Sequence[tuple[Value, int]]) -> None:
        """Memory that a statement needs until it is done."""
        buffers = []
        for value, each in needed:
            shape = tuple(self.bound(dim) for dim in value.shape)
            size: Known = each
            for dim in shape:
                size = size * dim
            buffers.append(Buffer(size, shape, value, statement.span))
            self.hold(buffers[-1])
        for buffer in buffers:
            self.let_go(buffer)

    # --- Control flow ---------------------------------------------------------------------------

    def branches(self, statement: Statement) -> None:
        holders, live = dict(self.holders), self.live
        ends: list[tuple[Known, dict[Buffer, int], Block]] = []
        for block in statement.blocks:
            self.holders, self.live = dict(holders), live
            if self.block(block):
                ends.append((self.live, self.holders, block))
        if not ends:
            return
        end = ends[0]
        for other in ends[1:]:
            if not dims.at_least(end[0], other[0]):
                end = other
        self.live, self.holders, block = end
        self.hand_on(block.results, statement.results)

    def hand_on(self, values: Sequence[Value], to: Sequence[Value]) -> None:
        """The values under other names."""
        buffers = [self.held[v] if is_counted(v) else None for v in values]
        for value, source, buffer in zip(to, values, buffers):
            self.learn(value, source)
            if buffer is not None:
                self.held[value] = buffer

    def turns(self, loop: Statement, dying: list[Value], initial: Sequence[Value]) -> None:
        *condition, body = loop.blocks
        parameters = body.parameters if condition else body.parameters[1:]
        if not condition:
            self.count(body.parameters[0], loop.operands)
        carried = [self.take(v, dying) if is_counted(v) else None for v in initial]
        for place in self.in_place.carries.get(loop, ()):
            carried[place] = self.own(initial[place], loop.span)
        before: Sequence[Known] = ()
        for _ in range(min(turns_of(loop), MOST_TURNS)):
            self.held.update((v, b) for v, b in zip(parameters, carried) if b is not None)
            for block in condition:
                looks_at = zip(block.parameters, carried)
                self.held.update((v, b) for v, b in looks_at if b is not None)
                self.block(block)
            if not self.block(body):
                break
            carried = [self.held[v] if is_counted(v) else None for v in body.results]
            now = [self.live, *(carried.index(b) for b in carried)]
            if now == before:
                break
            before = now
        for value, buffer in zip(loop.results, carried):
            if buffer is not None:
                self.held[value] = buffer

    def count(self, counter: Value, operands: Sequence[Value]) -> None:
        """The least and the largest that a loop's counter may be."""
        symbol = dims.as_symbol(counter.dim)
        low, high, step = (v.dim for v in operands[:3])
        if symbol is None or not isinstance(step, int) or low is None or high is None:
            return
        first, last = (low, high) if step > 0 else (high, low)
        ends = self.bound(first, False), self.bound(last)
        self.bounds[symbol] = (ends[0], ends[1] - 1) if step > 0 else (ends[0] + 1, ends[1])

    def sweep(self, sweep: Statement, dying: list[Value]) -> None:
        """All that its statements make is there until the last is done."""
        ending = set(self.stores(sweep, dying).ending)
        overwritten: set[Value] = set()
        inner = [statement for block in sweep.blocks for statement in block.statements]
        for statement in inner:
            before = [v for v in dict.fromkeys(statement.operands) if v in ending]
            after = list(before)
            self.plain(statement, after)
            overwritten.update(v for v in before if v not in after)
        dying[:] = [v for v in dying if v not in overwritten]
        given = [v for block in sweep.blocks for v in block.results]
        self.hand_on(given, sweep.results)
        for value in (v for statement in inner for v in statement.results):
            if is_counted(value) and value not in given and value not in overwritten:
                self.release(value)

    def scan(self, statement: Statement) -> None:
        (block,) = statement.blocks
        for value in statement.results:
            self.make(value, statement.span)
        for parameter in block.parameters:
            self.make(parameter, statement.span)
        self.block(block)
        for value in block.results:
            if is_counted(value):
                self.release(value)

    def call(self, statement: Statement, dying: list[Value]) -> None:
        function = self.program.functions[statement.attributes["function"]]
        if function.name in self.under_way:
            name = function.shown or function.name
            self.notes[f"`{name}` calls itself: one call of it is counted"] = None
            for value in statement.results:
                self.make(value, statement.span)
            return
        parameters = function.body.parameters
        buffers = [self.take(v, dying) if is_counted(v) else None for v in statement.operands]
        for value, parameter, buffer in zip(statement.operands, parameters, buffers):
            self.learn(parameter, value)
            if buffer is not None:
                self.held[parameter] = buffer
        self.calls.append(statement.span)
        self.function(function)
        self.calls.pop()
        self.hand_on(function.body.results, statement.results)


def turns_of(loop: Statement) -> int:
    """How many turns to walk: as many as there are, where that is known."""
    if loop.op.name == "for":
        low, high, step = (v.dim for v in loop.operands[:3])
        if isinstance(low, int) and isinstance(high, int) and isinstance(step, int) and step:
            return len(range(low, high, step))
    return MOST_TURNS
