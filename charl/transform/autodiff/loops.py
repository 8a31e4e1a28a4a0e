"""The reverse of `for` and `while`: a `for` that runs backwards.

    %c' = for %lo, %hi, %step, %c do (%i, %p) { ...; yield %q }

with cotangents of the results in hand becomes, for k from trips - 1 down to 0 and i = lo + k*step,

    %dc, %dw... = for %k do (%dq, %acc...) { reverse of the body; yield %dp, %acc'... }

which carries the cotangent of each active carried value, and a sum for each outer value w whose
cotangent the body adds to; that sum starts from the running cotangent outside. A residual of the
body is kept per iteration: in a stack `[trips, ...]` made before the loop when the trip count of
a `for` and the value's sizes are known there, else in a growing list. A `while` counts its trips.
The index is not kept, nor is what does not change from one iteration to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from charl.core.builder import Builder
from charl.core.clone import defined_symbols, free_values
from charl.core.ir import Block, Statement, Value
from charl.records import field, record
from charl.transform.autodiff.activity import carried
from charl.transform.autodiff.recompute import Given
from charl.transform.autodiff.residual import close
from charl.transform.autodiff.sizes import sizes_from, zeros
from charl.transform.autodiff.state import Differentiation
from charl.transform.autodiff.sweep import Sweep
from charl.types import dims, types
from charl.types.dims import Dim, Symbol
from charl.types.dtypes import DType
from charl.types.types import INT, List, Tensor, Type


def reverse_loop(sweep: Sweep, statement: Statement) -> None:
    initial, parameters, body = carried(statement)
    chosen = [
        j
        for j, (parameter, result) in enumerate(zip(parameters, statement.results))
        if parameter in sweep.active or result in sweep.cotangents
    ]
    trips = trip_count(sweep.state, sweep.forward, statement)
    k = Value(INT, dims.symbol("k"), "k")
    seeds = [Value(loop_type(parameters[j].type, initial[j].type)) for j in chosen]
    sums: dict[Value, Value] = {}

    def sum_of(outer: Value) -> Value:
        if outer not in sums:
            sums[outer] = Value(outer.type)
        return sums[outer]

    child = sweep.nested(body, Block(), sum_of)
    for j, seed in zip(chosen, seeds):
        child.accumulate(body.results[j], seed)
    child.run(body)
    reverse = child.builder.block
    reverse.results = tuple([child.or_zeros(parameters[j]) for j in chosen])
    reverse.results += tuple([child.cotangents.get(v, s) for v, s in sums.items()])
    reverse.parameters = (k, *seeds, *sums.values())
    at_hand = (*statement.operands, *free_values(body))
    local = local_symbols(statement)
    store = LoopStore(sweep.state, sweep.forward, statement, k, local, at_hand)
    closed = close(body, reverse, given_index(statement, k), store)

    b = sweep.builder
    starts = [sweep.or_zeros(statement.results[j]) for j in chosen]
    starts += [sweep.or_zeros(v) for v in sums]
    bounds = (b("sub", trips, 1), b.constant(-1), b.constant(-1))
    kinds = [v.type for v in closed.parameters[1:]]
    results = b.emit("for", (*bounds, *starts), {}, (closed,), kinds)
    sweep.cotangents.update(zip(sums, results[len(chosen) :]))
    for j, result in zip(chosen, results):
        sweep.accumulate(initial[j], result)


def given_index(statement: Statement, k: Value) -> Given:
    """The index of a `for`, from the number of its iteration."""
    if statement.op.name != "for":
        return {}
    low, _, step = statement.operands[:3]

    def index(b: Builder) -> Value:
        distance = k if step.dim == 1 else b("mul", k, step)
        result: Value = distance if low.dim == 0 else b("add", low, distance)
        return result

    return {statement.blocks[0].parameters[0]: index}


def loop_type(parameter: Type, initial: Type) -> Type:
    """The type of a carried cotangent: sizes that change while the loop runs are not known."""
    match parameter, initial:
        case Tensor(dtype, shape), Tensor(_, start):
            sizes = zip(shape, start)
            return Tensor(dtype, tuple([d if d == e else dims.symbol("n") for d, e in sizes]))
    return parameter


@contextmanager
def before(block: Block, statement: Statement) -> Iterator[Builder]:
    """A builder of statements that go right before one."""
    scratch = Block()
    yield Builder(scratch, statement.span)
    position = block.statements.index(statement)
    block.statements[position:position] = scratch.statements


# --- Trip counts ---------------------------------------------------------------------------------


def trip_count(state: Differentiation, block: Block, statement: Statement) -> Value:
    """How often a loop runs: for a `for` known before it, for a `while` after it."""
    if statement not in state.trips:
        if statement.op.name == "for":
            with before(block, statement) as b:
                state.trips[statement] = count_trips(b, *statement.operands[:3])
        else:
            state.trips[statement] = counted(block, statement)
    return state.trips[statement]


def count_trips(b: Builder, low: Value, high: Value, step: Value) -> Value:
    """max(0, ceil((high - low) / step)), for a step of either sign."""
    if isinstance(low.dim, int) and isinstance(high.dim, int) and isinstance(step.dim, int):
        return b.constant(max(0, -((low.dim - high.dim) // step.dim)))
    if step.dim == 1:
        count = high if low.dim == 0 else b("sub", high, low)
    else:
        count = b("neg", b("floor_div", b("sub", low, high), step))
    trips: Value = b("maximum", count, 0)
    if trips.dim is None:
        trips.dim = dims.symbol("trips")
    return trips


def counted(block: Block, statement: Statement) -> Value:
    """The trips of a `while`, from a further carried value that counts them."""
    with before(block, statement) as b:
        zero = b.constant(0)
    parameter = carry(statement, zero, Value(INT, name="trips"))
    body = statement.blocks[-1]
    body.results += (Builder(body, statement.span)("add", parameter, 1),)
    statement.results[-1].dim = dims.symbol("trips")
    return statement.results[-1]


def carry(statement: Statement, initial: Value, parameter: Value) -> Value:
    """Let a loop carry one more value; the body's result for it is left to the caller."""
    kind, name = parameter.type, parameter.name
    statement.operands += (initial,)
    statement.results += (Value(kind, name=name),)
    body = statement.blocks[-1]
    if statement.op.name == "while":
        statement.blocks[0].parameters += (Value(kind, name=name),)
    body.parameters += (parameter,)
    return parameter


# --- Keeping values per iteration ----------------------------------------------------------------


@record(frozen=False)
class LoopStore:
    """Values of a loop's body stand in a stack or list, at the number of the iteration.

    A carried value that is wanted before and after the body is kept once: its initial value, then
    what each iteration makes of it, which stands one place later. `at_hand` are outer values that
    the loop uses, to find sizes in.
    """

    state: Differentiation
    block: Block
    statement: Statement
    k: Value
    local: set[Symbol]
    at_hand: Sequence[Value]
    symbols: dict[Symbol, Dim] = field(default_factory=dict)
    wanted: set[Value] = field(default_factory=set)

    def read(self, b: Builder, value: Value) -> Value:
        kept, later = self.state.kept, self.state.later
        if value not in kept:
            initial = self._initial(value)
            made = value if initial is None else self._next(value)
            kept[value] = self._stack(made, initial) or self._list(made, initial)
            if initial is not None:
                kept[made] = kept[value]
                later.add(made)
        op = "list_get" if isinstance(kept[value].type, List) else "index"
        result: Value = b(op, kept[value], b("add", self.k, 1) if value in later else self.k)
        result.name = value.name
        if value.dim is not None and dims.as_symbol(value.dim) in self.local:
            result.dim = dims.symbol("n")
        return result

    def _next(self, value: Value) -> Value:
        """What the body makes of a carried value."""
        _, parameters, body = carried(self.statement)
        return body.results[parameters.index(value)]

    def _initial(self, value: Value) -> Value | None:
        """The initial value of a carried one, if it is to be kept together with what follows it."""
        initial, parameters, _ = carried(self.statement)
        if value not in parameters:
            return None
        following = self._next(value)
        together = following in self.wanted and following not in (*parameters, *self.state.kept)
        return initial[parameters.index(value)] if together else None

    def _list(self, value: Value, first: Value | None) -> Value:
        unknown = dict.fromkeys(self.local, dims.UNKNOWN)
        element = types.substitute(value.type, unknown)
        with before(self.block, self.statement) as b:
            start = b("list_make", *(() if first is None else (first,)), element=element)
        values = carry(self.statement, start, Value(start.type, name="kept"))
        body = self.statement.blocks[-1]
        body.results += (Builder(body, self.statement.span)("list_push", values, value),)
        return self.statement.results[-1]

    def _stack(self, value: Value, first: Value | None) -> Value | None:
        """A stack, when the sizes of the value can be had before the loop."""
        kind = value.type
        if self.statement.op.name != "for" or not isinstance(kind, Tensor):
            return None
        body = self.statement.blocks[0]
        count = trip_count(self.state, self.block, self.statement)
        with before(self.block, self.statement) as b:
            sizes = sizes_from(b, kind.shape, self.at_hand, self.local)
            if sizes is None:
                return None
            assert isinstance(kind.dtype, DType)
            count = count if first is None else b("add", count, 1)
            start = zeros(b, kind.dtype, (count, *sizes))
            start = start if first is None else b("index_update", start, first, b.constant(0))
        values = carry(self.statement, start, Value(start.type, name="kept"))
        b = Builder(body, self.statement.span)
        low, _, step = self.statement.operands[:3]
        place = body.parameters[0]
        if low.dim != 0:
            place = b("sub", place, low)
        if step.dim != 1:
            place = b("floor_div", place, step)
        if first is not None:
            place = b("add", place, 1)
        body.results += (b("index_update", values, value, place),)
        return self.statement.results[-1]


def local_symbols(statement: Statement) -> set[Symbol]:
    """Symbols that stand for another size in each iteration of a loop."""
    initial, parameters, body = carried(statement)
    local = set(defined_symbols(body))
    for parameter, start in zip(parameters, initial):
        local.update(changing_symbols(parameter.type, start.type))
    return local


def changing_symbols(parameter: Type, initial: Type) -> Iterator[Symbol]:
    """The symbols in a carried value's type that its initial value does not have there."""
    if isinstance(parameter, Tensor) and isinstance(initial, Tensor):
        for size, start in zip(parameter.shape, initial.shape):
            if size != start:
                yield from dims.symbols(size)
